"""A flight that is not back in time is given up, and does not stop the others."""

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
def threads() -> ManualThreads:
    return ManualThreads()


@pytest.fixture
def cache(
    fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder, threads: ManualThreads
) -> TokenCache:
    return make_cache(fetcher, clock, start_thread=threads.start, on_event=[recorder])


def test_a_flight_that_does_not_come_back_is_given_up(
    cache: TokenCache, clock: ManualClock, threads: ManualThreads, recorder: Recorder
) -> None:
    caller = Caller(cache)
    respond = start_call(cache, threads)
    clock.advance(DEADLINE)

    with pytest.raises(TokenUnavailableError, match="has not answered within 15 s"):
        caller.result()
    assert recorder.of(FetchAbandoned)[0].sent
    clock.advance(5)
    fresh = Caller(cache)
    threads.run_all()
    token = fresh.result()
    respond()
    assert cache.get(request_for()) is token, "what comes late lives less long"
    assert cache.stats().tokens_discarded == 1


def test_a_token_that_comes_late_is_kept(
    cache: TokenCache, clock: ManualClock, threads: ManualThreads, fetcher: FakeFetcher
) -> None:
    caller = Caller(cache)
    respond = start_call(cache, threads)
    clock.advance(DEADLINE)
    with pytest.raises(TokenUnavailableError):
        caller.result()

    respond()

    assert cache.get(request_for()).token
    assert len(fetcher.calls) == 1


def test_a_failure_that_comes_late_is_not_remembered(
    cache: TokenCache, clock: ManualClock, threads: ManualThreads, fetcher: FakeFetcher
) -> None:
    caller = Caller(cache)
    respond = start_call(cache, threads)
    clock.advance(DEADLINE)
    with pytest.raises(TokenUnavailableError):
        caller.result()
    clock.advance(1)
    fetcher.error = TokenUnavailableError("too late")
    respond()
    fetcher.error = None

    assert Caller(cache).flight.reason is Reason.MISS


def test_a_new_caller_gives_up_a_flight_that_nobody_waits_for(
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


def test_a_queue_that_moves_is_waited_in(
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
    assert last._steps.send(None) == (last.flight, float("inf"))


def test_a_queue_that_stands_still_is_left(
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


def test_threads_that_do_not_come_back_are_replaced_up_to_a_bound(
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


def test_a_thread_that_comes_back_late_is_one_too_many_and_ends(
    fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    cache = make_cache(fetcher, clock, start_thread=threads.start, max_concurrent_fetches=1)
    caller = Caller(cache, "first")
    respond = start_call(cache, threads)
    clock.advance(DEADLINE)
    with pytest.raises(TokenUnavailableError):
        caller.result()
    Caller(cache, "second")
    start_call(cache, threads)
    Caller(cache, "third")

    respond()
    cache._leases.workers._work()  # as the first thread does now

    assert cache._state.flights.workers == 1
    assert len(fetcher.calls) == 1, "the third one waits for the second"


def test_what_waits_behind_a_flight_that_is_given_up_gets_its_turn(
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
