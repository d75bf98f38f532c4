"""Single flight: one flight for each key, which every caller joins and none owns."""

import threading
from typing import Any

import pytest

from caching import (
    Caller,
    ManualThreads,
    Recorder,
    make_cache,
    request_for,
    start_call,
    worker_count,
)
from cognito_devtoken import OpenIdToken, TokenCache, TokenRequest
from cognito_devtoken.events import FetchStarted, FetchSucceeded, Reason, Throttled
from cognito_devtoken.exceptions import (
    InvalidTokenResponseError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock


@pytest.fixture
def cache(manual_cache: TokenCache) -> TokenCache:
    return manual_cache


def test_callers_for_the_same_token_share_one_flight(
    cache: TokenCache, fetcher: FakeFetcher, threads: ManualThreads
) -> None:
    callers = [Caller(cache) for _ in range(50)]

    threads.run_all()

    assert {caller.woken for caller in callers} == {1}
    assert len({id(caller.result()) for caller in callers}) == 1
    assert len(fetcher.calls) == 1
    assert cache.stats().joined == 49


def test_each_key_has_its_own_flight(
    cache: TokenCache, fetcher: FakeFetcher, threads: ManualThreads
) -> None:
    callers = [Caller(cache, f"user-{number}") for number in range(5)]

    threads.run_all()

    assert len({caller.result().identity_id for caller in callers}) == 5
    assert len(fetcher.calls) == 5


def test_no_more_than_max_concurrent_fetches_threads_are_started(
    fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    cache = make_cache(fetcher, clock, start_thread=threads.start, max_concurrent_fetches=3)

    for number in range(10):
        Caller(cache, f"user-{number}")

    assert len(threads.jobs) == 3
    threads.run_all()
    assert len(fetcher.calls) == 10


def test_misses_are_fetched_before_refreshes(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    Caller(cache, "old")
    threads.run_all()
    clock.advance(600)
    cache.get(request_for("old"))
    Caller(cache, "new")

    threads.run_all()

    assert fetcher.calls == [request_for("old"), request_for("new"), request_for("old")]


def test_a_refresh_with_a_waiting_caller_is_queued_with_the_misses(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    for user_id in ("first", "second"):
        Caller(cache, user_id)
    threads.run_all()
    clock.advance(600)
    cache.get(request_for("first"))
    cache.get(request_for("second"))
    Caller(cache, "second", min_remaining=800)

    threads.run_all()

    assert fetcher.calls[2:] == [request_for("second"), request_for("first")]


def test_a_caller_that_gives_up_does_not_cancel_the_flight(
    cache: TokenCache, fetcher: FakeFetcher, threads: ManualThreads
) -> None:
    with pytest.raises(TokenUnavailableError, match="No token arrived in time") as caught:
        cache.get(request_for(), timeout=0)

    hint = "Try again, or pass a longer timeout; the fetch continues in the background."
    assert caught.value.__notes__ == [hint]
    threads.run_all()
    assert cache.get(request_for(), timeout=0).token
    assert len(fetcher.calls) == 1


@pytest.mark.parametrize(("timeout", "seconds"), [(None, 30), (3, 3), (60, 60)])
def test_a_caller_waits_for_30_s_at_most_unless_its_timeout_says_otherwise(
    cache: TokenCache, clock: ManualClock, timeout: float | None, seconds: float
) -> None:
    caller = Caller(cache, timeout=timeout)
    assert caller.seconds == seconds

    clock.advance(seconds)

    with pytest.raises(TokenUnavailableError):
        next(caller._steps)


def test_in_the_grace_period_a_caller_stops_waiting_before_its_token_expires(
    cache: TokenCache, clock: ManualClock, threads: ManualThreads
) -> None:
    Caller(cache)
    threads.run_all()
    clock.advance(880)

    caller = Caller(cache)

    assert caller.seconds == 10
    clock.advance(10)
    assert caller.result().expires_in().total_seconds() == 10


def test_concurrent_refreshes_share_one_flight_that_starts_after_them(
    cache: TokenCache, fetcher: FakeFetcher, threads: ManualThreads, recorder: Recorder
) -> None:
    early = Caller(cache)
    respond = start_call(cache, threads)
    forced = [Caller(cache, forced=True) for _ in range(3)]

    respond()
    assert early.woken
    assert not any(caller.woken for caller in forced)
    threads.run_all()

    assert early.result() != forced[0].result()
    assert len({caller.flight for caller in forced}) == 1
    assert [event.reason for event in recorder.of(FetchStarted)] == [Reason.MISS, Reason.FORCED]
    assert len(fetcher.calls) == 2


def test_a_refresh_joins_a_flight_that_has_not_been_sent(
    cache: TokenCache, fetcher: FakeFetcher, threads: ManualThreads
) -> None:
    callers = Caller(cache), Caller(cache, forced=True)

    threads.run_all()

    assert callers[0].result() is callers[1].result()
    assert len(fetcher.calls) == 1


def test_the_rate_limiter_slows_fetches_down_after_throttling(
    fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    cache = make_cache(fetcher, clock, on_event=[recorder], max_concurrent_fetches=1)
    waits: list[float] = []

    def wait(gate: threading.Lock, seconds: float) -> bool:
        waits.append(seconds)
        clock.advance(seconds)
        return False

    cache._leases.workers.wait = wait
    fetcher.fail_next(TooManyRequestsError("Rate exceeded"))
    with pytest.raises(TooManyRequestsError):
        cache.get(request_for("first"))
    assert recorder.of(Throttled) == [Throttled(0.5)]

    cache.get(request_for("second"))

    assert waits == [2], "half a fetch per second"


def no_threads(job: Any) -> None:
    raise RuntimeError("can't start new thread")


def test_without_a_worker_thread_the_caller_fetches(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    cache = make_cache(fetcher, clock, start_thread=no_threads)
    cache._leases.workers.idle_seconds = 10

    assert cache.get(request_for()).token
    assert worker_count(cache) == 0


def test_without_a_worker_thread_a_due_token_is_served(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    cache = make_cache(fetcher, clock, start_thread=no_threads)
    token = cache.get(request_for())
    clock.advance(600)

    assert cache.get(request_for()) is token
    assert len(fetcher.calls) == 1
    assert cache.stats().in_flight == 0


def test_existing_workers_run_the_flights_if_no_further_thread_can_start(
    fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    cache = make_cache(fetcher, clock, start_thread=threads.start)
    Caller(cache, "first")
    cache._leases.workers.start_thread = no_threads
    second = Caller(cache, "second")

    threads.run_all()

    assert second.result().token


class BrokenFetcher:
    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        token: OpenIdToken = self.outcome
        return token


@pytest.mark.parametrize("error", [ValueError("inside"), SystemExit(3), KeyboardInterrupt()])
def test_a_flight_ends_whatever_the_fetcher_raises(
    clock: ManualClock, error: BaseException
) -> None:
    cache = make_cache(BrokenFetcher(error), clock)
    name = type(error).__name__

    with pytest.raises(TokenUnavailableError, match=f"The fetcher failed with {name}") as caught:
        cache.get(request_for())
    assert caught.value.__cause__ is error
    assert error.__traceback__ is None
    assert cache.stats().in_flight == 0


def test_a_fetcher_that_does_not_return_a_token_is_detected(clock: ManualClock) -> None:
    cache = make_cache(BrokenFetcher("eyJ"), clock)

    with pytest.raises(InvalidTokenResponseError, match="must return OpenIdToken"):
        cache.get(request_for())


def test_an_exception_of_a_hook_does_not_reach_the_caller(
    fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    def broken(event: object) -> None:
        raise SystemExit

    cache = make_cache(fetcher, clock, on_event=[broken, recorder])

    assert cache.get(request_for()).token
    assert len(recorder.of(FetchStarted) + recorder.of(FetchSucceeded)) == 2
    assert cache.stats().hook_errors == 2


def test_a_keyboard_interrupt_in_a_hook_reaches_the_caller(
    fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    def interrupted(event: object) -> None:
        raise KeyboardInterrupt

    cache = make_cache(fetcher, clock, start_thread=threads.start, on_event=[interrupted])

    with pytest.raises(KeyboardInterrupt):
        cache.clear()


def test_a_flight_ends_even_if_the_clock_fails_when_its_token_arrives(
    threads: ManualThreads,
) -> None:
    class FailingClock(ManualClock):
        fails = False

        def time(self) -> float:
            if self.fails:
                raise ZeroDivisionError
            return super().time()

    clock = FailingClock()

    class Fetcher(FakeFetcher):
        def fetch(self, request: TokenRequest) -> OpenIdToken:
            token = super().fetch(request)
            clock.fails = True
            return token

    caller = Caller(make_cache(Fetcher(clock), clock, start_thread=threads.start))
    with pytest.raises(ZeroDivisionError):
        threads.run_all()
    clock.fails = False

    with pytest.raises(TokenUnavailableError, match="The fetch was interrupted"):
        next(caller._steps)
