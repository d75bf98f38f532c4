"""What a session logs by itself, without a hook."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from caching import POOL_ID, PROVIDER, make_cache, request_for
from cognito_devtoken import TokenCache
from cognito_devtoken.events import Event, FetchFailed, HookFailed, LoggingHook
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    DeveloperProviderError,
    DevTokenError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from cognito_devtoken.typing import EventHook
from hosts import HostFactory
from scripts import run_script


Opener = Callable[..., TokenCache]
DENIED = CallerDeniedError(
    "AccessDeniedException: User: arn:aws:iam::123456789012:user/shop is not authorized",
    code="AccessDeniedException",
    request_id="0a1b-2c3d",
)


@pytest.fixture
def open_cache(fetcher: FakeFetcher, clock: ManualClock) -> Opener:
    """A function that makes a cache without threads, with these hooks."""

    def open_one(*hooks: EventHook) -> TokenCache:
        cache = make_cache(fetcher, clock, on_event=hooks)
        for log in cache._state.recorder._hooks_of_warnings[len(hooks) :]:
            log._monotonic = clock.monotonic  # type: ignore[attr-defined]
        return cache

    return open_one


def fail(cache: TokenCache, user_id: str = "user-42") -> None:
    with pytest.raises(DevTokenError):
        cache.get(request_for(user_id))


def test_a_failed_fetch_is_logged_with_its_message_and_hint(
    open_cache: Opener, fetcher: FakeFetcher, caplog: pytest.LogCaptureFixture
) -> None:
    fetcher.error = DENIED
    fail(open_cache())

    (record,) = caplog.records
    assert (record.name, record.levelname) == ("cognito_devtoken", "WARNING")
    assert record.getMessage() == (
        "FetchFailed key=6307b4b3ccd466b4 reason=miss took=0.000 error=CallerDeniedError "
        "code=AccessDeniedException retry_in=1.000 remaining=0.000 request_id=0a1b-2c3d "
        'message="AccessDeniedException: User: arn:aws:iam::123456789012:user/shop is not '
        f'authorized" hint="{CallerDeniedError._hint}"'
    )


def test_the_same_error_is_logged_once_a_minute_whoever_meets_it(
    open_cache: Opener,
    fetcher: FakeFetcher,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache = open_cache()
    fetcher.error = DENIED
    for user in range(20):
        fail(cache, f"user-{user}")
    assert len(caplog.records) == 1

    fetcher.error = DeveloperProviderError("wrong", code="NotAuthorizedException")
    fail(cache, "another")
    assert len(caplog.records) == 2

    fetcher.error = DENIED
    clock.advance(59.9)
    fail(cache, "late")
    assert len(caplog.records) == 2
    clock.advance(0.1)
    fail(cache, "later")
    assert len(caplog.records) == 3


def test_any_number_of_different_warnings_takes_bounded_memory(
    open_cache: Opener,
) -> None:
    cache = open_cache()
    log: Any = cache._state.recorder._hooks_of_warnings[-1]
    for number in range(2500):
        log(FetchFailed("0", "miss", 0.0, "ServiceError", str(number), 0.0, 0.0))  # type: ignore[arg-type]

    assert len(log._logged) <= 1000


@pytest.mark.parametrize("logger", [None, logging.getLogger("shop")])
def test_a_session_with_a_logging_hook_logs_nothing_itself(
    open_cache: Opener,
    fetcher: FakeFetcher,
    caplog: pytest.LogCaptureFixture,
    logger: Any,
) -> None:
    fetcher.error = DENIED
    fail(open_cache(LoggingHook(logger)))

    (record,) = caplog.records
    assert record.name == (logger.name if logger else "cognito_devtoken")


def broken(event: Event) -> None:
    raise ValueError("canary-of-a-hook")


def test_a_hook_that_raises_is_reported_once_to_the_log_and_the_other_hooks(
    open_cache: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Event] = []
    cache = open_cache(broken, seen.append)
    cache.get(request_for("ana"))
    cache.get(request_for("bob"))

    assert [event for event in seen if isinstance(event, HookFailed)] == [
        HookFailed("broken", "ValueError")
    ]
    assert [line.partition(" hint=")[0] for line in caplog.messages] == [
        "HookFailed hook=broken error=ValueError"
    ]
    assert cache.stats().hook_errors == 4


def test_hooks_that_fail_on_each_others_failures_come_to_an_end(
    open_cache: Opener,
) -> None:
    class Other:
        def __call__(self, event: Event) -> None:
            raise KeyError

    cache = open_cache(broken, Other())
    cache.get(request_for("ana"))

    assert cache.stats().hook_errors == 6


def test_throttling_a_clock_step_and_a_store_that_fails_are_logged(
    new_host: HostFactory,
    fetcher: FakeFetcher,
    clock: ManualClock,
    store: MemoryStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache = new_host(on_event=())
    cache.get(request_for())
    clock.set_wall(100)
    fetcher.error = TooManyRequestsError("slowly", code="TooManyRequestsException")
    with pytest.raises(TooManyRequestsError):
        cache.get(request_for("another"))
    store.error = ConnectionError("redis://:canary-password@localhost")
    with pytest.raises(TooManyRequestsError):
        cache.get(request_for("a third"))

    assert {message.partition(" ")[0] for message in caplog.messages} >= {
        "ClockStepped",
        "FetchFailed",
        "StoreFailed",
        "Throttled",
    }
    assert all(" hint=" in message for message in caplog.messages)
    assert "canary" not in caplog.text


def test_no_line_contains_a_token_a_login_or_a_user_id(
    open_cache: Opener,
    fetcher: FakeFetcher,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    cache = open_cache()
    token = cache.get(request_for("canary-user", logins={"idp.example": "canary-login"}))
    clock.advance(token.lifetime.total_seconds() - 60)
    fetcher.error = TokenUnavailableError("no network")
    cache.get(request_for("canary-user", logins={"idp.example": "canary-login"}))
    clock.advance(120)
    fail(cache, "canary-user")

    assert {message.partition(" ")[0] for message in caplog.messages} == {
        "FetchFailed",
        "ServedInGrace",
    }
    for secret in ("canary", token.token, token.identity_id):
        assert secret not in caplog.text


def test_the_log_is_written_outside_the_lock(fetcher: FakeFetcher, open_cache: Opener) -> None:
    cache = open_cache()
    locked: list[bool] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            locked.append(cache._state.lock._is_owned())  # type: ignore[attr-defined]

    handler = Handler()
    logging.getLogger("cognito_devtoken").addHandler(handler)
    fetcher.error = DENIED
    try:
        with pytest.raises(CallerDeniedError):
            cache.get(request_for())
    finally:
        logging.getLogger("cognito_devtoken").removeHandler(handler)

    assert locked == [False]


@pytest.mark.external
def test_a_program_without_logging_configuration_shows_warnings_on_standard_error() -> None:
    shown = run_script(
        "import contextlib, sys\n"
        "from cognito_devtoken import TokenSession, exceptions\n"
        "from cognito_devtoken.testing import FakeFetcher\n"
        "fake = FakeFetcher()\n"
        "fake.error = exceptions.CallerDeniedError('denied')\n"
        "sys.stderr = sys.stdout\n"
        f"with TokenSession({POOL_ID!r}, developer_provider={PROVIDER!r}, client=fake) as s:\n"
        "    s._cache._leases.workers.start_thread = lambda run: run()\n"
        "    s._cache._leases.workers.idle_seconds = 0\n"
        "    with contextlib.suppress(exceptions.CallerDeniedError):\n"
        "        s.get_token('user-42')\n"
    )

    assert shown.startswith("FetchFailed key=6307b4b3ccd466b4 reason=miss ")
    assert "message=denied hint=" in shown
