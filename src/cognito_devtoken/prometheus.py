"""
Prometheus metrics of sessions.

They need the extra ``prometheus``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from ._metrics import BUCKETS, COUNTERS, HELD, LEASES, Source, Watched
from .events import Event, FetchFailed, FetchStarted, FetchSucceeded
from .exceptions import ConfigurationError


try:
    from prometheus_client import REGISTRY, CollectorRegistry, Histogram
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
except ModuleNotFoundError as _error:
    raise ConfigurationError(
        f"Prometheus metrics need {str(_error.name).partition('.')[0]}, which is not installed.",
        hint="Install the extra: pip install 'cognito-devtoken[prometheus]'",
    ) from None


__all__ = ["PrometheusMetrics"]

_PREFIX = "cognito_devtoken_"


class PrometheusMetrics:
    """
    The summed metrics of any number of sessions.

    This object is an event hook. It also reads the ``stats()`` of the watched sessions at each
    scrape::

        metrics = PrometheusMetrics()
        session = TokenSession(pool_id, developer_provider=provider, on_event=[metrics])
        metrics.watch(session)

    No label names a user, a key or a token.

    Args:
        registry: Where to register the metrics; None uses the registry of the process.

    Raises:
        ValueError: If the registry already has these metrics.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = REGISTRY if registry is None else registry
        self._watched = Watched()
        self._queued = Histogram(
            _PREFIX + "fetch_time_in_queue_seconds",
            "How long fetches waited in the queue, by lease and reason.",
            ["lease", "reason"],
            registry=registry,
            buckets=BUCKETS,
        )
        self._took = Histogram(
            _PREFIX + "fetch_duration_seconds",
            "How long fetches took, by lease, reason and outcome: the error, or ok.",
            ["lease", "reason", "outcome"],
            registry=registry,
            buckets=BUCKETS,
        )
        registry.register(self)

    def watch(self, session: Source) -> None:
        """
        Read the ``stats()`` of a session or a cache at each scrape.

        This does not keep the session alive. Once the session is gone, the gauges no longer include
        it. The counters still include the last values that were read from it, because a counter
        must not decrease.
        """
        self._watched.add(session)

    def __call__(self, event: Event) -> None:
        """Record an event."""
        if isinstance(event, FetchStarted):
            self._queued.labels(event.lease, event.reason).observe(event.queued)
        elif isinstance(event, FetchSucceeded):
            self._took.labels(event.lease, event.reason, "ok").observe(event.took)
        elif isinstance(event, FetchFailed):
            self._took.labels(event.lease, event.reason, event.error).observe(event.took)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """:meta private: Yield the figures of ``stats()`` when the registry is scraped."""
        read = self._watched.figures()
        for kind, figures in ((CounterMetricFamily, COUNTERS), (GaugeMetricFamily, HELD)):
            for figure in figures:
                labels = ["lease", figure.label] if figure.label else ["lease"]
                family = kind(_PREFIX + figure.name, figure.text, labels=labels)
                for lease, (part, name) in product(LEASES, figure.parts.items()):
                    values = [lease, part] if figure.label else [lease]
                    family.add_metric(values, read[lease, name])
                yield family
