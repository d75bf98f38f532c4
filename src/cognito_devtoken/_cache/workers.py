"""
The workers: threads that take flights from the queues and fly them.

Law of this module: a flight always ends, whatever is raised.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from .._threads import start_daemon, wait
from .._values.clock import Instant
from .._values.lease import Lease, remaining_of
from ..events import Reason
from ..exceptions import DevTokenError, TokenUnavailableError
from .failures import strip_frames
from .flights import Flight, Flights
from .housekeeping import abandon_overdue
from .publication import publish, record_failure, remember_failure
from .source import Source
from .state import CacheState


R = TypeVar("R")
L = TypeVar("L", bound=Lease)

# How long a worker waits for more work before it ends: longer than most pauses between misses.
_IDLE = 10.0


class WorkerPool(Generic[R, L]):
    """
    Daemon threads that are started when flights are queued, and end when there are none.

    Attributes:
        start_thread: Runs a function in a thread of its own.

        wait: Waits some seconds for a gate to be released. Returns whether it was.

        idle_seconds: How long a worker waits for work; 0 ends it at once.
    """

    def __init__(self, state: CacheState[R, L], source: Source[R, L]) -> None:
        self.start_thread: Callable[[Callable[[], None]], None] = start_daemon
        self.wait: Callable[[threading.Lock, float], bool] = wait
        self.idle_seconds = _IDLE
        self._state = state
        self._source = source
        state.start_worker = self._start_worker

    def _start_worker(self) -> None:
        try:
            self.start_thread(self._work)
        except (RuntimeError, MemoryError):
            self._run_without_worker()
        except BaseException:  # raised by a signal handler, such as Ctrl-C
            with self._state.lock:
                self._state.flights.workers -= 1
            raise

    def _run_without_worker(self) -> None:
        """Fly a needed flight in this thread, and abandon those that no caller depends on."""
        state, flights = self._state, self._state.flights
        now = state.now()
        with state.lock:
            flights.workers -= 1
            if flights.active > 0:
                return  # one of the active workers will take it
            for flight in [f for f in flights.by_key.values() if self._can_wait(f, now)]:
                flights.abandon(flight, now)
                error = TokenUnavailableError("No thread could be started.")
                remember_failure(state, flight, error, now)
                state.settle(flight, error=error)
            # Only one flight: supervise() brings the callers that wait for the others here, too.
            mine = flights.take(now)
        if mine:
            self._fly(mine)
            state.recorder.run_deferred()
            cause = mine.error.__cause__ if mine.error else None
            if cause is not None and not isinstance(cause, Exception):
                raise cause  # such as Ctrl-C, which is meant for this thread

    def _can_wait(self, flight: Flight[R, L], now: Instant) -> bool:
        """Tell whether every caller still gets a lease if this flight is abandoned."""
        if flight.sent:
            return False
        state = self._state
        present = remaining_of(state.entries.leases.get(flight.key), now) > 0
        serves = flight.reason is not Reason.FORCED and not state.policy.strict_grace
        return not flight.awaited or (present and serves)

    def _work(self) -> None:
        flights, gate = self._state.flights, threading.Lock()
        gate.acquire()
        try:
            while self._next_job(flights, gate):
                pass
        except BaseException:
            with self._state.lock:
                flights.workers -= 1
            raise

    def _next_job(self, flights: Flights[R, L], gate: threading.Lock) -> bool:
        """
        Fly one flight, or wait for one. Returns whether the worker continues.

        A worker that ends is uncounted under the lock under which that is decided.
        """
        state = self._state
        now = state.now()
        with state.lock:
            idle = not flights.has_queued()
            if state.closed or flights.too_many_active() or (idle and not self.idle_seconds):
                flights.workers -= 1
                return False
            if idle:
                flights.idle.append(gate)
            delay = 0.0 if idle else self._source.reserve(now)
        if idle:
            return self.wait(gate, self.idle_seconds) or self._woken_after_all(flights, gate)
        if delay:
            self.wait(gate, delay)  # the full pause: nothing releases the gate
            now = state.now()
        with state.lock:
            flight = flights.take(now)
        if flight:
            self._fly(flight)
            self._run_hooks()
        return True

    def _woken_after_all(self, flights: Flights[R, L], gate: threading.Lock) -> bool:
        """Tell whether a worker was woken just after its wait had timed out."""
        with self._state.lock:
            if gate in flights.idle:
                flights.idle.remove(gate)
                flights.workers -= 1
                return False
        gate.acquire(blocking=False)
        return True

    def _fly(self, flight: Flight[R, L]) -> None:
        """Bring the lease of a flight, and end the flight with it or with an error."""
        lease: L | None = None
        error: DevTokenError | None = None
        try:
            lease = self._source.bring(flight)
        except DevTokenError as failure:
            error = failure
        except BaseException as failure:  # noqa: BLE001  # SystemExit too: callers must know
            error = TokenUnavailableError(
                f"The fetcher failed with {type(failure).__name__}.",
                hint="This is a bug in the fetcher: it must raise a DevTokenError.",
            )
            error.__cause__ = failure
        if error:
            # The callers that share the error do not need its frames, which hold the request.
            strip_frames(error)
        state = self._state
        now = state.now()
        with state.lock:
            if lease:
                publish(state, flight, lease, now)
            if error:
                record_failure(state, flight, error, now)
            # After it, so that a flight that arrives just in time is not abandoned.
            abandon_overdue(state, now)

    def _run_hooks(self) -> None:
        """Run what was deferred. A hook may hang or ask for a lease: another worker may start."""
        state = self._state
        with state.lock:
            state.flights.in_hooks += 1
        try:
            state.recorder.run_deferred()
        finally:
            with state.lock:
                state.flights.in_hooks -= 1
