"""A flight that is not back in time is given up, and does not stop the others."""

import pytest

from caching import Caller, Crew, Recorder, asking, cache_of, in_the_air
from cognito_devtoken import TokenCache
from cognito_devtoken._cache.flights import DEADLINE
from cognito_devtoken.events import FetchAbandoned, Reason
from cognito_devtoken.exceptions import (
    TokenUnavailableError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock


@pytest.fixture
def crew() -> Crew:
    return Crew()


@pytest.fixture
def cache(fetcher: FakeFetcher, clock: ManualClock, told: Recorder, crew: Crew) -> TokenCache:
    return cache_of(fetcher, clock, start_thread=crew.start, on_event=[told])


def test_a_flight_that_does_not_come_back_is_given_up(
    cache: TokenCache, clock: ManualClock, crew: Crew, told: Recorder
) -> None:
    caller = Caller(cache)
    held = in_the_air(cache, crew)
    clock.advance(DEADLINE)

    with pytest.raises(TokenUnavailableError, match="did not answer within 15 s"):
        caller.goes_on()
    assert told.of(FetchAbandoned)[0].sent
    clock.advance(5)
    fresh = Caller(cache)
    crew.work()
    token = fresh.goes_on()
    held()
    assert cache.get(asking()) is token, "what comes late lives less long"
    assert cache.stats().tokens_discarded == 1


def test_a_token_that_comes_late_is_kept(
    cache: TokenCache, clock: ManualClock, crew: Crew, fetcher: FakeFetcher
) -> None:
    caller = Caller(cache)
    held = in_the_air(cache, crew)
    clock.advance(DEADLINE)
    with pytest.raises(TokenUnavailableError):
        caller.goes_on()

    held()

    assert cache.get(asking()).token
    assert len(fetcher.calls) == 1


def test_a_failure_that_comes_late_is_not_remembered(
    cache: TokenCache, clock: ManualClock, crew: Crew, fetcher: FakeFetcher
) -> None:
    caller = Caller(cache)
    held = in_the_air(cache, crew)
    clock.advance(DEADLINE)
    with pytest.raises(TokenUnavailableError):
        caller.goes_on()
    clock.advance(1)
    fetcher.error = TokenUnavailableError("too late")
    held()
    fetcher.error = None

    assert Caller(cache).flight.reason is Reason.MISS


def test_a_new_caller_gives_up_a_flight_that_nobody_waits_for(
    cache: TokenCache, clock: ManualClock, crew: Crew, fetcher: FakeFetcher
) -> None:
    Caller(cache)
    crew.work()
    clock.advance(600)
    cache.get(asking())
    in_the_air(cache, crew)
    clock.advance(DEADLINE)

    assert cache.get(asking()).token, "still due, and served"
    assert cache.stats().fetches_abandoned == 1
    clock.advance(1)
    cache.get(asking())
    crew.work()
    assert len(fetcher.calls) == 2


def test_a_queue_that_moves_is_waited_in(
    fetcher: FakeFetcher, clock: ManualClock, crew: Crew
) -> None:
    cache = cache_of(fetcher, clock, start_thread=crew.start, max_concurrent_fetches=1)
    Caller(cache, "first")
    held = in_the_air(cache, crew)
    last = Caller(cache, "last")
    clock.advance(DEADLINE - 1)
    held()
    clock.advance(DEADLINE - 1)

    assert not last.flight.done
    assert last._steps.send(None) == (last.flight, float("inf"))


def test_a_queue_that_stands_still_is_left(
    fetcher: FakeFetcher, clock: ManualClock, crew: Crew, told: Recorder
) -> None:
    cache = cache_of(
        fetcher, clock, start_thread=crew.start, max_concurrent_fetches=1, on_event=[told]
    )
    Caller(cache, "first")
    in_the_air(cache, crew)
    last = Caller(cache, "last")
    clock.advance(DEADLINE)

    with pytest.raises(TokenUnavailableError, match="No worker was free for the fetch within 15 s"):
        last.goes_on()
    assert not told.of(FetchAbandoned)[0].sent


def test_threads_that_do_not_come_back_are_replaced_up_to_a_bound(
    fetcher: FakeFetcher, clock: ManualClock, crew: Crew
) -> None:
    cache = cache_of(fetcher, clock, start_thread=crew.start, max_concurrent_fetches=1)
    taken = 0
    for number in range(10):
        caller = Caller(cache, f"user-{number}")
        if crew.jobs:
            in_the_air(cache, crew)
            taken += 1
        clock.advance(DEADLINE)
        with pytest.raises(TokenUnavailableError):
            caller.goes_on()

    assert taken == 4


def test_a_thread_that_comes_back_late_is_one_too_many_and_ends(
    fetcher: FakeFetcher, clock: ManualClock, crew: Crew
) -> None:
    cache = cache_of(fetcher, clock, start_thread=crew.start, max_concurrent_fetches=1)
    caller = Caller(cache, "first")
    held = in_the_air(cache, crew)
    clock.advance(DEADLINE)
    with pytest.raises(TokenUnavailableError):
        caller.goes_on()
    Caller(cache, "second")
    in_the_air(cache, crew)
    Caller(cache, "third")

    held()
    cache._leases.workers._work()  # as the first thread does now

    assert cache._state.flights.workers == 1
    assert len(fetcher.calls) == 1, "the third one waits for the second"


def test_what_waits_behind_a_flight_that_is_given_up_gets_its_turn(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, crew: Crew
) -> None:
    first = Caller(cache)
    in_the_air(cache, crew)
    forced = Caller(cache, forced=True)
    clock.advance(DEADLINE)
    with pytest.raises(TokenUnavailableError):
        first.goes_on()

    crew.work()

    assert forced.goes_on().token
