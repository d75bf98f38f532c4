"""Interrupts and hooks at the worst moment, and threads that cannot start."""

import pickle
from contextlib import suppress
from typing import Any

import pytest

from caching import (
    PROVIDER,
    ManualThreads,
    make_cache,
    request_for,
    start_call,
    take_flight,
    worker_count,
)
from cognito_devtoken import OpenIdToken, RefreshPolicy, TokenCache, TokenRequest
from cognito_devtoken._cache.flights import DEADLINE
from cognito_devtoken._values.key import Key
from cognito_devtoken.events import Event, FetchStarted, FetchSucceeded
from cognito_devtoken.exceptions import (
    InternalServiceError,
    ResourceNotFoundError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock


def wait_for_token(cache: TokenCache, user_id: str = "user-42", **options: Any) -> Any:
    """Start a caller that waits, and return its steps."""
    steps = cache._leases.lookup.steps(request_for(user_id), None, None, **options)
    next(steps)
    return steps


def no_threads(job: Any) -> None:
    raise RuntimeError("can't start new thread")


class TestThreads:
    def test_a_caller_fetches_itself_if_no_memory_is_left_for_a_thread(
        self, fetcher: FakeFetcher, clock: ManualClock
    ) -> None:
        def none(job: Any) -> None:
            raise MemoryError

        cache = make_cache(fetcher, clock, start_thread=none)

        assert cache.get(request_for()).token
        assert worker_count(cache) == 0

    def test_an_interrupt_while_a_thread_starts_frees_its_worker_slot(
        self, fetcher: FakeFetcher, clock: ManualClock
    ) -> None:
        def interrupted(job: Any) -> None:
            raise KeyboardInterrupt

        cache = make_cache(fetcher, clock, start_thread=interrupted, max_concurrent_fetches=1)
        with pytest.raises(KeyboardInterrupt):
            cache.get(request_for())

        assert worker_count(cache) == 0

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
    def test_without_threads_an_interrupt_reaches_the_caller(
        self, clock: ManualClock, error: BaseException
    ) -> None:
        class Interrupted:
            def fetch(self, request: TokenRequest) -> OpenIdToken:
                raise error

        cache = make_cache(Interrupted(), clock, start_thread=no_threads)

        with pytest.raises(type(error)):
            cache.get(request_for())
        assert cache.stats().in_flight == 0

    def test_without_threads_a_hung_fetch_does_not_block_other_callers(
        self, clock: ManualClock
    ) -> None:
        outcomes: list[Any] = []

        class Hanging:
            def fetch(self, request: TokenRequest) -> OpenIdToken:
                if not outcomes:
                    clock.advance(DEADLINE)
                    outcomes.append("hangs")
                    steps = cache._leases.lookup.steps(request_for("other"), None, None)
                    try:
                        outcomes.append(next(steps))
                    except StopIteration as stop:
                        outcomes.append(stop.value)
                return FakeFetcher(clock).fetch(request)

        cache = make_cache(Hanging(), clock, start_thread=no_threads)
        with pytest.raises(TokenUnavailableError):
            cache.get(request_for())

        assert isinstance(outcomes[-1], OpenIdToken)

    def test_without_threads_a_token_in_its_grace_period_is_served(
        self, fetcher: FakeFetcher, clock: ManualClock
    ) -> None:
        cache = make_cache(fetcher, clock, start_thread=no_threads)
        token = cache.get(request_for())
        clock.advance(850)

        assert cache.get(request_for()) is token
        assert len(fetcher.calls) == 1
        assert cache.stats().grace_hits == 1

    @pytest.mark.parametrize(
        ("policy", "method"),
        [(RefreshPolicy(), "refresh"), (RefreshPolicy(strict_grace=True), "get")],
    )
    def test_without_threads_a_caller_that_needs_a_new_token_fetches_it(
        self, fetcher: FakeFetcher, clock: ManualClock, policy: RefreshPolicy, method: str
    ) -> None:
        cache = make_cache(fetcher, clock, start_thread=no_threads, policy=policy)
        token = cache.get(request_for())
        clock.advance(850)

        assert getattr(cache, method)(request_for()) != token
        assert len(fetcher.calls) == 2

    def test_close_wakes_the_idle_workers(self, cache: TokenCache) -> None:
        worker = cache._state.flights.slots.reserve()
        assert worker
        worker.idle = True

        cache.close()

        assert not worker.gate.locked()
        worker.wake()  # once more, because its first waking was interrupted
        assert not worker.gate.locked()

    def test_a_queued_flight_starts_when_a_hung_one_is_abandoned(
        self, fetcher: FakeFetcher, clock: ManualClock
    ) -> None:
        threads = ManualThreads()
        cache = make_cache(fetcher, clock, start_thread=threads.start, max_concurrent_fetches=1)
        hung = wait_for_token(cache, "hung")
        start_call(cache, threads)
        clock.advance(DEADLINE - 1)
        queued = wait_for_token(cache, "queued")
        assert not threads.jobs
        clock.advance(1)

        with pytest.raises(TokenUnavailableError):
            next(hung)
        threads.run_all()

        with pytest.raises(StopIteration):
            next(queued)

    def test_a_flight_whose_worker_has_ended_is_given_up_at_the_next_look(
        self, fetcher: FakeFetcher, clock: ManualClock
    ) -> None:
        threads = ManualThreads()
        cache = make_cache(fetcher, clock, start_thread=threads.start)
        waiting = wait_for_token(cache)
        worker, _ = take_flight(cache, threads)
        worker.ended = True  # its thread was interrupted, and a traceback keeps it

        with pytest.raises(TokenUnavailableError, match="interrupted"):
            next(waiting)


class TestHooks:
    def test_a_worker_that_runs_a_hook_does_not_block_a_fetch(
        self, fetcher: FakeFetcher, clock: ManualClock
    ) -> None:
        threads = ManualThreads()
        log: list[Any] = []

        def hook(event: Event) -> None:
            if isinstance(event, FetchSucceeded) and not log:
                log.append(wait_for_token(cache, "service"))
                threads.run_all()  # a second worker has been started
                with pytest.raises(StopIteration):
                    next(log[0])
                log.append("served")

        cache = make_cache(
            fetcher, clock, start_thread=threads.start, max_concurrent_fetches=1, on_event=[hook]
        )
        wait_for_token(cache)
        threads.run_all()

        assert log[1:] == ["served"]
        assert cache.stats().hook_errors == 0
        assert cache._state.flights.slots.active() == 0

    def test_a_waiting_caller_is_woken_before_a_hook_is_called(
        self, fetcher: FakeFetcher, clock: ManualClock
    ) -> None:
        threads, order = ManualThreads(), list[str]()
        cache = make_cache(
            fetcher,
            clock,
            start_thread=threads.start,
            on_event=[lambda event: order.append("hook")],
        )
        steps = cache._leases.lookup.steps(request_for(), None, None)
        flight, _ = next(steps)
        flight.waiters.add(lambda: order.append("woken"))
        order.clear()

        threads.run_all()

        assert order == ["hook", "woken", "hook"], "the start, the waiting caller, the end"


class TestErrors:
    def test_the_cause_of_an_error_keeps_no_frames(self, clock: ManualClock) -> None:
        class Chained:
            def fetch(self, request: TokenRequest) -> OpenIdToken:
                raise InternalServiceError("no") from refused("login-canary")

        def refused(login: str) -> Exception:
            error = KeyError("no")
            with suppress(KeyError):
                try:
                    int(login)
                except ValueError:
                    raise error from None
            assert error.__traceback__
            return error

        cache = make_cache(Chained(), clock)
        with pytest.raises(InternalServiceError) as caught:
            cache.get(request_for())

        cause = caught.value.__cause__
        assert isinstance(cause, KeyError)
        assert (cause.__traceback__, cause.__context__) == (None, None)

    def test_an_error_that_names_itself_as_its_cause_is_raised(self, clock: ManualClock) -> None:
        class Odd:
            def fetch(self, request: TokenRequest) -> OpenIdToken:
                error = InternalServiceError("no")
                raise error from error

        with pytest.raises(InternalServiceError):
            make_cache(Odd(), clock).get(request_for())

    @pytest.mark.parametrize(
        ("error", "seconds"),
        [(TooManyRequestsError("slowly"), [2, 4, 5]), (InternalServiceError("no"), [0.25, 0.5, 1])],
    )
    def test_an_error_says_when_the_next_attempt_is_made(
        self,
        cache: TokenCache,
        fetcher: FakeFetcher,
        clock: ManualClock,
        error: Any,
        seconds: list[float],
    ) -> None:
        fetcher.error = error
        pauses = []
        for _ in seconds:
            with pytest.raises(type(error)) as caught:
                cache.get(request_for())
            pauses.append(caught.value.retry_at.timestamp() - clock.time())
            clock.advance(60)

        assert pauses == pytest.approx(seconds)

    def test_a_terminal_error_has_no_retry_at(
        self, cache: TokenCache, fetcher: FakeFetcher
    ) -> None:
        fetcher.error = ResourceNotFoundError("gone")

        with pytest.raises(ResourceNotFoundError) as caught:
            cache.get(request_for())

        assert caught.value.retry_at is None

    def test_the_back_off_restarts_once_the_token_has_expired(
        self, cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock
    ) -> None:
        cache.get(request_for())
        fetcher.error = InternalServiceError("no")
        clock.advance(600)
        for _ in range(6):
            cache.get(request_for())
            clock.advance(30)
        clock.advance(300)

        with pytest.raises(InternalServiceError) as caught:
            cache.get(request_for())

        assert caught.value.retry_at is not None
        assert caught.value.retry_at.timestamp() - clock.time() == pytest.approx(0.25)


def test_the_time_in_queue_includes_the_wait_for_the_rate_limiter(
    fetcher: FakeFetcher, clock: ManualClock, recorder: Any
) -> None:
    threads = ManualThreads()
    cache = make_cache(fetcher, clock, start_thread=threads.start, on_event=[recorder])
    fetcher.fail_next(TooManyRequestsError("slowly"))
    wait_for_token(cache, "first")
    threads.run_all()
    wait_for_token(cache, "second")

    def wait(gate: object, seconds: float) -> bool:
        clock.advance(seconds)
        return False

    cache._leases.workers.wait = wait
    threads.run_all()

    assert [event.queued for event in recorder.of(FetchStarted)] == [0, 2]


def test_invalidating_a_token_does_not_scan_the_cache(
    cache: TokenCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(leases: object) -> Any:
        raise AssertionError

    token = cache.get(request_for())
    entries = cache._state.entries
    monkeypatch.setattr(type(entries.leases), "__iter__", refuse)

    cache.invalidate(token)

    assert not cache._state.entries.leases


def test_a_key_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(Key.of(request_for("user-canary"), PROVIDER))


def test_a_cache_closed_by_a_signal_handler_during_publication_keeps_no_token(
    cache: TokenCache,
) -> None:
    entries = cache._state.entries
    store = entries.store

    def interrupted(*arguments: Any) -> Any:
        cache.close()
        return store(*arguments)

    entries.store = interrupted  # type: ignore[assignment, method-assign]

    assert cache.get(request_for()).token

    assert not entries.leases
