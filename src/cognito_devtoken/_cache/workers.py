"""
What happens behind the callers' backs: flights are flown, and land.

Law of this module: a flight always lands, whatever is raised.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from .._fork import PATIENCE, watch
from .._threads import draw, start_daemon, wait
from .._values.clock import CLOCK_STEP, Clock, Instant
from .._values.token import OpenIdToken, hold, remaining_of
from ..events import (
    ClockStepped,
    FetchAbandoned,
    FetchStarted,
    Reason,
)
from ..exceptions import (
    DevTokenError,
    InvalidTokenResponseError,
    TokenUnavailableError,
)
from ..typing import TokenFetcher, TokenStore
from .entries import Entries, Key
from .failures import without_frames
from .flights import Flight, Flights
from .invalidation import Matches, Removal
from .policy import RefreshPolicy
from .publication import arrived, closed, failed, remember
from .stats import Journal


if TYPE_CHECKING:
    from .._sharing.source import Shared


# How long a thread waits for more work before it ends: longer than most pauses between misses.
_IDLE = 10.0


class Engine:
    """Tokens, flights and the threads that fly them, under one lock."""

    def __init__(
        self,
        fetcher: TokenFetcher,
        policy: RefreshPolicy,
        clock: Clock,
        entries: Entries,
        max_concurrent: int,
        journal: Journal,
        store: TokenStore | None = None,
        developer_provider: str | None = None,
    ) -> None:
        self.policy = policy
        self.clock = clock
        self.entries = entries
        self.journal = journal
        self.closed = False
        self.idle_seconds = _IDLE
        self.draw: Callable[[], float] = draw
        self.start_thread: Callable[[Callable[[], None]], None] = start_daemon
        self.wait: Callable[[threading.Lock, float], bool] = wait
        self._fetcher = fetcher
        self._max_concurrent = max_concurrent
        self._offset: float | None = None
        self._renew()
        self.shared: Shared | None = None
        if store is not None:
            from .._sharing.source import Shared

            self.shared = Shared(self, store, developer_provider)
        watch(self)

    def _renew(self) -> None:
        # Reentrant, because a signal handler may close a session in the middle of anything.
        self.lock = threading.RLock()
        self.flights = Flights(self._max_concurrent)

    def check_open(self) -> None:
        """Refuse what is asked of a closed session."""
        if self.closed:
            raise closed()

    def now(self) -> Instant:
        """Read both clocks, without the lock: a clock may be anybody's code."""
        return Instant.now(self.clock)

    # Under the lock, called for callers

    def keep_house(self, now: Instant) -> None:
        """What every call does that is more than a hit: notice the clock, drop the expired."""
        offset = now.wall - now.monotonic
        step = 0.0 if self._offset is None else offset - self._offset
        self._offset = offset
        if abs(step) > CLOCK_STEP:
            self.journal.counts["clock_steps"] += 1
            self.journal.tell(ClockStepped, step)
        self._give_up_forsaken(now)
        if expired := self.entries.sweep(now):
            self.journal.counts["expirations"] += expired

    def staff(self) -> None:
        """Have a thread for what is queued."""
        if self.flights.staff():
            self.journal.first(self._hire)

    def look_after(self, flight: Flight, now: Instant) -> None:
        """What those who wait do now and then: see that their flight gets on."""
        self.abandon_if_overdue(flight, now)
        self._give_up_forsaken(now)
        if not (flight.sent or flight.done) and self.flights.flying <= 0:
            self.staff()

    def _give_up_forsaken(self, now: Instant) -> None:
        for flight in self.flights.forsaken(now):
            self._give_up(flight, now)

    def remove(self, removal: Removal) -> int:
        """Throw tokens away, here and on other hosts. Returns how many there were here."""
        if self.shared:
            self.shared.tell_others(removal.scope)
        return self.throw_away(removal.matches, removal.key)

    def throw_away(self, matches: Matches, only: Key | None = None) -> int:
        """
        Throw tokens away, and what has been sent before now and would bring them back.

        Args:
            matches: Tells by key and token; for a key without one it says whether it may be
                meant.

            only: The key that is meant and no other, so that nobody looks at all of them.

        Returns:
            How many there were.
        """
        tokens = self.entries.tokens
        for flight in self.flights.in_the_air():
            flight.stale |= matches(flight.key, tokens.get(flight.key))
        likely = list(tokens) if only is None else [only]
        keys = [key for key in likely if key in tokens and matches(key, tokens[key])]
        for key in keys:
            self.entries.drop(key)
        return len(keys)

    def abandon_if_overdue(self, flight: Flight, now: Instant) -> None:
        """
        Give a flight up that has not come back in time.

        One that waits behind another has its time when that one has landed.
        """
        first = self.flights.table.get(flight.key)
        if first and not flight.done and self.flights.overdue(first, now):
            self._give_up(first, now)

    def _give_up(self, flight: Flight, now: Instant) -> None:
        if flight.done:  # it stood in both queues
            return
        age = (flight.sent or flight.asked).age(now)
        self.flights.abandon(flight, now)
        self.journal.counts["fetches_abandoned"] += 1
        self.journal.tell(FetchAbandoned, flight.key, flight.reason, age, flight.sent is not None)
        if flight.sent:
            error = TokenUnavailableError(f"Cognito has not answered within {age:.0f} s.")
            remember(self, flight, error, now)
        else:
            error = TokenUnavailableError(f"The fetch has not had its turn within {age:.0f} s.")
        self.finish(flight, error=error)
        self.staff()

    def finish(
        self, flight: Flight, *, token: OpenIdToken | None = None, error: Exception | None = None
    ) -> None:
        """Settle a flight, and wake who waits for it."""
        flight.token, flight.error = token, error
        flight.done = True
        self.journal.first(*tuple(flight.waiters))

    def close(self) -> None:
        """
        Throw everything away. Who waits gets a SessionClosedError; nothing is joined.

        To be called again by whoever was in the middle of something, under the lock, when a
        signal handler did so.
        """
        self.closed = True
        self.entries.clear()
        for flight in self.flights.clear():
            self.finish(flight, error=closed())
        for gate in self.flights.idle:
            gate.release()
        self.flights.idle = []
        if self.shared:
            self.shared.close()

    # The threads

    def _hire(self) -> None:
        try:
            self.start_thread(self._work)
        except (RuntimeError, MemoryError):
            self._make_do()
        except BaseException:  # of a signal handler, such as Ctrl-C
            with self.lock:
                self.flights.threads -= 1
            raise

    def _make_do(self) -> None:
        """No thread can be had: fly here what somebody waits for, and give up the rest."""
        now = self.now()
        with self.lock:
            self.flights.threads -= 1
            if self.flights.flying > 0:
                return  # one of those that fly will come to it
            for flight in [f for f in self.flights.table.values() if self._can_wait(f, now)]:
                self.flights.abandon(flight, now)
                error = TokenUnavailableError("No thread can be started.")
                remember(self, flight, error, now)
                self.finish(flight, error=error)
            # One flight only: those who wait for the others take them on when they look.
            mine = self.flights.take(now)
            if mine:
                self._took_off(mine, now)
        if mine:
            self._fly(mine, now)
            self.journal.catch_up()
            cause = mine.error.__cause__ if mine.error else None
            if cause is not None and not isinstance(cause, Exception):
                raise cause  # Ctrl-C, say, which is this thread's own

    def _can_wait(self, flight: Flight, now: Instant) -> bool:
        """Whether nobody would go without a token if this one were given up."""
        if flight.sent:
            return False
        at_hand = remaining_of(self.entries.tokens.get(flight.key), now) > 0
        serves = flight.reason is not Reason.FORCED and not self.policy.strict_grace
        return not flight.needed or (at_hand and serves)

    def _work(self) -> None:
        flights, gate = self.flights, threading.Lock()
        gate.acquire()
        try:
            while self._next_job(flights, gate):
                pass
        except BaseException:
            with self.lock:
                flights.threads -= 1
            raise

    def _next_job(self, flights: Flights, gate: threading.Lock) -> bool:
        """
        Fly one flight, or wait for one. Returns whether the thread is to go on.

        One that is not is no longer counted from the moment on in which that is decided.
        """
        now = self.now()
        with self.lock:
            idle = not flights.has_work()
            if self.closed or flights.surplus() or (idle and not self.idle_seconds):
                flights.threads -= 1
                return False
            if idle:
                flights.idle.append(gate)
                delay = 0.0
            else:
                delay = 0.0 if self.shared else flights.pace.reserve(now)
        if idle:
            return self.wait(gate, self.idle_seconds) or self._stays(flights, gate)
        if delay:
            self.wait(gate, delay)  # nobody opens it: this is the pace
            now = self.now()
        with self.lock:
            if flight := flights.take(now):
                self._took_off(flight, now)
        if flight:
            # Read anew: a process may be frozen between any two lines.
            flight.sent = sent = self.now()
            self._fly(flight, sent)
            self._tell()
        return True

    def _stays(self, flights: Flights, gate: threading.Lock) -> bool:
        """Whether a thread that has waited for nothing has been woken in this very moment."""
        with self.lock:
            if gate in flights.idle:
                flights.idle.remove(gate)
                flights.threads -= 1
                return False
        gate.acquire(blocking=False)
        return True

    def _took_off(self, flight: Flight, now: Instant) -> None:
        if not self.shared:  # else it may come without a call
            self.count_call(flight, now)

    def count_call(self, flight: Flight, now: Instant) -> None:
        """Under the lock: Cognito is called."""
        self.journal.counts["fetches_started"] += 1
        self.journal.reasons[flight.reason] += 1
        self.journal.tell(FetchStarted, flight.key, flight.reason, flight.asked.age(now))

    def _fly(self, flight: Flight, sent: Instant) -> None:
        token: OpenIdToken | None = None
        error: Exception | None = None
        try:
            self.journal.catch_up()
            token = self.shared.bring(flight) if self.shared else self.fetch(flight, sent)
        except DevTokenError as failure:
            error = failure
        except BaseException as failure:  # noqa: BLE001  # SystemExit, too: who waits must know
            error = TokenUnavailableError(
                f"The fetcher failed with {type(failure).__name__}.",
                hint="That is a bug of the fetcher: what it raises is to be a DevTokenError.",
            )
            error.__cause__ = failure
        if error:
            # Frames are of no use to those who share it, and hold what was asked for.
            without_frames(error)
        now = self.now()
        with self.lock:
            if token:
                arrived(self, flight, token, now)
            if error:
                failed(self, flight, error, now)

    def _tell(self) -> None:
        """Call the hooks. As one may hang or ask for a token, this thread counts as away."""
        with self.lock:
            self.flights.away += 1
        try:
            self.journal.catch_up()
        finally:
            with self.lock:
                self.flights.away -= 1

    def fetch(self, flight: Flight, sent: Instant) -> OpenIdToken:
        """Call Cognito."""
        answer = self._fetcher.fetch(flight.request)
        if not isinstance(answer, OpenIdToken):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidTokenResponseError("The fetcher has returned no OpenIdToken.")
        return self.hold(answer, flight.key, sent)

    def hold(self, token: OpenIdToken, key: Key, sent: Instant) -> OpenIdToken:
        """A token as this cache holds it, with a jitter of its own."""
        due = self.policy.due_age(token._seconds, self.draw())
        return hold(token, key, sent, self.clock, due)

    # Fork

    def _before_fork(self) -> bool:
        """Let no other thread be in the middle of a change, which takes moments."""
        return self.lock.acquire(timeout=PATIENCE)

    def _after_fork(self, *, ready: bool, in_child: bool) -> Callable[[], None] | None:
        """
        Go on.

        A child has no flights and no threads, the tokens as they were, and a jitter of its own.
        """
        if ready:
            self.lock.release()
        if not in_child:
            return None
        for flight in self.flights.clear():  # should this thread wait for one of them
            flight.error = TokenUnavailableError("The process has forked.")
            flight.done = True
        self._renew()
        if self.shared:
            self.shared.after_fork()
        self.journal.reset()
        for key, token in self.entries.tokens.items():
            if self.entries.hurried(token):
                continue
            due = self.policy.due_age(token._seconds, self.draw())
            self.entries.tokens[key] = hold(token, key, token._sent, self.clock, due)
        return self.shared.listen if self.shared and self.entries.tokens else None
