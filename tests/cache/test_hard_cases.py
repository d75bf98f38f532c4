"""What hangs, what is forgotten, what comes at a bad moment."""

import sys
from typing import Any

import pytest

from caching import POOL_ID, PROVIDER, Crew, Recorder, asking, cache_of, in_the_air
from cognito_devtoken import RefreshPolicy, TokenCache, TokenSession
from cognito_devtoken._cache.failures import copy_of
from cognito_devtoken._cache.flights import DEADLINE
from cognito_devtoken._fork import Forks
from cognito_devtoken._values.key import Key
from cognito_devtoken.exceptions import (
    DevTokenError,
    ResourceNotFoundError,
    SessionClosedError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock, make_token


@pytest.fixture
def crew() -> Crew:
    return Crew()


@pytest.fixture
def slow(fetcher: FakeFetcher, clock: ManualClock, crew: Crew, told: Recorder) -> TokenCache:
    return cache_of(fetcher, clock, start_thread=crew.start, on_event=[told])


def begun(cache: TokenCache, user_id: str = "user-42", **options: Any) -> Any:
    """A caller who waits."""
    steps = cache._leases.steps(asking(user_id), None, None, **options)
    next(steps)
    return steps


def test_a_flight_that_nobody_waits_for_and_one_behind_it_do_not_block_their_key(
    slow: TokenCache, clock: ManualClock, crew: Crew
) -> None:
    begun(slow)
    crew.work()
    clock.advance(700)
    slow.get(asking())  # due: nobody waits for this one
    land = in_the_air(slow, crew)
    behind = begun(slow, forced=True)
    clock.advance(DEADLINE + 1)

    assert next(behind)[1] == float("inf"), "its own time begins when it is sent"
    crew.work()
    with pytest.raises(StopIteration):
        next(behind)
    land()
    clock.advance(3000)
    again_ = begun(slow)
    crew.work()
    with pytest.raises(StopIteration):
        next(again_)
    assert slow.stats().in_flight == 0


def test_flights_that_hang_and_that_nobody_asks_after_do_not_stop_other_keys(
    fetcher: FakeFetcher, clock: ManualClock, crew: Crew
) -> None:
    cache = cache_of(fetcher, clock, start_thread=crew.start, max_concurrent_fetches=2)
    for number in range(2):
        with pytest.raises(TokenUnavailableError):
            cache.get(asking(f"hung-{number}"), timeout=0)
        in_the_air(cache, crew)
    clock.advance(DEADLINE)

    other = begun(cache, "other")
    assert crew.jobs
    crew.work()
    with pytest.raises(StopIteration):
        next(other)


def test_what_nobody_waits_for_any_more_is_not_fetched_after_an_outage(
    fetcher: FakeFetcher, clock: ManualClock, crew: Crew
) -> None:
    cache = cache_of(fetcher, clock, start_thread=crew.start, max_concurrent_fetches=1)
    for number in range(250):
        with pytest.raises(TokenUnavailableError):
            cache.get(asking(f"gone-{number}"), timeout=0)
    clock.advance(DEADLINE)
    live = begun(cache, "live")
    for _ in range(2):
        with pytest.raises(TokenUnavailableError):
            cache.get(asking("another"), timeout=0)

    crew.work()

    assert asking("live") in fetcher.calls
    assert len(fetcher.calls) == 2
    with pytest.raises(StopIteration):
        next(live)


def test_strict_grace_remembers_no_error_for_more_than_five_seconds(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    cache = cache_of(fetcher, clock, policy=RefreshPolicy(strict_grace=True))
    cache.get(asking())
    clock.advance(600)
    fetcher.error = TooManyRequestsError("slow down")
    for _ in range(210):
        cache.get(asking())
        clock.advance(1)
    fetcher.error = None
    clock.advance(5)

    assert cache.get(asking()).expires_in().total_seconds() == 900


def test_two_refreshes_in_a_row_both_succeed(cache: TokenCache) -> None:
    one, two = cache.refresh(asking()), cache.refresh(asking())

    assert one != two
    assert cache.get(asking()) is two


def test_without_threads_a_caller_flies_no_more_than_one_flight_at_a_time(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    def none(job: Any) -> None:
        raise RuntimeError("can't start new thread")

    crew = Crew()
    cache = cache_of(fetcher, clock, start_thread=crew.start)
    others = [begun(cache, f"user-{number}") for number in range(3)]
    crew.jobs.clear()
    cache._state.flights.workers = 0
    cache._leases.workers.start_thread = none

    mine = cache._leases.steps(asking("me"), None, None)
    next(mine)
    assert len(fetcher.calls) == 1
    for _ in range(3):
        for steps in (*others, mine):
            next(steps, None)
    assert len(fetcher.calls) == 4


def test_a_hung_thread_does_not_count_as_one_that_comes_to_it(
    fetcher: FakeFetcher, clock: ManualClock, crew: Crew
) -> None:
    cache = cache_of(fetcher, clock, start_thread=crew.start)
    begun(cache, "hung")
    in_the_air(cache, crew)
    clock.advance(DEADLINE)

    def none(job: Any) -> None:
        raise RuntimeError("can't start new thread")

    cache._leases.workers.start_thread = none
    assert cache.get(asking("me")).token


def test_errors_that_are_shared_share_nothing_that_can_be_changed() -> None:
    class Odd(DevTokenError):
        def __init__(self, code: int, *, why: str) -> None:
            super().__init__(f"{code}: {why}")
            self.code = code

    error = Odd(5, why="because")
    error.add_note("first")
    one, two = copy_of(error), copy_of(error)
    one.add_note("mine")

    assert isinstance(one, Odd)
    assert (str(two), two.code) == ("5: because", 5)  # type: ignore[attr-defined]
    assert two.__notes__ == error.__notes__ == ["first"]


def test_a_fork_does_not_undo_a_terminal_failure(cache: TokenCache, fetcher: FakeFetcher) -> None:
    cache.get(asking())
    fetcher.fail_next(ResourceNotFoundError("gone"))
    with pytest.raises(ResourceNotFoundError):
        cache.refresh(asking())

    ready = cache._leases._before_fork()
    cache._leases._after_fork(ready=ready, in_child=True)

    with pytest.raises(ResourceNotFoundError):
        cache.get(asking())


def test_who_waits_in_the_thread_that_forks_is_told(slow: TokenCache, crew: Crew) -> None:
    waiting = begun(slow)
    behind = begun(slow, forced=True)

    ready = slow._leases._before_fork()
    slow._leases._after_fork(ready=ready, in_child=True)

    for steps in (waiting, behind):
        with pytest.raises(TokenUnavailableError, match="The process has forked"):
            next(steps)


def test_a_fork_without_the_lock_goes_on_all_the_same(cache: TokenCache) -> None:
    token = cache.get(asking())

    cache._leases._after_fork(ready=False, in_child=True)

    assert cache.get(asking()) == token


def test_more_life_than_the_token_at_hand_has_in_all_is_refused(clock: ManualClock) -> None:
    fetcher = FakeFetcher(clock, lifetime=300)
    cache = cache_of(fetcher, clock)
    cache.get(asking(), min_remaining=600)

    with pytest.raises(ValueError, match="min_remaining must be less than the life of 300 s"):
        cache.get(asking(), min_remaining=600)
    assert len(fetcher.calls) == 1


def test_a_close_in_the_middle_of_a_call_is_noticed(
    fetcher: FakeFetcher, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = cache_of(fetcher, clock)
    table = cache._state.flights.table

    class Closing(dict[Any, Any]):
        def get(self, key: Any, default: Any = None) -> Any:
            if not cache._state.closed:
                cache.close()  # as a signal handler does
            return default

    cache._state.flights.table = Closing(table)

    with pytest.raises(SessionClosedError):
        cache.get(asking())
    assert cache.stats().in_flight == 0
    assert not fetcher.calls


def test_a_token_that_lands_in_a_closed_cache_is_nobodys(
    slow: TokenCache, crew: Crew, fetcher: FakeFetcher
) -> None:
    waiting = begun(slow)
    land = in_the_air(slow, crew)
    slow._state.closed = True  # and the flight is still in the table
    land()

    with pytest.raises(SessionClosedError):
        next(waiting)
    assert slow.stats().entries == 0


def test_while_the_interpreter_ends_what_is_valid_is_served_and_no_call_is_made(
    cache: TokenCache,
    fetcher: FakeFetcher,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = cache.get(asking())
    monkeypatch.setattr(sys, "is_finalizing", lambda: True)
    for age in (600, 250):
        clock.advance(age)
        assert cache.get(asking()) == token

    clock.advance(50)
    with pytest.raises(TokenUnavailableError, match="while the interpreter shuts down"):
        cache.get(asking())
    assert len(fetcher.calls) == 1


def test_a_token_that_its_fetcher_has_had_for_a_while_is_as_old_as_it_is(
    clock: ManualClock,
) -> None:
    kept = make_token("user-42", identity_pool_id=POOL_ID, clock=clock)
    clock.advance(500)

    class Caching:
        def fetch(self, request: Any) -> Any:
            return kept

    cache = cache_of(Caching(), clock)

    assert cache.get(asking()).expires_in().total_seconds() == 400


def test_a_token_that_the_bounds_do_not_take_is_not_held(cache: TokenCache) -> None:
    token = make_token()
    cache._state.entries._now = 1e12  # by rounding, say

    cache._state.entries.store(Key.of(asking("other"), PROVIDER), token)

    assert len(cache._state.entries._expiry) == len(cache._state.entries.leases)


class HalfAClock:
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
        ({"clock": HalfAClock}, r"clock must have a method time\(\)"),
        ({"on_event": ["log"]}, r"on_event must have a method __call__\(\)"),
        ({"on_event": [awaited]}, "on_event must be a plain function, not async"),
    ],
)
def test_what_is_injected_must_be_of_its_kind(arguments: Any, message: str) -> None:
    arguments = {"client": FakeFetcher()} | arguments
    with pytest.raises(TypeError, match=message):
        TokenSession(POOL_ID, developer_provider=PROVIDER, **arguments)


def test_a_thread_that_breaks_is_no_longer_counted(
    fetcher: FakeFetcher, clock: ManualClock, crew: Crew
) -> None:
    cache = cache_of(fetcher, clock, start_thread=crew.start)
    begun(cache)
    workers = cache._leases.workers

    def broken(gate: object, seconds: float) -> bool:
        raise SystemExit

    workers.idle_seconds, workers.wait = 1, broken
    with pytest.raises(SystemExit):
        crew.work()

    assert cache._state.flights.workers == 0


def test_a_fork_goes_on_without_the_lock_of_the_list() -> None:
    forks = Forks(patience=0)
    forks._lock.acquire()
    forks.before()

    forks.after(in_child=False)  # releases nothing

    assert forks._lock.locked()


def test_a_refresh_that_stands_in_both_queues_is_given_up_once(
    fetcher: FakeFetcher, clock: ManualClock, crew: Crew
) -> None:
    cache = cache_of(fetcher, clock, start_thread=crew.start, max_concurrent_fetches=1)
    begun(cache, "due")
    crew.work()
    clock.advance(600)
    begun(cache, "busy")
    in_the_air(cache, crew)
    cache.get(asking("due"))
    cache.get(asking("due"), min_remaining=800, timeout=0)  # now it goes with the misses
    clock.advance(DEADLINE)

    cache.get(asking("due"))

    assert cache.stats().fetches_abandoned == 2


def test_a_thread_that_kept_the_pace_may_find_that_another_has_done_the_work(
    fetcher: FakeFetcher, clock: ManualClock, crew: Crew
) -> None:
    cache = cache_of(fetcher, clock, start_thread=crew.start)
    workers = cache._leases.workers
    fetcher.fail_next(TooManyRequestsError("slow down"))
    begun(cache, "first")
    crew.work()
    begun(cache, "second")

    def wait(gate: object, seconds: float) -> bool:
        flight = cache._state.flights.take(cache._state.now())
        assert flight
        cache._leases.workers._fly(flight)
        return False

    workers.wait = wait
    crew.work()

    assert len(fetcher.calls) == 2
    assert cache._state.flights.workers == 0
