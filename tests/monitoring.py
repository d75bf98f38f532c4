"""Metrics backends, and how to read what each has collected."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import attrs
import pytest


@attrs.frozen
class Histogram:
    count: int
    sum: float
    buckets: Mapping[float, int]
    """The number of observations in each non-empty bucket, by its upper bound."""


class Backend(Protocol):
    """
    A backend and what it has collected.

    A metric is named as in ``Stats`` or as ``fetch_duration`` and ``fetch_time_in_queue``; a
    failed fetch has the label ``error``, whatever the backend calls it. It is one of tokens unless
    the label ``lease`` says otherwise.
    """

    metrics: Any
    """The hook."""

    def value(self, name: str, **labels: str) -> float | None:
        """The value of a counter or a gauge."""

    def histogram(
        self, name: str, *, reason: str, error: str | None = None, lease: str = "token"
    ) -> Histogram: ...

    def text(self) -> str:
        """Everything collected."""


class Prometheus:
    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry

        from cognito_devtoken.prometheus import PrometheusMetrics

        self.registry = CollectorRegistry()
        self.metrics = PrometheusMetrics(self.registry)

    def sample(self, name: str, **labels: str) -> float | None:
        labels = {"lease": "token"} | labels
        return self.registry.get_sample_value(f"cognito_devtoken_{name}", labels)

    def value(self, name: str, **labels: str) -> float | None:
        held = name in ("entries", "in_flight")
        return self.sample(name if held else f"{name}_total", **labels)

    def histogram(
        self, name: str, *, reason: str, error: str | None = None, lease: str = "token"
    ) -> Histogram:
        labels = {"lease": lease, "reason": reason}
        if name == "fetch_duration":
            labels["outcome"] = error or "ok"
        samples = {
            sample.name.removeprefix(f"cognito_devtoken_{name}_seconds_"): sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.labels == labels
        }
        bounds = {
            float(sample.labels["le"]): int(sample.value)
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == f"cognito_devtoken_{name}_seconds_bucket"
            and labels.items() <= sample.labels.items()
        }
        buckets, below = {}, 0
        for bound, count in sorted(bounds.items()):
            if count > below:
                buckets[bound] = count - below
            below = count
        return Histogram(int(samples["count"]), samples["sum"], buckets)

    def text(self) -> str:
        from prometheus_client import generate_latest

        return generate_latest(self.registry).decode()


class OpenTelemetry:
    def __init__(self) -> None:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader

        from cognito_devtoken.opentelemetry import OpenTelemetryMetrics

        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False)
        self.metrics = OpenTelemetryMetrics(self.provider)

    def _scopes(self) -> list[Any]:
        data: Any = self.reader.get_metrics_data()
        resources = data.resource_metrics if data else ()
        return [scope for resource in resources for scope in resource.scope_metrics]

    def scopes(self) -> list[str]:
        return [scope.scope.name for scope in self._scopes()]

    def collected(self) -> dict[str, Any]:
        return {
            metric.name.removeprefix("cognito_devtoken."): metric
            for scope in self._scopes()
            for metric in scope.metrics
        }

    def _point(self, name: str, attributes: Mapping[str, str]) -> Any:
        points = self.collected()[name].data.data_points
        (point,) = [point for point in points if dict(point.attributes) == attributes]
        return point

    def value(self, name: str, **labels: str) -> float | None:
        labels = {"lease": "token"} | labels
        attributes = {f"cognito_devtoken.{label}": value for label, value in labels.items()}
        return float(self._point(name, attributes).value)

    def histogram(
        self, name: str, *, reason: str, error: str | None = None, lease: str = "token"
    ) -> Histogram:
        attributes = {"cognito_devtoken.lease": lease, "cognito_devtoken.fetch.reason": reason}
        if error:
            attributes["error.type"] = error
        point = self._point(re.sub("^fetch_", "fetch.", name), attributes)
        bounds = [*point.explicit_bounds, float("inf")]
        buckets = {b: n for b, n in zip(bounds, point.bucket_counts, strict=True) if n}
        return Histogram(point.count, point.sum, buckets)

    def text(self) -> str:
        data = self.reader.get_metrics_data()
        return data.to_json() if data else ""


@contextmanager
def opened(name: str) -> Iterator[Any]:
    """Open a backend, or skip the test if it is not installed."""
    if name == "prometheus":
        pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")
        yield Prometheus()
        return
    pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")
    backend = OpenTelemetry()
    yield backend
    backend.provider.shutdown()
