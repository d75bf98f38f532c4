"""A canary token and a canary login show nowhere: no error, repr, event, log or pickle."""

import asyncio
import copy
import gc
import io
import logging
import pickle
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from caching import POOL_ID, PROVIDER, Recorder
from canary import TESTS
from cognito_devtoken import DevTokenClient, TokenRequest, TokenSession
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.events import FetchFailed, FetchSucceeded, LoggingHook
from cognito_devtoken.exceptions import DevTokenError, InvalidTokenResponseError
from cognito_devtoken.testing import FakeFetcher, ManualClock
from pools import POOL


USER = "canary-user-id"
LOGIN = "canary-provider-token"
LOGINS = {"idp.example": LOGIN}


def shown(error: BaseException) -> str:
    """Format a traceback as a crash reporter does, with the locals of every frame."""
    out = io.StringIO()
    traceback.TracebackException.from_exception(error, capture_locals=True).print(file=out)
    # The frames of tests may hold the canaries.
    return "\n".join(block for block in out.getvalue().split("  File ") if TESTS not in block)


def ways_to_fail(session: Any, fetcher: FakeFetcher, clock: ManualClock) -> Any:
    """Yield calls that fail, one for each way to fail."""
    down = DevTokenError("down")

    def failing(error: Exception | None) -> None:
        clock.advance(10)
        fetcher.error = error

    yield lambda: session.get_token(USER, logins=LOGINS, token_duration=-1)
    yield lambda: session.get_token("", logins=LOGINS, principal_tags={"tag": LOGIN})
    yield lambda: session.get_token(USER, logins={PROVIDER: LOGIN})
    yield lambda: session.get_token(USER, logins=LOGINS, nonsense=LOGIN)
    yield lambda: session.get_token(USER, logins=LOGINS, min_remaining=1e9)
    yield lambda: session.get_token([USER], logins=LOGINS)
    yield lambda: session.get(TokenRequest("eu-west-1:0", {PROVIDER: USER} | LOGINS))
    yield lambda: session.get(USER)
    with fetcher.held():
        yield lambda: session.get_token(USER, logins=LOGINS, timeout=0)
    for error in (down, InvalidTokenResponseError("what?"), ValueError("a bug"), SystemExit()):
        failing(error)  # type: ignore[arg-type]
        yield lambda: session.get_token(USER, logins=LOGINS, principal_tags={"tag": LOGIN})
        yield lambda: session.refresh(USER, logins=LOGINS, principal_tags={"tag": LOGIN})
    session.close()
    yield lambda: session.get_token(USER, logins=LOGINS)
    yield lambda: session.refresh(USER, logins=LOGINS)
    yield lambda: session.forget(USER)


def test_no_error_shows_a_login(
    session: Any,
    fetcher: FakeFetcher,
    clock: ManualClock,
    leaks: Callable[..., list[str]],
) -> None:
    failures = 0
    for call in ways_to_fail(session, fetcher, clock):
        try:
            call()
        except (DevTokenError, TypeError, ValueError) as error:
            failures += 1
            assert not leaks(error, USER, LOGIN), error
            text = shown(error)
            assert USER not in text
            assert LOGIN not in text
    assert failures >= 15


def test_no_log_event_or_repr_shows_a_secret(
    open_session: Callable[..., Any],
    emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
    recorder: Recorder,
) -> None:
    caplog.set_level(logging.DEBUG)
    client = DevTokenClient(endpoint_url=emulator.endpoint_url)
    blocking = open_session(
        identity_pool_id=POOL.identity_pool_id,
        client=client,
        clock=None,
        on_event=[recorder, LoggingHook()],
    )
    token = blocking.get_token(USER, logins=LOGINS)
    blocking.get_token(USER)
    blocking.invalidate(token)
    emulator.fail_next("InternalErrorException", "broken", status=500, times=9)
    with pytest.raises(DevTokenError):
        blocking.refresh(USER, logins=LOGINS)
    recorder.wait_for(FetchFailed)
    session, cache = blocking.session, blocking.session._cache
    state = cache._state

    seen = [
        caplog.text,
        *map(repr, recorder.events),
        *(
            repr((each, getattr(each, "__dict__", None)))
            for each in (
                *(session, cache, cache._leases, cache._leases.lookup, cache._leases.workers),
                *(state, state.flights, state.entries, state.recorder),
            )
        ),
        repr(session.stats()),
        repr(list(cache._state.entries.leases)),
        repr(list(cache._state.entries.leases.values())),
        repr(cache._state.entries._failures.items),
        repr(copy.copy(cache)),
    ]
    for secret in (USER, LOGIN, token.token):
        assert not [text for text in seen if secret in text]
    assert len(recorder.of(FetchSucceeded)) == 2
    for each in (session, cache):
        with pytest.raises(TypeError):
            pickle.dumps(each)
    blocking.close()
    client.close()


def test_the_warning_of_an_unclosed_session_shows_no_secret(fetcher: FakeFetcher) -> None:
    session = TokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher)
    session.get_token(USER)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del session
        gc.collect()

    assert len(caught) == 1
    assert USER not in str(caught[0].message)


def test_an_event_loop_in_debug_mode_logs_no_secret(
    open_session: Callable[..., Any], caplog: pytest.LogCaptureFixture, fetcher: FakeFetcher
) -> None:
    blocking = open_session()
    session = blocking.session
    caplog.set_level(logging.DEBUG)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.slow_callback_duration = 0  # everything is logged
        result = session.get_token(USER, logins=LOGINS)
        if asyncio.iscoroutine(result):
            task = asyncio.ensure_future(result)
            await asyncio.sleep(0)
            assert USER not in repr(task)
            assert LOGIN not in repr(task.get_stack())
            await task

    asyncio.run(main(), debug=True)
    blocking.close()

    assert caplog.records
    assert USER not in caplog.text
    assert LOGIN not in caplog.text
