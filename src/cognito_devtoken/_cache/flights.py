"""
Flights: one attempt each to get one token, joined by everyone who wants that token.

Law of this module: a flight belongs to nobody. Whoever waits for it may give up, be cancelled
or lose its event loop, and takes nothing down with it: the flight lands all the same.

The table and its queues are used under the cache's lock, which is never held while a fetch, a
hook, a clock or a wait runs.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator
from itertools import islice

from .._values.clock import Instant
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from ..events import Reason
from .entries import Key
from .rate_limiter import Pace


# A fetch that has not come back by then is given up: botocore, as this library configures it,
# makes 2 attempts of at most 2 s to connect and 5 s to answer.
DEADLINE = 15.0
# A thread whose fetch never comes back is left behind and another takes its place, until there
# are so many times as many as may fetch at once.
_MOST_THREADS = 4
# How many flights that nobody waits for any more are looked at in one call.
_AT_ONCE = 100


class Flight:
    """One attempt to get one token."""

    __slots__ = (
        "adopted",
        "asked",
        "done",
        "error",
        "key",
        "needed",
        "reason",
        "request",
        "sent",
        "stale",
        "successor",
        "token",
        "waiters",
        "wanted",
    )

    def __init__(self, key: Key, request: TokenRequest, reason: Reason, asked: Instant) -> None:
        self.key = key
        self.request = request
        self.reason = reason
        self.asked = asked
        self.sent: Instant | None = None
        self.needed = False  # somebody waits for it
        self.wanted = 0.0  # for how many seconds what it brings is to live, if it can
        # Where the log of a shared store was when the token was asked for that is taken from it.
        self.adopted: int | None = None
        self.stale = False  # what it brings is not to be kept
        self.successor: Flight | None = None
        # What wakes those who wait. Each is called once, by whoever sets done: add first, and
        # look at done then.
        self.waiters: set[Callable[[], object]] = set()
        self.done = False
        self.token: OpenIdToken | None = None
        self.error: Exception | None = None


# A caller's way to a token: yields what to wait for, and for how many seconds at most, and
# returns the token.
Steps = Generator[tuple[Flight, float], None, OpenIdToken]


class Flights:
    """The flights of a cache: at most one in the air for each key, so many at once."""

    def __init__(self, max_concurrent: int) -> None:
        self.table: dict[Key, Flight] = {}
        self.idle: list[threading.Lock] = []
        self.pace = Pace()
        self.threads = 0
        self.away = 0  # threads that call hooks
        self._max_concurrent = max_concurrent
        self._sent: set[Flight] = set()
        self._left_behind: set[Flight] = set()
        self._moved: Instant | None = None
        self._misses: deque[Flight] = deque()
        self._refreshes: deque[Flight] = deque()

    def join(
        self,
        key: Key,
        request: TokenRequest,
        reason: Reason,
        now: Instant,
        *,
        needed: bool = True,
        newer: bool = False,
    ) -> tuple[Flight, bool]:
        """
        The flight that is to bring a token for a key, and whether it is a new one.

        It is *needed* if somebody waits for it. One that is to be *newer* must not have been
        sent yet.
        """
        flight = self.table.get(key)
        if flight is None:
            flight = Flight(key, request, reason, now)
            flight.needed = needed
            self._enqueue(flight)
            self.table[key] = flight
            return flight, True
        if flight.sent and (newer or flight.stale):
            # Behind it and not beside it: a key never has two in the air.
            made = flight.successor is None
            flight.successor = flight.successor or Flight(key, request, Reason.FORCED, now)
            flight.successor.needed = True
            return flight.successor, made
        if needed and not flight.needed:
            flight.needed = True
            self._enqueue(flight)  # among the misses; in the other queue it is passed over
        return flight, False

    def _enqueue(self, flight: Flight) -> None:
        (self._misses if flight.needed else self._refreshes).append(flight)

    def has_work(self) -> bool:
        """Whether a flight waits for a thread."""
        for queue in (self._misses, self._refreshes):
            while queue and (queue[0].done or queue[0].sent):
                queue.popleft()
        return bool(self._misses or self._refreshes)

    def take(self, now: Instant) -> Flight | None:
        """The flight whose turn it is."""
        if not self.has_work():
            return None
        flight = (self._misses or self._refreshes).popleft()
        flight.sent = now
        self._sent.add(flight)
        return flight

    @property
    def flying(self) -> int:
        """How many threads there are, without those that are left behind or away."""
        return self.threads - len(self._left_behind) - self.away

    def staff(self) -> bool:
        """Wake a thread for what is queued. Returns whether one has to be started instead."""
        if self.idle:
            self.idle.pop().release()
            return False
        if self.flying >= self._max_concurrent:
            return False
        if self.threads >= _MOST_THREADS * self._max_concurrent:
            return False
        self.threads += 1
        return True

    def surplus(self) -> bool:
        """Whether a thread that was left behind has come back to where others fly now."""
        return self.flying > self._max_concurrent

    def overdue(self, flight: Flight, now: Instant) -> bool:
        """
        Whether to give it up.

        One that has been sent, by its age. One that is queued, when for so long its turn has
        not come, and nobody waits for it or no other has brought a token either: it waits as
        long as the queue moves.
        """
        if flight.sent:
            return flight.sent.age(now) >= DEADLINE
        moved = self._moved.age(now) if self._moved and flight.waiters else DEADLINE
        return min(flight.asked.age(now), moved) >= DEADLINE

    def forsaken(self, now: Instant) -> list[Flight]:
        """Those that are overdue though nobody may look after them; not all at once."""
        self.has_work()  # so that those that have ended are gone
        found = [flight for flight in self._sent if self.overdue(flight, now)]
        for queue in (self._misses, self._refreshes):
            for flight in islice(queue, _AT_ONCE):
                if not (flight.done or flight.sent or flight.waiters):
                    if not self.overdue(flight, now):
                        break  # and those behind it are younger
                    found.append(flight)
        return found

    def in_the_air(self) -> list[Flight]:
        """Those that have been sent and have not come back, the given up among them."""
        return [flight for flight in (*self.table.values(), *self._left_behind) if flight.sent]

    def land(self, flight: Flight, now: Instant, *, arrived: bool) -> bool:
        """
        Take a flight out of the table; what waits behind it is next.

        Returns whether it was still there, and has not been given up.
        """
        if arrived:
            self._moved = now
        if flight.done:
            self._left_behind.discard(flight)
            return False
        self._remove(flight, now)
        return True

    def abandon(self, flight: Flight, now: Instant) -> None:
        """Give a flight up: its thread is left behind, and another may take its place."""
        self._remove(flight, now)
        if flight.sent:
            self._left_behind.add(flight)

    def _remove(self, flight: Flight, now: Instant) -> None:
        self._sent.discard(flight)
        if flight.successor:
            flight.successor.asked = now  # its time begins
            self.table[flight.key] = flight.successor
            self._enqueue(flight.successor)
        else:
            self.table.pop(flight.key, None)

    def clear(self) -> list[Flight]:
        """Forget them all. Returns those that have not ended."""
        flights = [each for each in self.table.values() if not each.done]
        flights += [each.successor for each in flights if each.successor]
        for held in (self.table, self._sent, self._misses, self._refreshes):
            held.clear()
        return flights
