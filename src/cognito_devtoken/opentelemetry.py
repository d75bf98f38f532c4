"""
OpenTelemetry metrics of sessions.

They need the extra ``opentelemetry``. It installs only the API: without an SDK, nothing is
collected.
"""

from __future__ import annotations

from functools import partial
from itertools import product

from ._metrics import BUCKETS, COUNTERS, HELD, LEASES, Figure, Source, Watched
from ._version import __version__
from .events import Event, FetchFailed, FetchStarted, FetchSucceeded
from .exceptions import ConfigurationError


try:
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter
except ModuleNotFoundError as _error:
    raise ConfigurationError(
        f"OpenTelemetry metrics need {str(_error.name).partition('.')[0]}, which is not installed.",
        hint="Install the extra: pip install 'cognito-devtoken[opentelemetry]'",
    ) from None


__all__ = ["OpenTelemetryMetrics"]

_PREFIX = "cognito_devtoken."
_LEASE = _PREFIX + "lease"
_REASON = _PREFIX + "fetch.reason"


class OpenTelemetryMetrics:
    """
    The summed metrics of any number of sessions.

    This object is an event hook. It also reads the ``stats()`` of the watched sessions whenever
    metrics are collected::

        metrics = OpenTelemetryMetrics()
        session = TokenSession(pool_id, developer_provider=provider, on_event=[metrics])
        metrics.watch(session)

    No attribute names a user, a key or a token. Create only one of these objects per process: the
    instruments of a second object would have the same names.

    Args:
        meter_provider: Where to create the instruments; None uses the global provider, which
            can be set later.
    """

    def __init__(self, meter_provider: MeterProvider | None = None) -> None:
        self._watched = Watched()
        meter = get_meter("cognito_devtoken", __version__, meter_provider)
        self._queued = meter.create_histogram(
            _PREFIX + "fetch.time_in_queue",
            "s",
            "How long fetches waited in the queue.",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )
        self._took = meter.create_histogram(
            _PREFIX + "fetch.duration",
            "s",
            "How long fetches took.",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )
        for figures, make in (
            (COUNTERS, meter.create_observable_counter),
            (HELD, meter.create_observable_up_down_counter),
        ):
            for figure in figures:
                read = partial(self._observe, figure)
                make(_PREFIX + figure.name, [read], f"{{{figure.unit}}}", figure.text)

    def watch(self, session: Source) -> None:
        """
        Read the ``stats()`` of a session or a cache whenever metrics are collected.

        This does not keep the session alive. Once the session is gone, the gauges no longer include
        it. The counters still include the last values that were read from it, because a counter
        must not decrease.
        """
        self._watched.add(session)

    def __call__(self, event: Event) -> None:
        """Record an event."""
        if isinstance(event, FetchStarted):
            self._queued.record(event.queued, _attributes(event))
        elif isinstance(event, FetchSucceeded):
            self._took.record(event.took, _attributes(event))
        elif isinstance(event, FetchFailed):
            self._took.record(event.took, _attributes(event) | {"error.type": event.error})

    def _observe(self, figure: Figure, options: CallbackOptions) -> list[Observation]:
        read = self._watched.figures()
        return [
            Observation(
                read[lease, name],
                {_LEASE: lease} | ({_PREFIX + figure.label: part} if figure.label else {}),
            )
            for lease, (part, name) in product(LEASES, figure.parts.items())
        ]


def _attributes(event: FetchStarted | FetchSucceeded | FetchFailed) -> dict[str, str]:
    return {_LEASE: event.lease, _REASON: event.reason.value}
