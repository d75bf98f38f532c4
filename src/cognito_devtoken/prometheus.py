"""
What sessions do, as metrics of Prometheus.

Needs the extra ``prometheus``.
"""

from __future__ import annotations

from collections.abc import Iterator

from ._metrics import BUCKETS, COUNTERS, HELD, Source, Watched
from .events import Event, FetchFailed, FetchStarted, FetchSucceeded
from .exceptions import ConfigurationError


try:
    from prometheus_client import REGISTRY, CollectorRegistry, Histogram
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
except ModuleNotFoundError as _error:
    raise ConfigurationError(
        "The metrics of Prometheus need "
        f"{str(_error.name).partition('.')[0]}, which is not installed.",
        hint="Install the extra: pip install 'cognito-devtoken[prometheus]'",
    ) from None


__all__ = ["PrometheusMetrics"]

_PREFIX = "cognito_devtoken_"


class PrometheusMetrics:
    """
    Metrics of any number of sessions, summed.

    It is a hook for their events, and reads the ``stats()`` of those that it watches whenever
    it is scraped::

        metrics = PrometheusMetrics()
        session = TokenSession(pool_id, developer_provider=provider, on_event=[metrics])
        metrics.watch(session)

    No label names a user, a key or a token.

    Args:
        registry: Where to register the metrics: that of the process, unless told otherwise.

    Raises:
        ValueError: If the registry has such metrics already.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._watched = Watched()
        self._queued = Histogram(
            _PREFIX + "fetch_time_in_queue_seconds",
            "For how long fetches have waited for their turn, by why they were started.",
            ["reason"],
            registry=registry,
            buckets=BUCKETS,
        )
        self._took = Histogram(
            _PREFIX + "fetch_duration_seconds",
            "How long fetches took, by why they were started and the error, or ok.",
            ["reason", "outcome"],
            registry=registry,
            buckets=BUCKETS,
        )
        registry.register(self)

    def watch(self, session: Source) -> None:
        """
        Read the ``stats()`` of a session, or a cache, at each scrape.

        It is not kept alive. When it is gone, what it held is no longer shown; what it has
        counted still is, as far as it had been read, because a counter must not fall.
        """
        self._watched.add(session)

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        if isinstance(event, FetchStarted):
            self._queued.labels(event.reason).observe(event.queued)
        elif isinstance(event, FetchSucceeded):
            self._took.labels(event.reason, "ok").observe(event.took)
        elif isinstance(event, FetchFailed):
            self._took.labels(event.reason, event.error).observe(event.took)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """:meta private: What the registry asks for at a scrape: the figures of ``stats()``."""
        read = self._watched.figures()
        for kind, figures in ((CounterMetricFamily, COUNTERS), (GaugeMetricFamily, HELD)):
            for figure in figures:
                labels = [figure.label] if figure.label else []
                family = kind(_PREFIX + figure.name, figure.text, labels=labels)
                for part, name in figure.parts.items():
                    family.add_metric([part] if figure.label else [], read[name])
                yield family
