"""The holder of the shared lock renews its lease while its call to Cognito is in flight."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from in_flight import CallInFlight, calls_answered_by

from caching import Recorder, request_for
from cognito_devtoken import TokenCache
from cognito_devtoken._cache.flights import DEADLINE
from cognito_devtoken._sharing.locks import LEASE, RENEW_EVERY
from cognito_devtoken.events import LeaseExpired
from cognito_devtoken.exceptions import InternalServiceError
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from hosts import HostFactory, locks_of, record_waits


@pytest.fixture
def call(fetcher: FakeFetcher) -> Iterator[Callable[..., CallInFlight]]:
    """Has a host call Cognito, and leaves the call in flight."""
    with calls_answered_by(fetcher) as begin:
        yield begin


def renewing(host: TokenCache) -> Callable[[], None]:
    """The thread that renews a host's leases: it looks at them whenever it is told the time."""
    return lambda: locks_of(host).renew_due()


def pass_time(clock: ManualClock, seconds: float, *hosts: TokenCache) -> None:
    """Let time pass while hosts renew what they hold."""
    for _ in range(round(seconds / RENEW_EVERY)):
        clock.advance(RENEW_EVERY)
        for host in hosts:
            locks_of(host).renew_due()


def test_two_hosts_share_one_call_that_takes_8_s(
    new_host: HostFactory,
    fetcher: FakeFetcher,
    clock: ManualClock,
    call: Callable[..., CallInFlight],
) -> None:
    holder, loser = new_host(), new_host()
    flight = call(holder)

    def meanwhile() -> None:
        locks_of(holder).renew_due()
        if sum(waits) >= 8 and not flight.completed:
            flight.complete()

    waits = record_waits(loser, clock, meanwhile)

    token = loser.get(request_for())

    assert holder.get(request_for()) == token
    assert len(fetcher.calls) == 1
    assert 8 <= sum(waits) <= 8.25
    assert [host.stats().store_leases_expired for host in (holder, loser)] == [0, 0]


@pytest.mark.parametrize("renewed_for", [0, 3])
def test_a_killed_holder_costs_2_s_and_one_more_call(
    new_host: HostFactory,
    fetcher: FakeFetcher,
    clock: ManualClock,
    call: Callable[..., CallInFlight],
    renewed_for: float,
) -> None:
    holder, loser = new_host(), new_host()
    call(holder)
    pass_time(clock, renewed_for, holder)
    waits = record_waits(loser, clock)

    loser.get(request_for())

    assert LEASE == 2
    assert LEASE <= sum(waits) <= LEASE + 0.25
    assert len(fetcher.calls) == 1, "and the one of the holder, which never came back"


def test_a_call_that_is_faster_than_a_renewal_costs_no_round_trip(
    new_host: HostFactory, clock: ManualClock, store: MemoryStore, call: Callable[..., CallInFlight]
) -> None:
    host = new_host()
    store.renew = lambda *arguments: pytest.fail("it renews")  # type: ignore[method-assign]
    flight = call(host)
    clock.advance(RENEW_EVERY - 0.125)

    assert locks_of(host).renew_due() == 0.125, "when the lease is due"
    flight.complete()
    assert locks_of(host).renew_due() is None


def test_a_lease_that_expired_before_its_renewal_is_counted_once_with_an_event(
    new_host: HostFactory,
    clock: ManualClock,
    store: MemoryStore,
    recorder: Recorder,
    call: Callable[..., CallInFlight],
) -> None:
    host = new_host()
    flight = call(host)
    clock.advance(LEASE + 1)  # frozen, say

    locks_of(host).renew_due()
    assert host.stats().store_leases_expired == 1
    locks_of(host).renew_due()
    flight.complete()

    assert host.stats().store_leases_expired == 1
    (event,) = recorder.of(LeaseExpired)
    assert event == LeaseExpired(host._state.entries.leases.popitem()[0].digest, held=3)
    assert store.values, "its token is stored all the same"


def test_a_lease_whose_renewal_fails_expires_and_is_counted(
    new_host: HostFactory,
    fetcher: FakeFetcher,
    clock: ManualClock,
    store: MemoryStore,
    call: Callable[..., CallInFlight],
) -> None:
    holder, loser = new_host(), new_host()
    flight = call(holder)
    store.renew = fail  # type: ignore[assignment]
    waits = record_waits(loser, clock, renewing(holder))

    loser.get(request_for())
    flight.complete()

    assert LEASE <= sum(waits) <= LEASE + 0.25
    assert len(fetcher.calls) == 2
    assert holder.stats().store_leases_expired == 1
    assert holder.stats().store_errors == 3
    assert holder.stats().errors == 0


def fail(*arguments: object) -> bool:
    raise ConnectionError


@pytest.mark.parametrize("answer", [None, 1, "True"])
def test_a_renewal_that_makes_no_sense_has_failed(
    new_host: HostFactory,
    clock: ManualClock,
    store: MemoryStore,
    call: Callable[..., CallInFlight],
    answer: Any,
) -> None:
    host = new_host()
    call(host)
    store.renew = lambda *arguments: answer  # type: ignore[method-assign]
    clock.advance(RENEW_EVERY)

    locks_of(host).renew_due()

    assert host.stats().store_errors == 1
    assert host.stats().store_leases_expired == 0


def test_a_renewal_that_fails_once_is_tried_again_in_time(
    new_host: HostFactory, clock: ManualClock, store: MemoryStore, call: Callable[..., CallInFlight]
) -> None:
    host = new_host()
    flight = call(host)
    for seconds in range(8):
        store.error = ConnectionError("down") if seconds % 2 else None
        clock.advance(RENEW_EVERY)
        assert locks_of(host).renew_due() == RENEW_EVERY, "and not at once: it may be slow"
    store.error = None

    flight.complete()

    assert host.stats().store_errors == 4
    assert host.stats().store_leases_expired == 0


def test_a_store_that_the_circuit_breaker_skips_is_not_asked_for_renewals(
    new_host: HostFactory, clock: ManualClock, store: MemoryStore, call: Callable[..., CallInFlight]
) -> None:
    host = new_host()
    call(host)
    store.error = ConnectionError("down")

    pass_time(clock, 5, host)

    assert host.stats().store_errors == 3


@pytest.mark.parametrize("fails", [True, False])
def test_a_lease_that_expires_is_noticed_when_it_is_released_too(
    new_host: HostFactory,
    fetcher: FakeFetcher,
    clock: ManualClock,
    call: Callable[..., CallInFlight],
    *,
    fails: bool,
) -> None:
    host = new_host()
    flight = call(host)
    clock.advance(LEASE)
    if fails:
        fetcher.fail_next(InternalServiceError("Down."))

    flight.complete()

    assert host.stats().store_leases_expired == 1
    assert (flight.error is not None) is fails


def test_a_lease_that_is_released_while_it_is_renewed_has_not_expired(
    new_host: HostFactory, clock: ManualClock, store: MemoryStore, call: Callable[..., CallInFlight]
) -> None:
    host = new_host()
    flight = call(host)
    renew = store.renew

    def too_late(name: str, owner: str, seconds: float) -> bool:
        flight.complete()
        return renew(name, owner, seconds)

    store.renew = too_late  # type: ignore[method-assign]
    clock.advance(RENEW_EVERY)

    locks_of(host).renew_due()

    assert host.stats().store_leases_expired == 0


def test_an_abandoned_flight_is_not_renewed_and_does_not_release_the_lock_of_another(
    new_host: HostFactory,
    fetcher: FakeFetcher,
    clock: ManualClock,
    store: MemoryStore,
    call: Callable[..., CallInFlight],
) -> None:
    holder, loser = new_host(), new_host()
    abandoned = call(holder)
    pass_time(clock, DEADLINE, holder)
    waits = record_waits(loser, clock, renewing(holder))

    other = call(loser)
    last_renewal = -RENEW_EVERY
    assert LEASE <= sum(waits) - last_renewal <= LEASE + 0.25
    abandoned.complete()
    assert store._locks, "it is the other's now"
    other.complete()

    assert holder.stats().store_leases_expired == 1
    assert loser.stats().store_leases_expired == 0
    assert store._locks == {}


def test_a_flight_that_was_given_up_is_no_longer_renewed(
    new_host: HostFactory, clock: ManualClock, call: Callable[..., CallInFlight]
) -> None:
    host = new_host()
    call(host)
    host.close()
    clock.advance(RENEW_EVERY)

    assert locks_of(host).renew_due() is None


def test_the_wait_for_another_host_ends_before_the_deadline_of_the_flight(
    new_host: HostFactory, clock: ManualClock, store: MemoryStore
) -> None:
    host = new_host()
    waits = record_waits(host, clock)

    def slowly(name: str) -> None:
        clock.advance(12)

    store.read = slowly  # type: ignore[method-assign]
    store.claim = lambda name, owner, seconds: (False, None)  # type: ignore[method-assign]

    host.get(request_for())

    assert sum(waits) == pytest.approx(DEADLINE - 12 - 1)
