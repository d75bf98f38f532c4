"""A cache without threads, a recorder of its events, and callers that wait step by step."""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from cognito_devtoken import OpenIdToken, TokenCache, TokenRequest
from cognito_devtoken._cache.flights import Flight, Steps
from cognito_devtoken._cache.source import FetcherSource
from cognito_devtoken._cache.worker_slots import Worker
from cognito_devtoken.events import Event
from cognito_devtoken.testing import ManualClock
from cognito_devtoken.typing import Instant, TokenFetcher
from patience import PATIENCE


POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"
PROVIDER = "login.example.com"

E = TypeVar("E", bound=Event)

AnyFlight = Flight[Any, Any]
AnyWorker = Worker[AnyFlight]


def request_for(user_id: str = "user-42", **members: Any) -> TokenRequest:
    return TokenRequest(POOL_ID, {PROVIDER: user_id} | members.pop("logins", {}), **members)


class Recorder:
    """A hook that records events and lets a test wait for them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._arrived = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._arrived:
            self.events.append(event)
            self._arrived.notify_all()

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def wait_for(self, kind: type[Event], count: int = 1) -> None:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.of(kind)) >= count, PATIENCE), (
                self.events
            )


class ManualThreads:
    """Runs the jobs of threads only when the test calls run_all()."""

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = []
        self.running: list[Any] = []  # workers whose threads still run

    def start(self, job: Callable[[], None]) -> None:
        self.jobs.append(job)

    def run_all(self) -> None:
        while self.jobs:
            self.jobs.pop(0)()


def take_flight(cache: TokenCache, threads: ManualThreads) -> tuple[AnyWorker, AnyFlight]:
    """Have the worker that was started last take the next queued flight."""
    job: Any = threads.jobs[-1]
    threads.jobs.clear()
    (worker,) = job.args
    threads.running.append(worker)
    flight = cache._state.flights.take(worker, cache._state.now())
    assert flight
    return worker, flight


def worker_count(cache: TokenCache) -> int:
    return len(cache._state.flights.slots.workers())


def idle_count(cache: TokenCache) -> int:
    return sum(worker.idle for worker in cache._state.flights.slots.workers())


def start_call(cache: TokenCache, threads: ManualThreads) -> Callable[[], None]:
    """Start the next queued call, and return a function that lets its response arrive."""
    worker, flight = take_flight(cache, threads)
    workers = cache._leases.workers
    source = cache._leases.source
    started = (
        _Started(source, source._start(flight)) if isinstance(source, FetcherSource) else source
    )

    def arrive() -> None:
        workers._source = started
        workers._fly(worker, flight)
        workers._source = source
        workers._run_hooks(worker)

    return arrive


class _Started:
    """A source whose call has already been sent."""

    def __init__(self, source: FetcherSource[Any, Any], sent: Instant) -> None:
        self._source, self._sent = source, sent

    def bring(self, flight: Flight[Any, Any]) -> Any:
        return self._source._call(flight, self._sent)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


def start_flight(cache: TokenCache, threads: ManualThreads, **options: Any) -> tuple[Any, Any]:
    """Start a caller and its call; return its steps, and what lets the response arrive."""
    steps = cache._leases.lookup.steps(request_for(), None, None, **options)
    next(steps)
    return steps, start_call(cache, threads)


class Caller:
    """A caller that waits for a token, one step at a time."""

    def __init__(self, cache: TokenCache, user_id: str = "user-42", **options: Any) -> None:
        options = {"min_remaining": None, "timeout": None} | options
        self._steps: Steps[TokenRequest, OpenIdToken] = cache._leases.lookup.steps(
            request_for(user_id), **options
        )
        self.woken = 0
        self.flight, self.seconds = next(self._steps)
        self.flight.waiters.add(self._wake)

    def _wake(self) -> None:
        self.woken += 1

    def result(self) -> OpenIdToken:
        with pytest.raises(StopIteration) as stop:
            next(self._steps)
        token: OpenIdToken = stop.value.value
        return token


def run_inline(job: Callable[[], None]) -> None:
    """Run a thread's job in the calling thread."""
    job()


def make_cache(
    fetcher: TokenFetcher,
    clock: ManualClock,
    *,
    start_thread: Callable[[Callable[[], None]], None] = run_inline,
    random_fraction: float = 0.0,
    **arguments: Any,
) -> TokenCache:
    """Make a cache whose flights end before the call that starts them returns."""
    cache = TokenCache(fetcher, developer_provider=PROVIDER, clock=clock, **arguments)
    cache._leases.workers.start_thread = start_thread
    cache._leases.workers.idle_seconds = 0
    cache._state.random_fraction = lambda: random_fraction
    cache._leases.workers.wait = lambda gate, seconds: False
    if cache._leases.source.shared:
        source: Any = cache._leases.source
        source.wait = lambda gate, seconds: False
    return cache


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until other threads have made a condition true."""
    pause = threading.Event()
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        pause.wait(0.005)
