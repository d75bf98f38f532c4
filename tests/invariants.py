"""
Looks at a cache after each change under its lock, and knows the rules that it must keep.

It is the umpire of tests/cache/test_interleavings.py.
"""

from collections.abc import Callable
from typing import Any

from caching import AnyFlight
from cognito_devtoken._cache.failures import MAX_MEMORY, Failure
from cognito_devtoken._cache.flights import DEADLINE
from cognito_devtoken._values.key import Key
from cognito_devtoken._values.lease import Lease
from cognito_devtoken.exceptions import DevTokenError, SessionClosedError
from cognito_devtoken.typing import Instant
from kinds import Kind, badges, tokens
from scheduler import Scheduler, Task


LIFE = 40
KINDS = [tokens(LIFE), badges(LIFE)]
# For how long a failure is remembered after the rest that it is followed by.
LINGER = 60
NEVER = -1
# A wall clock has seven decimals.
ROUNDING = 1e-6


def age(since: Instant, now: Instant) -> float:
    """The rule of the specification, once more."""
    return max(now.monotonic - since.monotonic, now.wall - since.wall)


class Fetch:
    """A flight that has been sent, and the token that it brings."""

    def __init__(self, flight: AnyFlight, departed: Instant, section: int) -> None:
        self.key = flight.key
        self.flight = flight
        self.departed = departed
        self.sent = departed  # the last reading of the clock before the fetcher is called
        self.section = section  # of the lock, in which it was sent
        self.life = 0.0
        self.overdue_since = float("inf")  # by the monotonic hand

    def remaining(self, now: Instant) -> float:
        return self.life - age(self.sent, now) + ROUNDING


class Call:
    """What a caller wants, and what it may get."""

    def __init__(self, request: Any, key: Key, *, forced: bool) -> None:
        self.request = request
        self.key = key
        self.forced = forced
        self.planned = NEVER  # the section of the lock in which it was asked for
        self.newer_than = NEVER
        self.at_hand: Lease | None = None


class Invalidation:
    """What a caller throws away."""

    def __init__(self, matches: Callable[[Key, Lease | None], bool]) -> None:
        self.matches = matches


class InvariantChecker:
    """Looks at the cache whenever its lock has been held, and at what comes in and goes out."""

    def __init__(self, kind: Kind, cache: Any, scheduler: Scheduler, max_fetches: int) -> None:
        self._key_of = kind.key_of
        self._keys = [kind.key_of(request) for request in kind.requests]
        self.cache = cache
        self.state = cache._state
        self.scheduler = scheduler
        self.threads_fail = False
        self.section = 0
        self.closed = NEVER
        self.fetches: dict[str, Fetch] = {}
        self.in_the_air: list[Fetch] = []
        self._max_fetches = max_fetches
        self._tokens: dict[Key, Lease] = {}
        self._thrown_away: dict[Key, int] = {}
        self._known: set[AnyFlight] = set()
        self._sent: set[AnyFlight] = set()
        self._departing: dict[Task, list[Fetch]] = {}
        self._landing: dict[Task, Fetch] = {}
        self._rests: dict[Key, tuple[Instant, float, bool]] = {}
        self._present: list[AnyFlight] = []
        self._left: dict[AnyFlight, int] = {}
        self._latest = 0.0
        self._last_wall = scheduler.clock.instant.wall

    def wrong(self, what: str) -> None:
        if not self.scheduler.over:
            self.scheduler.broken.append(f"{what} (section {self.section})")

    # Whenever the lock is released

    def look(self) -> None:
        if self.scheduler.over:
            return
        self.section += 1
        task = self.scheduler.task
        deed, task.doing = task.doing, None
        before = self._present
        self._latest = max(self._latest, self.state.entries._now)
        if isinstance(deed, Call):
            deed.planned = self.section
            deed.newer_than = self._thrown_away.get(deed.key, NEVER)
            token = self._tokens.get(deed.key)
            if token and task.reading and self.fetches[token._secret].remaining(task.reading) > 0:
                deed.at_hand = token
        self._look_at_flights(task)
        tokens = self.state.entries.leases
        self._look_at_tokens(tokens, task, deed)
        if isinstance(deed, Invalidation):
            self._look_at_removal(tokens, deed)
        self._look_at_landing(task, before)
        if self.state.closed and self.closed == NEVER:
            self.closed = self.section
        self._tokens = tokens.copy()

    def _look_at_flights(self, task: Task) -> None:
        table = self.state.flights.table
        if self.state.closed and table:
            self.wrong("a flight is kept after close")
        present = []
        for key, first in table.items():
            for flight in (first, first.successor):
                if flight is None:
                    continue
                present.append(flight)
                if flight.key != key:
                    self.wrong("a flight of another key")
                if flight.done:
                    self.wrong("a flight that has ended is kept")
                if flight not in self._known:
                    self._known.add(flight)
                    self._look_at_departure(flight, task)
            if first.sent and first not in self._sent:
                self._sent.add(first)
                fetch = Fetch(first, task.reading or first.sent, self.section)
                self._departing.setdefault(task, []).append(fetch)
                self.in_the_air.append(fetch)
            if first.successor and first.successor.sent:
                self.wrong("two fetches of one key")
        for flight in self._present:
            if flight.done:
                self._learn_rest(flight.key)
        self._present = present

    def _learn_rest(self, key: Key) -> None:
        if trouble := self.state.entries.failure(key):
            self._rests[key] = (
                trouble.since,
                trouble.wait,
                trouble.kind is not Failure.TERMINAL,
            )

    def _look_at_departure(self, flight: AnyFlight, task: Task) -> None:
        call = task.call
        if call is None or call.key != flight.key:
            self.wrong("a flight that nobody has asked for")
            return
        if flight.key not in self._rests or task.reading is None:
            return
        since, wait, patient = self._rests[flight.key]
        token = self._tokens.get(flight.key)
        usable = token and self.fetches[token._secret].remaining(task.reading) > 0
        if not (patient and usable) or call.forced:
            wait = min(wait, MAX_MEMORY)
        long_ago = since.monotonic + wait + LINGER <= self._latest
        if age(since, task.reading) < wait and not long_ago:
            self.wrong("a fetch while the key is to be left alone")

    def _look_at_tokens(self, tokens: dict[Key, Lease], task: Task, deed: object) -> None:
        entries = self.state.entries
        if len(tokens) > entries._expiry.maxsize:
            self.wrong("too many entries")
        if len(tokens) != len(entries._expiry):
            self.wrong("a token that is never thrown away")
        if tokens and self.state.closed:
            self.wrong("a token is kept after close")
        published = False
        for key, token in tokens.items():
            old = self._tokens.get(key)
            if token is old:
                continue
            if old is None or old._secret != token._secret:
                published = True
                self._look_at_publication(key, token, old, task)
        if self.state.closed:
            return
        for key, token in self._tokens.items():
            if key not in tokens and not (
                (isinstance(deed, Invalidation) and deed.matches(key, token))
                or token._sent.monotonic + token._seconds <= entries._now
                or (published and len(tokens) == entries._expiry.maxsize)
            ):
                self.wrong("a token is lost")

    def _look_at_publication(self, key: Key, token: Lease, old: Lease | None, task: Task) -> None:
        fetch = self.fetches[token._secret]
        now = task.reading
        if token._sent.monotonic < fetch.sent.monotonic - ROUNDING:
            fetch.sent = token._sent  # it was sent before another, which was flown in between
        if self._key_of(fetch.flight.request) != key:
            self.wrong("a token is kept for another key")
        if fetch.section <= self._thrown_away.get(key, NEVER):
            self.wrong("what was sent before the invalidation is kept")
        if now is None or fetch.remaining(now) <= 0:
            self.wrong("an expired token is kept")
        elif token._sent.monotonic > fetch.sent.monotonic + ROUNDING:
            self.wrong("a token is older than it looks")
        elif old and fetch.remaining(now) < self.fetches[old._secret].remaining(now) - ROUNDING:
            self.wrong("a token is replaced by one that expires before it")
        self._rests.pop(key, None)

    def _look_at_removal(self, tokens: dict[Key, Lease], deed: Invalidation) -> None:
        for key in self._keys:
            if deed.matches(key, self._tokens.get(key)):
                self._thrown_away[key] = self.section
                if key in tokens:
                    self.wrong("a token is still there after it was thrown away")

    def _look_at_landing(self, task: Task, before: list[AnyFlight]) -> None:
        fetch = self._landing.pop(task, None)
        if fetch is None:
            return
        self._learn_rest(fetch.key)
        if fetch.life or self.state.closed or task.reading is None:
            return
        stale = fetch.section <= self._thrown_away.get(fetch.key, NEVER)
        if stale or fetch.flight not in before:
            return
        trouble = self.state.entries.failure(fetch.key)
        now = task.reading
        if trouble is None:
            if self.state.entries._now < now.monotonic + LINGER:
                self.wrong("a failure is forgotten")
        elif trouble.since != now or trouble.wait <= 0:
            self.wrong("a failure is followed by no rest")

    # When nobody can go on before time passes

    def quiet(self) -> None:
        for task in self.scheduler.asleep:
            if task.waits_for is not None and task.waits_for.done:
                self.wrong("a waiter is not woken")
        idle = self.state.flights.idle
        if any(gate not in idle for gate in self.scheduler.gates.values()):
            return  # it keeps the pace
        most = 1 if self.threads_fail else self._max_fetches
        # Who waits looks once a second whether a fetch is overdue; if nobody waits, nobody does.
        waiting = any(task.waits_for for task in self.scheduler.asleep)
        flying = sum(not (waiting and self._long_overdue(fetch)) for fetch in self.in_the_air)
        room = flying < most and len(self.in_the_air) < 4 * most
        # For want of a thread, who waits takes it on at one of the next looks, and if nobody
        # waits, nobody does.
        queued = [
            flight
            for flight in self.state.flights.table.values()
            if not flight.sent and (flight.waiters or not self.threads_fail)
        ]
        self._left = {flight: self._left.get(flight, 0) + 1 for flight in queued if room}
        if any(times > 8 * self.threads_fail for times in self._left.values()):
            self.wrong("a flight that nobody flies")

    def time_passed(self) -> None:
        self._last_wall = max(self._last_wall, self.scheduler.clock.instant.wall)

    def _long_overdue(self, fetch: Fetch) -> bool:
        now = self.scheduler.clock.instant
        if age(fetch.sent, now) < DEADLINE:
            fetch.overdue_since = float("inf")
        else:
            fetch.overdue_since = min(fetch.overdue_since, now.monotonic)
        return now.monotonic > fetch.overdue_since + 1

    def _flying(self) -> list[Fetch]:
        """Those of which nobody can think that they are overdue."""
        now = Instant(self.scheduler.clock.instant.monotonic, self._last_wall)
        return [
            fetch
            for fetch in self.in_the_air
            if max(age(fetch.departed, now), age(fetch.sent, now)) < DEADLINE
        ]

    # What comes in and goes out

    def begins(self, request: Any) -> Fetch | None:
        task = self.scheduler.task
        # One that flies for want of a thread may do so in the middle of another.
        departing = self._departing.get(task)
        fetch = departing.pop() if departing else None
        if fetch is None or fetch.flight.request is not request or task.reading is None:
            self.wrong("a fetch that is no flight's")
            return None
        fetch.sent = task.reading
        flying = self._flying()
        if fetch in flying and sum(other.key == fetch.key for other in flying) > 1:
            self.wrong("two fetches of one key at once")
        # For want of a thread, each caller flies its own.
        if len(flying) > self._max_fetches and not self.threads_fail:
            self.wrong("too many fetches at once")
        return fetch

    def ends(self, fetch: Fetch) -> None:
        if fetch in self.in_the_air:  # else the process has forked
            self.in_the_air.remove(fetch)
        self._landing[self.scheduler.task] = fetch

    def returned(self, call: Call, token: Lease) -> None:
        fetch = self.fetches[token._secret]
        now = self.scheduler.task.reading
        if fetch.flight.request is not call.request:
            self.wrong("a caller gets another one's token")
        if now is None or fetch.remaining(now) <= 0:
            self.wrong("a caller gets an expired token")
        if fetch.section <= call.newer_than:
            self.wrong("a caller gets a token that was thrown away before it asked")
        if call.forced and fetch.section <= call.planned:
            self.wrong("a refresh gets a token that was asked for before it")
        if NEVER < self.closed < call.planned:
            self.wrong("a caller gets a token after close")

    def raised(self, call: Call, error: DevTokenError, flight: AnyFlight | None) -> None:
        after_close = NEVER < self.closed < call.planned
        left_in_the_lurch = flight is not None and isinstance(flight.error, SessionClosedError)
        if isinstance(error, SessionClosedError):
            if self.closed == NEVER:
                self.wrong("a session is closed that is not")
            return
        if after_close:
            self.wrong(f"{type(error).__name__} after close")
        now = self.scheduler.task.reading
        token = call.at_hand
        if call.forced or token is None or now is None or left_in_the_lurch:
            return
        kept = self._tokens.get(call.key)
        if (
            kept
            and kept._secret == token._secret
            and self.fetches[token._secret].remaining(now) > 2 * ROUNDING
            and Failure.of(error) is not Failure.TERMINAL
        ):
            self.wrong(f"{type(error).__name__} while there is a valid token")

    def forked(self) -> None:
        self.in_the_air.clear()
        self._present.clear()
