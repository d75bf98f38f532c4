"""The thread that renews locks: started for the first lock, ended after the last."""

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from queue import Empty
from typing import Any

import pytest
from in_flight import StartCall, open_calls

from caching import PROVIDER, ManualThreads, Recorder, request_for
from cognito_devtoken import OpenIdToken, TokenCache, TokenRequest
from cognito_devtoken._sharing.background import AFTER_FAILURE
from cognito_devtoken._sharing.locks import LOCK_SECONDS, RENEW_EVERY, HeldLocks
from cognito_devtoken.events import StoreFailed
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from hosts import HostFactory, locks_of, record_waits
from patience import PATIENCE


@pytest.fixture
def call(fetcher: FakeFetcher) -> Iterator[StartCall]:
    """A function that has a host call Cognito, and leaves the call in flight."""
    with open_calls(fetcher) as start:
        yield start


def test_one_thread_renews_all_leases_and_ends_when_none_is_held(
    new_host: HostFactory, clock: ManualClock, store: MemoryStore, call: StartCall
) -> None:
    host = new_host()
    started: list[Callable[[], None]] = []
    locks_of(host).thread.start_thread = started.append
    renewed: list[str] = []
    renew = store.renew

    def record_renewal(name: str, owner: str, seconds: float) -> bool:
        renewed.append(owner)
        return renew(name, owner, seconds)

    store.renew = record_renewal  # type: ignore[method-assign]
    flights = [call(host, request_for(user)) for user in ("ana", "bob")]
    assert len(started) == 1
    clock.advance(RENEW_EVERY)
    assert locks_of(host).renew_due() == RENEW_EVERY
    assert len(set(renewed)) == len(renewed) == 2
    for flight in flights:
        flight.complete()
    assert locks_of(host).renew_due() is None

    call(host, request_for("eve"))
    assert len(started) == 2


def test_a_real_thread_renews_a_lock_and_ends_with_its_session(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    renewed = threading.Event()

    class Renewed(MemoryStore):
        def renew(self, name: str, owner: str, seconds: float) -> bool:
            renewed.set()
            return super().renew(name, owner, seconds)

    class UntilRenewed:
        def fetch(self, request: TokenRequest) -> OpenIdToken:
            assert renewed.wait(PATIENCE)
            return FakeFetcher().fetch(request)

    cache = TokenCache(UntilRenewed(), developer_provider=PROVIDER, store=Renewed())
    thread: list[threading.Thread] = []

    def start(run: Callable[[], None]) -> None:
        thread.append(threading.Thread(target=run, daemon=True))
        thread[0].start()

    locks_of(cache).thread.start_thread = start

    cache.get(request_for())
    cache.close()

    thread[0].join(PATIENCE)
    assert not thread[0].is_alive()
    assert cache.stats().store_errors == 0


@pytest.mark.parametrize("error", [RuntimeError, MemoryError])
def test_without_a_thread_a_lock_lasts_2_s_and_the_next_lock_tries_to_start_one(
    new_host: HostFactory,
    fetcher: FakeFetcher,
    clock: ManualClock,
    call: StartCall,
    error: type[Exception],
) -> None:
    holder, waiter = new_host(), new_host()
    tried: list[object] = []

    def cannot_start(run: object) -> None:
        tried.append(run)
        raise error

    locks_of(holder).thread.start_thread = cannot_start
    flight = call(holder)
    waits = record_waits(waiter, clock)

    waiter.get(request_for())
    flight.complete()
    holder.get(request_for("another"))

    assert LOCK_SECONDS <= sum(waits) <= LOCK_SECONDS + 0.25
    assert len(tried) == 2
    assert holder.stats().store_locks_expired == 1
    assert holder.stats().errors == 0


def test_an_interrupt_while_the_thread_starts_leaves_the_start_to_the_next_lock(
    new_host: HostFactory,
) -> None:
    host = new_host()
    tried: list[object] = []

    def interrupted(run: object) -> None:
        tried.append(run)
        raise KeyboardInterrupt

    locks_of(host).thread.start_thread = interrupted
    for user in ("ana", "bob"):
        with pytest.raises(KeyboardInterrupt):
            locks_of(host).hold(lock_for(host, user))

    assert len(tried) == 2


def lock_for(host: TokenCache, user: str) -> Any:
    from cognito_devtoken._cache.flights import Flight
    from cognito_devtoken._sharing.locks import HeldLock
    from cognito_devtoken._values.key import Key
    from cognito_devtoken.events import Reason

    now = host._state.now()
    flight = Flight[TokenRequest, OpenIdToken](
        Key.of(request_for(user), PROVIDER), request_for(user), Reason.MISS, now
    )
    return HeldLock(flight, user, "owner", now)


def test_a_round_that_fails_is_reported_and_the_next_one_renews_the_lock(
    new_host: HostFactory, recorder: Recorder, call: StartCall
) -> None:
    class BrokenClock(ManualClock):
        broken = False

        def monotonic(self) -> float:
            if self.broken:
                raise ZeroDivisionError
            return super().monotonic()

    class Pause:
        """The thread's pause between two renewals."""

        def put(self, item: None) -> None: ...

        def get(self, timeout: float) -> None:
            pauses.append(timeout)
            clock.advance(RENEW_EVERY)
            clock.broken = len(pauses) == 2
            if len(pauses) == 3:
                renewed.append(next(iter(locks_of(host)._held)).tried.age(host._state.now()))
            if len(pauses) == 4:
                renewed.append(next(iter(locks_of(host)._held)).tried.age(host._state.now()))
                flight.complete()
            raise Empty

    clock, pauses, renewed = BrokenClock(), list[float](), list[float]()
    host = new_host(clock=clock)
    threads = ManualThreads()
    locks_of(host).thread.start_thread = threads.start
    locks_of(host).thread.wake = Pause()
    flight = call(host)

    threads.run_all()

    assert pauses == pytest.approx([RENEW_EVERY, RENEW_EVERY, AFTER_FAILURE, RENEW_EVERY])
    assert renewed == pytest.approx([2 * RENEW_EVERY, RENEW_EVERY])
    host.get(request_for("another"))
    assert recorder.of(StoreFailed) == [StoreFailed("renew", "ZeroDivisionError", 0.0)]
    assert host.stats().store_errors == 1
    assert host.stats().store_locks_expired == 0


def test_a_forked_child_holds_no_lock_and_starts_its_own_thread(
    new_host: HostFactory, clock: ManualClock, store: MemoryStore, call: StartCall
) -> None:
    host = new_host()
    started: list[object] = []
    locks_of(host).thread.start_thread = started.append
    flight = call(host)
    of_parent = locks_of(host)._held.copy()

    host._leases._before_fork()
    host._leases._after_fork(in_child=True)

    clock.advance(RENEW_EVERY)
    call(host, request_for("another"))
    assert len(started) == 2
    assert locks_of(host)._held.isdisjoint(of_parent)
    flight.complete()


def test_the_thread_does_not_keep_an_unclosed_cache_alive(
    fetcher: FakeFetcher, store: MemoryStore
) -> None:
    cache = [TokenCache(fetcher, developer_provider=PROVIDER, store=store)]
    locks: weakref.ref[HeldLocks] = weakref.ref(locks_of(cache[0]))
    alive: list[bool] = []

    class Pause:
        """The thread's pause between two renewals."""

        def get(self, timeout: float) -> None:
            if alive:
                cache.clear()
                gc.collect()
            alive.append(locks() is not None)
            raise Empty

    started: list[Callable[[], None]] = []
    locks_of(cache[0]).thread.start_thread = started.append
    locks_of(cache[0]).thread.wake = Pause()
    locks_of(cache[0]).hold(lock_for(cache[0], "user-42"))

    started[0]()

    assert alive == [True, False]


def test_closing_the_cache_wakes_the_thread(new_host: HostFactory) -> None:
    host = new_host()

    host.close()

    assert locks_of(host).thread.wake.get_nowait() is None
