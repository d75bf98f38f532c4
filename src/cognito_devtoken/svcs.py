"""
A session in a svcs registry, for aiohttp and everything else that svcs supports.

::

    svcs.aiohttp.init_app(app)
    register(svcs.aiohttp.get_registry(app))

    async def cognito_token(request):
        session = await svcs.aiohttp.aget(request, AsyncTokenSession)
        ...

In a test, ``registry.register_value(AsyncTokenSession, session)``.
"""

from __future__ import annotations

from collections.abc import Callable

import svcs

from ._session.sessions import AsyncTokenSession, TokenSession
from ._web import open_with, verified
from .exceptions import TokenUnavailableError


__all__ = ["register"]


def register(
    registry: svcs.Registry,
    session_factory: Callable[[], AsyncTokenSession | TokenSession] = AsyncTokenSession.from_env,
    *,
    verify: bool = False,
) -> None:
    """
    Open a session and register it. Closing the registry closes the session.

    The session is registered with a ping, which raises a
    :class:`~cognito_devtoken.exceptions.TokenUnavailableError` while calls to Cognito fail. The
    ping itself does not call Cognito. A session whose calls fail still serves its cached tokens.

    Args:
        registry: Where to register the session, under its class:
            :class:`~cognito_devtoken.AsyncTokenSession` or
            :class:`~cognito_devtoken.TokenSession`.

        session_factory: Opens the session. The default reads ``COGNITO_DEVTOKEN_*``; for code
            that runs in threads, pass ``TokenSession.from_env``.

        verify: Whether to call :meth:`~cognito_devtoken.TokenSession.check` at once. This blocks,
            and raises an error if the pool, the developer provider or the AWS credentials are
            wrong.

    Raises:
        ConfigurationError: If a variable is missing or wrong; the message names it.
    """
    session = open_with(session_factory, AsyncTokenSession, TokenSession)
    if verify:
        verified(session)
    in_threads = isinstance(session, TokenSession)
    registry.register_value(  # pyright: ignore[reportUnknownMemberType]  # svcs' own
        TokenSession if in_threads else AsyncTokenSession,
        session,
        ping=_ping if in_threads else _aping,
        # This method closes either kind of session without await, so that both close() and
        # aclose() of the registry work.
        on_registry_close=session._close,
    )


def _ping(session: AsyncTokenSession | TokenSession) -> None:
    health = session.health()
    if health.failing_since:
        raise TokenUnavailableError(
            f"Calls to Cognito have failed since {health.failing_since.isoformat()}, the last "
            f"with {health.last_error}.",
            retry_at=health.retry_at,
            hint=health.hint,
        )


# A coroutine function, so that svcs marks the ping as async and gets the session with aget().
async def _aping(session: AsyncTokenSession) -> None:
    _ping(session)
