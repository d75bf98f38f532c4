"""Metrics count each thing once and name no user, whatever the backend."""

from collections.abc import Callable, Iterator
from threading import Thread

import pytest

from caching import Recorder, wait_until
from cognito_devtoken import TokenCache, TokenRequest, TokenSession
from cognito_devtoken.events import FetchFailed, FetchStarted, FetchSucceeded, Reason
from cognito_devtoken.exceptions import CallerDeniedError, TokenUnavailableError
from cognito_devtoken.testing import FakeFetcher, ManualClock
from monitoring import Backend, opened
from pools import POOL
from scripts import run_script


USER = "canary-user-id"
DOWN = "TokenUnavailableError"


@pytest.fixture(params=["prometheus", "opentelemetry"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with opened(request.param) as backend:
        yield backend


@pytest.fixture
def session(
    fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder, backend: Backend
) -> Iterator[TokenSession]:
    with TokenSession(
        POOL.identity_pool_id,
        developer_provider=POOL.developer_provider,
        client=fetcher,
        clock=clock,
        on_event=[backend.metrics, recorder],
    ) as session:
        backend.metrics.watch(session)
        yield session


@pytest.fixture
def outage(
    session: TokenSession, clock: ManualClock, fetcher: FakeFetcher, recorder: Recorder
) -> Callable[[], None]:
    def ride_out() -> None:
        """Cause a miss, three hits, a failed refresh, and two more hits in the grace period."""
        session.get_token(USER)
        recorder.wait_for(FetchSucceeded)
        for _ in range(3):
            session.get_token(USER)
        fetcher.error = TokenUnavailableError("Cognito is down.")
        clock.advance(700)
        session.get_token(USER)
        recorder.wait_for(FetchFailed)
        clock.advance(150)
        session.get_token(USER)
        session.get_token(USER)
        recorder.wait_for(FetchFailed, count=2)

    return ride_out


def test_requests_are_counted_by_how_they_are_answered(
    outage: Callable[[], None], backend: Backend
) -> None:
    outage()

    assert backend.value("hits", state="fresh") == 3
    assert backend.value("hits", state="due") == 1
    assert backend.value("hits", state="grace") == 2
    assert backend.value("misses") == 1
    assert backend.value("back_offs") == 1


def test_fetches_are_counted_by_reason_and_error(
    outage: Callable[[], None], backend: Backend
) -> None:
    outage()

    assert backend.histogram("fetch_duration", reason="miss").count == 1
    assert backend.histogram("fetch_duration", reason="due", error=DOWN).count == 1
    assert backend.histogram("fetch_duration", reason="grace", error=DOWN).count == 1


def test_fetch_duration_is_in_seconds(
    session: TokenSession,
    clock: ManualClock,
    fetcher: FakeFetcher,
    recorder: Recorder,
    backend: Backend,
) -> None:
    with fetcher.held():
        waiter = Thread(target=session.get_token, args=[USER])
        waiter.start()
        recorder.wait_for(FetchStarted)
        clock.advance(3)
    waiter.join()
    recorder.wait_for(FetchSucceeded)

    took = backend.histogram("fetch_duration", reason="miss")
    assert (took.sum, took.buckets) == (3, {5: 1})


def test_time_in_queue_is_in_seconds(backend: Backend) -> None:
    backend.metrics(FetchStarted("key", Reason.DUE, 0.2))

    assert backend.histogram("fetch_time_in_queue", reason="due").sum == 0.2


def test_histogram_buckets_suit_seconds(backend: Backend) -> None:
    for took in (0.03, 3):
        backend.metrics(FetchSucceeded("key", Reason.MISS, took, "fingerprint", 900))
        backend.metrics(FetchStarted("key", Reason.MISS, took))

    for name in ("fetch_duration", "fetch_time_in_queue"):
        assert backend.histogram(name, reason="miss").buckets == {0.05: 1, 5: 1}, name


def test_invalidations_are_counted_by_result(session: TokenSession, backend: Backend) -> None:
    token = session.get_token(USER)
    for _ in range(3):
        session.invalidate(token)

    assert backend.value("invalidations", result="applied") == 1
    assert backend.value("invalidations", result="ignored") == 2


def test_the_number_of_entries_goes_up_and_down(session: TokenSession, backend: Backend) -> None:
    session.get_token(USER)
    before = backend.value("entries")

    session.clear()

    assert (before, backend.value("entries"), backend.value("in_flight")) == (1, 0, 0)


def test_counters_are_zero_before_anything_is_watched(backend: Backend) -> None:
    assert backend.value("hits", state="grace") == 0


def test_sessions_and_caches_are_summed(
    session: TokenSession,
    fetcher: FakeFetcher,
    clock: ManualClock,
    backend: Backend,
    request_: TokenRequest,
) -> None:
    cache = TokenCache(fetcher, clock=clock)
    backend.metrics.watch(cache)

    session.get_token(USER)
    cache.get(request_)

    assert (backend.value("misses"), backend.value("entries")) == (2, 2)
    cache.close()


def test_metrics_contain_no_user_token_or_key(
    session: TokenSession,
    clock: ManualClock,
    fetcher: FakeFetcher,
    recorder: Recorder,
    backend: Backend,
) -> None:
    fetcher.error = CallerDeniedError(f"No, {USER}.", code="AccessDenied")
    with pytest.raises(CallerDeniedError):
        session.get_token(USER)
    recorder.wait_for(FetchFailed)
    fetcher.error = None
    clock.advance(5)
    token = session.get_token(USER)
    recorder.wait_for(FetchSucceeded)
    keys = {event.key for event in recorder.events if isinstance(event, FetchStarted)}
    # Another thread may still be calling the hook of the backend.
    wait_until(lambda: "CallerDeniedError" in backend.text())

    text = backend.text()

    secrets = {USER, token.token, token.fingerprint, token.identity_id, *keys}
    assert not {secret for secret in secrets if secret in text}


@pytest.mark.external
def test_importing_the_package_loads_no_backend() -> None:
    printed = run_script("""
import sys, cognito_devtoken
print({"prometheus_client", "opentelemetry"} & sys.modules.keys())
""")

    assert printed == "set()\n"


def test_credentials_have_figures_of_their_own(
    session: TokenSession, backend: Backend, recorder: Recorder
) -> None:
    session.get_credentials(USER)
    session.get_credentials(USER)
    recorder.wait_for(FetchSucceeded, count=2)

    assert backend.value("hits", state="fresh", lease="credentials") == 1
    assert backend.value("misses", lease="credentials") == 1
    assert backend.value("entries", lease="credentials") == 1
    assert backend.histogram("fetch_duration", reason="miss", lease="credentials").count == 1
    assert backend.value("hits", state="fresh") == 0
    assert backend.value("misses") == 1
