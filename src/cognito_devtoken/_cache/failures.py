"""
Decide what a failed fetch means: whether a valid lease is still served, and how long to back off.

This is the negative cache: the last failure of each key is remembered. While the key backs off,
callers that need a new lease get this failure again, without a call to Cognito. If there is no
valid lease, the back-off lasts at most 5 s, so that a fix of the cause soon takes effect.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import NamedTuple, NoReturn, TypeVar

from .._values.clock import Instant
from ..exceptions import (
    CallerDeniedError,
    ConfigurationError,
    ServiceError,
    TokenUnavailableError,
    TooManyRequestsError,
)


E = TypeVar("E", bound=BaseException)

MAX_MEMORY = 5.0
_SHORTEST_BACK_OFF = 0.5
MAX_BACK_OFF = 60.0


class Failure(Enum):
    """What the failure of a fetch means for the callers that want the lease."""

    TRANSIENT = "transient"
    """The next attempt may succeed. Until then, a valid lease is served."""

    THROTTLED = "throttled"
    """The next attempt may succeed, after a longer pause. Until then, a valid lease is served."""

    REFUSED = "refused"
    """
    The backend's AWS credentials or configuration are at fault. A valid lease is still served; if
    there is none, the error is raised.
    """

    TERMINAL = "terminal"
    """Cognito refuses this identity: the error is raised, even while a lease is valid."""

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Classify an error that a fetcher raised."""
        if isinstance(error, TooManyRequestsError):
            return cls.THROTTLED
        if isinstance(error, CallerDeniedError | ConfigurationError):
            return cls.REFUSED
        # A plain ServiceError has an unknown code, which says nothing about the identity.
        if isinstance(error, ServiceError) and type(error) is not ServiceError:
            return cls.TRANSIENT if error.retryable else cls.TERMINAL
        return cls.TRANSIENT


def back_off(kind: Failure, failures: int, remaining: float, draw: float) -> float:
    """
    Return how many seconds to back off after a failure.

    Args:
        kind: What the failure means.

        failures: How many failures there have been in a row, including this one.

        remaining: How many seconds the cached lease is still valid; 0 if there is none.

        draw: A random number from 0 to 1, so that the hosts of a fleet do not all retry at once.
    """
    doubled = 2.0 ** min(failures - 1, 30)
    if kind is Failure.TERMINAL or (kind is Failure.REFUSED and not remaining):
        return min(doubled, MAX_MEMORY)
    if not remaining:
        return min(doubled * (2 if kind is Failure.THROTTLED else 0.25), MAX_MEMORY)
    wait = min(2 * doubled, MAX_BACK_OFF) if kind is Failure.THROTTLED else min(doubled, 30)
    return max(min(wait, remaining / 4) * (1 + draw) / 2, _SHORTEST_BACK_OFF)


class RememberedFailure(NamedTuple):
    """
    The last failure of a key.

    Attributes:
        error: The error that the fetch raised.

        kind: What the failure means.

        failures: How many failures there have been in a row.

        since: When the fetch failed.

        wait: How many seconds to back off after *since*.

        usable: Whether there was a valid lease that could be served during the back-off.
    """

    error: Exception
    kind: Failure
    failures: int
    since: Instant
    wait: float
    usable: bool

    def remaining(self, now: Instant, *, usable: bool) -> float:
        """
        Return how many seconds remain before a fetch is allowed; 0 or less if it is allowed now.

        Without a *usable* lease, at most 5 s remain.
        """
        return (self.wait if usable else min(self.wait, MAX_MEMORY)) - self.since.age(now)

    def retry_at(self, now: Instant, *, usable: bool) -> datetime:
        """Return the time, by the session's wall clock, from which a fetch is allowed again."""
        left = timedelta(seconds=self.remaining(now, usable=usable))
        return datetime.fromtimestamp(now.wall, UTC) + left

    def refuse(self, now: Instant, *, usable: bool) -> NoReturn:
        """Raise the error that a caller gets while no fetch is allowed."""
        error = copy_of(self.error)
        if self.kind in (Failure.TERMINAL, Failure.REFUSED):
            raise error
        retry_at = self.retry_at(now, usable=usable)
        raise TokenUnavailableError(
            f"Backing off until {retry_at:%H:%M:%S} UTC after {type(_cause(error)).__name__}.",
            retry_at=retry_at,
            last_error=error,
            hint="Try again at retry_at; last_error says what went wrong.",
        )


def _cause(error: Exception) -> Exception:
    """Return the error behind a TokenUnavailableError, whose own name says little."""
    while isinstance(error, TokenUnavailableError) and error.last_error is not None:
        error = error.last_error
    return error


def copy_of(error: E) -> E:
    """Copy an error, so that each of the callers that share it can raise its own object."""
    twin = type(error).__new__(type(error), *error.args)  # its __init__ may need other arguments
    twin.__dict__.update(error.__dict__)
    if notes := getattr(error, "__notes__", None):
        twin.__notes__ = list(notes)
    twin.__cause__ = error.__cause__
    twin.__suppress_context__ = True
    return twin


def strip_frames(error: BaseException) -> None:
    """Remove the tracebacks of an error and its causes, because their frames hold the request."""
    seen: set[int] = set()
    while id(error) not in seen:  # a cause may refer to itself
        seen.add(id(error))
        error.with_traceback(None).__context__ = None
        error = error.__cause__ or error
