"""Code that the integrations share: open a session, and turn errors into responses."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar

import attrs

from . import exceptions as exc
from ._cache.failures import MAX_BACK_OFF, Failure, back_off
from ._events.log import WarningLog
from ._session.base import Session
from ._session.settings import not_set
from .events import Event
from .exceptions import hint_of


S = TypeVar("S", bound=Session)
TYPE = "application/problem+json"  # RFC 9457

_WRONG = (500, "Something went wrong on the server.")
# The route may have asked for a token or for credentials.
_UNAVAILABLE = (503, "Temporarily unavailable. Try again later.")

# The errors that a client can act on, and the response to each. All other errors are failures of
# the application: they get no response here, so that its monitoring sees them. If a session
# remembers such a failure and raises a TokenUnavailableError in its place, the response is _WRONG.
ANSWERS: Mapping[type[exc.DevTokenError], tuple[int, str]] = {
    exc.InvalidRequestError: (400, "The request exceeds a limit."),
    exc.InvalidParameterError: (400, "The request was not accepted."),
    exc.StaleTokenError: _UNAVAILABLE,
    exc.NotAuthorizedError: (403, "These logins are not accepted."),
    exc.ResourceConflictError: (409, "A login belongs to another identity."),
    exc.DeveloperUserAlreadyRegisteredError: (409, "The user belongs to another identity."),
    exc.TooManyRequestsError: (429, "Too many requests. Try again later."),
    exc.InternalServiceError: _UNAVAILABLE,
    exc.TokenUnavailableError: _UNAVAILABLE,
    exc.SessionClosedError: _UNAVAILABLE,
}
_LATER = (429, 503)
# The client chooses neither the identity pool nor the role.
_NOT_OF_CLIENTS = ("identity_pool_id", "role", "session_name", "duration", "policy")
# How many violations to list: there may be many, and a few are enough to find the mistake.
_SHOWN = 3
_MAX_REASON = 123  # bytes: RFC 6455 leaves no more room in the frame that closes a WebSocket


@attrs.frozen
class Answer:
    """
    The response to an error, as problem details (RFC 9457).

    The details do not contain the text of AWS, which may quote account ids, roles and pools.
    """

    status: int
    headers: Mapping[str, str]
    detail: str

    @property
    def body(self) -> dict[str, str | int]:
        """The problem details, for JSON."""
        title = HTTPStatus(self.status).phrase
        return {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail}

    @property
    def close_code(self) -> int:
        """The code that closes a WebSocket: 1013 try later, 1011 server error, 1008 refused."""
        if self.status in _LATER:
            return 1013
        return 1011 if self.status == _WRONG[0] else 1008

    @property
    def close_reason(self) -> str:
        """The reason that closes a WebSocket: the detail, cut to the size of a close frame."""
        return self.detail.encode()[:_MAX_REASON].decode(errors="ignore")

    @classmethod
    def to(cls, error: Exception) -> Answer:
        """Return the answer to an error."""
        cause = getattr(error, "last_error", None)
        # Give a remembered failure the same answer as a new one.
        kind = type(cause if isinstance(cause, exc.DevTokenError) else error)
        status, detail = next((ANSWERS[each] for each in kind.__mro__ if each in ANSWERS), _WRONG)
        if isinstance(error, exc.InvalidRequestError):
            broken = [v for v in error.violations if not v.member.startswith(_NOT_OF_CLIENTS)]
            shown = [f"{v.member} {v.limit}" for v in broken[:_SHOWN]]
            if more := broken[_SHOWN:]:
                shown.append(f"and {len(more)} more")
            status, detail = (status, "; ".join(shown)) if shown else _WRONG
        headers = {"Cache-Control": "no-store"}
        if status in _LATER:
            headers["Retry-After"] = str(_retry_after(error))
        return cls(status, headers, detail)


class RequestFailed(Event):
    """An error that no session had logged was turned into a response."""

    status: int
    error: str
    code: str | None
    request_id: str | None
    message: str
    hint: str | None


_log = WarningLog()


def answer_to(error: Exception) -> Answer:
    """Return the answer to an error, and log the error unless a session has logged it."""
    answer = Answer.to(error)
    last_error = getattr(error, "last_error", None)
    if not any(getattr(each, "_logged", False) for each in (error, last_error)):
        kind, code = type(error).__name__, getattr(error, "code", None)
        request_id = getattr(error, "request_id", None)
        _log(RequestFailed(answer.status, kind, code, request_id, str(error), hint_of(error)))
    return answer


def _retry_after(error: Exception) -> int:
    """Return after how many whole seconds to try again, at least 1."""
    retry_at: datetime | None = getattr(error, "retry_at", None)
    if retry_at is None:
        # No session has set retry_at, so use the back-off after a first failure.
        left = back_off(Failure.of(error), failures=1, remaining=0.0, draw=1.0)
    else:
        # Limited, because retry_at may come from the clock of another machine.
        left = min((retry_at - datetime.now(UTC)).total_seconds(), MAX_BACK_OFF)
    return max(math.ceil(left), 1)


def open_with(session_factory: object, *kinds: type[S]) -> S:
    """
    Open a session of one of these kinds.

    Raises:
        ConfigurationError: If the session was opened from an environment that names no developer
            provider.

        TypeError: If the factory returns something else; the message says what to pass.
    """
    given = session_factory
    if callable(session_factory):
        given = session_factory()
        if isinstance(given, kinds):
            _require_provider(given)
            return given
        if inspect.iscoroutine(given):
            given.close()  # otherwise, Python would warn that it was never awaited
    wanted = " or ".join(kind.__name__ for kind in kinds)
    raise TypeError(
        f"session_factory must be a function that returns {wanted}, and must not be async; "
        f"got {type(given).__name__}."
    )


def _require_provider(session: Session) -> None:
    """
    Refuse a session that was opened from an environment without a developer provider.

    Such a session would fail every request for a user's token. A session that the application made
    itself needs no provider, because get() takes complete requests.
    """
    if session._from_env and session._provider is None:
        session._close()
        raise not_set("DEVELOPER_PROVIDER", list(os.environ))


def verified(session: Session) -> None:
    """Check with a blocking call that a session works, and close the session if it does not."""
    try:
        session._check()
    except BaseException:
        session._close()
        raise


def unwired(mistakes: str) -> LookupError:
    """Return the error to raise if no session is found."""
    return LookupError(f"This application has no token session. {mistakes}.")
