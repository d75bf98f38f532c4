"""
The metrics that Prometheus and OpenTelemetry share.

Law of this module: each figure comes from one place. The durations of fetches come from events;
their histograms also count the fetches. Everything else is read from ``stats()`` when metrics are
collected, because a fresh hit emits no event.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ._cache.stats import Stats
from ._session.cache import TokenCache
from ._session.sessions import AsyncTokenSession, TokenSession


Source = TokenSession | AsyncTokenSession | TokenCache

# What a session holds: the values of a label that every metric has.
LEASES = ("token", "credentials")
# The upper bounds of the histograms, in seconds. A fetch is abandoned after 15 s.
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)


class Figure(NamedTuple):
    """A metric, and the field of Stats for each value of its label."""

    name: str
    unit: str
    text: str
    parts: Mapping[str, str]
    label: str | None = None


def _plain(name: str, unit: str, text: str) -> Figure:
    return Figure(name, unit, text, {"": name})


COUNTERS = (
    Figure(
        "hits",
        "call",
        "Calls answered with the cached token, by its state.",
        {"fresh": "hits", "due": "due_hits", "grace": "grace_hits"},
        "state",
    ),
    Figure(
        "invalidations",
        "token",
        "Rejected tokens, by whether they were removed.",
        {"applied": "invalidations_applied", "ignored": "invalidations_ignored"},
        "result",
    ),
    Figure(
        "store",
        "use",
        "Uses of the shared store, by result.",
        {
            "hit": "store_hits",
            "miss": "store_misses",
            "error": "store_errors",
            "undecryptable": "store_undecryptable",
            "skipped": "store_skipped",
        },
        "result",
    ),
    _plain("misses", "call", "Calls that needed a new token, or that failed."),
    _plain("errors", "call", "Calls that raised an error."),
    _plain("joined", "call", "Calls that joined a fetch that was already in flight or queued."),
    _plain("back_offs", "call", "Calls without a fetch, because the key was backing off."),
    _plain("fetches_abandoned", "fetch", "Fetches that were abandoned, sent or still queued."),
    _plain("tokens_discarded", "token", "Tokens that arrived and were not kept."),
    _plain("store_locks_expired", "lock", "Locks of the shared store that expired while held."),
    _plain("evictions", "token", "Valid tokens that were evicted, because the cache was full."),
    _plain("expirations", "token", "Expired tokens that were removed."),
    _plain("clock_steps", "step", "Steps of the wall clock of more than 2 s, and freezes."),
    _plain("hook_errors", "error", "Exceptions that event hooks raised."),
)
HELD = (
    _plain("entries", "token", "Tokens held now."),
    _plain("in_flight", "fetch", "Keys for which a fetch is in flight or queued now."),
)


class Watched:
    """Sums up the ``stats()`` of sessions and caches, by the fields of Stats."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self, sources: Iterable[weakref.ref[Source]] = ()) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._counted = {source: Counter[tuple[str, str]]() for source in sources}
        self._gone = Counter[tuple[str, str]]()

    def _begin_if_forked(self) -> None:
        if self._pid != os.getpid():
            self._begin(list(self._counted))  # a child's sessions start at zero, too

    def add(self, source: Source) -> None:
        """Watch a session or a cache for as long as it lives."""
        self._begin_if_forked()
        with self._lock:
            self._counted.setdefault(weakref.ref(source), Counter())

    def figures(self) -> Counter[tuple[str, str]]:
        """
        Return the sums by lease and name.

        The counters include sessions that are gone, because a counter must not decrease.
        """
        self._begin_if_forked()
        with self._lock:
            sources = [(ref, ref()) for ref in self._counted]
        held = Counter[tuple[str, str]]()
        for ref, source in sources:
            # Call stats() without our lock, because it takes the session's lock.
            stats = None if source is None else source.stats()
            with self._lock:
                if stats is None:
                    self._gone += self._counted.pop(ref, Counter())
                else:
                    # Keep the larger figure: another thread may already have stored a newer one.
                    self._counted[ref] |= _numbers(stats, COUNTERS)
                    held += _numbers(stats, HELD)
        with self._lock:
            return sum(self._counted.values(), self._gone + held)


def _numbers(stats: Stats, figures: Iterable[Figure]) -> Counter[tuple[str, str]]:
    return Counter(
        {
            (lease, name): getattr(each, name)
            for lease, each in zip(LEASES, (stats, stats.credentials), strict=True)
            if each
            for figure in figures
            for name in figure.parts.values()
        }
    )
