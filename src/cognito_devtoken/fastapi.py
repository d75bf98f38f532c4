"""
A session for the life of a FastAPI application, and a dependency for its routes.

::

    app = FastAPI(lifespan=lifespan(), exception_handlers=exception_handlers)

    @app.post("/cognito-token")
    async def cognito_token(user: CurrentUser, session: TokenSessionDep) -> dict[str, str]:
        return (await session.get_token(user.id)).to_aws()

Only the application knows who the user is. So it passes its own dependency for the user id to the
function that makes the dependency for AWS credentials::

    CredentialsDep = Annotated[AwsCredentials, Depends(credentials_for(current_user_id))]

In a test, ``app.dependency_overrides[get_token_session] = lambda: session``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from . import starlette as _starlette
from ._session.sessions import AsyncTokenSession
from ._values.trade import check_role
from .credentials import AssumeRole, AwsCredentials
from .starlette import exception_handlers, lifespan


__all__ = [
    "TokenSessionDep",
    "credentials_for",
    "exception_handlers",
    "get_token_session",
    "lifespan",
]


# A coroutine function, because FastAPI would run a plain function in another thread.
async def get_token_session(connection: HTTPConnection) -> AsyncTokenSession:
    """
    Return the application's session. Override this dependency in tests.

    Raises:
        LookupError: If there is no session; the message names the likely mistakes.
    """
    return _starlette.get_token_session(connection)


TokenSessionDep = Annotated[AsyncTokenSession, Depends(get_token_session)]
"""The application's session, for HTTP and WebSocket routes."""


def credentials_for(
    user_id: Callable[..., str | Awaitable[str]], *, role: str | AssumeRole | None = None
) -> Callable[..., Awaitable[AwsCredentials]]:
    """
    Make a dependency that returns the user's AWS credentials, for HTTP and WebSocket routes.

    Args:
        user_id: The application's own dependency that authenticates the user, and returns your
            own id for the user.

        role: As for :meth:`~cognito_devtoken.TokenSession.get_credentials`.

    Raises:
        InvalidRequestError: If *role* violates a limit.
    """
    check_role(role)  # here, where the application starts, and not in each request

    async def get_credentials(
        session: TokenSessionDep, user_id: str = Depends(user_id)
    ) -> AwsCredentials:
        return await session.get_credentials(user_id, role=role)

    return get_credentials
