"""
A session for the life of a FastAPI application, and a dependency for its routes.

::

    app = FastAPI(lifespan=lifespan(), exception_handlers=exception_handlers)

    @app.post("/cognito-token")
    async def cognito_token(user: CurrentUser, session: TokenSessionDep) -> dict[str, str]:
        return (await session.get_token(user.id)).to_aws()

In a test, ``app.dependency_overrides[get_token_session] = lambda: session``.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from . import starlette as _starlette
from ._session.sessions import AsyncTokenSession
from .starlette import exception_handlers, lifespan


__all__ = ["TokenSessionDep", "exception_handlers", "get_token_session", "lifespan"]


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
