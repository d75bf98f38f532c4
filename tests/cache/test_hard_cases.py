"""Hung calls, abandoned flights, forks, closes and interrupts at unusual moments."""

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from caching import (
    POOL_ID,
    PROVIDER,
    AnyWorker,
    ManualThreads,
    make_cache,
    request_for,
    start_call,
    worker_count,
)
from cognito_devtoken import RefreshPolicy, TokenCache, TokenSession
from cognito_devtoken._cache.failures import copy_of
from cognito_devtoken._cache.flights import DEADLINE
from cognito_devtoken._cache.lookup import LONGEST_WAIT
from cognito_devtoken._cache.worker_slots import Worker
from cognito_devtoken._runtime.fork import Forks
from cognito_devtoken.exceptions import (
    DevTokenError,
    ResourceNotFoundError,
    SessionClosedError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock, make_token


def wait_for_token(cache: TokenCache, user_id: str = "user-42", **options: Any) -> Any:
    """Start a caller that waits, and return its steps."""
    steps = cache._leases.lookup.steps(request_for(user_id), None, None, **options)
    next(steps)
    return steps


def test_a_hung_flight_without_callers_and_its_successor_do_not_block_their_key(
    manual_cache: TokenCache, clock: ManualClock, threads: ManualThreads
) -> None:
    wait_for_token(manual_cache)
    threads.run_all()
    clock.advance(700)
    manual_cache.get(request_for())  # due: no caller waits for this flight
    respond = start_call(manual_cache, threads)
    successor = wait_for_token(manual_cache, forced=True)
    clock.advance(DEADLINE + 1)

    assert next(successor)[1] == LONGEST_WAIT - DEADLINE - 1, "its deadline starts when it is sent"
    threads.run_all()
    with pytest.raises(StopIteration):
        next(successor)
    respond()
    clock.advance(3000)
    later = wait_for_token(manual_cache)
    threads.run_all()
    with pytest.raises(StopIteration):
        next(later)
    assert manual_cache.stats().in_flight == 0


def test_hung_flights_without_callers_do_not_block_other_keys(
    fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    cache = make_cache(fetcher, clock, start_thread=threads.start, max_concurrent_fetches=2)
    for number in range(2):
        with pytest.raises(TokenUnavailableError):
            cache.get(request_for(f"hung-{number}"), timeout=0)
        start_call(cache, threads)
    clock.advance(DEADLINE)

    other = wait_for_token(cache, "other")
    assert threads.jobs
    threads.run_all()
    with pytest.raises(StopIteration):
        next(other)


def test_queued_flights_whose_callers_gave_up_are_not_sent_after_an_outage(
    fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    cache = make_cache(fetcher, clock, start_thread=threads.start, max_concurrent_fetches=1)
    for number in range(250):
        with pytest.raises(TokenUnavailableError):
            cache.get(request_for(f"gone-{number}"), timeout=0)
    clock.advance(DEADLINE)
    live = wait_for_token(cache, "live")
    for _ in range(2):
        with pytest.raises(TokenUnavailableError):
            cache.get(request_for("another"), timeout=0)

    threads.run_all()

    assert request_for("live") in fetcher.calls
    assert len(fetcher.calls) == 2
    with pytest.raises(StopIteration):
        next(live)


def test_strict_grace_remembers_no_error_for_more_than_five_seconds(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    cache = make_cache(fetcher, clock, policy=RefreshPolicy(strict_grace=True))
    cache.get(request_for())
    clock.advance(600)
    fetcher.error = TooManyRequestsError("slow down")
    for _ in range(210):
        cache.get(request_for())
        clock.advance(1)
    fetcher.error = None
    clock.advance(5)

    assert cache.get(request_for()).expires_in().total_seconds() == 900


def test_two_refreshes_in_a_row_both_succeed(cache: TokenCache) -> None:
    one, two = cache.refresh(request_for()), cache.refresh(request_for())

    assert one != two
    assert cache.get(request_for()) is two


def test_without_threads_a_caller_runs_one_flight_per_step(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    def none(job: Any) -> None:
        raise RuntimeError("can't start new thread")

    threads = ManualThreads()
    cache = make_cache(fetcher, clock, start_thread=threads.start)
    others = [wait_for_token(cache, f"user-{number}") for number in range(3)]
    threads.jobs.clear()
    cache._leases.workers.start_thread = none

    mine = cache._leases.lookup.steps(request_for("me"), None, None)
    next(mine)
    assert len(fetcher.calls) == 1
    for _ in range(3):
        for steps in (*others, mine):
            next(steps, None)
    assert len(fetcher.calls) == 4


def test_without_threads_no_more_than_max_concurrent_fetches_run_at_once(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    callers: list[Any] = []
    running = most = 0

    class Overlapping:
        """Has another caller come while a call is in flight, as another thread would."""

        def fetch(self, request: Any) -> Any:
            nonlocal running, most
            running += 1
            most = max(most, running)
            come()
            running -= 1
            return fetcher.fetch(request)

    def come() -> None:
        if len(callers) < 5:
            steps = cache._leases.lookup.steps(request_for(f"user-{len(callers)}"), None, None)
            callers.append(steps)
            next(steps, None)

    def none(job: Any) -> None:
        raise RuntimeError("can't start new thread")

    cache = make_cache(Overlapping(), clock, start_thread=none, max_concurrent_fetches=2)
    come()
    assert most == 2
    for _ in range(5):  # the callers that wait look again
        for steps in callers:
            next(steps, None)

    assert len(fetcher.calls) == 5
    assert most == 2


def test_a_caller_fetches_itself_if_the_only_worker_hangs(
    fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    cache = make_cache(fetcher, clock, start_thread=threads.start)
    wait_for_token(cache, "hung")
    start_call(cache, threads)
    clock.advance(DEADLINE)

    def none(job: Any) -> None:
        raise RuntimeError("can't start new thread")

    cache._leases.workers.start_thread = none
    assert cache.get(request_for("me")).token


def test_copies_of_a_shared_error_have_no_mutable_state_in_common() -> None:
    class Odd(DevTokenError):
        def __init__(self, code: int, *, why: str) -> None:
            super().__init__(f"{code}: {why}")
            self.code = code

    error = Odd(5, why="because")
    error.add_note("first")
    one, two = copy_of(error), copy_of(error)
    one.add_note("mine")

    assert isinstance(one, Odd)
    assert (str(two), two.code) == ("5: because", 5)
    assert two.__notes__ == error.__notes__ == ["first"]


def test_a_fork_does_not_undo_a_terminal_failure(cache: TokenCache, fetcher: FakeFetcher) -> None:
    cache.get(request_for())
    fetcher.fail_next(ResourceNotFoundError("gone"))
    with pytest.raises(ResourceNotFoundError):
        cache.refresh(request_for())

    cache._leases._before_fork()
    cache._leases._after_fork(in_child=True)

    with pytest.raises(ResourceNotFoundError):
        cache.get(request_for())


def test_a_caller_that_waits_in_the_forking_thread_gets_an_error_in_the_child(
    manual_cache: TokenCache, threads: ManualThreads
) -> None:
    waiting = wait_for_token(manual_cache)
    successor = wait_for_token(manual_cache, forced=True)

    manual_cache._leases._before_fork()
    manual_cache._leases._after_fork(in_child=True)

    for steps in (waiting, successor):
        with pytest.raises(TokenUnavailableError, match="The process has forked"):
            next(steps)


def test_a_cache_works_in_a_child_that_was_forked_without_its_lock(cache: TokenCache) -> None:
    token = cache.get(request_for())

    cache._leases._after_fork(in_child=True)

    assert cache.get(request_for()) == token


def test_min_remaining_beyond_the_lifetime_of_the_cached_token_is_refused(
    clock: ManualClock,
) -> None:
    fetcher = FakeFetcher(clock, lifetime=300)
    cache = make_cache(fetcher, clock)
    cache.get(request_for(), min_remaining=600)

    with pytest.raises(ValueError, match="min_remaining must be less than the life of 300 s"):
        cache.get(request_for(), min_remaining=600)
    assert len(fetcher.calls) == 1


def test_a_caller_notices_a_close_in_the_middle_of_its_call(
    fetcher: FakeFetcher, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = make_cache(fetcher, clock)
    table = cache._state.flights.by_key

    class Closing(dict[Any, Any]):
        def get(self, key: Any, default: Any = None) -> Any:
            if not cache._state.closed:
                cache.close()  # as a signal handler does
            return default

    cache._state.flights.by_key = Closing(table)

    with pytest.raises(SessionClosedError):
        cache.get(request_for())
    assert cache.stats().in_flight == 0
    assert not fetcher.calls


def test_a_token_that_arrives_after_close_is_not_returned(
    manual_cache: TokenCache, threads: ManualThreads, fetcher: FakeFetcher
) -> None:
    waiting = wait_for_token(manual_cache)
    respond = start_call(manual_cache, threads)
    manual_cache._state.closed = True  # and the flight is still in the table
    respond()

    with pytest.raises(SessionClosedError):
        next(waiting)
    assert manual_cache.stats().entries == 0


def test_valid_tokens_are_served_and_no_call_is_made_while_the_interpreter_shuts_down(
    cache: TokenCache,
    fetcher: FakeFetcher,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = cache.get(request_for())
    monkeypatch.setattr(sys, "is_finalizing", lambda: True)
    for age in (600, 250):
        clock.advance(age)
        assert cache.get(request_for()) == token

    clock.advance(50)
    with pytest.raises(TokenUnavailableError, match="while the interpreter shuts down"):
        cache.get(request_for())
    assert len(fetcher.calls) == 1


def test_a_token_that_the_fetcher_had_cached_keeps_its_age(
    clock: ManualClock,
) -> None:
    kept = make_token("user-42", identity_pool_id=POOL_ID, clock=clock)
    clock.advance(500)

    class CachingFetcher:
        def fetch(self, request: Any) -> Any:
            return kept

    cache = make_cache(CachingFetcher(), clock)

    assert cache.get(request_for()).expires_in().total_seconds() == 400


class ClockWithoutTime:
    @staticmethod
    def monotonic() -> float:
        return 0.0


async def awaited(event: Any) -> None:
    pass


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"client": object()}, r"client must have a method fetch\(\)"),
        ({"clock": 5}, r"clock must have a method monotonic\(\)"),
        ({"policy": {}}, "policy must be of type RefreshPolicy, not dict"),
        ({"on_event": print}, "on_event must be of type Iterable, not builtin_function_or_method"),
        ({"policy": RefreshPolicy}, "policy must be of type RefreshPolicy, not type"),
        ({"clock": ClockWithoutTime}, r"clock must have a method time\(\)"),
        ({"on_event": ["log"]}, r"on_event must have a method __call__\(\)"),
        ({"on_event": [awaited]}, "on_event must be a plain function, not async"),
    ],
)
def test_an_injected_object_of_the_wrong_kind_is_refused(arguments: Any, message: str) -> None:
    arguments = {"client": FakeFetcher()} | arguments
    with pytest.raises(TypeError, match=message):
        TokenSession(POOL_ID, developer_provider=PROVIDER, **arguments)


def test_a_worker_that_dies_is_no_longer_counted(
    fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    cache = make_cache(fetcher, clock, start_thread=threads.start)
    wait_for_token(cache)
    workers = cache._leases.workers

    def broken(gate: object, seconds: float) -> bool:
        raise SystemExit

    workers.idle_seconds, workers.wait = 1, broken
    with pytest.raises(SystemExit):
        threads.run_all()

    assert worker_count(cache) == 0


def test_a_fork_proceeds_without_the_lock_of_the_registry() -> None:
    forks = Forks(patience=0)
    with ThreadPoolExecutor(1) as other:
        other.submit(forks._lock.acquire).result()
        forks.before()

        forks.after(in_child=False)  # releases nothing

        assert not forks._lock.acquire(blocking=False)


def test_a_refresh_in_both_queues_is_abandoned_once(
    fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    cache = make_cache(fetcher, clock, start_thread=threads.start, max_concurrent_fetches=1)
    wait_for_token(cache, "due")
    threads.run_all()
    clock.advance(600)
    wait_for_token(cache, "busy")
    start_call(cache, threads)
    cache.get(request_for("due"))
    cache.get(request_for("due"), min_remaining=800, timeout=0)  # now it is queued with the misses
    clock.advance(DEADLINE)

    cache.get(request_for("due"))

    assert cache.stats().fetches_abandoned == 2


def test_a_worker_may_find_its_flight_taken_after_waiting_for_the_rate_limiter(
    fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    cache = make_cache(fetcher, clock, start_thread=threads.start)
    workers = cache._leases.workers
    fetcher.fail_next(TooManyRequestsError("slow down"))
    wait_for_token(cache, "first")
    threads.run_all()
    wait_for_token(cache, "second")

    def wait(gate: object, seconds: float) -> bool:
        worker: AnyWorker = Worker()
        flight = cache._state.flights.take(worker, cache._state.now())
        assert flight
        workers._fly(worker, flight)
        return False

    workers.wait = wait
    threads.run_all()

    assert len(fetcher.calls) == 2
    assert worker_count(cache) == 0
