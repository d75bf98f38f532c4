"""A session in the life of Litestar applications."""

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
    WebSocketDisconnect,
    WebSocketException,
)
from litestar.params import FromPath
from litestar.testing import TestClient

import cognito_devtoken
from caching import POOL_ID, PROVIDER
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    ConfigurationError,
    SessionClosedError,
    TokenUnavailableError,
)
from cognito_devtoken.litestar import DevTokenPlugin, exception_handlers
from cognito_devtoken.testing import FakeFetcher
from serving import OPERATION, USERS, served, stop_in_mid_flight, storm


if TYPE_CHECKING:
    from cognito_devtoken import AsyncTokenSession

UVICORN = ["-m", "uvicorn", "--fd={fd}", "--log-level=warning"]


@litestar.get("/{user_id:str}")
async def get(
    user_id: FromPath[str], token_session: NamedDependency[AsyncTokenSession]
) -> dict[str, str]:
    return (await token_session.get_token(user_id)).to_aws()


@litestar.websocket("/ws")
async def talk(
    socket: WebSocket[Any, Any, Any], token_session: NamedDependency[AsyncTokenSession]
) -> None:
    await socket.accept()
    token = await token_session.get_token(await socket.receive_text())
    await socket.send_json(token.to_aws())
    await socket.close()


def app_of(plugin: DevTokenPlugin | None, **options: Any) -> Litestar:
    return Litestar([get, talk], plugins=[plugin] if plugin else [], openapi_config=None, **options)


def session_of(upstream: FakeFetcher) -> AsyncTokenSession:
    return cognito_devtoken.AsyncTokenSession(POOL_ID, developer_provider=PROVIDER, client=upstream)


@pytest.fixture
def upstream() -> FakeFetcher:
    return FakeFetcher()


@pytest.fixture
def opened_by(upstream: FakeFetcher) -> Callable[[], AsyncTokenSession]:
    return lambda: session_of(upstream)


def test_a_session_lives_as_long_as_the_application(
    opened_by: Callable[[], AsyncTokenSession], upstream: FakeFetcher
) -> None:
    session = opened_by()

    with TestClient(app_of(DevTokenPlugin(lambda: session))) as client:
        first, second = client.get("/ana"), client.get("/ana")

    assert first.json() == second.json()
    assert len(upstream.calls) == 1
    with pytest.raises(SessionClosedError):
        session._check_open()


def test_an_application_that_starts_again_has_another_session(opened_by: Any) -> None:
    app = app_of(DevTokenPlugin(opened_by))

    for _ in range(2):
        with TestClient(app) as client:
            assert client.get("/ana").status_code == 200


def test_an_application_that_runs_twice_at_once_has_a_session_as_long_as_it_runs(
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
        await second.__aexit__(KeyError, KeyError("what has stopped it"), None)
        with pytest.raises(LookupError):
            session.dependency()

    asyncio.run(run())


def test_the_dependency_runs_in_the_thread_of_the_loop(
    opened_by: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = DevTokenPlugin(opened_by)
    threads: list[int] = []

    class Noting(Provide):
        def __init__(self, dependency: Any, **options: Any) -> None:
            def note() -> Any:
                threads.append(threading.get_ident())
                return dependency()

            super().__init__(note, **options)

    monkeypatch.setattr("cognito_devtoken.litestar.Provide", Noting)
    with TestClient(app_of(plugin)) as client:
        assert client.get("/ana").status_code == 200
        assert threads == [client.blocking_portal.call(threading.get_ident)]


def test_a_websocket_has_it_too(opened_by: Any) -> None:
    with TestClient(app_of(DevTokenPlugin(opened_by))) as client:
        with client.websocket_connect("/ws") as websocket:
            websocket.send_text("ana")

            assert websocket.receive_json() == client.get("/ana").json()


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGNITO_DEVTOKEN_IDENTITY_POOL_ID", POOL_ID)
    monkeypatch.setenv("COGNITO_DEVTOKEN_MAX_ENTRIES", "many")

    with pytest.raises(ExceptionGroup) as caught, TestClient(app_of(DevTokenPlugin())):
        pass
    assert caught.group_contains(ConfigurationError, match="COGNITO_DEVTOKEN_MAX_ENTRIES must be")


def test_what_opens_no_session_fails_at_start_up() -> None:
    async def open_later() -> None:
        pass

    plugin = DevTokenPlugin(open_later)  # type: ignore[arg-type]
    with pytest.raises(ExceptionGroup) as caught, TestClient(app_of(plugin)):
        pass
    assert caught.group_contains(TypeError, match="that returns AsyncTokenSession")


def test_applications_with_the_same_plugin_share_no_session(opened_by: Any) -> None:
    sessions: list[AsyncTokenSession] = []

    def factory() -> AsyncTokenSession:
        sessions.append(opened_by())
        return sessions[-1]

    plugin = DevTokenPlugin(factory)

    with TestClient(app_of(plugin)) as first, TestClient(app_of(plugin)) as second:
        first.get("/ana")
        second.get("/ana")
        second.get("/bob")

        assert [session.stats().fetches_started for session in sessions] == [1, 2]


def test_a_test_opens_another_session_in_one_line() -> None:
    app = app_of(DevTokenPlugin())
    session = session_of(FakeFetcher())
    app.plugins.get(DevTokenPlugin).session_factory = lambda: session

    with TestClient(app) as client:
        assert client.get("/ana").status_code == 200


def test_a_dependency_of_the_application_takes_precedence(
    opened_by: Callable[[], AsyncTokenSession], upstream: FakeFetcher
) -> None:
    session = session_of(FakeFetcher())
    mine = {"token_session": Provide(lambda: session, sync_to_thread=False)}

    with TestClient(app_of(DevTokenPlugin(opened_by), dependencies=mine)) as client:
        assert client.get("/ana").status_code == 200
        client.blocking_portal.call(session.aclose)

    assert not upstream.calls


def test_handlers_may_import_the_class_for_type_checkers_only(opened_by: Any) -> None:
    assert "AsyncTokenSession" not in globals()

    with TestClient(app_of(DevTokenPlugin(opened_by))) as client:
        assert client.get("/ana").status_code == 200


def test_an_application_without_the_plugin_does_not_start() -> None:
    with pytest.raises(ImproperlyConfiguredException, match="dependency 'token_session'"):
        app_of(None, signature_namespace={"AsyncTokenSession": cognito_devtoken.AsyncTokenSession})


def test_an_application_whose_lifespan_has_not_run_is_told_what_may_be_wrong(
    opened_by: Any,
) -> None:
    raised: list[Exception] = []

    async def keep(error: Exception, scope: Any) -> None:
        raised.append(error)

    app = app_of(DevTokenPlugin(opened_by), after_exception=[keep])

    assert TestClient(app).get("/ana").status_code == 500
    with pytest.raises(LookupError, match=r"has no token session.*with statement.*lifespan"):
        raise raised[0]


def test_a_client_gets_answers_it_can_act_on(opened_by: Any, upstream: FakeFetcher) -> None:
    upstream.error = TokenUnavailableError("arn:aws:iam::123456789012:user/shop")
    app = app_of(DevTokenPlugin(opened_by), exception_handlers=exception_handlers)

    with TestClient(app) as client:
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


def test_what_is_wrong_on_this_side_stays_an_error_of_the_application(
    opened_by: Any, upstream: FakeFetcher
) -> None:
    upstream.error = CallerDeniedError("arn:aws:iam::123456789012:user/shop")
    app = app_of(DevTokenPlugin(opened_by), exception_handlers=exception_handlers)

    with TestClient(app) as client:
        answer = client.get("/ana")

    assert answer.json() == {"status_code": 500, "detail": "Internal Server Error"}


def test_a_websocket_is_told_nothing_of_an_error(opened_by: Any, upstream: FakeFetcher) -> None:
    upstream.error = TokenUnavailableError("arn:aws:iam::123456789012:user/shop")
    app = app_of(DevTokenPlugin(opened_by), exception_handlers=exception_handlers)

    with TestClient(app) as client, client.websocket_connect("/ws") as websocket:
        websocket.send_text("ana")
        with pytest.raises(WebSocketDisconnect) as caught:
            websocket.receive_json()

    assert (caught.value.code, caught.value.detail) == (4500, "Internal Server Error")


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


def test_a_websocket_that_catches_an_error_says_what_it_likes(
    opened_by: Any, upstream: FakeFetcher
) -> None:
    upstream.error = TokenUnavailableError("arn:aws:iam::123456789012:user/shop")
    app = Litestar([talk_politely], plugins=[DevTokenPlugin(opened_by)])

    with TestClient(app) as client, client.websocket_connect("/polite") as websocket:
        websocket.send_text("ana")
        with pytest.raises(WebSocketDisconnect) as caught:
            websocket.receive_json()

    assert (caught.value.code, caught.value.detail) == (1013, "Try again later.")


def test_a_storm_of_requests_causes_one_call_for_each_user(emulator: Emulator) -> None:
    with served(emulator, *UVICORN, "litestar_app:app") as server:
        storm(server.url)

    assert emulator.calls[OPERATION] == USERS


def test_a_server_that_is_stopped_answers_those_who_wait() -> None:
    stop_in_mid_flight(*UVICORN, "litestar_app:app")


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
