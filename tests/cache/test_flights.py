"""One flight for each key, joined by everyone, belonging to nobody."""

import threading
from typing import Any

import pytest

from caching import Caller, Crew, Recorder, asking, cache_of, in_the_air
from cognito_devtoken import OpenIdToken, TokenCache, TokenRequest
from cognito_devtoken.events import FetchStarted, Reason, Throttled
from cognito_devtoken.exceptions import (
    InvalidTokenResponseError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock


@pytest.fixture
def crew() -> Crew:
    return Crew()


@pytest.fixture
def cache(fetcher: FakeFetcher, clock: ManualClock, told: Recorder, crew: Crew) -> TokenCache:
    return cache_of(fetcher, clock, start_thread=crew.start, on_event=[told])


def test_all_who_want_the_same_token_share_one_flight(
    cache: TokenCache, fetcher: FakeFetcher, crew: Crew
) -> None:
    callers = [Caller(cache) for _ in range(50)]

    crew.work()

    assert {caller.woken for caller in callers} == {1}
    assert len({id(caller.goes_on()) for caller in callers}) == 1
    assert len(fetcher.calls) == 1
    assert cache.stats().joined == 49


def test_each_key_has_a_flight_of_its_own(
    cache: TokenCache, fetcher: FakeFetcher, crew: Crew
) -> None:
    callers = [Caller(cache, f"user-{number}") for number in range(5)]

    crew.work()

    assert len({caller.goes_on().identity_id for caller in callers}) == 5
    assert len(fetcher.calls) == 5


def test_so_many_threads_fetch_at_once_and_no_more(
    fetcher: FakeFetcher, clock: ManualClock, crew: Crew
) -> None:
    cache = cache_of(fetcher, clock, start_thread=crew.start, max_concurrent_fetches=3)

    for number in range(10):
        Caller(cache, f"user-{number}")

    assert len(crew.jobs) == 3
    crew.work()
    assert len(fetcher.calls) == 10


def test_misses_go_before_refreshes(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, crew: Crew
) -> None:
    Caller(cache, "old")
    crew.work()
    clock.advance(600)
    cache.get(asking("old"))
    Caller(cache, "new")

    crew.work()

    assert fetcher.calls == [asking("old"), asking("new"), asking("old")]


def test_a_refresh_that_somebody_waits_for_goes_with_the_misses(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, crew: Crew
) -> None:
    for user_id in ("first", "second"):
        Caller(cache, user_id)
    crew.work()
    clock.advance(600)
    cache.get(asking("first"))
    cache.get(asking("second"))
    Caller(cache, "second", min_remaining=800)

    crew.work()

    assert fetcher.calls[2:] == [asking("second"), asking("first")]


def test_who_gives_up_takes_nothing_down(
    cache: TokenCache, fetcher: FakeFetcher, crew: Crew
) -> None:
    with pytest.raises(TokenUnavailableError, match="No token arrived in time") as caught:
        cache.get(asking(), timeout=0)

    assert caught.value.__notes__ == ["Try again, or allow more time; the fetch continues."]
    crew.work()
    assert cache.get(asking(), timeout=0).token
    assert len(fetcher.calls) == 1


def test_a_patient_caller_waits_as_long_as_the_flight_takes(cache: TokenCache) -> None:
    assert Caller(cache).seconds == float("inf")
    assert Caller(cache, timeout=3).seconds == 3


def test_in_grace_a_caller_does_not_wait_until_its_token_is_dead(
    cache: TokenCache, clock: ManualClock, crew: Crew
) -> None:
    Caller(cache)
    crew.work()
    clock.advance(880)

    caller = Caller(cache)

    assert caller.seconds == 10
    clock.advance(10)
    assert caller.goes_on().expires_in().total_seconds() == 10


def test_refreshes_of_one_moment_share_one_flight_that_starts_after_them(
    cache: TokenCache, fetcher: FakeFetcher, crew: Crew, told: Recorder
) -> None:
    early = Caller(cache)
    held = in_the_air(cache, crew)
    forced = [Caller(cache, forced=True) for _ in range(3)]

    held()
    assert early.woken
    assert not any(caller.woken for caller in forced)
    crew.work()

    assert early.goes_on() != forced[0].goes_on()
    assert len({caller.flight for caller in forced}) == 1
    assert [event.reason for event in told.of(FetchStarted)] == [Reason.MISS, Reason.FORCED]
    assert len(fetcher.calls) == 2


def test_a_refresh_joins_a_flight_that_has_not_been_sent(
    cache: TokenCache, fetcher: FakeFetcher, crew: Crew
) -> None:
    callers = Caller(cache), Caller(cache, forced=True)

    crew.work()

    assert callers[0].goes_on() is callers[1].goes_on()
    assert len(fetcher.calls) == 1


def test_fetches_start_more_slowly_after_a_throttling(
    fetcher: FakeFetcher, clock: ManualClock, told: Recorder
) -> None:
    cache = cache_of(fetcher, clock, on_event=[told], max_concurrent_fetches=1)
    waits: list[float] = []

    def wait(gate: threading.Lock, seconds: float) -> bool:
        waits.append(seconds)
        clock.advance(seconds)
        return False

    cache._leases.workers.wait = wait
    fetcher.fail_next(TooManyRequestsError("Rate exceeded"))
    with pytest.raises(TooManyRequestsError):
        cache.get(asking("first"))
    assert told.of(Throttled) == [Throttled(0.5)]

    cache.get(asking("second"))

    assert waits == [2], "half a fetch in a second"


def no_threads(job: Any) -> None:
    raise RuntimeError("can't start new thread")


def test_without_a_thread_the_caller_fetches(fetcher: FakeFetcher, clock: ManualClock) -> None:
    cache = cache_of(fetcher, clock, start_thread=no_threads)
    cache._leases.workers.idle_seconds = 10

    assert cache.get(asking()).token
    assert cache._state.flights.workers == 0


def test_without_a_thread_a_due_token_is_served(fetcher: FakeFetcher, clock: ManualClock) -> None:
    cache = cache_of(fetcher, clock, start_thread=no_threads)
    token = cache.get(asking())
    clock.advance(600)

    assert cache.get(asking()) is token
    assert len(fetcher.calls) == 1
    assert cache.stats().in_flight == 0


def test_without_another_thread_those_there_are_do_the_work(
    fetcher: FakeFetcher, clock: ManualClock, crew: Crew
) -> None:
    cache = cache_of(fetcher, clock, start_thread=crew.start)
    Caller(cache, "first")
    cache._leases.workers.start_thread = no_threads
    second = Caller(cache, "second")

    crew.work()

    assert second.goes_on().token


class Broken:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        if isinstance(self.answer, BaseException):
            raise self.answer
        token: OpenIdToken = self.answer
        return token


@pytest.mark.parametrize("error", [ValueError("inside"), SystemExit(3), KeyboardInterrupt()])
def test_a_flight_lands_whatever_the_fetcher_raises(
    clock: ManualClock, error: BaseException
) -> None:
    cache = cache_of(Broken(error), clock)
    name = type(error).__name__

    with pytest.raises(TokenUnavailableError, match=f"The fetcher failed with {name}") as caught:
        cache.get(asking())
    assert caught.value.__cause__ is error
    assert error.__traceback__ is None
    assert cache.stats().in_flight == 0


def test_a_fetcher_that_returns_something_else_is_found_out(clock: ManualClock) -> None:
    cache = cache_of(Broken("eyJ"), clock)

    with pytest.raises(InvalidTokenResponseError, match="must return OpenIdToken"):
        cache.get(asking())


def test_a_hook_may_raise_what_it_likes(
    fetcher: FakeFetcher, clock: ManualClock, told: Recorder
) -> None:
    def broken(event: object) -> None:
        raise SystemExit

    cache = cache_of(fetcher, clock, on_event=[broken, told])

    assert cache.get(asking()).token
    assert len(told.events) == 2
    assert cache.stats().hook_errors == 2


def test_an_interrupted_hook_does_not_swallow_ctrl_c(
    fetcher: FakeFetcher, clock: ManualClock, crew: Crew
) -> None:
    def interrupted(event: object) -> None:
        raise KeyboardInterrupt

    cache = cache_of(fetcher, clock, start_thread=crew.start, on_event=[interrupted])

    with pytest.raises(KeyboardInterrupt):
        cache.clear()
