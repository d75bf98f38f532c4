"""The holder of the shared lock renews its lease while its call to Cognito is in flight."""

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from caching import PROVIDER, Crew, Recorder, asking, until
from cognito_devtoken import OpenIdToken, TokenCache, TokenRequest
from cognito_devtoken._flight import DEADLINE
from cognito_devtoken._leases import LEASE, RENEW_EVERY, Leases
from cognito_devtoken.events import LeaseExpired
from cognito_devtoken.exceptions import InternalServiceError
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from hosts import Hosts, leases_of


class InFlight:
    """A call of a host that is in flight until it is told to come back."""

    def __init__(self, host: TokenCache, request: TokenRequest, answer: FakeFetcher) -> None:
        self.host = host
        self.error: Exception | None = None
        self._sent, self._back = threading.Event(), threading.Event()
        self._answer = answer
        host._engine._fetcher = self
        self._thread = threading.Thread(target=self._ask, args=(request,))
        self._thread.start()
        assert self._sent.wait(60)

    def _ask(self, request: TokenRequest) -> None:
        try:
            self.host.get(request)
        except Exception as error:  # noqa: BLE001
            self.error = error

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        self._sent.set()
        self._back.wait()
        return self._answer.fetch(request)

    def lands(self) -> None:
        self._back.set()
        self._thread.join()

    @property
    def landed(self) -> bool:
        return not self._thread.is_alive()


@pytest.fixture
def call(fetcher: FakeFetcher) -> Iterator[Callable[..., InFlight]]:
    """Has a host call Cognito, and leaves it there."""
    calls: list[InFlight] = []

    def begin(host: TokenCache, request: TokenRequest | None = None) -> InFlight:
        calls.append(InFlight(host, request or asking(), fetcher))
        return calls[-1]

    yield begin
    for each in calls:
        each.lands()


def renewing(host: TokenCache) -> Callable[[], None]:
    """The thread that renews a host's leases: it looks at them whenever it is told the time."""
    return lambda: leases_of(host).renew_due()


def killed() -> None:
    """A host that does not renew its leases any more."""


def waiting(
    loser: TokenCache, clock: ManualClock, meanwhile: Callable[[], object] = killed
) -> list[float]:
    """Have a host wait on the manual clock. Returns how long it waits."""
    waits: list[float] = []

    def wait(gate: object, seconds: float) -> bool:
        waits.append(seconds)
        clock.advance(seconds)
        meanwhile()
        return False

    loser._engine.wait = wait
    return waits


def pass_time(clock: ManualClock, seconds: float, *hosts: TokenCache) -> None:
    """Let time pass while hosts renew what they hold."""
    for _ in range(round(seconds / RENEW_EVERY)):
        clock.advance(RENEW_EVERY)
        for host in hosts:
            leases_of(host).renew_due()


def test_two_hosts_share_one_call_that_takes_8_s(
    new_host: Hosts, fetcher: FakeFetcher, clock: ManualClock, call: Callable[..., InFlight]
) -> None:
    holder, loser = new_host(), new_host()
    flight = call(holder)

    def meanwhile() -> None:
        leases_of(holder).renew_due()
        if sum(waits) >= 8 and not flight.landed:
            flight.lands()

    waits = waiting(loser, clock, meanwhile)

    token = loser.get(asking())

    assert holder.get(asking()) == token
    assert len(fetcher.calls) == 1
    assert 8 <= sum(waits) <= 8.25
    assert [host.stats().store_leases_expired for host in (holder, loser)] == [0, 0]


@pytest.mark.parametrize("renewed_for", [0, 3])
def test_a_killed_holder_costs_2_s_and_one_more_call(
    new_host: Hosts,
    fetcher: FakeFetcher,
    clock: ManualClock,
    call: Callable[..., InFlight],
    renewed_for: float,
) -> None:
    holder, loser = new_host(), new_host()
    call(holder)
    pass_time(clock, renewed_for, holder)
    waits = waiting(loser, clock)

    loser.get(asking())

    assert LEASE == 2
    assert LEASE <= sum(waits) <= LEASE + 0.25
    assert len(fetcher.calls) == 1, "and the one of the holder, which never came back"


def test_a_call_that_is_faster_than_a_renewal_costs_no_round_trip(
    new_host: Hosts, clock: ManualClock, store: MemoryStore, call: Callable[..., InFlight]
) -> None:
    host = new_host()
    store.renew = lambda *arguments: pytest.fail("it renews")  # type: ignore[method-assign]
    flight = call(host)
    clock.advance(RENEW_EVERY - 0.125)

    assert leases_of(host).renew_due() == 0.125, "when the lease is due"
    flight.lands()
    assert leases_of(host).renew_due() is None


def test_a_lease_that_expired_before_its_renewal_is_counted_once_with_an_event(
    new_host: Hosts,
    clock: ManualClock,
    store: MemoryStore,
    told: Recorder,
    call: Callable[..., InFlight],
) -> None:
    host = new_host()
    flight = call(host)
    clock.advance(LEASE + 1)  # frozen, say

    leases_of(host).renew_due()
    assert host.stats().store_leases_expired == 1
    leases_of(host).renew_due()
    flight.lands()

    assert host.stats().store_leases_expired == 1
    (event,) = told.of(LeaseExpired)
    assert event == LeaseExpired(host._engine.entries.tokens.popitem()[0].digest, held=3)
    assert store.values, "its token is stored all the same"


def test_a_lease_whose_renewal_fails_expires_and_is_counted(
    new_host: Hosts,
    fetcher: FakeFetcher,
    clock: ManualClock,
    store: MemoryStore,
    call: Callable[..., InFlight],
) -> None:
    holder, loser = new_host(), new_host()
    flight = call(holder)
    store.renew = fail  # type: ignore[assignment]
    waits = waiting(loser, clock, renewing(holder))

    loser.get(asking())
    flight.lands()

    assert LEASE <= sum(waits) <= LEASE + 0.25
    assert len(fetcher.calls) == 2
    assert holder.stats().store_leases_expired == 1
    assert holder.stats().store_errors == 3
    assert holder.stats().errors == 0


def fail(*arguments: object) -> bool:
    raise ConnectionError


@pytest.mark.parametrize("answer", [None, 1, "True"])
def test_a_renewal_that_makes_no_sense_has_failed(
    new_host: Hosts,
    clock: ManualClock,
    store: MemoryStore,
    call: Callable[..., InFlight],
    answer: Any,
) -> None:
    host = new_host()
    call(host)
    store.renew = lambda *arguments: answer  # type: ignore[method-assign]
    clock.advance(RENEW_EVERY)

    leases_of(host).renew_due()

    assert host.stats().store_errors == 1
    assert host.stats().store_leases_expired == 0


def test_a_renewal_that_fails_once_is_tried_again_in_time(
    new_host: Hosts, clock: ManualClock, store: MemoryStore, call: Callable[..., InFlight]
) -> None:
    host = new_host()
    flight = call(host)
    for seconds in range(8):
        store.error = ConnectionError("down") if seconds % 2 else None
        clock.advance(RENEW_EVERY)
        assert leases_of(host).renew_due() == RENEW_EVERY, "and not at once: it may be slow"
    store.error = None

    flight.lands()

    assert host.stats().store_errors == 4
    assert host.stats().store_leases_expired == 0


def test_a_store_that_the_circuit_breaker_skips_is_not_asked_for_renewals(
    new_host: Hosts, clock: ManualClock, store: MemoryStore, call: Callable[..., InFlight]
) -> None:
    host = new_host()
    call(host)
    store.error = ConnectionError("down")

    pass_time(clock, 5, host)

    assert host.stats().store_errors == 3


@pytest.mark.parametrize("fails", [True, False])
def test_a_lease_that_expires_is_noticed_when_it_is_released_too(
    new_host: Hosts,
    fetcher: FakeFetcher,
    clock: ManualClock,
    call: Callable[..., InFlight],
    *,
    fails: bool,
) -> None:
    host = new_host()
    flight = call(host)
    clock.advance(LEASE)
    if fails:
        fetcher.fail_next(InternalServiceError("Down."))

    flight.lands()

    assert host.stats().store_leases_expired == 1
    assert (flight.error is not None) is fails


def test_a_lease_that_is_released_while_it_is_renewed_has_not_expired(
    new_host: Hosts, clock: ManualClock, store: MemoryStore, call: Callable[..., InFlight]
) -> None:
    host = new_host()
    flight = call(host)
    renew = store.renew

    def too_late(name: str, owner: str, seconds: float) -> bool:
        flight.lands()
        return renew(name, owner, seconds)

    store.renew = too_late  # type: ignore[method-assign]
    clock.advance(RENEW_EVERY)

    leases_of(host).renew_due()

    assert host.stats().store_leases_expired == 0


def test_an_abandoned_flight_is_not_renewed_and_does_not_release_the_lock_of_another(
    new_host: Hosts,
    fetcher: FakeFetcher,
    clock: ManualClock,
    store: MemoryStore,
    call: Callable[..., InFlight],
) -> None:
    holder, loser = new_host(), new_host()
    abandoned = call(holder)
    pass_time(clock, DEADLINE, holder)
    waits = waiting(loser, clock, renewing(holder))

    other = call(loser)
    last_renewal = -RENEW_EVERY
    assert LEASE <= sum(waits) - last_renewal <= LEASE + 0.25
    abandoned.lands()
    assert store._locks, "it is the other's now"
    other.lands()

    assert holder.stats().store_leases_expired == 1
    assert loser.stats().store_leases_expired == 0
    assert store._locks == {}


def test_a_flight_that_was_given_up_is_no_longer_renewed(
    new_host: Hosts, clock: ManualClock, call: Callable[..., InFlight]
) -> None:
    host = new_host()
    call(host)
    host.close()
    clock.advance(RENEW_EVERY)

    assert leases_of(host).renew_due() is None


def test_the_wait_for_another_host_ends_before_the_deadline_of_the_flight(
    new_host: Hosts, clock: ManualClock, store: MemoryStore
) -> None:
    host = new_host()
    waits = waiting(host, clock)

    def slowly(name: str) -> None:
        clock.advance(12)

    store.read = slowly  # type: ignore[method-assign]
    store.claim = lambda name, owner, seconds: (False, None)  # type: ignore[method-assign]

    host.get(asking())

    assert sum(waits) == pytest.approx(DEADLINE - 12 - 1)


# The thread that renews


def test_one_thread_renews_all_leases_and_ends_when_none_is_held(
    new_host: Hosts, clock: ManualClock, store: MemoryStore, call: Callable[..., InFlight]
) -> None:
    host = new_host()
    started: list[Callable[[], None]] = []
    leases_of(host).start_thread = started.append
    renewed: list[str] = []
    renew = store.renew

    def note(name: str, owner: str, seconds: float) -> bool:
        renewed.append(owner)
        return renew(name, owner, seconds)

    store.renew = note  # type: ignore[method-assign]
    flights = [call(host, asking(user)) for user in ("ana", "bob")]
    assert len(started) == 1
    clock.advance(RENEW_EVERY)
    assert leases_of(host).renew_due() == RENEW_EVERY
    assert len(set(renewed)) == len(renewed) == 2
    for flight in flights:
        flight.lands()
    assert leases_of(host).renew_due() is None

    call(host, asking("eve"))
    assert len(started) == 2


def test_a_real_thread_renews_a_lease_and_ends_with_its_session(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    renewed = threading.Event()

    class Renewed(MemoryStore):
        def renew(self, name: str, owner: str, seconds: float) -> bool:
            renewed.set()
            return super().renew(name, owner, seconds)

    class UntilRenewed:
        def fetch(self, request: TokenRequest) -> OpenIdToken:
            assert renewed.wait(60)
            return FakeFetcher().fetch(request)

    cache = TokenCache(UntilRenewed(), developer_provider=PROVIDER, store=Renewed())
    thread: list[threading.Thread] = []

    def start(run: Callable[[], None]) -> None:
        thread.append(threading.Thread(target=run, daemon=True))
        thread[0].start()

    leases_of(cache).start_thread = start

    cache.get(asking())
    cache.close()

    thread[0].join(60)
    assert not thread[0].is_alive()
    assert cache.stats().store_errors == 0


@pytest.mark.parametrize("error", [RuntimeError, MemoryError])
def test_without_a_thread_a_lease_lasts_2_s_and_the_next_one_tries_again(
    new_host: Hosts,
    fetcher: FakeFetcher,
    clock: ManualClock,
    call: Callable[..., InFlight],
    error: type[Exception],
) -> None:
    holder, loser = new_host(), new_host()
    tried: list[object] = []

    def cannot_start(run: object) -> None:
        tried.append(run)
        raise error

    leases_of(holder).start_thread = cannot_start
    flight = call(holder)
    waits = waiting(loser, clock)

    loser.get(asking())
    flight.lands()
    holder.get(asking("another"))

    assert LEASE <= sum(waits) <= LEASE + 0.25
    assert len(tried) == 2
    assert holder.stats().store_leases_expired == 1
    assert holder.stats().errors == 0


def test_an_interrupt_while_the_thread_is_started_leaves_it_to_the_next_lease(
    new_host: Hosts,
) -> None:
    host = new_host()
    tried: list[object] = []

    def interrupted(run: object) -> None:
        tried.append(run)
        raise KeyboardInterrupt

    leases_of(host).start_thread = interrupted
    for user in ("ana", "bob"):
        with pytest.raises(KeyboardInterrupt):
            leases_of(host).hold(lease_for(host, user))

    assert len(tried) == 2


def lease_for(host: TokenCache, user: str) -> Any:
    from cognito_devtoken._entries import Key
    from cognito_devtoken._flight import Flight
    from cognito_devtoken._leases import Lease
    from cognito_devtoken.events import Reason

    now = host._engine.now()
    flight = Flight(Key.of(asking(user), PROVIDER), asking(user), Reason.MISS, now)
    return Lease(flight, user, "owner", now)


def test_a_thread_that_dies_is_replaced_for_the_next_lease(
    new_host: Hosts, call: Callable[..., InFlight]
) -> None:
    class Unreadable(ManualClock):
        broken = False

        def monotonic(self) -> float:
            if self.broken:
                raise ZeroDivisionError
            return super().monotonic()

    clock = Unreadable()
    host = new_host(clock=clock)
    crew = Crew()
    leases_of(host).start_thread = crew.start
    call(host)
    leases_of(host)._wake.put(None)

    clock.broken = True
    with pytest.raises(ZeroDivisionError):
        crew.work()
    clock.broken = False

    call(host, asking("another"))
    assert len(crew.jobs) == 1


def test_a_forked_child_holds_no_lease_and_starts_a_thread_of_its_own(
    new_host: Hosts, clock: ManualClock, store: MemoryStore, call: Callable[..., InFlight]
) -> None:
    host = new_host()
    started: list[object] = []
    leases_of(host).start_thread = started.append
    flight = call(host)
    flight_of_parent = leases_of(host)._held.copy()

    ready = host._engine._before_fork()
    host._engine._after_fork(ready=ready, in_child=True)

    store.renew = lambda *arguments: pytest.fail("it renews")  # type: ignore[method-assign]
    clock.advance(RENEW_EVERY)
    assert flight_of_parent
    assert leases_of(host).renew_due() is None
    call(host, asking("another"))
    assert len(started) == 2
    flight.lands()


def test_a_cache_that_nobody_closes_is_not_kept_alive_by_the_thread(
    fetcher: FakeFetcher, store: MemoryStore
) -> None:
    cache = TokenCache(fetcher, developer_provider=PROVIDER, store=store)
    cache._engine.idle_seconds = 0
    started: list[Callable[[], None]] = []
    leases_of(cache).start_thread = started.append
    cache.get(asking())
    leases: weakref.ref[Leases] = weakref.ref(leases_of(cache))
    wake = leases_of(cache)._wake
    del cache

    def gone() -> bool:
        gc.collect()
        return leases() is None

    until(gone)
    wake.put(None)
    started[0]()  # it ends by itself
