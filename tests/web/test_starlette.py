"""A session in the life of Starlette and FastAPI applications, each proved in both."""

import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest


pytest.importorskip("fastapi", reason="FastAPI is not installed")

from fastapi import FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from caching import POOL_ID, PROVIDER
from cognito_devtoken import AsyncTokenSession, fastapi, starlette
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    ConfigurationError,
    SessionClosedError,
    TokenUnavailableError,
)
from cognito_devtoken.fastapi import TokenSessionDep
from cognito_devtoken.testing import FakeFetcher


Make = Callable[..., Any]


def fastapi_app(**options: Any) -> FastAPI:
    app = FastAPI(**options)

    @app.get("/{user_id}")
    async def get(user_id: str, session: TokenSessionDep) -> dict[str, str]:
        return (await session.get_token(user_id)).to_aws()

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

    async def talk(websocket: WebSocket) -> None:
        session = starlette.get_token_session(websocket)
        await websocket.accept()
        token = await session.get_token(await websocket.receive_text())
        await websocket.send_json(token.to_aws())

    return Starlette(routes=[Route("/{user_id}", get), WebSocketRoute("/ws", talk)], **options)


@pytest.fixture(params=[fastapi_app, starlette_app])
def make(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def upstream() -> FakeFetcher:
    return FakeFetcher()


@pytest.fixture
def opened_by(upstream: FakeFetcher) -> Callable[[], AsyncTokenSession]:
    return lambda: AsyncTokenSession(POOL_ID, developer_provider=PROVIDER, client=upstream)


def test_a_session_lives_as_long_as_the_application(make: Make, upstream: FakeFetcher) -> None:
    session = AsyncTokenSession(POOL_ID, developer_provider=PROVIDER, client=upstream)
    app = make(lifespan=fastapi.lifespan(lambda: session))

    with TestClient(app) as client:
        first, second = client.get("/ana"), client.get("/ana")

    assert first.json() == second.json()
    assert len(upstream.calls) == 1
    with pytest.raises(SessionClosedError):
        session._check_open()


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


def test_a_websocket_has_it_too(make: Make, opened_by: Any) -> None:
    with TestClient(make(lifespan=fastapi.lifespan(opened_by))) as client:
        with client.websocket_connect("/ws") as websocket:
            websocket.send_text("ana")

            assert websocket.receive_json() == client.get("/ana").json()


def test_settings_come_from_the_environment(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGNITO_DEVTOKEN_IDENTITY_POOL_ID", POOL_ID)
    monkeypatch.setenv("COGNITO_DEVTOKEN_MAX_ENTRIES", "many")

    with pytest.raises(ConfigurationError, match="COGNITO_DEVTOKEN_MAX_ENTRIES must be"):
        with TestClient(make(lifespan=fastapi.lifespan())):
            pass


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


def test_two_applications_share_no_session(make: Make) -> None:
    def opened_on(client: FakeFetcher) -> Callable[[], AsyncTokenSession]:
        return lambda: AsyncTokenSession(POOL_ID, developer_provider=PROVIDER, client=client)

    one, other = FakeFetcher(), FakeFetcher()
    apps = [make(lifespan=fastapi.lifespan(opened_on(client))) for client in (one, other)]

    with TestClient(apps[0]) as first, TestClient(apps[1]) as second:
        first.get("/ana")
        second.get("/ana")
        second.get("/bob")

    assert (len(one.calls), len(other.calls)) == (1, 2)


def test_a_test_overrides_the_dependency_in_one_line(opened_by: Any) -> None:
    session = opened_by()
    app = fastapi_app()
    app.dependency_overrides[fastapi.get_token_session] = lambda: session

    with TestClient(app) as client:
        assert client.get("/ana").status_code == 200
        client.portal.call(session.aclose)  # type: ignore[union-attr]  # it is open


def test_a_test_opens_another_session_in_one_line(opened_by: Any) -> None:
    app = starlette_app(lifespan=starlette.lifespan())
    app.router.lifespan_context = starlette.lifespan(opened_by)

    with TestClient(app) as client:
        assert client.get("/ana").status_code == 200


def test_a_lifespan_that_is_not_made_is_told_so(make: Make) -> None:
    with pytest.raises(TypeError, match=r"Pass lifespan=lifespan\(\)"):
        with TestClient(make(lifespan=fastapi.lifespan)):
            pass


def test_what_opens_no_session_fails_at_start_up(make: Make) -> None:
    async def open_later() -> None:
        pass

    with pytest.raises(TypeError, match="must be a function that returns AsyncTokenSession"):
        with TestClient(make(lifespan=fastapi.lifespan(open_later))):  # type: ignore[arg-type]
            pass


def test_an_application_without_a_session_is_told_what_may_be_wrong(make: Make) -> None:
    with pytest.raises(LookupError, match=r"has no token session.*lifespan=.*with statement"):
        TestClient(make()).get("/ana")


def test_a_client_gets_answers_it_can_act_on(
    make: Make, opened_by: Any, upstream: FakeFetcher
) -> None:
    upstream.error = TokenUnavailableError("arn:aws:iam::123456789012:user/shop")
    lifespan, handlers = fastapi.lifespan(opened_by), fastapi.exception_handlers

    with TestClient(make(lifespan=lifespan, exception_handlers=handlers)) as client:
        answer = client.get("/ana")
        too_long = client.get("/" + "a" * 50_001)

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "No token can be had now. Try again later.",
    }
    assert too_long.status_code == 400
    assert too_long.json()["detail"] == "user_id must have 1 to 50000 characters"


def test_a_websocket_is_closed_with_a_code_it_can_act_on(
    make: Make, opened_by: Any, upstream: FakeFetcher
) -> None:
    upstream.error = TokenUnavailableError("arn:aws:iam::123456789012:user/shop")
    lifespan, handlers = fastapi.lifespan(opened_by), fastapi.exception_handlers

    with TestClient(make(lifespan=lifespan, exception_handlers=handlers)) as client:
        with client.websocket_connect("/ws") as websocket:
            websocket.send_text("ana")
            with pytest.raises(WebSocketDisconnect) as caught:
                websocket.receive_json()

    assert caught.value.code == 1013
    assert caught.value.reason == "No token can be had now. Try again later."


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
    assert caught.value.json()["detail"] == "No token can be had now. Try again later."


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


def test_what_is_wrong_on_this_side_stays_an_error_of_the_application(
    make: Make, opened_by: Any, upstream: FakeFetcher
) -> None:
    upstream.error = CallerDeniedError("arn:aws:iam::123456789012:user/shop")
    lifespan, handlers = fastapi.lifespan(opened_by), fastapi.exception_handlers
    app = make(lifespan=lifespan, exception_handlers=handlers)

    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/ana")

    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
