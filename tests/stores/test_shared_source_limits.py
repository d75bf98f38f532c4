"""A flight that asks the store first: its deadline, its queue, and what must not wait for it."""

from typing import Any

import pytest

from caching import Caller, ManualThreads, Recorder, request_for, take_flight
from cognito_devtoken import OpenIdToken, TokenRequest
from cognito_devtoken._cache.flights import DEADLINE
from cognito_devtoken.events import FetchAbandoned
from cognito_devtoken.exceptions import SessionClosedError
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from hosts import HostFactory, log_of, record_waits, source_of


def test_deferred_actions_run_before_the_store_is_asked(
    new_host: HostFactory, store: MemoryStore
) -> None:
    host = new_host()
    ran: list[str] = []
    seen: list[list[str]] = []
    claim = store.claim

    def observed_claim(name: str, owner: str, seconds: float) -> Any:
        seen.append(ran.copy())
        return claim(name, owner, seconds)

    store.claim = observed_claim  # type: ignore[method-assign]
    host._state.recorder.defer(lambda: ran.append("deferred"))

    host.get(request_for())

    assert seen == [["deferred"]]


def test_a_freeze_before_the_store_is_asked_does_not_age_the_flight(
    new_host: HostFactory, threads: ManualThreads, clock: ManualClock, recorder: Recorder
) -> None:
    host = new_host(start_thread=threads.start)
    caller = Caller(host)
    worker, flight = take_flight(host, threads)

    clock.freeze(60)
    host._leases.workers._fly(worker, flight)

    assert caller.result().token
    assert not recorder.of(FetchAbandoned)


def test_a_caller_queued_behind_a_flight_that_waits_for_a_lock_gets_its_token(
    new_host: HostFactory,
    threads: ManualThreads,
    clock: ManualClock,
    store: MemoryStore,
    fetcher: FakeFetcher,
) -> None:
    host = new_host(start_thread=threads.start, max_concurrent_fetches=1)
    record_waits(host, clock)
    claim = store.claim
    held = {"taken": True}

    def claim_after_the_first(name: str, owner: str, seconds: float) -> Any:
        return (False, None) if held["taken"] else claim(name, owner, seconds)

    store.claim = claim_after_the_first  # type: ignore[method-assign]
    first, queued = Caller(host, "first"), Caller(host, "queued")

    def slow_fetch(request: TokenRequest) -> OpenIdToken:
        if held["taken"]:
            held["taken"] = False
            clock.advance(DEADLINE - 10 + 1)
            next(queued._steps)  # it looks, and goes on waiting
        return fetcher.fetch(request)

    source_of(host)._fetcher.fetch = slow_fetch
    threads.run_all()

    assert first.result().token
    assert queued.result().token


def test_a_flight_that_the_rate_limiter_holds_back_is_not_overdue(
    new_host: HostFactory, threads: ManualThreads, clock: ManualClock, recorder: Recorder
) -> None:
    host = new_host(start_thread=threads.start)
    caller = Caller(host)
    host._state.rate_limiter.reserve = lambda now: DEADLINE + 1  # type: ignore[method-assign]

    def wait(gate: object, seconds: float) -> bool:
        clock.advance(seconds)
        next(caller._steps)  # it looks, and goes on waiting
        return False

    source_of(host).wait = wait
    threads.run_all()

    assert caller.result().token
    assert not recorder.of(FetchAbandoned)


def test_a_flight_that_waits_for_a_lock_ends_when_the_session_is_closed(
    new_host: HostFactory,
    threads: ManualThreads,
    clock: ManualClock,
    store: MemoryStore,
    fetcher: FakeFetcher,
) -> None:
    host = new_host(start_thread=threads.start)
    store.claim = lambda name, owner, seconds: (False, None)  # type: ignore[method-assign]
    caller = Caller(host)
    waits = record_waits(host, clock, host.close)

    threads.run_all()

    with pytest.raises(SessionClosedError):
        next(caller._steps)
    assert len(waits) == 1
    assert not fetcher.calls


def test_a_flight_goes_on_without_a_listener_if_there_is_no_memory_for_its_thread(
    new_host: HostFactory,
) -> None:
    host = new_host()

    def cannot_start(run: object) -> None:
        raise MemoryError

    log_of(host).thread.start_thread = cannot_start

    assert host.get(request_for()).token
