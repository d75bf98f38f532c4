"""
A session for the life of a Litestar application, and the dependency ``token_session``.

::

    @post("/cognito-token")
    async def cognito_token(
        request: Request, token_session: NamedDependency[AsyncTokenSession]
    ) -> dict[str, str]:
        return (await token_session.get_token(request.user.id)).to_aws()

    app = Litestar(
        [cognito_token], plugins=[DevTokenPlugin()], exception_handlers=exception_handlers
    )

There is also a dependency for the AWS credentials of a user. It needs another dependency, named
``user_id``, that the application provides and that returns your own id for the user::

    dependencies={"user_id": Provide(current_user), "credentials": Provide(credentials_for())}

In a test, ``app.plugins.get(DevTokenPlugin).session_factory = lambda: session``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request, Response
from litestar.config.app import AppConfig
from litestar.di import NamedDependency, Provide
from litestar.plugins import InitPlugin

from ._session.sessions import AsyncTokenSession
from ._values.trade import check_role
from ._web import ANSWERS, TYPE, answer_to, open_with, unwired
from .credentials import AssumeRole, AwsCredentials


__all__ = ["DevTokenPlugin", "credentials_for", "exception_handlers"]


class DevTokenPlugin(InitPlugin):
    """
    Opens a session at start-up, closes it at shut-down, and injects it as ``token_session``.

    The application's own dependency of that name takes precedence. One plugin can serve several
    applications, each with its own session.

    Args:
        session_factory: Opens the session. The default reads ``COGNITO_DEVTOKEN_*``; if a
            variable is missing or wrong, start-up fails with an error that names the variable.

        verify: Whether to call :meth:`~cognito_devtoken.AsyncTokenSession.check` at start-up, which
            raises an error if the pool, the developer provider or the AWS credentials are wrong.

    Attributes:
        session_factory: The argument of this name. It can be replaced until the application starts.
    """

    def __init__(
        self,
        session_factory: Callable[[], AsyncTokenSession] = AsyncTokenSession.from_env,
        *,
        verify: bool = False,
    ) -> None:
        self.session_factory = session_factory
        self._verify = verify

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Called by Litestar."""
        # Do not keep the session in the application's state, because Litestar may copy the state,
        # and a session cannot be copied.
        opened: list[AsyncTokenSession] = []

        @asynccontextmanager
        async def lifespan(app: Litestar) -> AsyncGenerator[None]:
            async with open_with(self.session_factory, AsyncTokenSession) as session:
                if self._verify:
                    await session.check()
                opened.append(session)
                try:
                    yield
                finally:
                    opened.remove(session)

        def token_session() -> AsyncTokenSession:
            if not opened:
                raise unwired(
                    "Its lifespan has not run. In a test, enter the test client with a with "
                    "statement. Do not turn off the server's lifespan. An application that mounts "
                    "this one must run the lifespan of this one"
                )
            return opened[-1]

        app_config.lifespan.append(lifespan)  # pyright: ignore[reportUnknownMemberType]  # Litestar's
        provide = Provide(token_session, sync_to_thread=False)
        app_config.dependencies.setdefault("token_session", provide)
        # For handlers that import these classes only under TYPE_CHECKING.
        for kind in (AsyncTokenSession, AwsCredentials):
            app_config.signature_namespace.setdefault(kind.__name__, kind)
        return app_config


def credentials_for(
    *, role: str | AssumeRole | None = None
) -> Callable[..., Awaitable[AwsCredentials]]:
    """
    Make a dependency that returns the user's AWS credentials, for HTTP and WebSocket handlers.

    It uses two other dependencies: ``token_session`` of the plugin, and ``user_id`` of the
    application. ``user_id`` authenticates the user, and returns your own id for the user.

    Args:
        role: As for :meth:`~cognito_devtoken.TokenSession.get_credentials`.

    Raises:
        InvalidRequestError: If *role* violates a limit.
    """
    check_role(role)  # here, where the application starts, and not in each request

    # NamedDependency, because a client could set a plain parameter in the query of its request.
    async def get_credentials(
        user_id: NamedDependency[str], token_session: NamedDependency[AsyncTokenSession]
    ) -> AwsCredentials:
        return await token_session.get_credentials(user_id, role=role)

    return get_credentials


def _answer(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, str | int]]:
    answer = answer_to(error)
    return Response(answer.body, status_code=answer.status, headers=answer.headers, media_type=TYPE)


# Litestar accepts only a dictionary, not any mapping.
exception_handlers: dict[Any, Any] = dict.fromkeys(ANSWERS, _answer)
"""
For ``exception_handlers=…`` of an application, a router or a handler: respond to errors with
problem details for the client.

The status is 400, 403, 409, 429 or 503. With 429 and 503, the response has ``Retry-After``. Errors
that a client cannot act on stay errors of the application. If the session only raises such an error
again while it backs off, the status is 500. Litestar calls exception handlers only for HTTP, and
closes a WebSocket with 4500, whatever the error.
"""
