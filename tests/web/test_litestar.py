"""What only Litestar has: a plugin, an injected dependency, WebSockets that close with 4500."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest


pytest.importorskip("litestar", reason="Litestar is not installed")

import litestar
from aiohttp import ClientSession
from litestar import Litestar, WebSocket
from litestar.config.app import AppConfig
from litestar.di import NamedDependency, Provide
from litestar.exceptions import (
    ImproperlyConfiguredException,
    NotAuthorizedException,
    WebSocketDisconnect,
    WebSocketException,
)
from litestar.testing import TestClient

import adapters.litestar
import cognito_devtoken
from adapters.litestar import app_of
from caching import POOL_ID, PROVIDER
from cognito_devtoken.credentials import AssumeRole
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.exceptions import InvalidRequestError, TokenUnavailableError
from cognito_devtoken.litestar import DevTokenPlugin, credentials_for
from cognito_devtoken.testing import FakeFetcher
from serving import UVICORN, served


if TYPE_CHECKING:
    from cognito_devtoken import AsyncTokenSession


def session_of(upstream: FakeFetcher) -> AsyncTokenSession:
    return cognito_devtoken.AsyncTokenSession(POOL_ID, developer_provider=PROVIDER, client=upstream)


@pytest.fixture
def upstream() -> FakeFetcher:
    return FakeFetcher()


@pytest.fixture
def session_factory(upstream: FakeFetcher) -> Callable[[], AsyncTokenSession]:
    return lambda: session_of(upstream)


def test_an_application_that_runs_twice_at_once_keeps_a_session_until_both_end(
    upstream: FakeFetcher,
) -> None:
    sessions = [session_of(upstream), session_of(upstream)]
    config = DevTokenPlugin(iter(sessions).__next__).on_app_init(AppConfig())
    lifespan: Any = config.lifespan[0]
    session: Any = config.dependencies["token_session"]

    async def run() -> None:
        first, second = lifespan(None), lifespan(None)
        await first.__aenter__()
        assert session.dependency() is sessions[0]
        await second.__aenter__()
        assert session.dependency() is sessions[1]
        await first.__aexit__(None, None, None)
        assert session.dependency() is sessions[1]
        await second.__aexit__(KeyError, KeyError("the reason to stop"), None)
        with pytest.raises(LookupError):
            session.dependency()

    asyncio.run(run())


def test_the_dependency_runs_in_the_event_loops_thread(
    session_factory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = DevTokenPlugin(session_factory)
    threads: list[int] = []

    class Recording(Provide):
        def __init__(self, dependency: Any, **options: Any) -> None:
            def record() -> Any:
                threads.append(threading.get_ident())
                return dependency()

            super().__init__(record, **options)

    monkeypatch.setattr("cognito_devtoken.litestar.Provide", Recording)
    with TestClient(app_of(plugin)) as client:
        assert client.get("/ana").status_code == 200
        assert threads == [client.blocking_portal.call(threading.get_ident)]


def test_applications_with_the_same_plugin_share_no_session(session_factory: Any) -> None:
    sessions: list[AsyncTokenSession] = []

    def factory() -> AsyncTokenSession:
        sessions.append(session_factory())
        return sessions[-1]

    plugin = DevTokenPlugin(factory)

    with TestClient(app_of(plugin)) as first, TestClient(app_of(plugin)) as second:
        first.get("/ana")
        second.get("/ana")
        second.get("/bob")

        assert [session.stats().fetches_started for session in sessions] == [1, 2]


def test_a_factory_that_a_test_replaces_is_not_called() -> None:
    app = app_of(DevTokenPlugin())
    session = session_of(FakeFetcher())
    app.plugins.get(DevTokenPlugin).session_factory = lambda: session

    with TestClient(app) as client:
        assert client.get("/ana").status_code == 200


def test_a_dependency_of_the_application_takes_precedence(
    session_factory: Callable[[], AsyncTokenSession], upstream: FakeFetcher
) -> None:
    session = session_of(FakeFetcher())
    mine = {"token_session": Provide(lambda: session, sync_to_thread=False)}

    with TestClient(app_of(DevTokenPlugin(session_factory), dependencies=mine)) as client:
        assert client.get("/ana").status_code == 200
        client.blocking_portal.call(session.aclose)

    assert not upstream.calls


def test_handlers_may_import_the_class_for_type_checkers_only(session_factory: Any) -> None:
    assert not hasattr(adapters.litestar, "AsyncTokenSession")

    with TestClient(app_of(DevTokenPlugin(session_factory))) as client:
        assert client.get("/ana").status_code == 200


async def no_one() -> str:
    raise NotAuthorizedException


def credentials_app(**dependencies: Any) -> Litestar:
    mine = {name: Provide(each) for name, each in dependencies.items()}
    handler = litestar.get("/mine", dependencies=mine)(adapters.litestar.get_credentials.fn)
    return Litestar([handler], plugins=[DevTokenPlugin(lambda: session_of(FakeFetcher()))])


def test_credentials_need_a_dependency_that_authenticates_the_user() -> None:
    with pytest.raises(ImproperlyConfiguredException, match="dependency 'user_id'"):
        credentials_app(credentials=credentials_for())


def test_a_client_cannot_choose_whose_credentials_it_gets() -> None:
    app = credentials_app(user_id=no_one, credentials=credentials_for())

    with TestClient(app) as client:
        assert client.get("/mine?user_id=ana").status_code == 401


def test_credentials_of_a_role_are_those_of_that_role(upstream: FakeFetcher) -> None:
    role = AssumeRole("arn:aws:iam::123456789012:role/reports", duration=900)

    async def ana() -> str:
        return "ana"

    app = credentials_app(user_id=ana, credentials=credentials_for(role=role))
    app.plugins.get(DevTokenPlugin).session_factory = lambda: session_of(upstream)

    with TestClient(app) as client:
        assert client.get("/mine").status_code == 200
    assert [role for _, role in upstream.exchanges] == [role]


def test_an_invalid_role_is_refused_where_the_application_is_made() -> None:
    with pytest.raises(InvalidRequestError, match="role must have"):
        credentials_for(role="reports")


def test_an_application_without_the_plugin_does_not_start() -> None:
    with pytest.raises(ImproperlyConfiguredException, match="dependency 'token_session'"):
        app_of(None, signature_namespace={"AsyncTokenSession": cognito_devtoken.AsyncTokenSession})


@litestar.websocket("/polite")
async def talk_politely(
    socket: WebSocket[Any, Any, Any], token_session: NamedDependency[AsyncTokenSession]
) -> None:
    await socket.accept()
    try:
        token = await token_session.get_token(await socket.receive_text())
    except TokenUnavailableError:
        raise WebSocketException(detail="Try again later.", code=1013) from None
    await socket.send_json(token.to_aws())


def test_a_websocket_that_catches_an_error_chooses_the_close_code(
    session_factory: Any, upstream: FakeFetcher
) -> None:
    upstream.error = TokenUnavailableError("arn:aws:iam::123456789012:user/shop")
    app = Litestar([talk_politely], plugins=[DevTokenPlugin(session_factory)])

    with TestClient(app) as client, client.websocket_connect("/polite") as websocket:
        websocket.send_text("ana")
        with pytest.raises(WebSocketDisconnect) as caught:
            websocket.receive_json()

    assert (caught.value.code, caught.value.detail) == (1013, "Try again later.")


def test_a_websocket_of_a_real_server_has_the_session(emulator: Emulator, tmp_path: Path) -> None:
    (tmp_path / "talking.py").write_text("""\
from __future__ import annotations

from litestar import Litestar, WebSocket, websocket
from litestar.config.app import AppConfig
from litestar.di import NamedDependency

from cognito_devtoken.litestar import DevTokenPlugin


@websocket("/")
async def talk(socket: WebSocket, token_session: NamedDependency[AsyncTokenSession]) -> None:
    await socket.accept()
    token = await token_session.get_token(await socket.receive_text())
    await socket.send_json(token.to_aws())
    await socket.close()


app = Litestar([talk], plugins=[DevTokenPlugin()])
""")

    async def talk_to(url: str) -> Any:
        async with ClientSession() as client, client.ws_connect(url) as websocket:
            await websocket.send_str("ana")
            return await websocket.receive_json()

    with served(emulator, *UVICORN, f"--app-dir={tmp_path}", "talking:app") as server:
        answer = asyncio.run(talk_to(server.url))

    assert answer.keys() == {"IdentityId", "Token"}
