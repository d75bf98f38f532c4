"""A flight runs in a copy of the context of the caller that started it, and so do the hooks."""

import asyncio
import gc
import weakref
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any

import pytest

from caching import Caller, ManualThreads, make_cache, request_for, start_call
from cognito_devtoken import OpenIdToken, TokenCache, TokenRequest
from cognito_devtoken.events import Event
from cognito_devtoken.exceptions import TokenUnavailableError
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from hosts import HostFactory
from interrupting import Interrupted


class RequestId:
    """A value that a weak reference can refer to."""

    def __init__(self, name: str) -> None:
        self.name = name


request_id: ContextVar[RequestId | None] = ContextVar("request_id", default=None)


def present() -> str:
    found = request_id.get()
    return found.name if found else "none"


def within(name: str, run: Callable[[], Any]) -> Any:
    """Call a function in a context of its own, with a request id."""

    def inside() -> Any:
        request_id.set(RequestId(name))
        return run()

    return copy_context().run(inside)


class Observed(FakeFetcher):
    """A fetcher that notes the request id of each of its calls."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.seen: list[str] = []
        self.sets = False

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        self.seen.append(present())
        if self.sets:
            request_id.set(RequestId("set by the fetcher"))
        return super().fetch(request)


@pytest.fixture
def fetcher(clock: ManualClock) -> Observed:
    return Observed(clock)


@pytest.fixture
def events() -> list[tuple[str, str]]:
    """The events so far, each with the request id that its hook saw."""
    return []


@pytest.fixture
def cache(
    fetcher: Observed, clock: ManualClock, threads: ManualThreads, events: list[tuple[str, str]]
) -> TokenCache:
    def hook(event: Event) -> None:
        events.append((type(event).__name__, present()))

    return make_cache(fetcher, clock, start_thread=threads.start, on_event=[hook])


def test_a_flight_and_its_events_have_the_context_of_its_caller(
    cache: TokenCache,
    fetcher: Observed,
    threads: ManualThreads,
    events: list[tuple[str, str]],
) -> None:
    within("one", lambda: Caller(cache, "ann"))
    within("two", lambda: Caller(cache, "bob"))
    within("worker", threads.run_all)

    assert fetcher.seen == ["one", "two"]
    assert events == [
        ("FetchStarted", "one"),
        ("FetchSucceeded", "one"),
        ("FetchStarted", "two"),
        ("FetchSucceeded", "two"),
    ]


def test_a_caller_that_joins_does_not_change_the_context_of_the_flight(
    cache: TokenCache, fetcher: Observed, threads: ManualThreads
) -> None:
    within("one", lambda: Caller(cache))
    within("two", lambda: Caller(cache))
    threads.run_all()

    assert fetcher.seen == ["one"]


def test_a_background_refresh_has_the_context_of_the_caller_that_triggered_it(
    cache: TokenCache, fetcher: Observed, clock: ManualClock, threads: ManualThreads
) -> None:
    within("one", lambda: Caller(cache))
    threads.run_all()
    clock.advance(600)
    within("two", lambda: cache.get(request_for()))
    threads.run_all()

    assert fetcher.seen == ["one", "two"]


def test_the_next_flight_of_a_key_has_the_context_of_the_caller_that_forced_it(
    cache: TokenCache, fetcher: Observed, threads: ManualThreads
) -> None:
    within("one", lambda: Caller(cache))
    arrive = start_call(cache, threads)
    within("two", lambda: Caller(cache, forced=True))
    arrive()
    cache._state.ensure_worker()
    cache._state.recorder.run_deferred()
    threads.run_all()

    assert fetcher.seen == ["one", "two"]


def test_a_failure_is_reported_in_the_context_of_its_flight_whoever_calls_the_hook(
    cache: TokenCache,
    fetcher: Observed,
    threads: ManualThreads,
    events: list[tuple[str, str]],
) -> None:
    fetcher.error = TokenUnavailableError("down")
    within("one", lambda: Caller(cache))
    threads.run_all()
    with pytest.raises(TokenUnavailableError):
        within("two", lambda: cache.get(request_for()))

    assert events == [("FetchStarted", "one"), ("FetchFailed", "one")]


def test_a_deferred_event_keeps_its_context_if_another_thread_calls_the_hook(
    cache: TokenCache, events: list[tuple[str, str]]
) -> None:
    recorder = cache._state.recorder
    run, recorder.run_deferred = recorder.run_deferred, lambda: False  # type: ignore[method-assign]
    within("one", cache.clear)
    within("two", run)

    assert events == [("Forgotten", "one")]


def test_a_flight_that_runs_in_the_thread_of_its_caller_leaves_its_context_alone(
    fetcher: Observed, clock: ManualClock
) -> None:
    def no_threads(job: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    fetcher.sets = True
    cache = make_cache(fetcher, clock, start_thread=no_threads)

    def get() -> str:
        cache.get(request_for())
        return present()

    assert within("one", get) == "one"
    assert fetcher.seen == ["one"]


def test_a_flight_has_the_context_of_the_task_that_awaits_it(
    fetcher: Observed, clock: ManualClock
) -> None:
    fetcher.sets = True
    cache = make_cache(fetcher, clock)

    async def ask(name: str) -> str:
        request_id.set(RequestId(name))
        await cache.aget(request_for(name))
        return present()

    async def main() -> list[str]:
        return await asyncio.gather(*(ask(name) for name in ("one", "two", "three")))

    assert asyncio.run(main()) == ["one", "two", "three"]
    assert fetcher.seen == ["one", "two", "three"]


def test_a_call_of_a_host_that_shares_a_store_has_the_context_of_its_caller(
    new_host: HostFactory, fetcher: Observed, store: MemoryStore
) -> None:
    host = new_host()
    within("one", lambda: host.get(request_for()))

    assert fetcher.seen == ["one"]


def keep_only_weakly(act: Callable[[], Any]) -> "weakref.ref[RequestId]":
    """Act with a request id, and return a weak reference to it."""

    def inside() -> "weakref.ref[RequestId]":
        value = RequestId("one")
        request_id.set(value)
        act()
        return weakref.ref(value)

    return copy_context().run(inside)


@pytest.mark.parametrize("error", [None, TokenUnavailableError("down")], ids=["ok", "failed"])
def test_nothing_keeps_the_context_of_a_flight_that_has_ended(
    cache: TokenCache, fetcher: Observed, threads: ManualThreads, error: Exception | None
) -> None:
    fetcher.error = error
    callers = []
    value = keep_only_weakly(lambda: callers.append(Caller(cache)))
    gc.collect()
    assert value() is not None

    threads.run_all()
    gc.collect()
    assert callers[0].flight.done
    assert value() is None


def test_nothing_keeps_the_context_of_a_flight_that_never_flew(
    cache: TokenCache, threads: ManualThreads
) -> None:
    callers = []
    value = keep_only_weakly(lambda: callers.append(Caller(cache)))
    cache.close()
    gc.collect()

    assert callers[0].flight.done
    assert value() is None


def test_a_flight_whose_fetch_is_interrupted_still_ends(
    cache: TokenCache, fetcher: Observed, threads: ManualThreads
) -> None:
    fetcher.error = Interrupted()  # type: ignore[assignment]
    caller = Caller(cache)
    threads.run_all()

    assert caller.flight.done
    assert caller.woken == 1
