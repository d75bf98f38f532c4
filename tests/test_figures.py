"""The sums of what is watched, which both kinds of metrics show."""

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


def test_every_figure_of_stats_is_shown_once_but_for_those_of_the_histograms() -> None:
    shown = [name for figure in (*COUNTERS, *HELD) for name in figure.parts.values()]

    told_by_events = {"fetches_started", "fetches_succeeded", "fetches_failed", "reasons"}
    assert sorted(shown) == sorted(attrs.fields_dict(Stats).keys() - told_by_events)


def test_what_is_watched_is_summed(watched: Watched, new: Callable[[], TokenCache]) -> None:
    one, two = new(), new()
    for cache in (one, two, one):
        watched.add(cache)
        cache.get(request_for())

    assert watched.figures()["misses"] == 2
    assert watched.figures()["hits"] == 1
    assert watched.figures()["entries"] == 2


def test_what_is_gone_holds_nothing_and_its_counts_do_not_fall(
    watched: Watched, new: Callable[[], TokenCache]
) -> None:
    cache = new()
    watched.add(cache)
    cache.get(request_for())
    before = watched.figures()

    del cache
    gc.collect()

    after = watched.figures()
    assert (before["misses"], before["entries"]) == (1, 1)
    assert (after["misses"], after["entries"]) == (1, 0)
    assert watched._counted == {}


def test_two_readers_at_once_count_what_is_gone_once(
    watched: Watched, new: Callable[[], TokenCache], fetcher: FakeFetcher
) -> None:
    both = Barrier(2)

    class MeetingPoint(TokenCache):
        def stats(self) -> Stats:
            if threading.current_thread() in readers:
                both.wait(PATIENCE)
            return super().stats()

    readers = [Thread(target=watched.figures) for _ in range(2)]
    here, gone = MeetingPoint(fetcher), new()
    watched.add(here)
    watched.add(gone)
    gone.get(request_for())
    assert watched.figures()["misses"] == 1
    del gone
    gc.collect()

    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()

    assert watched.figures()["misses"] == 1


def test_a_reader_that_was_overtaken_takes_no_counts_back(
    watched: Watched, fetcher: FakeFetcher
) -> None:
    has_read, may_go_on = threading.Event(), threading.Event()

    class Slow(TokenCache):
        def stats(self) -> Stats:
            stats = super().stats()
            if threading.current_thread() is overtaken:
                has_read.set()
                assert may_go_on.wait(PATIENCE)
            return stats

    overtaken = Thread(target=watched.figures)
    cache = Slow(fetcher)
    watched.add(cache)
    overtaken.start()
    assert has_read.wait(PATIENCE)
    cache.get(request_for())
    assert watched.figures()["misses"] == 1
    may_go_on.set()
    overtaken.join()
    cache.close()
    del cache
    gc.collect()

    assert watched.figures()["misses"] == 1


def test_a_forked_child_begins_at_zero(
    watched: Watched, new: Callable[[], TokenCache], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache: Any = new()
    watched.add(cache)
    cache.get(request_for())
    assert watched.figures()["misses"] == 1

    ready = cache._leases._before_fork()
    cache._leases._after_fork(ready=ready, in_child=True)
    child = os.getpid() + 1
    monkeypatch.setattr(os, "getpid", lambda: child)

    assert watched.figures()["misses"] == 0
    assert watched.figures()["entries"] == 1
    cache.get(request_for())
    assert watched.figures()["hits"] == 1
