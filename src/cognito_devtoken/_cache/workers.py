"""
The workers: threads that take flights from the queues and run them.

Law of this module: a flight always ends, whatever exception is raised.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from .._runtime.context import NO_CALLER
from .._runtime.threads import start_daemon, wait
from .._values.clock import Instant
from .._values.lease import Lease, remaining_of
from ..events import Reason
from ..exceptions import DevTokenError, TokenUnavailableError
from .failures import copy_of, strip_frames
from .flights import Flight, NotNeededError
from .housekeeping import abandon_overdue, end_abandoned
from .invalidation import end_unneeded
from .publication import publish, record_failure, remember_failure
from .source import Source
from .state import CacheState
from .worker_slots import Worker


R = TypeVar("R")
L = TypeVar("L", bound=Lease)

# How many seconds an idle worker waits before it ends. Most pauses between misses are shorter.
_IDLE = 10.0


class WorkerPool(Generic[R, L]):
    """
    Daemon threads that start when flights are queued, and end when no flights are left.

    Attributes:
        start_thread: Runs a function in a new thread.

        wait: Waits up to a number of seconds for a gate to be released. Returns whether the gate
            was released.

        idle_seconds: How many seconds a worker waits for more work; with 0, it ends at once.
    """

    def __init__(self, state: CacheState[R, L], source: Source[R, L]) -> None:
        self.start_thread: Callable[[Callable[[], None]], None] = start_daemon
        self.wait: Callable[[threading.Lock, float], bool] = wait
        self.idle_seconds = _IDLE
        self._state = state
        self._source = source
        state.start_worker = self._start_worker

    def _start_worker(self, worker: Worker[Flight[R, L]]) -> None:
        try:
            self.start_thread(partial(self._work, worker))
        except (RuntimeError, MemoryError):
            self._run_without_worker(worker)
        except BaseException:  # raised by a signal handler, such as Ctrl-C
            worker.ended = True
            raise

    def _run_without_worker(self, worker: Worker[Flight[R, L]]) -> None:
        """Run one flight in this thread, and abandon the flights that no caller depends on."""
        try:
            flight = self._take_needed(worker)
            if flight:
                self._fly(worker, flight)
                self._state.recorder.run_deferred()
        finally:
            worker.ended = True
        cause = flight.error.__cause__ if flight and flight.error else None
        if cause is not None and not isinstance(cause, Exception):
            # The error, for example Ctrl-C, is meant for this thread. Raise a copy, because the
            # negative cache keeps the original, which must not refer to the frames of this thread.
            raise copy_of(cause)

    def _take_needed(self, worker: Worker[Flight[R, L]]) -> Flight[R, L] | None:
        state, flights = self._state, self._state.flights
        now = state.now()
        with state.lock:
            worker.available = False
            if flights.slots.active():
                return None  # one of the active workers will take the flight
            for flight in [f for f in flights.by_key.values() if self._can_wait(f, now)]:
                error = TokenUnavailableError("No thread could be started.")
                remember_failure(state, flight, error, now)
                end_abandoned(state, flight, error, now)
            # Take only one flight. Callers that wait for other flights also take one each, when
            # they call supervise().
            return flights.take(worker, now)

    def _can_wait(self, flight: Flight[R, L], now: Instant) -> bool:
        """Return whether every caller still gets a lease if this flight is abandoned."""
        if flight.sent:
            return False
        state = self._state
        present = remaining_of(state.entries.leases.get(flight.key), now) > 0
        serves = flight.reason is not Reason.FORCED and not state.policy.strict_grace
        return not flight.awaited or (present and serves)

    def _work(self, worker: Worker[Flight[R, L]]) -> None:
        worker.ended = False  # it is True if _start_worker() was interrupted after the start
        try:
            while self._next_job(worker):
                pass
        finally:
            worker.ended = True

    def _next_job(self, worker: Worker[Flight[R, L]]) -> bool:
        """
        Run one flight, or wait for one. Return whether the worker continues.

        A worker that decides to end is marked as ended before the lock is released. Otherwise, a
        new flight might be left to that worker.
        """
        state, flights = self._state, self._state.flights
        now = state.now()
        with state.lock:
            idle = not flights.has_queued()
            if state.closed or flights.slots.too_many_active() or (idle and not self.idle_seconds):
                worker.ended = True
                return False
            worker.idle = idle
            delay = 0.0 if idle else self._source.reserve(now)
            flight = None if idle or delay else flights.take(worker, now)
        if idle:
            return self._wait_for_flight(worker)
        if delay:
            self.wait(worker.gate, delay)  # waits for the whole delay: nothing releases the gate
            now = state.now()
            with state.lock:
                flight = flights.take(worker, now)
        if flight:
            self._fly(worker, flight)
            self._run_hooks(worker)
        return True

    def _wait_for_flight(self, worker: Worker[Flight[R, L]]) -> bool:
        """Wait at most *idle_seconds* to be woken. Return whether the worker was woken."""
        if self.wait(worker.gate, self.idle_seconds):
            worker.idle = False
            return True
        with self._state.lock:
            woken_after_all = not worker.idle
            worker.idle, worker.ended = False, not woken_after_all
        worker.gate.acquire(blocking=False)
        return woken_after_all

    def _fly(self, worker: Worker[Flight[R, L]], flight: Flight[R, L]) -> None:
        """
        Run a flight: get its lease, and end the flight with the lease or with an error.

        The fetcher and the store run in the context of the caller that started the flight.
        """
        context, flight.context = flight.context, NO_CALLER
        try:
            context.run(partial(self._bring, flight))
        finally:
            worker.flight = None
            if not flight.done:
                self._settle_lost(flight)

    def _settle_lost(self, flight: Flight[R, L]) -> None:
        state = self._state
        with state.lock:
            state.settle_lost(flight, flight.sent or flight.asked)
        state.recorder.run_deferred()

    def _bring(self, flight: Flight[R, L]) -> None:
        lease: L | None = None
        error: DevTokenError | None = None
        is_needed = True
        try:
            lease = self._source.bring(flight)
        except NotNeededError:
            is_needed = False
        except DevTokenError as failure:
            error = failure
        except BaseException as failure:  # noqa: BLE001  # SystemExit too: callers must know
            error = TokenUnavailableError(
                f"The fetcher failed with {type(failure).__name__}.",
                hint="Change the fetcher so that the only errors it raises are DevTokenErrors.",
            )
            error.__cause__ = failure
        if error:
            # Drop the frames, because they hold the request, and the callers do not need them.
            strip_frames(error)
        state = self._state
        now = state.now()
        with state.lock:
            if lease:
                publish(state, flight, lease, now)
            if error:
                record_failure(state, flight, error, now)
            if not is_needed:
                end_unneeded(state, flight, now)
            # This comes last, so that a flight that returns just in time is not abandoned.
            abandon_overdue(state, now)

    def _run_hooks(self, worker: Worker[Flight[R, L]]) -> None:
        """
        Run the deferred hooks.

        A hook may hang, or request a lease, so another worker may start in the meantime.
        """
        worker.available = False
        try:
            self._state.recorder.run_deferred()
        finally:
            worker.available = True
