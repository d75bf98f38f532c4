"""
Single flight: one attempt to get one lease, joined by every caller that wants that lease.

Law of this module: a flight belongs to no caller. A caller that waits for it may give up, be
cancelled or lose its event loop; the flight continues anyway.

The table of flights and its queues are used under the cache's lock. This lock is never held during
a fetch, a hook, a clock reading or a wait. An exception may be raised at any point, for example by
a signal handler. So each change is ordered in such a way that an interrupted change is harmless, or
is repaired by the next change.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from itertools import islice
from typing import Generic, TypeVar
from weakref import ref

from .._runtime.context import CallerContext
from .._values.clock import Instant
from .._values.key import Key
from .._values.lease import Lease
from ..events import Reason
from ..exceptions import TokenUnavailableError
from .worker_slots import Worker, WorkerSlots


R = TypeVar("R")
L = TypeVar("L", bound=Lease)

# A fetch that takes longer than this, in seconds, is abandoned. botocore, as this library
# configures it, makes 2 attempts of at most 7 s, with a pause of at most 1 s between them.
DEADLINE = 15.0
# A search for overdue flights checks at most this many flights of each queue.
_AT_ONCE = 100


class NotNeededError(TokenUnavailableError):
    """No call was made: the old lease was invalidated, and no caller waits for a new one."""

    def __init__(self) -> None:
        super().__init__("The old lease was invalidated, and no caller waits for a new one.")


class Flight(Generic[R, L]):
    """
    One attempt to get one lease.

    Attributes:
        key: The key of the flight's cache entry.

        request: The request for the lease.

        reason: Why the flight was started.

        context: The context of the caller that started the flight. It is dropped when a worker
            runs the flight, or when the flight ends.

        asked: When the flight was queued.

        sent: When a worker took the flight; overwritten when the call to Cognito starts. None while
            the flight is queued.

        called: When the call to Cognito started. None if no call has been made.

        worker: A weak reference to the worker that took the flight.

        awaited: Whether a caller waits, or has waited, for the flight.

        min_life: How many seconds the lease should live, if possible.

        stale: Whether the flight's key was invalidated after the flight was sent, or may have been:
            without a cached lease, the key's identity is unknown, so it may be one that was
            invalidated. The lease of a stale flight must not be kept.

        obsolete: Whether the flight's key was certainly invalidated after the flight was sent. If
            so, the flight is needed only if a caller waits for it.

        is_invalidated: A function, set if the lease came from a shared store. Called under the
            lock, it returns whether the lease was invalidated after it was read from the store.

        forgotten: Identities and tokens that were invalidated after the flight was sent, in the
            form in which they are announced to other hosts. If the lease is one of these tokens,
            or belongs to one of these identities, it must not be kept.

        successor: The flight for the same key that starts when this one ends.

        waiters: Functions that wake the waiting callers. Each is called once, after *done* is
            set. So add a function before you check *done*.

        done: Whether the flight has ended, with a *lease* or an *error*.
    """

    __slots__ = (
        "asked",
        "awaited",
        "called",
        "context",
        "done",
        "error",
        "forgotten",
        "is_invalidated",
        "key",
        "lease",
        "min_life",
        "obsolete",
        "reason",
        "request",
        "sent",
        "stale",
        "successor",
        "waiters",
        "worker",
    )

    def __init__(self, key: Key, request: R, reason: Reason, asked: Instant) -> None:
        self.key = key
        self.request = request
        self.reason = reason
        self.context = CallerContext.of_caller()
        self.asked = asked
        self.sent: Instant | None = None
        self.called: Instant | None = None
        self.worker: ref[Worker[Flight[R, L]]] | None = None
        self.awaited = False
        self.min_life = 0.0
        self.stale = False
        self.obsolete = False
        self.is_invalidated: Callable[[], bool] | None = None
        self.forgotten: set[tuple[str, str]] = set()
        self.successor: Flight[R, L] | None = None
        self.waiters: set[Callable[[], object]] = set()
        self.done = False
        self.lease: L | None = None
        self.error: Exception | None = None


# The steps of a caller. A step yields the flight to wait for, and how many seconds to wait at most.
# The last step returns the lease.
Steps = Generator[tuple[Flight[R, L], float], None, L]


class Flights(Generic[R, L]):
    """
    The flights of a cache. At most one per key runs at a time, and at most *max_concurrent* in all.

    Abandoned flights do not count. There may be up to twice as many flights if some callers run
    theirs because no thread could be started.
    """

    def __init__(self, max_concurrent: int) -> None:
        self.by_key: dict[Key, Flight[R, L]] = {}
        self.slots: WorkerSlots[Flight[R, L]] = WorkerSlots(max_concurrent)
        self._last_arrival: Instant | None = None
        self._misses: deque[Flight[R, L]] = deque()
        self._refreshes: deque[Flight[R, L]] = deque()

    def join(
        self,
        key: Key,
        request: R,
        reason: Reason,
        now: Instant,
        *,
        awaited: bool = True,
        newer: bool = False,
    ) -> tuple[Flight[R, L], bool]:
        """
        Return the flight for a key, and whether it is a new one.

        Args:
            key: The key of the cache entry.

            request: What to request.

            reason: Why a lease is needed.

            now: The current instant.

            awaited: Whether a caller waits for the flight.

            newer: Whether the lease must be requested after now. If so, a flight that has been sent
                already is not enough.
        """
        flight = self.by_key.get(key)
        if flight is None:
            made: Flight[R, L] = Flight(key, request, reason, now)
            made.awaited = awaited
            self._put(made)
            return made, True
        if flight.sent and (newer or flight.stale):
            # The new flight starts after the current one: two flights of a key never run at once.
            is_new = flight.successor is None
            flight.successor = flight.successor or Flight(key, request, Reason.FORCED, now)
            flight.successor.awaited |= awaited
            return flight.successor, is_new
        if newer:
            flight.reason = Reason.FORCED  # a token that was requested earlier is not enough
        if awaited and not flight.awaited:
            flight.awaited = True
            self._enqueue(flight)  # into the queue of misses, too; both queues skip a sent flight
        return flight, False

    def _put(self, flight: Flight[R, L]) -> None:
        self._enqueue(flight)  # first, because the queues skip a flight that is not in the table
        self.by_key[flight.key] = flight

    def _enqueue(self, flight: Flight[R, L]) -> None:
        (self._misses if flight.awaited else self._refreshes).append(flight)

    def _is_queued(self, flight: Flight[R, L]) -> bool:
        return not flight.sent and self.by_key.get(flight.key) is flight

    def has_queued(self) -> bool:
        """Return whether a flight waits for a worker."""
        for queue in (self._misses, self._refreshes):
            while queue and not self._is_queued(queue[0]):
                queue.popleft()
        return bool(self._misses or self._refreshes)

    def take(self, worker: Worker[Flight[R, L]], now: Instant) -> Flight[R, L] | None:
        """Give a worker the next flight from the queues: misses before refreshes."""
        if not self.has_queued():
            return None
        flight = (self._misses or self._refreshes)[0]
        flight.worker = ref(worker)
        worker.flight = flight
        flight.sent = now  # from here on, the queues skip it
        return flight

    def queued_refreshes(self, only: Key | None) -> list[Flight[R, L]]:
        """
        Return the unsent flights that no caller waits for.

        Args:
            only: The only key whose flights to return; None returns those of all keys.
        """
        firsts = self.by_key.values() if only is None else [self.by_key.get(only)]
        return [
            each
            for first in firsts
            if first
            for each in (first, first.successor)
            if each and not (each.sent or each.awaited)
        ]

    def overdue(self, flight: Flight[R, L], now: Instant) -> bool:
        """
        Return whether to abandon a flight.

        A flight that was sent is overdue after DEADLINE, or once its worker has ended.

        A flight that is still queued is overdue after DEADLINE if no caller waits for it. If a
        caller waits, the queue must also have stopped: no flight has brought a lease for DEADLINE
        seconds.
        """
        if flight.sent:
            return self.is_orphaned(flight) or flight.sent.age(now) >= DEADLINE
        moved = DEADLINE
        if self._last_arrival and flight.waiters:
            moved = self._last_arrival.age(now)
        return min(flight.asked.age(now), moved) >= DEADLINE

    def overdue_flights(self, now: Instant) -> list[Flight[R, L]]:
        """
        Return the overdue flights, except queued flights whose waiting callers check them.

        One call checks only a limited number of queued flights.
        """
        if not self.by_key:  # every flight has ended
            return []
        self.has_queued()  # drops the flights in front that are no longer queued
        flying = self.in_the_air()
        found = [flight for flight in flying if not flight.done and self.overdue(flight, now)]
        for queue in (self._misses, self._refreshes):
            for flight in islice(queue, _AT_ONCE):
                if self._is_queued(flight) and not flight.waiters:
                    if not self.overdue(flight, now):
                        # Every flight behind it is younger, except a refresh that a caller has
                        # joined. Such a refresh is checked in the queue of refreshes, too.
                        break
                    found.append(flight)
        return found

    def in_the_air(self) -> list[Flight[R, L]]:
        """Return the flights that were sent and have not returned, even if they were abandoned."""
        return [worker.flight for worker in self.slots.workers() if worker.flight]

    def is_orphaned(self, flight: Flight[R, L]) -> bool:
        """Return whether the worker that took a flight ended before the flight did."""
        if not (flight.sent and flight.worker):
            return False
        worker = flight.worker()
        return worker is None or worker.ended

    def holds(self, flight: Flight[R, L]) -> bool:
        """Return whether a flight is in the table, or is the successor of a flight in the table."""
        first = self.by_key.get(flight.key)
        return first is flight or (first is not None and first.successor is flight)

    def finish(self, flight: Flight[R, L], now: Instant, *, arrived: bool) -> bool:
        """
        Remove a flight whose fetch has ended. Return False if the flight had been abandoned.

        Args:
            flight: The flight.

            now: The current instant.

            arrived: Whether the flight brought a lease.
        """
        if arrived:
            self._last_arrival = now
        self.remove(flight, now)
        return not flight.done

    def note_progress(self, now: Instant) -> None:
        """
        Record that the queue moves.

        This is called when a flight has waited in vain for another host's lock, so that the flights
        queued behind it are not abandoned.
        """
        self._last_arrival = now

    def remove(self, flight: Flight[R, L], now: Instant) -> None:
        """Take a flight out of the table, and queue its successor if it has one."""
        first = self.by_key.get(flight.key)
        if first is not flight:
            if first and first.successor is flight:
                first.successor = None
            return
        if flight.successor:
            flight.successor.asked = now  # its deadline counts from now
            self._put(flight.successor)
        else:
            del self.by_key[flight.key]

    def clear(self) -> list[Flight[R, L]]:
        """Remove all flights. Return the flights that have not ended."""
        flights = [each for each in self.by_key.values() if not each.done]
        flights += [each.successor for each in flights if each.successor]
        for held in (self.by_key, self._misses, self._refreshes):
            held.clear()
        return flights
