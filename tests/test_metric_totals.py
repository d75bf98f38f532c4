"""Totals over all watched caches, which both metrics backends report."""

import gc
import os
import threading
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import attrs
import pytest

from caching import make_cache, request_for
from cognito_devtoken import Stats, TokenCache
from cognito_devtoken._metrics import COUNTERS, HELD, Watched
from cognito_devtoken.testing import FakeFetcher, ManualClock
from patience import PATIENCE


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def new(fetcher: FakeFetcher, clock: ManualClock) -> Callable[[], TokenCache]:
    return lambda: make_cache(fetcher, clock)


def test_each_field_of_stats_is_reported_once_unless_a_histogram_has_it() -> None:
    shown = [name for figure in (*COUNTERS, *HELD) for name in figure.parts.values()]

    in_histograms = {"fetches_started", "fetches_succeeded", "fetches_failed", "reasons"}
    in_histograms |= {"credentials"}  # the same figures again
    assert sorted(shown) == sorted(attrs.fields_dict(Stats).keys() - in_histograms)


def test_watched_caches_are_summed(watched: Watched, new: Callable[[], TokenCache]) -> None:
    one, two = new(), new()
    for cache in (one, two, one):
        watched.add(cache)
        cache.get(request_for())

    assert watched.figures()["token", "misses"] == 2
    assert watched.figures()["token", "hits"] == 1
    assert watched.figures()["token", "entries"] == 2


def test_a_collected_cache_has_no_entries_and_keeps_its_counts(
    watched: Watched, new: Callable[[], TokenCache]
) -> None:
    cache = new()
    watched.add(cache)
    cache.get(request_for())
    before = watched.figures()

    del cache
    gc.collect()

    after = watched.figures()
    assert (before["token", "misses"], before["token", "entries"]) == (1, 1)
    assert (after["token", "misses"], after["token", "entries"]) == (1, 0)
    assert watched._counted == {}


def test_two_concurrent_readers_count_a_collected_cache_once(
    watched: Watched, new: Callable[[], TokenCache], fetcher: FakeFetcher
) -> None:
    both = Barrier(2)

    class Synchronized(TokenCache):
        def stats(self) -> Stats:
            if threading.current_thread() in readers:
                both.wait(PATIENCE)
            return super().stats()

    readers = [Thread(target=watched.figures) for _ in range(2)]
    alive, collected = Synchronized(fetcher), new()
    watched.add(alive)
    watched.add(collected)
    collected.get(request_for())
    assert watched.figures()["token", "misses"] == 1
    del collected
    gc.collect()

    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()

    assert watched.figures()["token", "misses"] == 1


def test_a_slow_reader_does_not_lower_the_counts(watched: Watched, fetcher: FakeFetcher) -> None:
    has_read, may_go_on = threading.Event(), threading.Event()

    class Slow(TokenCache):
        def stats(self) -> Stats:
            stats = super().stats()
            if threading.current_thread() is slow_reader:
                has_read.set()
                assert may_go_on.wait(PATIENCE)
            return stats

    slow_reader = Thread(target=watched.figures)
    cache = Slow(fetcher)
    watched.add(cache)
    slow_reader.start()
    assert has_read.wait(PATIENCE)
    cache.get(request_for())
    assert watched.figures()["token", "misses"] == 1
    may_go_on.set()
    slow_reader.join()
    cache.close()
    del cache
    gc.collect()

    assert watched.figures()["token", "misses"] == 1


def test_a_forked_child_counts_from_zero(
    watched: Watched, new: Callable[[], TokenCache], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache: Any = new()
    watched.add(cache)
    cache.get(request_for())
    assert watched.figures()["token", "misses"] == 1

    cache._leases._before_fork()
    cache._leases._after_fork(in_child=True)
    child = os.getpid() + 1
    monkeypatch.setattr(os, "getpid", lambda: child)

    assert watched.figures()["token", "misses"] == 0
    assert watched.figures()["token", "entries"] == 1
    cache.get(request_for())
    assert watched.figures()["token", "hits"] == 1
