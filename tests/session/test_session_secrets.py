"""A canary token and a canary login show nowhere: no error, repr, event, log or pickle."""

import asyncio
import copy
import gc
import io
import json
import logging
import pickle
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from sentry_sdk.serializer import serialize

from caching import POOL_ID, PROVIDER, Recorder
from calling import ROLE
from canary import TESTS, chain_of, frames_of, shown
from cognito_devtoken import DevTokenClient, TokenRequest, TokenSession
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.events import FetchFailed, FetchSucceeded, LoggingHook
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    DeveloperUserAlreadyRegisteredError,
    DevTokenError,
    IncompleteEraseError,
    InternalServiceError,
    InvalidTokenResponseError,
    ServiceError,
    TooManyRequestsError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock
from pools import POOL


USER = "canary-user-id"
LOGIN = "canary-provider-token"
LOGINS = {"idp.example": LOGIN}


SERVICE_ERRORS = [
    kind("no", code=kind.__name__)
    for kind in (
        DeveloperUserAlreadyRegisteredError,
        CallerDeniedError,
        TooManyRequestsError,
        InternalServiceError,
        ServiceError,
    )
]


def formatted(error: BaseException) -> str:
    """Format a traceback as a crash reporter does, with the locals of every frame."""
    out = io.StringIO()
    traceback.TracebackException.from_exception(error, capture_locals=True).print(file=out)
    # The frames of tests may hold the canaries.
    return "\n".join(block for block in out.getvalue().split("  File ") if TESTS not in block)


def wrong_arguments_for_credentials(session: Any) -> Any:
    yield lambda: session.get_credentials(USER, logins=LOGINS, nonsense=LOGIN)
    yield lambda: session.get_credentials(USER, logins=LOGINS, min_remaining=1e9)
    yield lambda: session.get_credentials(USER, logins=LOGINS, timeout=-1)
    yield lambda: session.get_credentials(USER, logins=LOGINS, role=LOGIN * 200)
    yield lambda: session.get_credentials(USER, logins=LOGINS, role=[LOGIN])
    yield lambda: session.get_credentials([USER], logins=LOGINS)


def failing_administration(session: Any, fetcher: FakeFetcher) -> Any:
    yield lambda: session.find_identity([USER])
    yield lambda: session.erase(USER * 100)
    fetcher.erase_error = IncompleteEraseError("not all")
    yield lambda: session.find_identity(USER)
    yield lambda: session.erase(USER)
    fetcher.erase_error = None


def ways_to_fail(session: Any, fetcher: FakeFetcher, clock: ManualClock) -> Any:
    """Yield calls that fail, one for each way to fail."""
    down = DevTokenError("down")
    request = TokenRequest(POOL_ID, {PROVIDER: USER} | LOGINS, principal_tags={"tag": LOGIN})

    def failing(error: Exception | None) -> None:
        clock.advance(10)
        fetcher.error = error

    yield lambda: session.get_token(USER, logins=LOGINS, token_duration=-1)
    yield lambda: session.get_token("", logins=LOGINS, principal_tags={"tag": LOGIN})
    yield lambda: session.get_token(USER, logins={PROVIDER: LOGIN})
    yield lambda: session.get_token(USER, logins=LOGINS, nonsense=LOGIN)
    yield lambda: session.get_token(USER, logins=LOGINS, min_remaining=1e9)
    yield lambda: session.get_token(USER, logins=LOGINS, min_remaining=-1)
    yield lambda: session.get_token(USER, logins=LOGINS, timeout=-1)
    yield lambda: session.get_token(USER, logins=LOGINS, identity_id=USER)
    yield lambda: session.refresh(USER, logins=LOGINS, min_remaining=1)
    yield lambda: session.get(request, min_remaining=1e9)
    yield lambda: session.get(request, timeout="soon")
    yield lambda: session.forget([USER])
    yield lambda: session.forget_identity([USER])
    yield lambda: session.invalidate(USER)
    yield lambda: session.get_token([USER], logins=LOGINS)
    yield lambda: session.get(TokenRequest("eu-west-1:0", {PROVIDER: USER} | LOGINS))
    yield lambda: session.get(USER)
    yield from failing_administration(session, fetcher)
    yield from wrong_arguments_for_credentials(session)
    with fetcher.held():
        yield lambda: session.get_credentials(USER, logins=LOGINS, timeout=0)
        yield lambda: session.get_token(USER, logins=LOGINS, timeout=0)
        yield lambda: session.get(TokenRequest(POOL_ID, {PROVIDER: USER}), timeout=0)
    errors = (down, InvalidTokenResponseError("what?"), ValueError("a bug"), SystemExit())
    for error in (*errors, *SERVICE_ERRORS):
        failing(error)  # type: ignore[arg-type]
        # The second call backs off.
        for _ in range(2):
            yield lambda: session.get_token(USER, logins=LOGINS, principal_tags={"tag": LOGIN})
            yield lambda: session.refresh(USER, logins=LOGINS, principal_tags={"tag": LOGIN})
            yield lambda: session.get(request)
            yield lambda: session.get_credentials(USER, logins=LOGINS, role=ROLE)
    failing(None)
    session.get(request)
    yield lambda: session.get(request, min_remaining=1e9)
    failing(SERVICE_ERRORS[0])
    clock.advance(850)  # in its grace period, which does not help against a refusal
    yield lambda: session.get(request)
    session.close()
    yield lambda: session.get_credentials(USER, logins=LOGINS)
    yield lambda: session.get_token(USER, logins=LOGINS)
    yield lambda: session.get(request)
    yield lambda: session.erase(USER)
    yield lambda: session.refresh(USER, logins=LOGINS)
    yield lambda: session.forget(USER)
    yield lambda: session.forget_identity(USER)


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
            text = formatted(error)
            assert USER not in text
            assert LOGIN not in text
            for frame, _ in (each for link in chain_of(error) for each in frames_of(link)):
                report = json.dumps(serialize(dict(frame.f_locals), is_vars=True))
                assert USER not in report
                assert LOGIN not in report
    assert failures >= 90


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
        *(text for event in recorder.events for text in shown(event)),
        *(
            text
            for each in (
                *(session, cache, cache._leases, cache._leases.lookup, cache._leases.workers),
                *(state, state.flights, state.entries, state.recorder),
                *(cache._leases.source, *state.entries.leases),
            )
            for text in shown(each)
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
