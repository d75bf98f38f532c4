"""
A signal handler that raises in the middle of anything, such as Celery's soft time limit.

Each test runs one action and raises at one place of it after the other. Then it asks: does every
caller get an answer, is every bound kept, and does every worker give its slot back?
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from caching import AnyFlight, ManualThreads, make_cache, request_for, worker_count
from cognito_devtoken import OpenIdToken, TokenCache
from cognito_devtoken.exceptions import (
    InternalServiceError,
    ResourceNotFoundError,
    ServiceError,
    SessionClosedError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock
from interrupting import Interrupted, Place, interrupt_at, places_of
from thorough import THOROUGH


MAX_ENTRIES = 3
MAX_FETCHES = 2
# After an interruption, a caller gets its answer within so many looks, at one a second. Otherwise
# only the deadline of its flight has saved it.
POLLS = 3


class Setting:
    """A cache with two users' tokens, and a caller that waits for the token of a third."""

    def __init__(self, *, threads: bool) -> None:
        self.clock = ManualClock()
        self.fetcher = FakeFetcher(self.clock)
        self.threads = ManualThreads()
        self.with_threads = threads
        self.events: list[object] = []
        self.waiting: list[Caller] = []
        self.cache = make_cache(
            self.fetcher,
            self.clock,
            max_entries=MAX_ENTRIES,
            max_concurrent_fetches=MAX_FETCHES,
            start_thread=self.threads.start if threads else no_threads,
            on_event=[self.events.append],
        )
        self.tokens = [self.get("ann"), self.get("bob")]

    def get(self, user_id: str, **options: Any) -> OpenIdToken:
        """Get a token, while the threads that were started run."""
        caller = Caller(self.cache, user_id, **options)
        for _ in range(POLLS):
            if caller.poll():
                break
            self.threads.run_all()
            if not caller.poll():
                self.clock.advance(1)
        return caller.result()

    def try_to_get(self, user_id: str, **options: Any) -> None:
        with suppress(ServiceError):
            self.get(user_id, **options)


def no_threads(job: Callable[[], None]) -> None:
    raise RuntimeError("can't start new thread")


class Caller:
    """A caller that looks at its flight again once a second."""

    def __init__(self, cache: TokenCache, user_id: str, **options: Any) -> None:
        self._steps: Iterator[tuple[AnyFlight, float]] = cache._leases.lookup.steps(
            request_for(user_id), None, None, **options
        )
        self.outcome: OpenIdToken | BaseException | None = None

    def poll(self) -> bool:
        """Look once. Returns whether the caller has its answer."""
        if self.outcome is None:
            try:
                next(self._steps)
            except StopIteration as stop:
                self.outcome = stop.value
            except Exception as error:  # noqa: BLE001
                self.outcome = error.with_traceback(None)
            except Interrupted:
                self.outcome = Interrupted()
                raise
        return self.outcome is not None

    def result(self) -> OpenIdToken:
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        assert self.outcome, "the caller got no answer"
        return self.outcome


def miss(setting: Setting) -> None:
    setting.get("dan")


def refresh(setting: Setting) -> None:
    setting.get("ann", forced=True)


def due_refresh(setting: Setting) -> None:
    setting.clock.advance(600)
    setting.get("ann")
    setting.threads.run_all()


def eviction(setting: Setting) -> None:
    for user in ("dan", "eve", "fay"):
        setting.get(user)


def expiry(setting: Setting) -> None:
    setting.clock.advance(900)
    setting.get("dan")


def failure(setting: Setting) -> None:
    setting.fetcher.error = InternalServiceError("Down.")
    setting.try_to_get("dan")
    setting.fetcher.error = None
    setting.clock.advance(60)
    setting.get("dan")


def terminal_failure(setting: Setting) -> None:
    setting.fetcher.error = ResourceNotFoundError("Gone.")
    setting.try_to_get("ann", forced=True)


def overdue(setting: Setting) -> None:
    caller, other = (Caller(setting.cache, "dan") for _ in range(2))
    caller.poll()
    other.poll()
    setting.waiting.append(other)
    setting.clock.advance(20)
    caller.poll()


def forget(setting: Setting) -> None:
    setting.cache.forget("ann")


def forget_identity(setting: Setting) -> None:
    setting.cache.forget_identity(setting.tokens[0].identity_id)


def invalidate(setting: Setting) -> None:
    setting.cache.invalidate(setting.tokens[0])


def clear(setting: Setting) -> None:
    setting.cache.clear()


def close(setting: Setting) -> None:
    setting.cache.close()


ACTIONS = [
    miss,
    refresh,
    due_refresh,
    eviction,
    expiry,
    failure,
    terminal_failure,
    overdue,
    forget,
    forget_identity,
    invalidate,
    clear,
    close,
]


@pytest.mark.parametrize("threads", [True, False], ids=["threads", "no threads"])
@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)
def test_an_exception_at_any_place_loses_no_caller_no_bound_and_no_worker(
    action: Callable[[Setting], None], threads: bool
) -> None:
    # In a thread of its own: an exception raised by a trace function in the middle of a handler
    # leaves the thread with the exception that it handled.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(check_places, action, threads=threads).result()


def check_places(action: Callable[[Setting], None], *, threads: bool) -> None:
    def places() -> list[Place]:
        setting = Setting(threads=threads)
        bystander = Caller(setting.cache, "cid")
        if threads:
            bystander.poll()
        return places_of(lambda: action(setting))

    found = places()
    assert len(found) > 20
    for place in found[:: 1 if THOROUGH else 5]:
        setting = Setting(threads=threads)
        bystander = Caller(setting.cache, "cid")
        if threads:
            bystander.poll()
        interrupt_at(place, lambda setting=setting: action(setting))  # type: ignore[misc]
        code, line, _ = place
        try:
            if action is close:
                check_closed(setting, bystander)
            else:
                check_working(setting, bystander)
        except BaseException as error:
            error.add_note(f"interrupted at {code.co_filename}:{line}, in {code.co_qualname}")
            raise


def check_working(setting: Setting, bystander: Caller) -> None:
    setting.fetcher.error = None
    check_lock(setting)
    for caller in (bystander, *setting.waiting):
        for _ in range(POLLS):
            setting.threads.run_all()
            if caller.poll():
                break
            setting.clock.advance(1)
        assert caller.outcome, "a token, or the failure of its own interrupted flight"
    for user in ("ann", "bob", "cid", "dan", "eve", "fay", "ann"):
        setting.clock.advance(5)  # a failed fetch may be followed by a back-off
        assert setting.get(user).token
        check_bounds(setting)
    setting.clock.advance(900)
    assert setting.get("gus").token
    assert setting.cache.stats().entries == 1
    check_slots(setting)


def check_closed(setting: Setting, bystander: Caller) -> None:
    check_lock(setting)
    setting.cache.close()
    setting.threads.run_all()
    assert bystander.poll()
    if setting.with_threads:
        assert isinstance(bystander.outcome, SessionClosedError)
    with pytest.raises(SessionClosedError):
        setting.get("ann")
    assert setting.cache.stats().entries == setting.cache.stats().in_flight == 0


def check_lock(setting: Setting) -> None:
    free: list[bool] = []

    def acquire() -> None:
        lock = setting.cache._state.lock
        if lock.acquire(blocking=False):
            lock.release()
            free.append(True)

    thread = threading.Thread(target=acquire)
    thread.start()
    thread.join()
    assert free, "the lock is still held"


def check_bounds(setting: Setting) -> None:
    state = setting.cache._state
    assert len(state.entries.leases) <= MAX_ENTRIES
    assert worker_count(setting.cache) <= 4 * MAX_FETCHES
    assert state.flights.slots.active() <= MAX_FETCHES


def check_slots(setting: Setting) -> None:
    """Check that nothing is in flight, and that as many fetches as ever can start at once."""
    setting.threads.run_all()
    assert setting.cache.stats().in_flight == 0
    assert worker_count(setting.cache) == 0
    if setting.with_threads:
        for user in ("one", "two", "three"):
            Caller(setting.cache, user).poll()
        assert len(setting.threads.jobs) == MAX_FETCHES
