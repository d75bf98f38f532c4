"""
The rules that a cache must keep, checked each time its lock is released.

tests/cache/test_interleavings.py runs these checks.
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
from kinds import Kind, badges, credentials, tokens
from scheduler import Scheduler, Task


LIFETIME = 40
KINDS = [tokens(LIFETIME), badges(LIFETIME), credentials(LIFETIME)]
# Seconds for which a failure is remembered after its back-off ends.
LINGER = 60
NEVER = -1
# A wall clock has seven decimals only.
ROUNDING = 1e-6


def age(since: Instant, now: Instant) -> float:
    """Return the age, computed independently of the code under test."""
    return max(now.monotonic - since.monotonic, now.wall - since.wall)


class Fetch:
    """A flight that has been sent, and the token that it fetches."""

    def __init__(self, flight: AnyFlight, taken: Instant, section: int) -> None:
        self.key = flight.key
        self.flight = flight
        self.taken = taken
        self.sent = taken  # the last clock reading before the call of the fetcher
        self.section = section  # of the lock in which it was sent
        self.lifetime = 0.0
        self.started = False  # whether the fetcher has been called
        self.overdue_since = float("inf")  # by the monotonic clock

    def remaining(self, now: Instant) -> float:
        return self.lifetime - age(self.sent, now) + ROUNDING


class Call:
    """What a caller requests, and what it may receive."""

    def __init__(self, request: Any, key: Key, *, forced: bool) -> None:
        self.request = request
        self.key = key
        self.forced = forced
        self.requested_in = NEVER  # the section of the lock in which it was requested
        self.newer_than = NEVER
        self.cached: Lease | None = None


class Invalidation:
    """What a caller invalidates."""

    def __init__(self, matches: Callable[[Key, Lease | None], bool]) -> None:
        self.matches = matches


class InvariantChecker:
    """Checks the cache whenever its lock is released, and each fetch and each caller's outcome."""

    def __init__(self, kind: Kind, cache: Any, scheduler: Scheduler, max_fetches: int) -> None:
        self._key_of = kind.key_of
        self._keys = [kind.key_of(request) for request in kind.requests]
        self.cache = cache
        self.state = cache._state
        self.scheduler = scheduler
        self.threads_fail = False
        self.no_thread_starts = False
        self.section = 0
        self.closed = NEVER
        self.fetches: dict[str, Fetch] = {}
        self.in_flight: list[Fetch] = []
        self._max_fetches = max_fetches
        self._tokens: dict[Key, Lease] = {}
        self._invalidated: dict[Key, int] = {}
        self._known: set[AnyFlight] = set()
        self._sent: set[AnyFlight] = set()
        self._starting: dict[Task, list[Fetch]] = {}
        self._ended: dict[Task, Fetch] = {}
        self._back_offs: dict[Key, tuple[Instant, float, bool]] = {}
        self._flights: list[AnyFlight] = []
        self._stuck: dict[AnyFlight, int] = {}
        self._latest = 0.0
        self._last_wall = scheduler.clock.instant.wall

    def violation(self, what: str) -> None:
        if not self.scheduler.finished:
            self.scheduler.violations.append(f"{what} (section {self.section})")

    # When the lock is released

    def check(self) -> None:
        if self.scheduler.finished:
            return
        self.section += 1
        task = self.scheduler.task
        action, task.action = task.action, None
        before = self._flights
        self._latest = max(self._latest, self.state.entries._leases._now)
        if isinstance(action, Call):
            action.requested_in = self.section
            action.newer_than = self._invalidated.get(action.key, NEVER)
            token = self._tokens.get(action.key)
            if token and task.reading and self.fetches[token._secret].remaining(task.reading) > 0:
                action.cached = token
        self._check_flights(task)
        tokens = self.state.entries.leases
        self._check_leases(tokens, task, action)
        if isinstance(action, Invalidation):
            self._check_invalidation(tokens, action)
        self._check_outcome(task, before)
        if self.state.closed and self.closed == NEVER:
            self.closed = self.section
        self._tokens = dict(tokens)

    def _check_flights(self, task: Task) -> None:
        table = self.state.flights.by_key
        if self.state.closed and table:
            self.violation("a flight is kept after close()")
        present = []
        for key, first in table.items():
            for flight in (first, first.successor):
                if flight is None:
                    continue
                present.append(flight)
                if flight.key != key:
                    self.violation("a flight is held under another key")
                if flight.done:
                    self.violation("a flight that has ended is kept")
                if flight not in self._known:
                    self._known.add(flight)
                    self._check_new_flight(flight, task)
            if first.sent and first not in self._sent:
                self._sent.add(first)
                fetch = Fetch(first, task.reading or first.sent, self.section)
                self._starting.setdefault(task, []).append(fetch)
                self.in_flight.append(fetch)
            if first.successor and first.successor.sent:
                self.violation("two fetches of one key")
        for flight in self._flights:
            if flight.done:
                self._note_back_off(flight.key)
        # A caller that flies flights itself may be interrupted by another one before its call.
        self.in_flight = [each for each in self.in_flight if each.started or not each.flight.done]
        self._flights = present

    def _note_back_off(self, key: Key) -> None:
        if failure := self.state.entries.failure(key):
            self._back_offs[key] = (
                failure.since,
                failure.wait,
                failure.kind is not Failure.TERMINAL,
            )

    def _check_new_flight(self, flight: AnyFlight, task: Task) -> None:
        call = task.call
        if call is None or call.key != flight.key:
            self.violation("a flight that no caller requested")
            return
        if flight.key not in self._back_offs or task.reading is None:
            return
        since, wait, retryable = self._back_offs[flight.key]
        token = self._tokens.get(flight.key)
        usable = token and self.fetches[token._secret].remaining(task.reading) > 0
        if not (retryable and usable) or call.forced:
            wait = min(wait, MAX_MEMORY)
        long_ago = since.monotonic + wait + LINGER <= self._latest
        if age(since, task.reading) < wait and not long_ago:
            self.violation("a fetch during the back-off of its key")

    def _check_leases(self, tokens: dict[Key, Lease], task: Task, action: object) -> None:
        entries = self.state.entries
        if len(tokens) > entries._leases.max_items:
            self.violation("too many entries")
        if len(tokens) != len(entries._leases._index or ()):
            self.violation("a token that never expires from the cache")
        if tokens and self.state.closed:
            self.violation("a token is kept after close()")
        published = False
        for key, token in tokens.items():
            old = self._tokens.get(key)
            if token is old:
                continue
            if old is None or old._secret != token._secret:
                published = True
                self._check_publication(key, token, old, task)
        if self.state.closed:
            return
        for key, token in self._tokens.items():
            if key not in tokens and not (
                (isinstance(action, Invalidation) and action.matches(key, token))
                or token._sent.monotonic + token._seconds <= entries._leases._now
                or (published and len(tokens) == entries._leases.max_items)
            ):
                self.violation("a token is lost")

    def _check_publication(self, key: Key, token: Lease, old: Lease | None, task: Task) -> None:
        fetch = self.fetches[token._secret]
        now = task.reading
        if token._sent.monotonic < fetch.sent.monotonic - ROUNDING:
            fetch.sent = (
                token._sent
            )  # sent before another flight that the same thread ran in between
        if self._key_of(fetch.flight.request) != key:
            self.violation("a token is kept for another key")
        if fetch.section <= self._invalidated.get(key, NEVER):
            self.violation("a token requested before the invalidation is kept")
        if now is None or fetch.remaining(now) <= 0:
            self.violation("an expired token is kept")
        elif token._sent.monotonic > fetch.sent.monotonic + ROUNDING:
            self.violation("a token is older than its recorded age")
        elif old and fetch.remaining(now) < self.fetches[old._secret].remaining(now) - ROUNDING:
            self.violation("a token is replaced by one that expires earlier")
        self._back_offs.pop(key, None)

    def _check_invalidation(self, tokens: dict[Key, Lease], action: Invalidation) -> None:
        for key in self._keys:
            if action.matches(key, self._tokens.get(key)):
                self._invalidated[key] = self.section
                if key in tokens:
                    self.violation("a token is still present after its invalidation")

    def _check_outcome(self, task: Task, before: list[AnyFlight]) -> None:
        fetch = self._ended.pop(task, None)
        if fetch is None:
            return
        self._note_back_off(fetch.key)
        if fetch.lifetime or self.state.closed or task.reading is None:
            return
        stale = fetch.section <= self._invalidated.get(fetch.key, NEVER)
        if stale or fetch.flight not in before:
            return
        failure = self.state.entries.failure(fetch.key)
        now = task.reading
        if failure is None:
            if self.state.entries._leases._now < now.monotonic + LINGER:
                self.violation("a failure is forgotten")
        elif failure.since != now or failure.wait <= 0:
            self.violation("a failure is followed by no back-off")

    # When no task can run before time passes

    def check_idle(self) -> None:
        for task in self.scheduler.sleeping:
            if task.waits_for is not None and task.waits_for.done:
                self.violation("a waiter is not woken")
        idle = [worker.gate for worker in self.state.flights.slots.workers() if worker.idle]
        if any(gate not in idle for gate in self.scheduler.gates.values()):
            return  # a worker waits for the rate limiter
        most = 1 if self.threads_fail else self._max_fetches
        # A waiting caller checks once a second for overdue fetches; without one, nothing does.
        waiting = any(task.waits_for for task in self.scheduler.sleeping)
        active = sum(not (waiting and self._long_overdue(fetch)) for fetch in self.in_flight)
        room = active < most and len(self.in_flight) < 4 * most
        # If no thread can start, a waiting caller runs the flight at one of its next checks;
        # without a waiting caller, nothing does.
        queued = [
            flight
            for flight in self.state.flights.by_key.values()
            if not flight.sent and (flight.waiters or not self.threads_fail)
        ]
        self._stuck = {flight: self._stuck.get(flight, 0) + 1 for flight in queued if room}
        if any(times > 8 * self.threads_fail for times in self._stuck.values()):
            self.violation("a flight that no thread runs")

    def time_passed(self) -> None:
        self._last_wall = max(self._last_wall, self.scheduler.clock.instant.wall)

    def _long_overdue(self, fetch: Fetch) -> bool:
        now = self.scheduler.clock.instant
        if age(fetch.sent, now) < DEADLINE:
            fetch.overdue_since = float("inf")
        else:
            fetch.overdue_since = min(fetch.overdue_since, now.monotonic)
        return now.monotonic > fetch.overdue_since + 1

    def _not_overdue(self) -> list[Fetch]:
        """Return the fetches that no thread can consider overdue."""
        now = Instant(self.scheduler.clock.instant.monotonic, self._last_wall)
        return [
            fetch
            for fetch in self.in_flight
            if max(age(fetch.taken, now), age(fetch.sent, now)) < DEADLINE
        ]

    # Fetches and callers

    def fetch_started(self, request: Any) -> Fetch | None:
        task = self.scheduler.task
        # A caller that runs flights itself, without threads, may start one inside another.
        starting = self._starting.get(task)
        fetch = starting.pop() if starting else None
        if fetch is None or fetch.flight.request is not request or task.reading is None:
            self.violation("a fetch without a flight")
            return None
        fetch.sent, fetch.started = task.reading, True
        if fetch not in self.in_flight:
            self.in_flight.append(fetch)
        active = self._not_overdue()
        if fetch in active and sum(other.key == fetch.key for other in active) > 1:
            self.violation("two fetches of one key at once")
        # If only some threads can start, they and the callers may run as many flights each.
        ways = 2 if self.threads_fail and not self.no_thread_starts else 1
        if len(active) > ways * self._max_fetches:
            self.violation("too many fetches at once")
        return fetch

    def fetch_ended(self, fetch: Fetch) -> None:
        if fetch in self.in_flight:  # unless the process has forked
            self.in_flight.remove(fetch)
        self._ended[self.scheduler.task] = fetch

    def returned(self, call: Call, token: Lease) -> None:
        fetch = self.fetches[token._secret]
        now = self.scheduler.task.reading
        if fetch.flight.request is not call.request:
            self.violation("a caller gets another caller's token")
        if now is None or fetch.remaining(now) <= 0:
            self.violation("a caller gets an expired token")
        if fetch.section <= call.newer_than:
            self.violation("a caller gets a token that was invalidated before its request")
        if call.forced and fetch.section <= call.requested_in:
            self.violation("a refresh gets a token that was requested before it")
        if NEVER < self.closed < call.requested_in:
            self.violation("a caller gets a token after close()")

    def raised(self, call: Call, error: DevTokenError, flight: AnyFlight | None) -> None:
        after_close = NEVER < self.closed < call.requested_in
        flight_closed = flight is not None and isinstance(flight.error, SessionClosedError)
        if isinstance(error, SessionClosedError):
            if self.closed == NEVER:
                self.violation("SessionClosedError before close()")
            return
        if after_close:
            self.violation(f"{type(error).__name__} after close()")
        now = self.scheduler.task.reading
        token = call.cached
        if call.forced or token is None or now is None or flight_closed:
            return
        kept = self._tokens.get(call.key)
        if (
            kept
            and kept._secret == token._secret
            and self.fetches[token._secret].remaining(now) > 2 * ROUNDING
            and Failure.of(error) is not Failure.TERMINAL
        ):
            self.violation(f"{type(error).__name__} while there is a valid token")

    def forked(self) -> None:
        self.in_flight.clear()
        self._flights.clear()
