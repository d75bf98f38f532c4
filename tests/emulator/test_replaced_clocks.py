"""Test tools that replace the clock stop neither the emulator nor the session's own deadlines."""

import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from freezegun import freeze_time

from caching import request_for
from calling import GET_TOKEN, post_json
from cognito_devtoken import DevTokenClient, TokenSession
from cognito_devtoken.emulator import Call, Emulator, Pool
from cognito_devtoken.pytest_plugin import _Fetcher
from cognito_devtoken.testing import FakeFetcher
from inner_runs import Passes
from patience import PATIENCE
from pools import POOL
from scripts import run_script


pytest_plugins = ["pytester"]
pytestmark = pytest.mark.external

Travel = Callable[[datetime], AbstractContextManager[object]]
LATER = datetime(2031, 1, 1, tzinfo=UTC)


def in_time_machine(moment: datetime) -> AbstractContextManager[object]:
    return time_machine.travel(moment, tick=False)


TOOLS = pytest.mark.parametrize(
    "travel", [freeze_time, in_time_machine], ids=["freezegun", "time_machine"]
)


def turn(emulator: Emulator) -> None:
    """Have the server's loop run its timers."""
    for _ in range(20):
        post_json(emulator, "{}")


@TOOLS
def test_the_emulator_stops_after_time_was_frozen(travel: Travel) -> None:
    emulator = Emulator().start()
    thread = _thread_of(emulator)
    with travel(LATER):
        turn(emulator)
    with warnings.catch_warnings(action="error"):
        emulator.stop()

    assert not thread.is_alive()


@TOOLS
def test_the_emulator_starts_and_stops_while_time_is_frozen(travel: Travel) -> None:
    with travel(LATER), warnings.catch_warnings(action="error"), Emulator() as emulator:
        thread = _thread_of(emulator)
        turn(emulator)

    assert not thread.is_alive()


def test_an_emulator_imported_while_time_is_frozen_stops_afterwards() -> None:
    run_script(
        """
import http.client
from freezegun import freeze_time
with freeze_time("2031-01-01"):
    from cognito_devtoken.emulator import Emulator
    from cognito_devtoken._runtime.deadline import _operation
    emulator = Emulator().start()
    before = _operation.clock()
    for _ in range(20):
        connection = http.client.HTTPConnection(emulator.endpoint_url.removeprefix("http://"))
        connection.request("GET", "/.well-known/jwks_uri")
        connection.getresponse().read()
        connection.close()
    assert _operation.clock() > before
emulator.stop()
"""
    )


def test_a_run_with_the_fixtures_ends_although_a_test_froze_time(passes: Passes) -> None:
    passes(
        2,
        """
        from freezegun import freeze_time

        @freeze_time("2031-01-01")
        def test_frozen(token_session):
            assert token_session.get_token("user-42") == token_session.get_token("user-42")

        def test_after_it(token_session, cognito_emulator):
            assert token_session.get_token("user-42").token
            assert cognito_emulator.calls.total() == 1
        """,
    )


@contextmanager
def session_of(emulator: Emulator) -> Generator[TokenSession]:
    with (
        DevTokenClient(endpoint_url=emulator.endpoint_url) as client,
        TokenSession(
            POOL.identity_pool_id, developer_provider=POOL.developer_provider, client=client
        ) as session,
    ):
        yield session


# What docs/testing.md says about each tool.


def test_freezegun_does_not_reach_the_sessions_clock(emulator: Emulator) -> None:
    with session_of(emulator) as session:
        with freeze_time(LATER):
            token = session.get_token("user-42")
            assert session.get_token("user-42") is token
        assert session.get_token("user-42") is token

    assert emulator.calls == {GET_TOKEN: 1}
    assert token.claims["exp"] < LATER.timestamp()


def test_time_machine_moves_the_sessions_wall_clock(emulator: Emulator) -> None:
    with session_of(emulator) as session:
        token = session.get_token("user-42")
        with time_machine.travel(datetime.now(UTC) + timedelta(minutes=16), tick=False):
            assert token.expires_in() == timedelta()
            newer = session.get_token("user-42")
            assert newer != token
            assert session.get_token("user-42") is newer

    assert session.stats().clock_steps == 1
    assert emulator.calls == {GET_TOKEN: 2}


# Waits that end although what they wait for does not.


def _thread_of(emulator: Emulator) -> threading.Thread:
    assert emulator._server
    return emulator._server._thread


def set_patience(emulator: Emulator, seconds: float) -> None:
    if emulator._server:
        emulator._server._patience = seconds


@pytest.fixture
def blocked() -> Generator[Emulator]:
    """An emulator whose thread is blocked by its hook, which it does not wait for."""
    reached, opened = threading.Event(), threading.Event()

    def block(call: Call) -> None:
        reached.set()
        assert opened.wait(PATIENCE)

    emulator = Emulator(Pool(), on_call=block).start()
    thread = _thread_of(emulator)
    set_patience(emulator, 0.01)
    caller = threading.Thread(target=post_json, args=(emulator, "{}"))
    caller.start()
    assert reached.wait(PATIENCE)
    yield emulator
    opened.set()
    caller.join(PATIENCE)
    set_patience(emulator, PATIENCE)
    emulator.stop()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_server_that_does_not_stop_is_left_behind_with_a_warning(blocked: Emulator) -> None:
    with pytest.warns(RuntimeWarning, match=r"did not stop within 0\.01 s") as caught:
        blocked.stop()

    assert caught[0].filename == __file__


def test_a_server_that_does_not_respond_to_a_renewal_is_an_error(blocked: Emulator) -> None:
    with pytest.raises(RuntimeError, match=r"did not respond within 0\.01 s"):
        blocked._renew()


def test_a_call_that_outlives_its_test_is_left_behind_with_a_warning() -> None:
    cognito = FakeFetcher()
    fetcher = _Fetcher(cognito)
    fetcher.patience = 0.01
    fetcher._pending = 1
    with pytest.warns(RuntimeWarning, match=r"did not end within 0\.01 s"):
        fetcher.end()


def test_a_call_that_is_held_for_ever_is_an_error() -> None:
    cognito = FakeFetcher()
    cognito._longest = 0.01
    with cognito.held(), pytest.raises(TimeoutError, match=r"held\(\) did not end within 0\.01 s"):
        cognito.fetch(request_for())
