"""What the integrations have in common: to open a session, to miss one, errors as answers."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar

import attrs

from . import exceptions as exc
from ._cache.failures import MAX_BACK_OFF, Failure, back_off


S = TypeVar("S")
TYPE = "application/problem+json"  # RFC 9457

# What a client can act on. Everything else says that something is wrong on this side: it stays
# an error of the application, for whoever watches those. While a session remembers it, and raises
# a TokenUnavailableError, the status is the same.
ANSWERS: Mapping[type[exc.DevTokenError], tuple[int, str]] = {
    exc.InvalidRequestError: (400, "The request breaks a limit."),
    exc.InvalidParameterError: (400, "The request was not accepted."),
    exc.NotAuthorizedError: (403, "These logins are not accepted."),
    exc.ResourceConflictError: (409, "A login belongs to another identity."),
    exc.DeveloperUserAlreadyRegisteredError: (409, "The user belongs to another identity."),
    exc.TooManyRequestsError: (429, "There are too many requests. Try again later."),
    exc.InternalServiceError: (503, "No token can be had now. Try again later."),
    exc.TokenUnavailableError: (503, "No token can be had now. Try again later."),
    exc.SessionClosedError: (503, "No token can be had now. Try again later."),
}
_WRONG = (500, "Something is wrong on this side.")
_LATER = (429, 503)
# What is broken may be much, and the client knows what it has sent.
_SHOWN = 3
_MAX_REASON = 123  # bytes: what RFC 6455 leaves of the frame that closes a WebSocket


@attrs.frozen
class Answer:
    """
    What a client gets to see of an error: problem details (RFC 9457), and not a word of AWS's.

    Those may quote account ids, roles and pools.
    """

    status: int
    headers: Mapping[str, str]
    detail: str

    @property
    def body(self) -> dict[str, str | int]:
        """Problem details, for JSON."""
        title = HTTPStatus(self.status).phrase
        return {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail}

    @property
    def close_code(self) -> int:
        """What to close a WebSocket with: later, internal error, policy violation (RFC 6455)."""
        if self.status in _LATER:
            return 1013
        return 1011 if self.status == _WRONG[0] else 1008

    @property
    def close_reason(self) -> str:
        """The detail, or the beginning of it that a WebSocket can be closed with."""
        return self.detail.encode()[:_MAX_REASON].decode(errors="ignore")

    @classmethod
    def to(cls, error: Exception) -> Answer:
        """The answer to an error of :data:`ANSWERS`."""
        cause = getattr(error, "last_error", None)
        # Whether a failure has just been told, or is remembered, it is the same.
        kind = type(cause if isinstance(cause, exc.DevTokenError) else error)
        status, detail = next((ANSWERS[each] for each in kind.__mro__ if each in ANSWERS), _WRONG)
        if isinstance(error, exc.InvalidRequestError):
            # The identity pool is this side's business.
            broken = [v for v in error.violations if v.member != "identity_pool_id"]
            shown = [f"{v.member} {v.limit}" for v in broken[:_SHOWN]]
            if more := broken[_SHOWN:]:
                shown.append(f"and {len(more)} more")
            detail = "; ".join(shown) or detail
        headers = {"Cache-Control": "no-store"}
        if status in _LATER:
            headers["Retry-After"] = str(_retry_after(error))
        return cls(status, headers, detail)


def _retry_after(error: Exception) -> int:
    """In how many whole seconds another attempt makes sense; at least one."""
    retry_at: datetime | None = getattr(error, "retry_at", None)
    if retry_at is None:
        # No session has said it: as long as one waits after a first failure.
        left = back_off(Failure.of(error), failures=1, remaining=0.0, draw=1.0)
    else:
        # It may be by a clock that is not this machine's.
        left = min((retry_at - datetime.now(UTC)).total_seconds(), MAX_BACK_OFF)
    return max(math.ceil(left), 1)


def open_with(session_factory: object, *kinds: type[S]) -> S:
    """
    Open a session of one of these kinds.

    Raises:
        TypeError: If that is something else; the message says what is to be passed.
    """
    given = session_factory
    if callable(session_factory):
        given = session_factory()
        if isinstance(given, kinds):
            return given
        if inspect.iscoroutine(given):
            given.close()  # which nobody will await
    wanted = " or ".join(kind.__name__ for kind in kinds)
    raise TypeError(
        f"session_factory must be a function that returns {wanted}, and is called without "
        f"await: this is {type(given).__name__}."
    )


def unwired(mistakes: str) -> LookupError:
    """What to raise where no session is found."""
    return LookupError(f"This application has no token session. {mistakes}.")
