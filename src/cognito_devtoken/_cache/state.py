"""
The state that all parts of the cache share: one lock, and the data that it guards.

Law of this module: it starts no thread and does no I/O. Publication, lookup, sharing and the
workers use this state. The state does not know the workers, only a function that starts one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from .._runtime.context import NO_CALLER
from .._runtime.threads import random_fraction
from .._values.clock import CLOCK_STEP, Clock, Instant
from .._values.key import Key
from .._values.lease import Lease
from ..events import ClockStepped
from ..exceptions import SessionClosedError, TokenUnavailableError
from .entries import Entries
from .flights import Flight, Flights
from .policy import RefreshPolicy
from .rate_limiter import AdaptiveRateLimiter
from .recorder import StatsRecorder
from .scopes import InvalidationScope, Matches
from .worker_slots import Worker


R = TypeVar("R")
L = TypeVar("L", bound=Lease)


class CacheState(Generic[R, L]):
    """
    Entries, flights and figures, under one lock.

    Attributes:
        lock: Guards everything else. It is held only briefly, and never during I/O, a clock
            reading, a hook or a wait.

        closed: Whether the cache has been closed.

        start_worker: Starts a worker for queued flights. Called without the lock.

        random_fraction: Returns a random number from 0 to 1, for jitter.

        followers: Functions of other caches, such as the cache of the AWS credentials for which
            these tokens are exchanged. Each is called without the lock, with the invalidations of
            other hosts, and with a function that returns whether they affect a lease.
    """

    def __init__(
        self,
        policy: RefreshPolicy,
        clock: Clock,
        max_entries: int,
        max_concurrent: int,
        recorder: StatsRecorder,
    ) -> None:
        self.policy = policy
        self.clock = clock
        self.entries: Entries[L] = Entries(max_entries)
        self.recorder = recorder
        self.closed = False
        self.random_fraction: Callable[[], float] = random_fraction
        self.start_worker: Callable[[Worker[Flight[R, L]]], None]
        # Reads both clocks. Call it without the lock, because a clock may be user code.
        self.now: Callable[[], Instant] = partial(Instant.now, clock)
        self.followers: list[Callable[[Sequence[InvalidationScope], Matches], None]] = []
        self._max_concurrent = max_concurrent
        self._wall_offset: float | None = None
        self._renew()

    def _renew(self) -> None:
        # Reentrant, because a signal handler may close a session in the middle of anything.
        self.lock = threading.RLock()
        self.flights: Flights[R, L] = Flights(self._max_concurrent)
        self.rate_limiter = AdaptiveRateLimiter()

    def stamp(self, lease: L, key: Key, sent: Instant) -> L:
        """Return a copy of a lease for this cache, with new jitter."""
        due = self.policy.due_age(lease._seconds, self.random_fraction())
        return lease._held(key, sent, self.clock, due)

    # Everything from here to close() is called under the lock.

    def check_open(self) -> None:
        """
        Raise an error if the cache is closed.

        Raises:
            SessionClosedError: If the cache is closed.
        """
        if self.closed:
            self.close()  # repeated, in case an exception interrupted the first call
            raise session_closed()

    def sweep(self, now: Instant) -> None:
        """Count a step of the wall clock, if there was one, and remove expired leases."""
        offset = now.wall - now.monotonic
        step = 0.0 if self._wall_offset is None else offset - self._wall_offset
        self._wall_offset = offset
        if abs(step) > CLOCK_STEP:
            self.recorder.counts["clock_steps"] += 1
            self.recorder.emit(ClockStepped, step)
        if expired := self.entries.sweep(now):
            self.recorder.counts["expirations"] += expired

    def ensure_worker(self) -> None:
        """Make sure that a worker is running for the queued flights."""
        if worker := self.flights.slots.reserve():
            self.recorder.defer_first(partial(self.start_worker, worker))

    def settle(
        self, flight: Flight[R, L], *, lease: L | None = None, error: Exception | None = None
    ) -> None:
        """End a flight, and wake every caller that waits for it."""
        if not flight.sent:
            flight.context = NO_CALLER  # no worker will run the flight
        flight.lease, flight.error = lease, error
        flight.done = True
        self.recorder.defer_first(*tuple(flight.waiters))

    def settle_lost(self, flight: Flight[R, L], now: Instant) -> None:
        """End a flight that was interrupted by an exception where none is expected."""
        self.flights.remove(flight, now)
        error = TokenUnavailableError("The fetch was interrupted.", hint="Try again.")
        self.settle(flight, error=session_closed() if self.closed else error)

    def close(self) -> None:
        """
        Remove everything. Waiting callers get a SessionClosedError. Do not wait for any thread.

        If a signal handler closes the cache while a thread changes it under the lock, that thread
        must call this method again after the change.
        """
        self.closed = True
        self.entries.clear()
        for flight in self.flights.clear():
            self.settle(flight, error=session_closed())
        self.flights.slots.wake_all()

    # Fork

    def after_fork(self) -> None:
        """
        Reset this state in a forked child.

        A child has no flights and no workers. It keeps the leases, but draws a new jitter for each.
        With the jitter of the parent, all children would refresh at the same moment.
        """
        for flight in self.flights.clear():  # this thread may wait for one of them
            flight.error = TokenUnavailableError("The process has forked.")
            flight.done = True
        self._renew()
        self.recorder.reset()
        self.entries.leases.inherit(self._with_own_jitter)

    def _with_own_jitter(self, lease: L) -> L:
        if self.entries.is_expedited(lease):
            return lease
        return lease._due_at(self.policy.due_age(lease._seconds, self.random_fraction()))


def session_closed() -> SessionClosedError:
    """Return the error that a closed session raises."""
    return SessionClosedError("This session is closed.")
