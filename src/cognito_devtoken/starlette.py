"""
A session for the life of a Starlette application.

::

    app = Starlette(
        routes=[Route("/cognito-token", cognito_token, methods=["POST"])],
        lifespan=lifespan(),
        exception_handlers=exception_handlers,
    )

    async def cognito_token(request):
        token = await get_token_session(request).get_token(request.user.username)
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from typing import Any, TypeAlias, cast

from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from ._session.sessions import AsyncTokenSession
from ._web import ANSWERS, TYPE, answer_to, open_with, unwired


__all__ = ["exception_handlers", "get_token_session", "lifespan"]

_STATE = "cognito_devtoken_session"
_Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any] | None]]


def lifespan(
    session_factory: Callable[[], AsyncTokenSession] = AsyncTokenSession.from_env,
    *,
    wraps: _Lifespan | None = None,
    verify: bool = False,
) -> Callable[[Any], AbstractAsyncContextManager[dict[str, Any]]]:
    """
    Make a lifespan that opens a session at start-up and closes it at shut-down.

    Args:
        session_factory: Opens the session. The default reads ``COGNITO_DEVTOKEN_*``; if a
            variable is missing or wrong, start-up fails with an error that names the variable.

        wraps: The application's own lifespan. It runs while the session is open, and the
            state that it yields is kept.

        verify: Whether to call :meth:`~cognito_devtoken.AsyncTokenSession.check` at start-up, which
            raises an error if the pool, the developer provider or the AWS credentials are wrong.
    """
    if isinstance(cast("object", session_factory), Starlette):  # lifespan itself was passed
        raise TypeError("Pass lifespan=lifespan(), with the parentheses.")

    @asynccontextmanager
    async def run(app: Any) -> AsyncGenerator[dict[str, Any]]:
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(open_with(session_factory, AsyncTokenSession))
            if verify:
                await session.check()
            state = await stack.enter_async_context(wraps(app)) if wraps else None
            yield {**(state or {}), _STATE: session}

    return run


def get_token_session(connection: HTTPConnection) -> AsyncTokenSession:
    """
    Return the application's session for a request or a WebSocket.

    Raises:
        LookupError: If there is no session; the message names the likely mistakes.
    """
    try:
        session: AsyncTokenSession = connection.scope["state"][_STATE]
    except KeyError:
        raise unwired(
            "Pass lifespan=lifespan() of cognito_devtoken to the outermost application, because "
            "only its lifespan runs. In a test, enter the test client with a with statement. Do "
            "not turn off the server's lifespan"
        ) from None
    return session


async def _answer(connection: HTTPConnection, error: Exception) -> Response | None:
    answer = answer_to(error)
    response = JSONResponse(answer.body, answer.status, answer.headers, TYPE)
    if not isinstance(connection, WebSocket):
        return response
    state, extensions = connection.application_state, connection.scope.get("extensions", {})
    if WebSocketState.DISCONNECTED in (state, connection.client_state):
        return None
    with suppress(WebSocketDisconnect):  # the client has just disconnected
        if state is WebSocketState.CONNECTING and "websocket.http.response" in extensions:
            await connection.send_denial_response(response)
        else:
            await connection.close(answer.close_code, answer.close_reason)
    return None


exception_handlers: dict[Any, Any] = dict.fromkeys(ANSWERS, _answer)
"""
For ``Starlette(exception_handlers=…)``: respond to errors with problem details for the client.

The status is 400, 403, 409, 429 or 503. With 429 and 503, the response has ``Retry-After``. A
WebSocket that is not accepted yet gets the same response if the server can send one, and 403
otherwise. An accepted WebSocket is closed with 1013 (try again later) or 1008. Errors that a client
cannot act on stay errors of the application. If the session only raises such an error again while
it backs off, the status is 500; an accepted WebSocket is closed with 1011.
"""
