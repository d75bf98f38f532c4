"""What only OpenTelemetry has: units, kinds of instruments, and providers set later."""

from collections.abc import Iterator

import pytest


pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from cognito_devtoken.events import FetchStarted, FetchSucceeded, Reason
from monitoring import OpenTelemetry, opened
from scripts import run_script


@pytest.fixture
def backend() -> Iterator[OpenTelemetry]:
    with opened("opentelemetry") as backend:
        yield backend


def test_histograms_are_in_seconds(backend: OpenTelemetry) -> None:
    backend.metrics(FetchStarted("key", Reason.MISS, 0.2))
    backend.metrics(FetchSucceeded("key", Reason.MISS, 0.2, "fingerprint", 900))

    collected = backend.collected()
    assert collected["fetch.duration"].unit == "s"
    assert collected["fetch.time_in_queue"].unit == "s"


def test_only_gauges_may_decrease(backend: OpenTelemetry) -> None:
    decreasing = {name for name, m in backend.collected().items() if not m.data.is_monotonic}

    assert decreasing == {"entries", "in_flight"}


def test_the_scope_is_named_after_the_package(backend: OpenTelemetry) -> None:
    assert backend.scopes() == ["cognito_devtoken"]


@pytest.mark.external
def test_the_global_provider_may_be_set_later() -> None:
    printed = run_script("""
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


@pytest.mark.external
def test_the_hook_needs_the_api_but_not_the_sdk() -> None:
    printed = run_script("""
import sys
sys.modules["opentelemetry.sdk"] = None
from cognito_devtoken.events import FetchStarted, Reason
from cognito_devtoken.opentelemetry import OpenTelemetryMetrics
OpenTelemetryMetrics()(FetchStarted("key", Reason.MISS, 0.2))
print("done")
""")

    assert printed == "done\n"
