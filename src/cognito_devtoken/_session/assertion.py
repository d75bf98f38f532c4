"""Functions that return a user's token as an OIDC client assertion, for other libraries to call."""

from __future__ import annotations

from typing import Protocol, cast

from .._cache.lookup import seconds_left
from .._cache.waiting import wait_blocking
from .._values.arguments import Seconds
from .._values.request import DEFAULT_DURATION
from .._values.secret import NeverPickled
from .._values.token import OpenIdToken
from ..exceptions import TokenUnavailableError
from .base import Session
from .request import request_of


_FIRST = (
    "await session.get_token(...) first, or try again: the token is being fetched in the "
    "background."
)


class Assertion(NeverPickled):
    """
    A function that returns a user's token. Its repr does not show the user id.

    Args:
        session: The session that gets the token.

        user_id: Your own id for the user.

        min_remaining: How much life the token must have left.

    Raises:
        InvalidRequestError: If *user_id* violates a limit.

        ConfigurationError: If the session has no developer provider.

        ValueError: If *min_remaining* is negative, or not less than the life of a token.

        SessionClosedError: If the session is closed.
    """

    # Not an attrs class, because attrs.asdict() would show the user id.
    __slots__ = ("_least", "_request", "_session", "_user_id")

    def __init__(self, session: Session, user_id: str, min_remaining: Seconds | None) -> None:
        self._session, self._user_id, self._least = session, user_id, min_remaining
        try:
            session._check_open()
            self._request = request_of(user_id, session._plain, session._provider)
        finally:
            del user_id  # a traceback shows the locals of its frames
        if min_remaining is not None:
            seconds_left(min_remaining, self._request.token_duration or DEFAULT_DURATION)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._session!r}>"


class _GetsTokens(Protocol):
    """The method that a WaitingAssertion calls."""

    def get_token(self, user_id: str, *, min_remaining: Seconds | None) -> OpenIdToken: ...


class WaitingAssertion(Assertion):
    """Waits for a token if none is cached."""

    __slots__ = ()

    def __call__(self) -> str:
        # Calls the public method, because a subclass may override it.
        session = cast("_GetsTokens", self._session)
        return session.get_token(self._user_id, min_remaining=self._least).token


class ImmediateAssertion(Assertion):
    """
    Returns the cached token, or raises an error if none is usable. It never waits.

    Libraries call it on the event loop, where it must not block, or in other threads.
    """

    __slots__ = ()

    def __call__(self) -> str:
        lookup = self._session._cache._leases.lookup
        steps = lookup.steps(self._request, self._least, None, waits=False)
        try:
            return wait_blocking(steps).token  # returns at once, because of waits=False
        except TokenUnavailableError as error:
            if error.retry_at is not None:
                raise  # a call has failed, so awaiting get_token() would fail, too
        raise TokenUnavailableError(
            "No usable token is cached, and this call does not wait for one.", hint=_FIRST
        )
