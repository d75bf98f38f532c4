"""The thread that reads the invalidations of other hosts."""

import gc
import threading
import weakref
from collections.abc import Callable
from queue import Empty

import pytest

from caching import PROVIDER, Crew, asking, in_the_air, until
from cognito_devtoken import TokenCache
from cognito_devtoken._sharing.invalidation_log import LISTEN_EVERY, InvalidationLog
from cognito_devtoken.exceptions import TokenUnavailableError
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from hosts import Hosts, listen, log_of


def listeners() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "cognito-devtoken"]


def test_a_host_that_only_has_hits_hears_of_it_within_2_s(
    new_host: Hosts, clock: ManualClock
) -> None:
    here, there = new_host(), new_host()
    crew = Crew()
    log_of(there).start_thread = crew.start
    held: list[int] = []

    class Pause:
        """The thread's pause between two looks, by the manual clock."""

        def empty(self) -> bool:
            return True

        def put(self, item: None) -> None: ...

        def get(self, timeout: float) -> None:
            assert timeout == LISTEN_EVERY == 2
            clock.advance(timeout)
            held.append(there.stats().entries)
            if len(held) == 1:
                here.forget("user-42")
                listen(here)
            if len(held) == 2:
                there.close()
            raise Empty

    log_of(there)._wake = Pause()
    here.get(asking())
    there.get(asking())

    crew.work()

    assert held == [1, 0]


def test_a_real_thread_listens_and_ends_with_its_cache(
    fetcher: FakeFetcher, store: MemoryStore
) -> None:
    here, there = (TokenCache(fetcher, developer_provider=PROVIDER, store=store) for _ in "ab")
    old = here.get(asking())
    assert there.get(asking()) == old
    here.forget("user-42")
    until(lambda: store._messages != [])

    log_of(there)._wake.put(None)  # it need not wait for its next look

    until(lambda: not there.stats().entries)
    here.close()
    there.close()
    until(lambda: not listeners())


def test_the_thread_ends_when_there_is_nothing_to_hear_and_comes_back(
    new_host: Hosts, clock: ManualClock
) -> None:
    host = new_host()
    started: list[object] = []
    log_of(host).start_thread = started.append
    host.get(asking())
    assert len(started) == 1
    assert log_of(host).listen_once()
    host.clear()
    assert log_of(host).listen_once(), "it has something to tell"
    assert not log_of(host).listen_once()

    host.get(asking())
    assert len(started) == 2
    host.close()
    assert not log_of(host).listen_once()


def test_without_a_thread_each_flight_listens_before_it_looks(
    new_host: Hosts, fetcher: FakeFetcher
) -> None:
    def fail(run: object) -> None:
        raise RuntimeError("can't start new thread")

    here, there = new_host(), new_host()
    log_of(there).start_thread = fail
    old = there.get(asking())
    here.forget("user-42")
    listen(here)
    there.get(asking("another"))

    assert there.get(asking()) != old


def test_a_host_that_starts_while_the_store_is_down_hears_once_it_is_back(
    new_host: Hosts, store: MemoryStore, clock: ManualClock
) -> None:
    here, there = new_host(), new_host()
    started: list[Callable[[], None]] = []
    log_of(there).start_thread = started.append
    store.error = ConnectionError("down")
    old = there.get(asking())
    store.error = None
    here.forget("user-42")
    listen(here)
    clock.advance(30)

    assert len(started) == 1
    listen(there)

    assert there.stats().entries == 0
    assert there.get(asking()) != old


def test_a_token_that_is_given_up_and_lands_late_is_heard_for(
    new_host: Hosts, clock: ManualClock
) -> None:
    crew = Crew()
    host = new_host(start_thread=crew.start)
    log_of(host).start_thread = lambda run: None
    steps = host._leases.steps(asking(), None, None)
    next(steps)
    land = in_the_air(host, crew)
    log_of(host).ensure_listener()
    clock.advance(20)
    with pytest.raises(TokenUnavailableError):
        next(steps)

    assert log_of(host).listen_once(), "it may still come"
    land()
    assert log_of(host).listen_once()


def test_a_signal_handler_may_close_in_the_middle_of_telling(new_host: Hosts) -> None:
    host = new_host()
    exchange = log_of(host)
    wake = exchange._wake

    class Interrupted:
        def put(self, item: None) -> None:
            if not host._state.closed:
                host.close()
            wake.put(item)

        def __getattr__(self, name: str) -> object:
            return getattr(wake, name)

    exchange._wake = Interrupted()

    host.forget("user-42")

    assert host._state.closed


def test_a_cache_that_nobody_closes_is_not_kept_alive_by_its_thread(
    fetcher: FakeFetcher, store: MemoryStore
) -> None:
    cache = TokenCache(fetcher, developer_provider=PROVIDER, store=store)
    cache._leases.workers.idle_seconds = 0
    cache.get(asking())
    exchange: weakref.ref[InvalidationLog] = weakref.ref(log_of(cache))
    wake = log_of(cache)._wake
    del cache

    def gone() -> bool:
        gc.collect()
        wake.put(None)
        return exchange() is None and not listeners()

    until(gone)


def test_an_interrupt_while_a_thread_is_started_leaves_it_to_the_next(new_host: Hosts) -> None:
    exchange = log_of(new_host())
    started: list[object] = []

    def interrupted(run: object) -> None:
        started.append(run)
        raise KeyboardInterrupt

    exchange.start_thread = interrupted
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            exchange.ensure_listener()

    assert len(started) == 2


def test_a_store_that_is_left_alone_is_not_listened_to(new_host: Hosts, store: MemoryStore) -> None:
    host = new_host()
    host.get(asking())
    store.error = ConnectionError("down")
    for _ in range(10):
        assert log_of(host).listen_once()

    assert host.stats().store_errors == 3


def test_a_forked_child_tells_nothing_for_its_parent_and_listens_for_itself(
    new_host: Hosts, store: MemoryStore
) -> None:
    host = new_host()
    host.get(asking())
    host.get(asking("another"))
    log_of(host)._listening = True
    host.forget("user-42")

    ready = host._leases._before_fork()
    finish = host._leases._after_fork(ready=ready, in_child=True)
    started: list[object] = []
    log_of(host).start_thread = started.append
    assert finish
    finish()  # with hits alone it would not hear, else

    assert store._messages == []
    assert len(started) == 1


def test_a_forked_child_without_a_token_has_nothing_to_hear(new_host: Hosts) -> None:
    host = new_host()

    ready = host._leases._before_fork()

    assert host._leases._after_fork(ready=ready, in_child=True) is None
