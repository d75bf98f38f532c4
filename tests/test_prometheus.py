"""Metrics of Prometheus say what sessions do, each figure once, and name no user."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from threading import Thread

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from caching import Recorder
from cognito_devtoken import TokenCache, TokenRequest, TokenSession
from cognito_devtoken.events import FetchFailed, FetchStarted, FetchSucceeded, Reason
from cognito_devtoken.exceptions import CallerDeniedError, TokenUnavailableError
from cognito_devtoken.prometheus import PrometheusMetrics
from cognito_devtoken.testing import FakeFetcher, ManualClock
from pools import POOL


USER = "canary-user-id"
DOWN = TokenUnavailableError("Cognito is down.")


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> PrometheusMetrics:
    return PrometheusMetrics(registry)


@pytest.fixture
def session(
    fetcher: FakeFetcher, clock: ManualClock, told: Recorder, metrics: PrometheusMetrics
) -> Iterator[TokenSession]:
    with TokenSession(
        POOL.identity_pool_id,
        developer_provider=POOL.developer_provider,
        client=fetcher,
        clock=clock,
        on_event=[metrics, told],
    ) as session:
        metrics.watch(session)
        yield session


@pytest.fixture
def value(registry: CollectorRegistry) -> Callable[..., float | None]:
    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"cognito_devtoken_{name}", labels)

    return value


Value = Callable[..., float | None]


def ride_out_an_outage(
    session: TokenSession, clock: ManualClock, fetcher: FakeFetcher, told: Recorder
) -> None:
    """A miss, three hits, a refresh that fails, and a token served twice in its grace period."""
    session.get_token(USER)
    told.wait_for(FetchSucceeded)
    for _ in range(3):
        session.get_token(USER)
    fetcher.error = DOWN
    clock.advance(700)
    session.get_token(USER)
    told.wait_for(FetchFailed)
    clock.advance(150)
    session.get_token(USER)
    session.get_token(USER)
    told.wait_for(FetchFailed, count=2)


def test_calls_are_counted_by_how_they_were_answered(
    session: TokenSession, clock: ManualClock, fetcher: FakeFetcher, told: Recorder, value: Value
) -> None:
    ride_out_an_outage(session, clock, fetcher, told)

    assert value("hits_total", state="fresh") == 3
    assert value("hits_total", state="due") == 1
    assert value("hits_total", state="grace") == 2
    assert value("misses_total") == 1
    assert value("back_offs_total") == 1


def test_fetches_are_counted_by_reason_and_outcome(
    session: TokenSession, clock: ManualClock, fetcher: FakeFetcher, told: Recorder, value: Value
) -> None:
    ride_out_an_outage(session, clock, fetcher, told)

    name, failure = "fetch_duration_seconds_count", "TokenUnavailableError"
    assert value(name, reason="miss", outcome="ok") == 1
    assert value(name, reason="due", outcome=failure) == 1
    assert value(name, reason="grace", outcome=failure) == 1


def test_the_duration_of_a_fetch_is_in_seconds(
    session: TokenSession, clock: ManualClock, fetcher: FakeFetcher, told: Recorder, value: Value
) -> None:
    with fetcher.held():
        waiter = Thread(target=session.get_token, args=[USER])
        waiter.start()
        told.wait_for(FetchStarted)
        clock.advance(3)
    waiter.join()
    told.wait_for(FetchSucceeded)

    assert value("fetch_duration_seconds_sum", reason="miss", outcome="ok") == 3
    name = "fetch_duration_seconds_bucket"
    assert value(name, reason="miss", outcome="ok", le="2.5") == 0
    assert value(name, reason="miss", outcome="ok", le="5.0") == 1


def test_the_wait_for_a_turn_is_in_seconds(metrics: PrometheusMetrics, value: Value) -> None:
    metrics(FetchStarted("key", Reason.MISS, 0.2))

    assert value("fetch_time_in_queue_seconds_sum", reason="miss") == 0.2


def test_invalidations_are_counted_by_what_came_of_them(
    session: TokenSession, value: Value
) -> None:
    token = session.get_token(USER)
    for _ in range(3):
        session.invalidate(token)

    assert value("invalidations_total", result="applied") == 1
    assert value("invalidations_total", result="ignored") == 2


def test_what_is_held_goes_up_and_down(session: TokenSession, value: Value) -> None:
    session.get_token(USER)
    before = value("entries")

    session.clear()

    assert (before, value("entries"), value("in_flight")) == (1, 0, 0)


def test_counters_are_zero_before_anything_is_watched(
    metrics: PrometheusMetrics, value: Value
) -> None:
    assert value("hits_total", state="grace") == 0


def test_sessions_and_caches_are_summed(
    session: TokenSession,
    fetcher: FakeFetcher,
    clock: ManualClock,
    metrics: PrometheusMetrics,
    value: Value,
) -> None:
    cache = TokenCache(fetcher, clock=clock)
    metrics.watch(cache)

    session.get_token(USER)
    cache.get(TokenRequest(POOL.identity_pool_id, {POOL.developer_provider: USER}))

    assert (value("misses_total"), value("entries")) == (2, 2)
    cache.close()


def test_the_exposition_shows_neither_user_nor_token_nor_key(
    session: TokenSession,
    clock: ManualClock,
    fetcher: FakeFetcher,
    told: Recorder,
    registry: CollectorRegistry,
) -> None:
    fetcher.error = CallerDeniedError(f"No, {USER}.", code="AccessDenied")
    with pytest.raises(CallerDeniedError):
        session.get_token(USER)
    told.wait_for(FetchFailed)
    fetcher.error = None
    clock.advance(5)
    token = session.get_token(USER)
    told.wait_for(FetchSucceeded)
    keys = {event.key for event in told.events if isinstance(event, FetchStarted)}

    text = generate_latest(registry).decode()

    assert 'outcome="CallerDeniedError"' in text
    secrets = {USER, token.token, token.fingerprint, token.identity_id, *keys}
    assert not {secret for secret in secrets if secret in text}


def test_the_exposition_is_that_of_prometheus(
    session: TokenSession, registry: CollectorRegistry
) -> None:
    session.get_token(USER)
    session.get_token(USER)

    lines = generate_latest(registry).decode().splitlines()

    assert "# TYPE cognito_devtoken_hits_total counter" in lines
    assert 'cognito_devtoken_hits_total{state="fresh"} 1.0' in lines
    assert "# TYPE cognito_devtoken_entries gauge" in lines
    assert "# TYPE cognito_devtoken_fetch_duration_seconds histogram" in lines


def test_a_second_one_is_refused_by_the_same_registry(
    metrics: PrometheusMetrics, registry: CollectorRegistry
) -> None:
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        PrometheusMetrics(registry)


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_a_registry_it_is_that_of_the_process() -> None:
    printed = run("""
from prometheus_client import REGISTRY, generate_latest
from cognito_devtoken.prometheus import PrometheusMetrics
PrometheusMetrics()
print(generate_latest(REGISTRY).decode())
""")

    assert "cognito_devtoken_misses_total 0.0" in printed


def test_without_the_extra_it_says_which_one() -> None:
    printed = run("""
import sys
sys.modules["prometheus_client"] = None
from cognito_devtoken.exceptions import ConfigurationError
try:
    import cognito_devtoken.prometheus
except ConfigurationError as error:
    print(error, *error.__notes__)
""")

    assert printed == (
        "The metrics of Prometheus need prometheus_client, which is not installed. "
        "Install the extra: pip install 'cognito-devtoken[prometheus]'\n"
    )


def test_the_package_does_not_load_it() -> None:
    assert (
        run("import sys, cognito_devtoken; print('prometheus_client' in sys.modules)") == "False\n"
    )
