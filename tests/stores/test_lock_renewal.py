"""The holder of the shared store's lock renews it while its call to Cognito is in flight."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from in_flight import CallInFlight, StartCall, open_calls

from caching import Recorder, request_for
from cognito_devtoken import TokenCache
from cognito_devtoken._cache.flights import DEADLINE
from cognito_devtoken._sharing.locks import LOCK_SECONDS, RENEW_EVERY
from cognito_devtoken.events import StoreLockExpired
from cognito_devtoken.exceptions import InternalServiceError
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from hosts import HostFactory, locks_of, record_waits


@pytest.fixture
def call(fetcher: FakeFetcher) -> Iterator[StartCall]:
    """A function that has a host call Cognito, and leaves the call in flight."""
    with open_calls(fetcher) as start:
        yield start


@pytest.fixture
def host(new_host: HostFactory) -> TokenCache:
    return new_host()


@pytest.fixture
def flight(host: TokenCache, call: StartCall) -> CallInFlight:
    """A call of the host."""
    return call(host)


def renewing(host: TokenCache) -> Callable[[], None]:
    """Return the tick of a host's renewing thread: it renews the locks that are due."""
    return lambda: locks_of(host).renew_due()


def pass_time(clock: ManualClock, seconds: float, *hosts: TokenCache) -> None:
    """Let time pass while hosts renew their locks."""
    for _ in range(round(seconds / RENEW_EVERY)):
        clock.advance(RENEW_EVERY)
        for host in hosts:
            locks_of(host).renew_due()


def test_two_hosts_share_one_call_that_takes_8_s(
    new_host: HostFactory, fetcher: FakeFetcher, clock: ManualClock, call: StartCall
) -> None:
    holder, waiter = new_host(), new_host()
    flight = call(holder)

    def meanwhile() -> None:
        locks_of(holder).renew_due()
        if sum(waits) >= 8 and not flight.completed:
            flight.complete()

    waits = record_waits(waiter, clock, meanwhile)

    token = waiter.get(request_for())

    assert holder.get(request_for()) == token
    assert len(fetcher.calls) == 1
    assert 8 <= sum(waits) <= 8.25
    assert [host.stats().store_locks_expired for host in (holder, waiter)] == [0, 0]


@pytest.mark.parametrize("renewed_for", [0, 3])
def test_a_killed_holder_costs_2_s_and_one_more_call(
    new_host: HostFactory,
    fetcher: FakeFetcher,
    clock: ManualClock,
    call: StartCall,
    renewed_for: float,
) -> None:
    holder, waiter = new_host(), new_host()
    call(holder)
    pass_time(clock, renewed_for, holder)
    waits = record_waits(waiter, clock)

    waiter.get(request_for())

    assert LOCK_SECONDS == 2
    assert LOCK_SECONDS <= sum(waits) <= LOCK_SECONDS + 0.25
    assert len(fetcher.calls) == 1, "besides the call of the holder, which never returned"


def test_a_call_that_is_faster_than_a_renewal_costs_no_round_trip(
    host: TokenCache, clock: ManualClock, store: MemoryStore, call: StartCall
) -> None:
    store.renew = lambda *arguments: pytest.fail("it renews a lock")  # type: ignore[method-assign]
    flight = call(host)
    clock.advance(RENEW_EVERY - 0.125)

    assert locks_of(host).renew_due() == 0.125, "until the renewal is due"
    flight.complete()
    assert locks_of(host).renew_due() is None


def test_a_lock_that_expired_before_its_renewal_is_counted_once_with_an_event(
    host: TokenCache,
    clock: ManualClock,
    store: MemoryStore,
    recorder: Recorder,
    flight: CallInFlight,
) -> None:
    clock.advance(LOCK_SECONDS + 1)  # for example while the process is suspended

    locks_of(host).renew_due()
    assert host.stats().store_locks_expired == 1
    locks_of(host).renew_due()
    flight.complete()

    assert host.stats().store_locks_expired == 1
    (event,) = recorder.of(StoreLockExpired)
    assert event == StoreLockExpired(host._state.entries.leases.popitem()[0].digest, held=3)
    assert store.values, "its token is still stored"


def test_a_lock_whose_renewal_fails_expires_and_is_counted(
    new_host: HostFactory,
    fetcher: FakeFetcher,
    clock: ManualClock,
    store: MemoryStore,
    call: StartCall,
) -> None:
    holder, waiter = new_host(), new_host()
    flight = call(holder)
    store.renew = fail  # type: ignore[assignment]
    waits = record_waits(waiter, clock, renewing(holder))

    waiter.get(request_for())
    flight.complete()

    assert LOCK_SECONDS <= sum(waits) <= LOCK_SECONDS + 0.25
    assert len(fetcher.calls) == 2
    assert holder.stats().store_locks_expired == 1
    assert holder.stats().store_errors == 3
    assert holder.stats().errors == 0


def fail(*arguments: object) -> bool:
    raise ConnectionError


@pytest.mark.parametrize("response", [None, 1, "True"])
def test_a_renewal_with_an_invalid_response_counts_as_failed(
    host: TokenCache, clock: ManualClock, store: MemoryStore, call: StartCall, response: Any
) -> None:
    call(host)
    store.renew = lambda *arguments: response  # type: ignore[method-assign]
    clock.advance(RENEW_EVERY)

    locks_of(host).renew_due()

    assert host.stats().store_errors == 1
    assert host.stats().store_locks_expired == 0


def test_a_failed_renewal_is_retried_before_the_lock_expires(
    host: TokenCache, clock: ManualClock, store: MemoryStore, flight: CallInFlight
) -> None:
    for seconds in range(8):
        store.error = ConnectionError("down") if seconds % 2 else None
        clock.advance(RENEW_EVERY)
        assert locks_of(host).renew_due() == RENEW_EVERY, (
            "not at once, because the store may be slow"
        )
    store.error = None

    flight.complete()

    assert host.stats().store_errors == 4
    assert host.stats().store_locks_expired == 0


def test_no_lock_is_renewed_while_the_circuit_breaker_skips_the_store(
    host: TokenCache, clock: ManualClock, store: MemoryStore, call: StartCall
) -> None:
    call(host)
    store.error = ConnectionError("down")

    pass_time(clock, 5, host)

    assert host.stats().store_errors == 3


@pytest.mark.parametrize("fails", [True, False])
def test_an_expired_lock_is_also_detected_when_it_is_released(
    host: TokenCache,
    fetcher: FakeFetcher,
    clock: ManualClock,
    flight: CallInFlight,
    *,
    fails: bool,
) -> None:
    clock.advance(LOCK_SECONDS)
    if fails:
        fetcher.fail_next(InternalServiceError("Down."))

    flight.complete()

    assert host.stats().store_locks_expired == 1
    assert (flight.error is not None) is fails


@pytest.mark.parametrize("operation", ["write", "release"])
def test_a_lock_whose_release_fails_does_not_count_as_expired(
    host: TokenCache, fetcher: FakeFetcher, store: MemoryStore, flight: CallInFlight, operation: str
) -> None:
    setattr(store, operation, fail)
    if operation == "release":
        fetcher.fail_next(InternalServiceError("Down."))

    flight.complete()

    assert host.stats().store_errors == 1
    assert host.stats().store_locks_expired == 0


def test_a_lock_released_during_its_renewal_does_not_count_as_expired(
    host: TokenCache, clock: ManualClock, store: MemoryStore, flight: CallInFlight
) -> None:
    renew = store.renew

    def too_late(name: str, owner: str, seconds: float) -> bool:
        flight.complete()
        return renew(name, owner, seconds)

    store.renew = too_late  # type: ignore[method-assign]
    clock.advance(RENEW_EVERY)

    locks_of(host).renew_due()

    assert host.stats().store_locks_expired == 0


def test_an_abandoned_flight_does_not_renew_its_lock_or_release_the_lock_of_another_host(
    new_host: HostFactory,
    fetcher: FakeFetcher,
    clock: ManualClock,
    store: MemoryStore,
    call: StartCall,
) -> None:
    holder, waiter = new_host(), new_host()
    abandoned = call(holder)
    pass_time(clock, DEADLINE, holder)
    waits = record_waits(waiter, clock, renewing(holder))

    other = call(waiter)
    last_renewal = -RENEW_EVERY
    assert LOCK_SECONDS <= sum(waits) - last_renewal <= LOCK_SECONDS + 0.25
    abandoned.complete()
    assert store._locks, "the other host holds it now"
    other.complete()

    assert holder.stats().store_locks_expired == 1
    assert waiter.stats().store_locks_expired == 0
    assert store._locks == {}


def test_the_lock_of_a_flight_is_not_renewed_after_close(
    host: TokenCache, clock: ManualClock, call: StartCall
) -> None:
    call(host)
    host.close()
    clock.advance(RENEW_EVERY)

    assert locks_of(host).renew_due() is None


def test_the_wait_for_another_host_ends_before_the_deadline_of_the_flight(
    host: TokenCache, clock: ManualClock, store: MemoryStore
) -> None:
    waits = record_waits(host, clock)

    def slowly(name: str) -> None:
        clock.advance(12)

    store.read = slowly  # type: ignore[method-assign]
    store.claim = lambda name, owner, seconds: (False, None)  # type: ignore[method-assign]

    host.get(request_for())

    assert sum(waits) == pytest.approx(DEADLINE - 12 - 1)
