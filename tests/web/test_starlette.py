"""What only Starlette and FastAPI have: lifespans that wrap others, mounts, WebSockets."""

import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest


pytest.importorskip("fastapi", reason="FastAPI is not installed")

from fastapi import Depends, FastAPI, Header, HTTPException, WebSocket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from adapters.starlette import CredentialsDep, fastapi_app, starlette_app
from caching import POOL_ID, PROVIDER
from cognito_devtoken import AsyncTokenSession, fastapi, starlette
from cognito_devtoken.credentials import AssumeRole, AwsCredentials
from cognito_devtoken.exceptions import InvalidRequestError, TokenUnavailableError
from cognito_devtoken.fastapi import TokenSessionDep, credentials_for
from cognito_devtoken.testing import FakeFetcher


Make = Callable[..., Any]


@pytest.fixture(params=[fastapi_app, starlette_app])
def make(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def upstream() -> FakeFetcher:
    return FakeFetcher()


@pytest.fixture
def session_factory(upstream: FakeFetcher) -> Callable[[], AsyncTokenSession]:
    return lambda: AsyncTokenSession(POOL_ID, developer_provider=PROVIDER, client=upstream)


def test_the_dependency_runs_in_the_event_loops_thread(session_factory: Any) -> None:
    app = fastapi_app(lifespan=fastapi.lifespan(session_factory))
    threads: list[int] = []

    class Recording(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            threads.append(threading.get_ident())
            return super().__getitem__(name)

    @app.middleware("http")
    async def watch(request: Request, call_next: Any) -> Any:
        threads.append(threading.get_ident())
        request.scope["state"] = Recording(request.scope["state"])
        return await call_next(request)

    with TestClient(app) as client:
        assert client.get("/ana").status_code == 200
    assert len(threads) > 1
    assert len(set(threads)) == 1


def test_the_applications_own_lifespan_runs_inside_and_keeps_its_state(
    session_factory: Callable[[], AsyncTokenSession],
) -> None:
    seen: list[Any] = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncGenerator[dict[str, str]]:
        seen.append("open")
        yield {"color": "green"}
        seen.append(session._closed)

    session = session_factory()
    app = fastapi_app(lifespan=fastapi.lifespan(lambda: session, wraps=own))

    @app.get("/color/of")
    async def color(request: Request, session: TokenSessionDep) -> str:
        return str(request.state.color)

    with TestClient(app) as client:
        assert client.get("/color/of").json() == "green"
        assert client.get("/ana").status_code == 200
    assert seen == ["open", False], "the session is closed afterwards"


def test_a_lifespan_without_a_state_can_be_wrapped(session_factory: Any) -> None:
    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncGenerator[None]:
        yield

    with TestClient(fastapi_app(lifespan=fastapi.lifespan(session_factory, wraps=own))) as client:
        assert client.get("/ana").status_code == 200


def test_a_mounted_application_has_the_session_of_the_outer_one(
    make: Make, session_factory: Any
) -> None:
    app = Starlette(routes=[Mount("/sub", make())], lifespan=starlette.lifespan(session_factory))

    with TestClient(app) as client:
        assert client.get("/sub/ana").status_code == 200


def test_an_overridden_dependency_needs_no_lifespan(session_factory: Any) -> None:
    session = session_factory()
    app = fastapi_app()
    app.dependency_overrides[fastapi.get_token_session] = lambda: session

    with TestClient(app) as client:
        assert client.get("/ana").status_code == 200
        client.portal.call(session.aclose)  # type: ignore[union-attr]  # which needs it to be open


def credentials_app(dependency: Any, session_factory: Any) -> FastAPI:
    app = FastAPI(lifespan=fastapi.lifespan(session_factory))

    @app.get("/mine")
    async def mine(credentials: Annotated[AwsCredentials, Depends(dependency)]) -> str:
        return credentials.identity_id

    return app


@pytest.mark.parametrize("query", ["", "?user_id=ana"])
def test_a_client_that_is_not_signed_in_gets_no_credentials(
    session_factory: Any, upstream: FakeFetcher, query: str
) -> None:
    async def no_one() -> str:
        raise HTTPException(401)

    with TestClient(credentials_app(credentials_for(no_one), session_factory)) as client:
        assert client.get(f"/mine{query}").status_code == 401
    assert not upstream.calls


def test_the_applications_dependency_may_be_sync_and_have_dependencies_of_its_own(
    session_factory: Any,
) -> None:
    def user(x_user: Annotated[str, Header()]) -> str:
        return x_user

    def user_id(user: Annotated[str, Depends(user)]) -> str:
        return user.lower()

    with TestClient(credentials_app(credentials_for(user_id), session_factory)) as client:
        first, second = (client.get("/mine", headers={"X-User": name}) for name in ("ana", "ANA"))
        assert first.json() == second.json()
        assert client.get("/mine").status_code == 422


def test_a_websocket_has_the_credentials_of_its_user(session_factory: Any) -> None:
    app = FastAPI(lifespan=fastapi.lifespan(session_factory))

    @app.websocket("/ws/{user_id}")
    async def talk(websocket: WebSocket, credentials: CredentialsDep) -> None:
        await websocket.accept()
        await websocket.send_json(credentials.to_js())

    with TestClient(app) as client, client.websocket_connect("/ws/ana") as websocket:
        assert websocket.receive_json()["accessKeyId"].startswith("ASIA")


def test_credentials_of_a_role_are_those_of_that_role(
    session_factory: Any, upstream: FakeFetcher
) -> None:
    role = AssumeRole("arn:aws:iam::123456789012:role/reports", duration=900)
    dependency = credentials_for(lambda: "ana", role=role)

    with TestClient(credentials_app(dependency, session_factory)) as client:
        assert client.get("/mine").status_code == 200
    assert [role for _, role in upstream.exchanges] == [role]


def test_an_invalid_role_is_refused_where_the_application_is_made() -> None:
    with pytest.raises(InvalidRequestError, match="role must have"):
        credentials_for(lambda: "ana", role="reports")


def test_a_lifespan_that_a_test_replaces_does_not_run(session_factory: Any) -> None:
    app = starlette_app(lifespan=starlette.lifespan())
    app.router.lifespan_context = starlette.lifespan(session_factory)

    with TestClient(app) as client:
        assert client.get("/ana").status_code == 200


def test_passing_the_lifespan_factory_itself_is_refused(make: Make) -> None:
    with pytest.raises(TypeError, match=r"Pass lifespan=lifespan\(\)"):
        with TestClient(make(lifespan=fastapi.lifespan)):
            pass


def test_a_refused_websocket_gets_the_same_response_as_a_request(
    session_factory: Any, upstream: FakeFetcher
) -> None:
    async def talk(websocket: WebSocket) -> None:
        await starlette.get_token_session(websocket).get_token("ana")

    upstream.error = TokenUnavailableError("arn:aws:iam::123456789012:user/shop")
    app = Starlette(
        routes=[WebSocketRoute("/", talk)],
        lifespan=starlette.lifespan(session_factory),
        exception_handlers=starlette.exception_handlers,
    )

    with TestClient(app) as client:
        with pytest.raises(WebSocketDenialResponse) as caught:
            client.websocket_connect("/").__enter__()

    assert caught.value.status_code == 503
    assert int(caught.value.headers["Retry-After"]) > 0
    assert caught.value.json()["detail"] == "Temporarily unavailable. Try again later."


def test_an_error_after_a_websocket_is_closed_sends_nothing() -> None:
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


def test_a_refused_websocket_is_closed_if_the_server_cannot_send_a_response() -> None:
    async def talk(websocket: WebSocket) -> None:
        del websocket.scope["extensions"]
        raise TokenUnavailableError("no")

    handlers = starlette.exception_handlers
    app = Starlette(routes=[WebSocketRoute("/", talk)], exception_handlers=handlers)

    with pytest.raises(WebSocketDisconnect) as caught:
        TestClient(app).websocket_connect("/").__enter__()

    assert caught.value.code == 1013
