"""An overdue flight is abandoned and does not block other flights."""

from collections.abc import Callable

import pytest

from caching import Caller, ManualThreads, Recorder, make_cache, request_for, start_call
from cognito_devtoken import TokenCache
from cognito_devtoken._cache.flights import DEADLINE
from cognito_devtoken.events import FetchAbandoned, Reason
from cognito_devtoken.exceptions import (
    TokenUnavailableError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock


@pytest.fixture
def cache(manual_cache: TokenCache) -> TokenCache:
    return manual_cache


def start_overdue_call(
    cache: TokenCache, threads: ManualThreads, clock: ManualClock
) -> Callable[[], None]:
    """Have a caller wait until its flight is overdue; return a function that completes the call."""
    caller = Caller(cache)
    respond = start_call(cache, threads)
    clock.advance(DEADLINE)
    with pytest.raises(TokenUnavailableError, match="did not answer within 15 s"):
        caller.result()
    return respond


def test_an_overdue_flight_is_abandoned(
    cache: TokenCache, clock: ManualClock, threads: ManualThreads, recorder: Recorder
) -> None:
    respond = start_overdue_call(cache, threads, clock)

    assert recorder.of(FetchAbandoned)[0].sent
    clock.advance(5)
    fresh = Caller(cache)
    threads.run_all()
    token = fresh.result()
    respond()
    assert cache.get(request_for()) is token, "the late token expires earlier"
    assert cache.stats().tokens_discarded == 1


def test_a_late_token_is_kept(
    cache: TokenCache, clock: ManualClock, threads: ManualThreads, fetcher: FakeFetcher
) -> None:
    respond = start_overdue_call(cache, threads, clock)

    respond()

    assert cache.get(request_for()).token
    assert len(fetcher.calls) == 1


def test_a_late_failure_is_not_remembered(
    cache: TokenCache, clock: ManualClock, threads: ManualThreads, fetcher: FakeFetcher
) -> None:
    respond = start_overdue_call(cache, threads, clock)
    clock.advance(1)
    fetcher.error = TokenUnavailableError("too late")
    respond()
    fetcher.error = None

    assert Caller(cache).flight.reason is Reason.MISS


def test_a_new_caller_abandons_an_overdue_flight_without_callers(
    cache: TokenCache, clock: ManualClock, threads: ManualThreads, fetcher: FakeFetcher
) -> None:
    Caller(cache)
    threads.run_all()
    clock.advance(600)
    cache.get(request_for())
    start_call(cache, threads)
    clock.advance(DEADLINE)

    assert cache.get(request_for()).token, "still due, and served"
    assert cache.stats().fetches_abandoned == 1
    clock.advance(1)
    cache.get(request_for())
    threads.run_all()
    assert len(fetcher.calls) == 2


def test_an_arriving_token_abandons_an_overdue_flight_without_callers(
    cache: TokenCache, clock: ManualClock, threads: ManualThreads, recorder: Recorder
) -> None:
    Caller(cache, "hung")
    start_call(cache, threads)
    clock.advance(DEADLINE - 1)
    Caller(cache, "arrives")
    respond = start_call(cache, threads)
    clock.advance(1)

    respond()

    assert len(recorder.of(FetchAbandoned)) == 1


def test_a_caller_keeps_waiting_in_a_queue_that_moves(
    fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    cache = make_cache(fetcher, clock, start_thread=threads.start, max_concurrent_fetches=1)
    Caller(cache, "first")
    respond = start_call(cache, threads)
    last = Caller(cache, "last")
    clock.advance(DEADLINE - 1)
    respond()
    clock.advance(DEADLINE - 1)

    assert not last.flight.done
    assert last._steps.send(None) == (last.flight, 2)


def test_a_caller_leaves_a_queue_that_does_not_move(
    fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads, recorder: Recorder
) -> None:
    cache = make_cache(
        fetcher, clock, start_thread=threads.start, max_concurrent_fetches=1, on_event=[recorder]
    )
    Caller(cache, "first")
    start_call(cache, threads)
    last = Caller(cache, "last")
    clock.advance(DEADLINE)

    with pytest.raises(TokenUnavailableError, match="No worker was free for the fetch within 15 s"):
        last.result()
    assert not recorder.of(FetchAbandoned)[0].sent


def test_hung_threads_are_replaced_up_to_a_limit(
    fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    cache = make_cache(fetcher, clock, start_thread=threads.start, max_concurrent_fetches=1)
    taken = 0
    for number in range(10):
        caller = Caller(cache, f"user-{number}")
        if threads.jobs:
            start_call(cache, threads)
            taken += 1
        clock.advance(DEADLINE)
        with pytest.raises(TokenUnavailableError):
            caller.result()

    assert taken == 4


def test_a_hung_thread_that_returns_after_its_replacement_ends(
    fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    cache = make_cache(fetcher, clock, start_thread=threads.start, max_concurrent_fetches=1)
    respond = start_overdue_call(cache, threads, clock)
    first, *_ = cache._state.flights.slots.workers()
    Caller(cache, "second")
    start_call(cache, threads)
    Caller(cache, "third")

    respond()

    assert not cache._leases.workers._next_job(first)
    assert cache._state.flights.slots.active() == 1
    assert len(fetcher.calls) == 1, "the third one waits for the second"


def test_the_successor_of_an_abandoned_flight_is_sent(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    first = Caller(cache)
    start_call(cache, threads)
    forced = Caller(cache, forced=True)
    clock.advance(DEADLINE)
    with pytest.raises(TokenUnavailableError):
        first.result()

    threads.run_all()

    assert forced.result().token
