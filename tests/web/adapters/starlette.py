"""Starlette and FastAPI, which differ only in how a handler gets the session."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from adapters import AsgiClient, Factories
from cognito_devtoken import AsyncTokenSession, fastapi, starlette
from cognito_devtoken.credentials import AwsCredentials
from cognito_devtoken.fastapi import TokenSessionDep, credentials_for
from cognito_devtoken.testing import FakeFetcher


async def user_of_path(user_id: str) -> str:
    return user_id


CredentialsDep = Annotated[AwsCredentials, Depends(credentials_for(user_of_path))]


def fastapi_app(**options: Any) -> FastAPI:
    app = FastAPI(exception_handlers=fastapi.exception_handlers, **options)

    @app.get("/{user_id}")
    async def get(user_id: str, session: TokenSessionDep) -> dict[str, str]:
        return (await session.get_token(user_id)).to_aws()

    @app.get("/credentials/{user_id}")  # noqa: FAST003  # a dependency takes it
    async def get_credentials(credentials: CredentialsDep) -> dict[str, str]:
        return credentials.to_js()

    @app.websocket("/ws")
    async def talk(websocket: WebSocket, session: TokenSessionDep) -> None:
        await websocket.accept()
        token = await session.get_token(await websocket.receive_text())
        await websocket.send_json(token.to_aws())

    return app


def starlette_app(**options: Any) -> Starlette:
    async def get(request: Request) -> JSONResponse:
        session = starlette.get_token_session(request)
        token = await session.get_token(request.path_params["user_id"])
        return JSONResponse(token.to_aws())

    async def get_credentials(request: Request) -> JSONResponse:
        session = starlette.get_token_session(request)
        credentials = await session.get_credentials(request.path_params["user_id"])
        return JSONResponse(credentials.to_js())

    async def talk(websocket: WebSocket) -> None:
        session = starlette.get_token_session(websocket)
        await websocket.accept()
        token = await session.get_token(await websocket.receive_text())
        await websocket.send_json(token.to_aws())

    routes = [
        Route("/{user_id}", get),
        Route("/credentials/{user_id}", get_credentials),
        WebSocketRoute("/ws", talk),
    ]
    handlers = starlette.exception_handlers
    return Starlette(routes=routes, exception_handlers=handlers, **options)


class _Framework(Factories):
    kind = AsyncTokenSession
    server_error = "Internal Server Error"
    not_wired = r"has no token session.*lifespan=.*with statement"
    close = (1013, "Temporarily unavailable. Try again later.")
    make: Callable[..., Any]

    def app_with(self, session_factory: Callable[[], Any], **options: Any) -> Any:
        return self.make(lifespan=fastapi.lifespan(session_factory, **options))

    def app_from_environment(self) -> Any:
        return self.make(lifespan=fastapi.lifespan())

    @contextmanager
    def running(self, app: Any) -> Iterator[AsgiClient]:
        with TestClient(app, raise_server_exceptions=False) as client:
            yield AsgiClient(client, WebSocketDisconnect, "reason")

    def ask_unwired(self) -> None:
        TestClient(self.make()).get("/ana")


class _FastAPI(_Framework):
    make = staticmethod(fastapi_app)

    @contextmanager
    def overridden(self, app: Any, upstream: FakeFetcher) -> Iterator[None]:
        with self.opened(upstream) as session:
            app.dependency_overrides[fastapi.get_token_session] = lambda: session
            yield


class _Starlette(_Framework):
    make = staticmethod(starlette_app)

    @contextmanager
    def overridden(self, app: Any, upstream: FakeFetcher) -> Iterator[None]:
        app.router.lifespan_context = starlette.lifespan(lambda: self.open(upstream))
        yield


FRAMEWORKS = {"fastapi": _FastAPI(), "starlette": _Starlette()}
