"""
What happens behind the callers' backs: flights are flown, land, and their tokens are kept.

Laws of this module: a token is kept only if nothing has invalidated its key since it was asked
for, and if it lives longer than the one at hand. A failure never touches the token at hand. A
flight always lands, whatever is raised.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from ._clock import CLOCK_STEP, Clock, Instant
from ._entries import Entries, Matches
from ._flight import Flight, Flights
from ._fork import watch
from ._journal import Journal
from ._policy import Failure, RefreshPolicy, back_off
from ._system import draw, start_daemon, wait
from ._token import OpenIdToken, hold, remaining_of
from ._trouble import Trouble
from .events import (
    ClockStepped,
    Evicted,
    FetchAbandoned,
    FetchFailed,
    FetchStarted,
    FetchSucceeded,
    Reason,
    Throttled,
    TokenDiscarded,
)
from .exceptions import (
    DevTokenError,
    InvalidTokenResponseError,
    SessionClosedError,
    TokenUnavailableError,
)
from .typing import TokenFetcher


# How long a thread waits for more work before it ends: longer than most pauses between misses.
_IDLE = 10.0
# How long a fork waits for the lock, which is held for moments.
_FORK = 1.0


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
        if not (flight.sent or flight.done or self.flights.flying):
            self.staff()

    def _give_up_forsaken(self, now: Instant) -> None:
        for flight in self.flights.forsaken(now):
            self._give_up(flight, now)

    def throw_away(self, matches: Matches) -> int:
        """
        Throw tokens away, and what has been sent before now and would bring them back.

        Args:
            matches: Tells by key and token; for a key without one it says whether it may be
                meant.

        Returns:
            How many there were.
        """
        tokens = self.entries.tokens
        for flight in self.flights.in_the_air():
            flight.stale |= matches(flight.key, tokens.get(flight.key))
        keys = [key for key, token in list(tokens.items()) if matches(key, token)]
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
            self._remember(flight, error, now)
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

    # The threads

    def _hire(self) -> None:
        try:
            self.start_thread(self._work)
        except RuntimeError:
            self._make_do()

    def _make_do(self) -> None:
        """No thread can be had: fly here what somebody waits for, and give up the rest."""
        now = self.now()
        with self.lock:
            self.flights.threads -= 1
            if self.flights.flying:
                return  # one of those that fly will come to it
            for flight in [f for f in self.flights.table.values() if not (f.needed or f.sent)]:
                self.flights.abandon(flight, now)
                error = TokenUnavailableError("No thread can be started.")
                self._remember(flight, error, now)
                self.finish(flight, error=error)
            # One flight only: those who wait for the others take them on when they look.
            mine = self.flights.take(now)
            if mine:
                self._took_off(mine, now)
        if mine:
            self._fly(mine, now)

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
                delay = flights.pace.reserve(now)
        if idle:
            return self.wait(gate, self.idle_seconds) or self._stays(flights, gate)
        if delay:
            self.wait(gate, delay)  # nobody opens it: this is the pace
        with self.lock:
            if flight := flights.take(now):
                self._took_off(flight, now)
        if flight:
            # Read anew: a process may be frozen between any two lines.
            flight.sent = sent = self.now()
            self._fly(flight, sent)
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
        self.journal.counts["fetches_started"] += 1
        self.journal.reasons[flight.reason] += 1
        self.journal.tell(FetchStarted, flight.key, flight.reason, flight.asked.age(now))

    def _fly(self, flight: Flight, sent: Instant) -> None:
        token: OpenIdToken | None = None
        error: Exception | None = None
        try:
            self.journal.catch_up()
            answer = self._fetcher.fetch(flight.request)
            if isinstance(answer, OpenIdToken):  # pyright: ignore[reportUnnecessaryIsInstance]
                due = self.policy.due_age(answer._seconds, self.draw())
                token = hold(answer, flight.key, sent, self.clock, due)
            else:
                error = InvalidTokenResponseError("The fetcher has returned no OpenIdToken.")
        except DevTokenError as failure:
            error = failure
        except BaseException as failure:  # noqa: BLE001  # SystemExit, too: who waits must know
            error = TokenUnavailableError(
                f"The fetcher failed with {type(failure).__name__}.",
                hint="That is a bug of the fetcher: what it raises is to be a DevTokenError.",
            )
            error.__cause__ = failure.with_traceback(None)
        if error:
            # Its frames are of no use to those who share it, and hold what was asked for.
            error.with_traceback(None).__context__ = None
        now = self.now()
        with self.lock:
            if token:
                self._arrived(flight, token, now)
            if error:
                self._failed(flight, error, now)
        self.journal.catch_up()

    # Landing

    def _arrived(self, flight: Flight, token: OpenIdToken, now: Instant) -> None:
        in_time = self.flights.land(flight, now, arrived=True)
        self.journal.succeeded(now)
        sent = flight.sent or now
        self.journal.tell(
            FetchSucceeded, flight.key, flight.reason, sent.age(now), token, token._seconds
        )
        if self.closed:
            if in_time:
                self.finish(flight, error=closed())
            return
        self.keep_house(now)
        remaining = remaining_of(token, now)
        at_hand = remaining_of(self.entries.tokens.get(flight.key), now)
        if not remaining:
            error = TokenUnavailableError("The token had expired before it arrived.")
            self._remember(flight, error, now)
        elif flight.stale or remaining < at_hand:
            self.journal.counts["tokens_discarded"] += 1
            self.journal.tell(TokenDiscarded, flight.key, token)
            if in_time and not flight.stale and flight.reason is not Reason.FORCED:
                # Else each call would fetch another that lives no longer.
                error = TokenUnavailableError("The new token lives no longer than the old one.")
                self._remember(flight, error, now)
        else:
            self.entries.mended(flight.key)
            if evicted := self.entries.store(flight.key, token):
                self.journal.counts["evictions"] += 1
                self.journal.tell(Evicted, evicted[0], remaining_of(evicted[1], now))
        if in_time:
            self.finish(flight, token=token)

    def _failed(self, flight: Flight, error: Exception, now: Instant) -> None:
        in_time = self.flights.land(flight, now, arrived=False)
        self.journal.counts["fetches_failed"] += 1
        wait = self._remember(flight, error, now) if in_time and not self.closed else 0.0
        self.journal.tell(
            FetchFailed,
            flight.key,
            flight.reason,
            (flight.sent or now).age(now),
            type(error).__name__,
            getattr(error, "code", None),
            wait,
            remaining_of(self.entries.tokens.get(flight.key), now),
        )
        if Failure.of(error) is Failure.THROTTLED and self.flights.pace.throttled(now):
            self.journal.tell(Throttled, self.flights.pace.rate)
        if in_time:
            self.finish(flight, error=error)

    def _remember(self, flight: Flight, error: Exception, now: Instant) -> float:
        """Leave a key alone for a while. Returns for how many seconds."""
        if flight.stale:
            return 0.0  # what it says is of the time before the invalidation
        before = self.entries.trouble(flight.key)
        kind = Failure.of(error)
        token = self.entries.tokens.get(flight.key)
        usable = (remaining := remaining_of(token, now)) > 0
        # Once nothing can be served, it is tried again soon, whatever went before.
        failures = before.failures + 1 if before and before.usable == usable else 1
        wait = back_off(kind, failures, remaining, self.draw())
        self.journal.failed(error, wait, now)
        self.entries.failed(flight.key, Trouble(error, kind, failures, now, wait, usable))
        if token and kind is Failure.TERMINAL:
            self.entries.hurry(flight.key)
        return wait

    # Fork

    def _before_fork(self) -> None:
        """Let no other thread be in the middle of a change, which takes moments."""
        self._ready_to_fork = self.lock.acquire(timeout=_FORK)

    def _after_fork(self, *, in_child: bool) -> None:
        """
        Go on.

        A child has no flights and no threads, the tokens as they were, and a jitter of its own.
        """
        if self._ready_to_fork:
            self.lock.release()
        if not in_child:
            return
        for flight in self.flights.clear():  # should this thread wait for one of them
            flight.error = TokenUnavailableError("The process has forked.")
            flight.done = True
        self._renew()
        self.journal.reset()
        for key, token in self.entries.tokens.items():
            if self.entries.hurried(token):
                continue
            due = self.policy.due_age(token._seconds, self.draw())
            self.entries.tokens[key] = hold(token, key, token._sent, self.clock, due)


def closed() -> SessionClosedError:
    """What a closed session raises."""
    return SessionClosedError("This session is closed.")
