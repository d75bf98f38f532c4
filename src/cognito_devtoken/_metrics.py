"""
What the metrics of Prometheus and of OpenTelemetry show alike.

Law of this module: each figure comes from one place. How long fetches take is told by events,
and the counts of these histograms are the counts of fetches. Everything else is read from
``stats()`` when somebody asks, because a fresh hit makes no event.
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

# Upper bounds in seconds. A fetch is given up after 15 s.
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)


class Figure(NamedTuple):
    """A metric: for each value of its label, which figure of Stats it is."""

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
        "Calls answered with the token at hand, by how it stood.",
        {"fresh": "hits", "due": "due_hits", "grace": "grace_hits"},
        "state",
    ),
    Figure(
        "invalidations",
        "token",
        "Rejected tokens, by whether they were thrown away.",
        {"applied": "invalidations_applied", "ignored": "invalidations_ignored"},
        "result",
    ),
    Figure(
        "store",
        "use",
        "Uses of the shared store, by what came of them.",
        {
            "hit": "store_hits",
            "miss": "store_misses",
            "error": "store_errors",
            "undecryptable": "store_undecryptable",
            "skipped": "store_skipped",
        },
        "result",
    ),
    _plain("misses", "call", "Calls that another token was got for, or that failed."),
    _plain("errors", "call", "Calls that ended with an error."),
    _plain("joined", "call", "Calls that waited for a fetch which another had started."),
    _plain("back_offs", "call", "Calls without a fetch, because the last one had just failed."),
    _plain("fetches_abandoned", "fetch", "Fetches that were given up, sent or not."),
    _plain("tokens_discarded", "token", "Tokens that arrived and were not kept."),
    _plain("store_leases_expired", "lease", "Locks of the shared store that expired in use."),
    _plain("evictions", "token", "Valid tokens that had to make room for others."),
    _plain("expirations", "token", "Tokens that left memory because their life was over."),
    _plain("clock_steps", "step", "Steps of the wall clock of more than 2 s, and freezes."),
    _plain("hook_errors", "error", "Exceptions that event hooks have raised."),
)
HELD = (
    _plain("entries", "token", "Tokens held now."),
    _plain("in_flight", "fetch", "Keys with a fetch sent or queued now."),
)


class Watched:
    """Sums of the ``stats()`` of what is watched, by the names in Stats."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self, sources: Iterable[weakref.ref[Source]] = ()) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._counted = {source: Counter[str]() for source in sources}
        self._gone: Counter[str] = Counter()

    def _begin_if_forked(self) -> None:
        if self._pid != os.getpid():
            self._begin(list(self._counted))  # a child's sessions begin at zero, too

    def add(self, source: Source) -> None:
        """Watch a session or a cache for as long as it lives."""
        self._begin_if_forked()
        with self._lock:
            self._counted.setdefault(weakref.ref(source), Counter())

    def figures(self) -> Counter[str]:
        """What they have counted and hold, with what is gone, so that no counter falls."""
        self._begin_if_forked()
        with self._lock:
            sources = [(ref, ref()) for ref in self._counted]
        held: Counter[str] = Counter()
        for ref, source in sources:
            # Not under the lock: this takes the session's.
            stats = None if source is None else source.stats()
            with self._lock:
                if stats is None:
                    self._gone += self._counted.pop(ref, Counter())
                else:
                    # The larger, should another reader have overtaken this one.
                    self._counted[ref] |= _numbers(stats, COUNTERS)
                    held += _numbers(stats, HELD)
        with self._lock:
            return sum(self._counted.values(), self._gone + held)


def _numbers(stats: Stats, figures: Iterable[Figure]) -> Counter[str]:
    return Counter(
        {name: getattr(stats, name) for figure in figures for name in figure.parts.values()}
    )
