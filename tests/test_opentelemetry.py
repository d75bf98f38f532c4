"""Metrics of OpenTelemetry say what sessions do, each figure once, and name no user."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from threading import Thread
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from caching import Recorder
from cognito_devtoken import TokenCache, TokenRequest, TokenSession
from cognito_devtoken.events import FetchFailed, FetchStarted, FetchSucceeded, Reason
from cognito_devtoken.exceptions import CallerDeniedError, TokenUnavailableError
from cognito_devtoken.opentelemetry import OpenTelemetryMetrics
from cognito_devtoken.testing import FakeFetcher, ManualClock
from pools import POOL


USER = "canary-user-id"
DOWN = TokenUnavailableError("Cognito is down.")


class Reading:
    """What an SDK has collected at one moment."""

    def __init__(self, reader: InMemoryMetricReader) -> None:
        self.data: Any = reader.get_metrics_data()
        scopes = [
            scope
            for resource in (self.data.resource_metrics if self.data else ())
            for scope in resource.scope_metrics
        ]
        self.metrics: dict[str, Any] = {
            metric.name: metric for scope in scopes for metric in scope.metrics
        }
        self.scopes = [scope.scope.name for scope in scopes]

    def point(self, name: str, attributes: Mapping[str, str] | None = None) -> Any:
        (point,) = [
            point
            for point in self.metrics[f"cognito_devtoken.{name}"].data.data_points
            if dict(point.attributes) == (attributes or {})
        ]
        return point

    def value(self, name: str, attributes: Mapping[str, str] | None = None) -> int:
        value: int = self.point(name, attributes).value
        return value


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def provider(reader: InMemoryMetricReader) -> Iterator[MeterProvider]:
    provider = MeterProvider([reader], shutdown_on_exit=False)
    yield provider
    provider.shutdown()


@pytest.fixture
def metrics(provider: MeterProvider) -> OpenTelemetryMetrics:
    return OpenTelemetryMetrics(provider)


@pytest.fixture
def session(
    fetcher: FakeFetcher, clock: ManualClock, told: Recorder, metrics: OpenTelemetryMetrics
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
    session: TokenSession,
    clock: ManualClock,
    fetcher: FakeFetcher,
    told: Recorder,
    reader: InMemoryMetricReader,
) -> None:
    ride_out_an_outage(session, clock, fetcher, told)

    reading, state = Reading(reader), "cognito_devtoken.state"
    assert reading.value("hits", {state: "fresh"}) == 3
    assert reading.value("hits", {state: "due"}) == 1
    assert reading.value("hits", {state: "grace"}) == 2
    assert reading.value("misses") == 1
    assert reading.value("back_offs") == 1


def test_fetches_are_counted_by_reason_and_error(
    session: TokenSession,
    clock: ManualClock,
    fetcher: FakeFetcher,
    told: Recorder,
    reader: InMemoryMetricReader,
) -> None:
    ride_out_an_outage(session, clock, fetcher, told)

    reading, reason = Reading(reader), "cognito_devtoken.fetch.reason"
    failed = {"error.type": "TokenUnavailableError"}
    assert reading.point("fetch.duration", {reason: "miss"}).count == 1
    assert reading.point("fetch.duration", {reason: "due", **failed}).count == 1
    assert reading.point("fetch.duration", {reason: "grace", **failed}).count == 1


def test_the_duration_of_a_fetch_is_in_seconds(
    session: TokenSession,
    clock: ManualClock,
    fetcher: FakeFetcher,
    told: Recorder,
    reader: InMemoryMetricReader,
) -> None:
    with fetcher.held():
        waiter = Thread(target=session.get_token, args=[USER])
        waiter.start()
        told.wait_for(FetchStarted)
        clock.advance(3)
    waiter.join()
    told.wait_for(FetchSucceeded)

    reading = Reading(reader)
    assert reading.metrics["cognito_devtoken.fetch.duration"].unit == "s"
    point = reading.point("fetch.duration", {"cognito_devtoken.fetch.reason": "miss"})
    assert point.sum == 3


def test_the_buckets_are_made_for_seconds(
    metrics: OpenTelemetryMetrics, reader: InMemoryMetricReader
) -> None:
    for took in (0.03, 3):
        metrics(FetchSucceeded("key", Reason.MISS, took, "fingerprint", 900))
        metrics(FetchStarted("key", Reason.MISS, took))

    reading = Reading(reader)
    for name in ("fetch.duration", "fetch.time_in_queue"):
        point = reading.point(name, {"cognito_devtoken.fetch.reason": "miss"})
        filled = [
            bound
            for bound, count in zip(point.explicit_bounds, point.bucket_counts, strict=False)
            if count
        ]
        assert filled == [0.05, 5], name


def test_the_wait_for_a_turn_is_in_seconds(
    metrics: OpenTelemetryMetrics, reader: InMemoryMetricReader
) -> None:
    metrics(FetchStarted("key", Reason.DUE, 0.2))

    reading = Reading(reader)
    assert reading.metrics["cognito_devtoken.fetch.time_in_queue"].unit == "s"
    point = reading.point("fetch.time_in_queue", {"cognito_devtoken.fetch.reason": "due"})
    assert point.sum == 0.2


def test_invalidations_are_counted_by_what_came_of_them(
    session: TokenSession, reader: InMemoryMetricReader
) -> None:
    token = session.get_token(USER)
    for _ in range(3):
        session.invalidate(token)

    reading, result = Reading(reader), "cognito_devtoken.result"
    assert reading.value("invalidations", {result: "applied"}) == 1
    assert reading.value("invalidations", {result: "ignored"}) == 2


def test_what_is_held_goes_up_and_down(session: TokenSession, reader: InMemoryMetricReader) -> None:
    session.get_token(USER)
    before = Reading(reader).value("entries")

    session.clear()

    reading = Reading(reader)
    assert (before, reading.value("entries"), reading.value("in_flight")) == (1, 0, 0)


def test_only_what_is_held_may_fall(
    metrics: OpenTelemetryMetrics, reader: InMemoryMetricReader
) -> None:
    falling = {name for name, m in Reading(reader).metrics.items() if not m.data.is_monotonic}

    assert falling == {"cognito_devtoken.entries", "cognito_devtoken.in_flight"}


def test_the_scope_is_named_after_the_package(
    metrics: OpenTelemetryMetrics, reader: InMemoryMetricReader
) -> None:
    assert Reading(reader).scopes == ["cognito_devtoken"]


def test_sessions_and_caches_are_summed(
    session: TokenSession,
    fetcher: FakeFetcher,
    clock: ManualClock,
    metrics: OpenTelemetryMetrics,
    request_: TokenRequest,
    reader: InMemoryMetricReader,
) -> None:
    cache = TokenCache(fetcher, clock=clock)
    metrics.watch(cache)

    session.get_token(USER)
    cache.get(request_)

    reading = Reading(reader)
    assert (reading.value("misses"), reading.value("entries")) == (2, 2)
    cache.close()


def test_what_is_collected_shows_neither_user_nor_token_nor_key(
    session: TokenSession,
    clock: ManualClock,
    fetcher: FakeFetcher,
    told: Recorder,
    reader: InMemoryMetricReader,
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

    text = Reading(reader).data.to_json()

    assert "CallerDeniedError" in text
    secrets = {USER, token.token, token.fingerprint, token.identity_id, *keys}
    assert not {secret for secret in secrets if secret in text}


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_provider_of_the_process_may_be_set_later() -> None:
    printed = run("""
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from cognito_devtoken.events import FetchStarted, Reason
from cognito_devtoken.opentelemetry import OpenTelemetryMetrics

hook = OpenTelemetryMetrics()
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
hook(FetchStarted("key", Reason.MISS, 0.2))
(resource,) = reader.get_metrics_data().resource_metrics
for metric in resource.scope_metrics[0].metrics:
    print(metric.name)
""")

    assert {"cognito_devtoken.fetch.time_in_queue", "cognito_devtoken.misses"} <= {
        *printed.splitlines()
    }


def test_the_api_is_enough() -> None:
    printed = run("""
import sys
sys.modules["opentelemetry.sdk"] = None
from cognito_devtoken.events import FetchStarted, Reason
from cognito_devtoken.opentelemetry import OpenTelemetryMetrics
OpenTelemetryMetrics()(FetchStarted("key", Reason.MISS, 0.2))
print("done")
""")

    assert printed == "done\n"


def test_without_the_extra_it_says_which_one() -> None:
    printed = run("""
import sys
sys.modules["opentelemetry"] = None
from cognito_devtoken.exceptions import ConfigurationError
try:
    import cognito_devtoken.opentelemetry
except ConfigurationError as error:
    print(error, *error.__notes__)
""")

    assert printed == (
        "The metrics of OpenTelemetry need opentelemetry, which is not installed. "
        "Install the extra: pip install 'cognito-devtoken[opentelemetry]'\n"
    )


def test_the_package_does_not_load_it() -> None:
    assert run("import sys, cognito_devtoken; print('opentelemetry' in sys.modules)") == "False\n"
