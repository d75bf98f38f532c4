"""Many callers at once, in threads and in event loops."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from caching import POOL_ID, PROVIDER, Recorder, idle_count, request_for, wait_until, worker_count
from cognito_devtoken import AsyncTokenSession, OpenIdToken, TokenCache
from cognito_devtoken.events import FetchSucceeded
from cognito_devtoken.exceptions import ResourceNotFoundError, TokenUnavailableError
from cognito_devtoken.testing import FakeFetcher, ManualClock
from patience import PATIENCE


THREADS, LOOPS, TASKS = 200, 4, 50
CALLERS = THREADS + LOOPS * TASKS


def get_from_all_callers(
    cache: TokenCache, cancelled: Callable[[int], bool] = lambda number: False
) -> list[Any]:
    """Request one token from 200 threads and from 4 event loops with 50 tasks each."""

    async def task(number: int) -> Any:
        request = asyncio.ensure_future(cache.aget(request_for()))
        if cancelled(number):
            await asyncio.sleep(0)
            request.cancel()
        return (await asyncio.gather(request, return_exceptions=True))[0]

    async def tasks() -> list[Any]:
        return await asyncio.gather(*map(task, range(TASKS)))

    def thread() -> list[Any]:
        try:
            return [cache.get(request_for())]
        except Exception as error:  # noqa: BLE001  # the outcome
            return [error]

    with ThreadPoolExecutor(THREADS + LOOPS) as pool:
        futures = [pool.submit(thread) for _ in range(THREADS)]
        futures += [pool.submit(lambda: asyncio.run(tasks())) for _ in range(LOOPS)]
        return [outcome for future in futures for outcome in future.result()]


@pytest.fixture
def cache(fetcher: FakeFetcher, clock: ManualClock) -> Any:
    cache = TokenCache(fetcher, developer_provider=PROVIDER, clock=clock)
    cache._leases.workers.idle_seconds = PATIENCE
    yield cache
    cache.close()


@pytest.fixture
def run_callers(cache: TokenCache, fetcher: FakeFetcher) -> Callable[..., list[Any]]:
    """A function that lets all callers join one flight, and returns their outcomes."""

    def run(**options: Any) -> list[Any]:
        with ThreadPoolExecutor(1) as pool:
            with fetcher.held():
                outcomes = pool.submit(get_from_all_callers, cache, **options)
                wait_until(lambda: cache.stats().joined == CALLERS - 1)
            return outcomes.result()

    return run


def test_concurrent_callers_share_one_call(
    run_callers: Callable[..., list[Any]], cache: TokenCache, fetcher: FakeFetcher
) -> None:
    outcomes = run_callers()

    assert len(outcomes) == CALLERS
    assert len({id(token) for token in outcomes}) == 1
    assert isinstance(outcomes[0], OpenIdToken)
    assert len(fetcher.calls) == 1
    assert cache.stats().joined == CALLERS - 1


def test_concurrent_callers_share_a_failure(
    run_callers: Callable[..., list[Any]], fetcher: FakeFetcher
) -> None:
    fetcher.error = ResourceNotFoundError("gone", code="ResourceNotFoundException")

    outcomes = run_callers()

    assert {type(error) for error in outcomes} == {ResourceNotFoundError}
    assert len({id(error) for error in outcomes}) == CALLERS
    assert len(fetcher.calls) == 1


def test_cancelled_tasks_do_not_affect_the_other_callers(
    run_callers: Callable[..., list[Any]], cache: TokenCache, fetcher: FakeFetcher
) -> None:
    outcomes = run_callers(cancelled=lambda number: number % 2)

    cancelled = [each for each in outcomes if isinstance(each, asyncio.CancelledError)]
    tokens = [each for each in outcomes if isinstance(each, OpenIdToken)]
    assert len(cancelled) == LOOPS * TASKS / 2
    assert len(tokens) == CALLERS - len(cancelled)
    assert len(fetcher.calls) == 1
    assert cache.get(request_for()) is tokens[0]


def test_the_token_is_cached_although_every_caller_is_cancelled(
    fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    async def main() -> None:
        session = AsyncTokenSession(
            POOL_ID, developer_provider=PROVIDER, client=fetcher, clock=clock, on_event=[recorder]
        )
        async with session:
            with fetcher.held():
                task = asyncio.ensure_future(session.get_token("user-42"))
                await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            await asyncio.to_thread(recorder.wait_for, FetchSucceeded)
            assert session.stats().entries == 1

    asyncio.run(main())


def test_the_event_loop_keeps_running_while_a_call_hangs(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    async def main() -> None:
        session = AsyncTokenSession(
            POOL_ID, developer_provider=PROVIDER, client=fetcher, clock=clock
        )
        async with session:
            with fetcher.held():
                users = [f"user-{number}" for number in range(100)]
                tasks = [asyncio.ensure_future(session.get_token(user)) for user in users]
                for _ in range(1000):  # would hang if a task blocked the loop
                    await asyncio.sleep(0)
                assert not any(task.done() for task in tasks)
            tokens = await asyncio.gather(*tasks)
            assert len({token.identity_id for token in tokens}) == 100

    asyncio.run(main())


def test_an_event_loop_that_closes_during_a_call_does_not_affect_other_callers(
    cache: TokenCache, fetcher: FakeFetcher
) -> None:
    with fetcher.held():
        loop = asyncio.new_event_loop()
        task = loop.create_task(cache.aget(request_for()))
        loop.run_until_complete(asyncio.sleep(0))
        (flight,) = cache._state.flights.by_key.values()
        assert len(flight.waiters) == 1
        task.cancel()
        waiters = set(flight.waiters)
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()
        flight.waiters |= waiters  # as if the loop had been closed without cancelling the task

    assert cache.get(request_for()).token
    assert len(fetcher.calls) == 1


def test_a_session_can_be_used_in_several_event_loops_in_turn(fetcher: FakeFetcher) -> None:
    session = AsyncTokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher)

    async def contended() -> None:
        await asyncio.gather(*(session.get_token("user-42") for _ in range(10)))
        await session.forget("user-42")

    for _ in range(3):
        asyncio.run(contended())
    asyncio.run(session.aclose())

    assert len(fetcher.calls) == 3


def test_a_fetch_completes_although_its_callers_timed_out(
    fetcher: FakeFetcher,
) -> None:
    cache = TokenCache(fetcher, developer_provider=PROVIDER)
    with fetcher.held():
        for _ in range(10):
            with pytest.raises(TokenUnavailableError):
                cache.get(request_for(), timeout=0.001)

    assert cache.get(request_for()).token
    assert len(fetcher.calls) == 1
    cache.close()


def test_concurrent_refreshes_cause_at_most_two_calls(
    cache: TokenCache, fetcher: FakeFetcher
) -> None:
    async def main() -> None:
        with fetcher.held():
            tasks = [asyncio.ensure_future(cache.arefresh(request_for())) for _ in range(10)]
            await asyncio.sleep(0)
        assert len(set(await asyncio.gather(*tasks))) <= 2, "one in flight, and its successor"

    asyncio.run(main())
    assert cache.refresh(request_for()).token
    assert len(fetcher.calls) <= 3


def test_idle_worker_threads_end(fetcher: FakeFetcher) -> None:
    cache = TokenCache(fetcher)
    cache._leases.workers.idle_seconds = 0.01
    before = threading.active_count()
    for number in range(20):
        cache.get(request_for(f"user-{number}"))

    wait_until(lambda: worker_count(cache) == 0)
    wait_until(lambda: threading.active_count() <= before)


def test_an_idle_worker_waits_for_the_next_miss(cache: TokenCache) -> None:
    for number in range(20):
        cache.get(request_for(f"user-{number}"))
        wait_until(lambda: idle_count(cache) == 1)

    assert worker_count(cache) == 1
    cache.close()
    wait_until(lambda: worker_count(cache) == 0)


def test_a_worker_that_is_reserved_as_it_times_out_stays(cache: TokenCache) -> None:
    state, workers = cache._state, cache._leases.workers
    wakings: list[int] = []

    def wait(gate: threading.Lock, seconds: float) -> bool:
        if not wakings:
            wakings.append(1)
            with state.lock:
                state.flights.slots.reserve()  # just as its idle time ends
            return False
        return gate.acquire(timeout=seconds)

    workers.wait = wait
    cache.get(request_for())

    wait_until(lambda: idle_count(cache) == 1)
    assert worker_count(cache) == 1
    cache.close()
