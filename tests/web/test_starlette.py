"""What is Starlette's and FastAPI's own: lifespans that wrap others, mounts, WebSockets."""

import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest


pytest.importorskip("fastapi", reason="FastAPI is not installed")

from fastapi import FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from adapters.starlette import fastapi_app, starlette_app
from caching import POOL_ID, PROVIDER
from cognito_devtoken import AsyncTokenSession, fastapi, starlette
from cognito_devtoken.exceptions import TokenUnavailableError
from cognito_devtoken.fastapi import TokenSessionDep
from cognito_devtoken.testing import FakeFetcher


Make = Callable[..., Any]


@pytest.fixture(params=[fastapi_app, starlette_app])
def make(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def upstream() -> FakeFetcher:
    return FakeFetcher()


@pytest.fixture
def opened_by(upstream: FakeFetcher) -> Callable[[], AsyncTokenSession]:
    return lambda: AsyncTokenSession(POOL_ID, developer_provider=PROVIDER, client=upstream)


def test_the_dependency_runs_in_the_thread_of_the_loop(opened_by: Any) -> None:
    app = fastapi_app(lifespan=fastapi.lifespan(opened_by))
    threads: list[int] = []

    class Noting(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            threads.append(threading.get_ident())
            return super().__getitem__(name)

    @app.middleware("http")
    async def watch(request: Request, call_next: Any) -> Any:
        threads.append(threading.get_ident())
        request.scope["state"] = Noting(request.scope["state"])
        return await call_next(request)

    with TestClient(app) as client:
        assert client.get("/ana").status_code == 200
    assert len(threads) > 1
    assert len(set(threads)) == 1


def test_the_lifespan_of_the_application_runs_inside_and_keeps_its_state(
    opened_by: Callable[[], AsyncTokenSession],
) -> None:
    seen: list[Any] = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncGenerator[dict[str, str]]:
        seen.append("open")
        yield {"color": "green"}
        seen.append(session._closed)

    session = opened_by()
    app = fastapi_app(lifespan=fastapi.lifespan(lambda: session, wraps=own))

    @app.get("/color/of")
    async def color(request: Request, session: TokenSessionDep) -> str:
        return str(request.state.color)

    with TestClient(app) as client:
        assert client.get("/color/of").json() == "green"
        assert client.get("/ana").status_code == 200
    assert seen == ["open", False], "the session is closed after it"


def test_a_lifespan_without_a_state_will_do(opened_by: Any) -> None:
    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncGenerator[None]:
        yield

    with TestClient(fastapi_app(lifespan=fastapi.lifespan(opened_by, wraps=own))) as client:
        assert client.get("/ana").status_code == 200


def test_a_mounted_application_has_the_session_of_the_outermost(make: Make, opened_by: Any) -> None:
    app = Starlette(routes=[Mount("/sub", make())], lifespan=starlette.lifespan(opened_by))

    with TestClient(app) as client:
        assert client.get("/sub/ana").status_code == 200


def test_an_overridden_dependency_needs_no_lifespan(opened_by: Any) -> None:
    session = opened_by()
    app = fastapi_app()
    app.dependency_overrides[fastapi.get_token_session] = lambda: session

    with TestClient(app) as client:
        assert client.get("/ana").status_code == 200
        client.portal.call(session.aclose)  # type: ignore[union-attr]  # it is open


def test_a_lifespan_that_a_test_replaces_does_not_run(opened_by: Any) -> None:
    app = starlette_app(lifespan=starlette.lifespan())
    app.router.lifespan_context = starlette.lifespan(opened_by)

    with TestClient(app) as client:
        assert client.get("/ana").status_code == 200


def test_a_lifespan_that_is_not_made_is_told_so(make: Make) -> None:
    with pytest.raises(TypeError, match=r"Pass lifespan=lifespan\(\)"):
        with TestClient(make(lifespan=fastapi.lifespan)):
            pass


def test_a_websocket_that_is_refused_gets_the_answer_of_a_request(
    opened_by: Any, upstream: FakeFetcher
) -> None:
    async def talk(websocket: WebSocket) -> None:
        await starlette.get_token_session(websocket).get_token("ana")

    upstream.error = TokenUnavailableError("arn:aws:iam::123456789012:user/shop")
    app = Starlette(
        routes=[WebSocketRoute("/", talk)],
        lifespan=starlette.lifespan(opened_by),
        exception_handlers=starlette.exception_handlers,
    )

    with TestClient(app) as client:
        with pytest.raises(WebSocketDenialResponse) as caught:
            client.websocket_connect("/").__enter__()

    assert caught.value.status_code == 503
    assert int(caught.value.headers["Retry-After"]) > 0
    assert caught.value.json()["detail"] == "No token is available right now. Try again later."


def test_a_websocket_that_is_closed_already_is_told_nothing() -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close(4000)
        raise TokenUnavailableError("no")

    handlers = starlette.exception_handlers
    app = Starlette(routes=[WebSocketRoute("/", talk)], exception_handlers=handlers)

    with TestClient(app).websocket_connect("/") as websocket:
        with pytest.raises(WebSocketDisconnect) as caught:
            websocket.receive_text()

    assert caught.value.code == 4000


def test_a_websocket_is_closed_where_the_server_knows_no_other_answer() -> None:
    async def talk(websocket: WebSocket) -> None:
        del websocket.scope["extensions"]
        raise TokenUnavailableError("no")

    handlers = starlette.exception_handlers
    app = Starlette(routes=[WebSocketRoute("/", talk)], exception_handlers=handlers)

    with pytest.raises(WebSocketDisconnect) as caught:
        TestClient(app).websocket_connect("/").__enter__()

    assert caught.value.code == 1013
