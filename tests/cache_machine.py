"""
A Hypothesis state machine that runs a cache beside a model of what it should hold.

The rules move the monotonic and the wall clock separately, start and end fetches, and let callers
wait in between.
"""

from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from cache_model import (
    FAILURES,
    KINDS,
    LIFETIME,
    MAX_FETCHES,
    REQUESTS,
    ROUNDING,
    Caller,
    Fetch,
    age,
)
from caching import AnyFlight
from cognito_devtoken._cache.failures import MAX_MEMORY, Failure
from cognito_devtoken._cache.flights import DEADLINE
from cognito_devtoken._values.key import Key
from cognito_devtoken._values.lease import Lease
from cognito_devtoken.events import Event, FetchAbandoned, FetchFailed, FetchSucceeded
from cognito_devtoken.exceptions import (
    DevTokenError,
    ResourceConflictError,
)
from cognito_devtoken.testing import ManualClock
from cognito_devtoken.typing import Instant


INTERVALS = st.sampled_from([0.25, 1, 4, 15, LIFETIME / 3, LIFETIME / 2, LIFETIME * 0.9, LIFETIME])
Matches = Callable[[Key, Lease | None], bool]


class CacheMachine(RuleBasedStateMachine):
    kind = KINDS[0]

    @initialize(
        max_entries=st.sampled_from([2, 3]), random_fraction=st.sampled_from([0.0, 0.5, 1.0])
    )
    def open(self, max_entries: int, random_fraction: float) -> None:
        self.max_entries = max_entries
        self.clock = ManualClock()
        self.key_of = self.kind.key_of
        self.cache: Any = self.kind.open_cache(
            self,
            max_entries=max_entries,
            max_concurrent_fetches=MAX_FETCHES,
            clock=self.clock,
            on_event=[self.hook],
        )
        workers = self.cache._leases.workers
        self.cache._state.random_fraction = lambda: random_fraction
        workers.idle_seconds = 0
        workers.start_thread = self.start_thread
        workers.wait = self.wait_for_rate
        self.issued = 0
        self.jobs: list[Callable[[], None]] = []
        self.rate_limited: list[greenlet] = []
        self.in_flight: list[Fetch] = []
        self.waiting: list[Caller] = []
        self.seen: list[Lease] = []
        self.returns = self.errors = 0
        self.fetches: dict[str, Fetch] = {}
        self.expected: dict[Key, Fetch] = {}  # what the cache should hold, oldest first
        self.invalidated: set[Fetch] = set()
        self.back_offs: dict[str, tuple[Instant, float, bool]] = {}
        self.known: set[AnyFlight] = set()
        self.overlapped = False

    def now(self) -> Instant:
        return Instant.now(self.clock)

    # What the cache calls

    def hook(self, event: Event) -> None:
        if isinstance(event, FetchFailed):
            terminal = event.error == ResourceConflictError.__name__
            self.back_off(event.key, event.retry_in, terminal=terminal)
        elif isinstance(event, FetchAbandoned | FetchSucceeded) and event.key not in self.back_offs:
            self.back_off(event.key, 0)  # it may have failed before

    def back_off(self, key: str, seconds: float, *, terminal: bool = False) -> None:
        self.back_offs[key] = (self.now(), seconds, terminal)

    def start_thread(self, run: Callable[[], None]) -> None:
        self.jobs.append(run)

    def wait_for_rate(self, gate: object, seconds: float) -> bool:
        self.rate_limited.append(getcurrent())
        self.suspend()
        return False

    def suspend(self) -> Any:
        parent = getcurrent().parent
        assert parent is not None
        return parent.switch()

    def fetch(self, request: Any) -> Lease:
        fetch = Fetch(request, getcurrent(), self.now())
        for other in self.in_flight:
            self.overlapped |= other.request == request and not other.overdue
        self.in_flight.append(fetch)
        outcome: float | BaseException = self.suspend()
        if isinstance(outcome, BaseException):
            raise outcome
        self.issued += 1
        token = self.kind.issue(request, outcome, self.issued, self.clock)
        self.fetches[token._secret] = fetch
        return token

    # Fetches

    @precondition(lambda self: self.jobs or self.rate_limited)
    @rule()
    def run_a_thread(self) -> None:
        if self.jobs:
            greenlet(self.jobs.pop(0)).switch()
        else:
            self.rate_limited.pop(0).switch()

    @precondition(lambda self: self.in_flight)
    @rule(
        which=st.integers(0), lifetime=st.sampled_from([LIFETIME, LIFETIME, LIFETIME, LIFETIME / 2])
    )
    def succeed(self, which: int, lifetime: float) -> None:
        fetch = self.in_flight.pop(which % len(self.in_flight))
        fetch.lifetime = lifetime
        self.expect(fetch)
        fetch.thread.switch(lifetime)

    @precondition(lambda self: self.in_flight)
    @rule(which=st.integers(0), failure=st.sampled_from(list(FAILURES)))
    def fail(self, which: int, failure: str) -> None:
        fetch = self.in_flight.pop(which % len(self.in_flight))
        fetch.thread.switch(FAILURES[failure]())

    def expect(self, fetch: Fetch) -> None:
        """Update the model as the cache should do for a new token."""
        now = self.now()
        key = self.key_of(fetch.request)
        self.drop_expired()
        held = self.expected.get(key)
        if fetch.stale or fetch.remaining(now) <= 0:
            return
        if held and fetch.remaining(now) < held.remaining(now):
            return
        if key not in self.expected and len(self.expected) == self.max_entries:
            del self.expected[next(iter(self.expected))]
        self.expected.pop(key, None)
        self.expected[key] = fetch
        self.back_offs.pop(key.digest, None)

    def drop_expired(self) -> None:
        """Drop the tokens that have expired by the monotonic clock."""
        now = self.clock.monotonic()
        for key, fetch in list(self.expected.items()):
            if now - fetch.sent.monotonic >= fetch.lifetime:
                del self.expected[key]

    # Time

    @rule(seconds=INTERVALS)
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(seconds=INTERVALS)
    def the_machine_is_suspended(self, seconds: float) -> None:
        self.clock.freeze(seconds)

    @rule(seconds=INTERVALS, back=st.booleans())
    def the_wall_clock_is_set(self, seconds: float, back: bool) -> None:
        self.clock.set_wall(-seconds if back else seconds)

    # Callers

    @rule(
        index=st.sampled_from(REQUESTS),
        min_remaining=st.sampled_from([None, None, 1, LIFETIME / 4, LIFETIME / 2 - 1]),
        timeout=st.sampled_from([None, None, 0, 3, 30]),
    )
    def get(self, index: int, min_remaining: float | None, timeout: float | None) -> None:
        request = self.kind.requests[index]
        steps = self.cache._leases.lookup.steps(request, min_remaining, timeout)
        stale = {fetch for fetch in self.in_flight if fetch.stale}
        self.start(Caller(request, steps, self.invalidated | stale, forced=False))

    @rule(index=st.sampled_from(REQUESTS), timeout=st.sampled_from([None, None, 3]))
    def refresh(self, index: int, timeout: float | None) -> None:
        request = self.kind.requests[index]
        steps = self.cache._leases.lookup.steps(request, None, timeout, forced=True)
        older = {*self.fetches.values(), *self.in_flight}
        self.start(Caller(request, steps, older, forced=True))

    @rule(
        index=st.sampled_from(REQUESTS),
        min_remaining=st.sampled_from([None, LIFETIME / 2 - 1, LIFETIME - 1]),
        failure=st.sampled_from([None, None, *FAILURES]),
    )
    def get_and_finish(self, index: int, min_remaining: float | None, failure: str | None) -> None:
        self.get(index, min_remaining, None)
        while self.jobs:
            self.run_a_thread()
        while self.in_flight:
            if failure:
                self.fail(0, failure)
            else:
                self.succeed(0, LIFETIME)
        self.resume_callers()

    def start(self, caller: Caller) -> None:
        key = self.key_of(caller.request)
        back_off = self.back_offs.get(key.digest)
        now = self.now()
        held = self.expected.get(key)
        is_valid = held is not None and held.remaining(now) > 0
        caller.cached = held if is_valid else None
        self.waiting.append(caller)
        self.resume(caller)
        started = [
            flight
            for first in self.cache._state.flights.by_key.values()
            for flight in (first, first.successor)
            if flight and flight not in self.known
        ]
        self.known.update(started)
        if back_off and started:
            since, wait, terminal = back_off
            wait = wait if is_valid and not (terminal or caller.forced) else min(wait, MAX_MEMORY)
            assert age(since, now) >= wait, "a fetch during the back-off of its key"

    @precondition(lambda self: self.waiting)
    @rule()
    def callers_resume(self) -> None:
        self.resume_callers()

    def resume_callers(self) -> None:
        for caller in list(self.waiting):
            self.resume(caller)

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0))
    def cancel(self, which: int) -> None:
        caller = self.waiting.pop(which % len(self.waiting))
        caller.steps.close()
        if caller.flight:
            caller.flight.waiters.discard(caller.wake)

    def resume(self, caller: Caller) -> None:
        try:
            caller.flight, _ = next(caller.steps)
        except StopIteration as stop:
            self.waiting.remove(caller)
            self.returned(caller, stop.value)
        except DevTokenError as error:
            self.waiting.remove(caller)
            self.raised(caller, error)
        except ValueError:  # min_remaining exceeds the lifetime of the cached token
            self.waiting.remove(caller)
        else:
            caller.flight.waiters.add(caller.wake)

    def returned(self, caller: Caller, token: Lease) -> None:
        self.returns += 1
        fetch = self.fetches[token._secret]
        assert fetch.request == caller.request, "a token of another key"
        assert fetch.remaining(self.now()) > -ROUNDING, "an expired token"
        assert fetch not in caller.excluded, "a token that was invalidated"
        self.seen.append(token)

    def raised(self, caller: Caller, error: DevTokenError) -> None:
        self.errors += 1
        held = self.expected.get(self.key_of(caller.request))
        if caller.forced or Failure.of(error) is Failure.TERMINAL:
            return
        if held is not None and held is caller.cached:
            assert held.remaining(self.now()) <= ROUNDING, "an error while a valid token is cached"

    # Invalidation

    @precondition(lambda self: self.seen)
    @rule(which=st.integers(0))
    def invalidate(self, which: int) -> None:
        token = self.seen[which % len(self.seen)]
        self.cache.invalidate(token)
        self.invalidated.add(self.fetches[token._secret])
        self.mark_invalidated(lambda _, held: held == token)

    @rule(user=st.sampled_from(["ann", "bob"]))
    def forget(self, user: str) -> None:
        self.cache.forget(user)
        self.mark_invalidated(lambda key, _: key[0] == user)

    @precondition(lambda self: self.seen)
    @rule(which=st.integers(0))
    def forget_identity(self, which: int) -> None:
        identity = self.seen[which % len(self.seen)].identity_id
        self.cache.forget_identity(identity)
        self.mark_invalidated(lambda _, held: held is None or held.identity_id == identity)

    @rule()
    def clear(self) -> None:
        self.cache.clear()
        self.mark_invalidated(lambda _key, _held: True)

    def mark_invalidated(self, matches: Matches) -> None:
        for fetch in self.in_flight:
            key = self.key_of(fetch.request)
            fetch.stale |= matches(key, self.tokens_before.get(key))
        for key, fetch in list(self.expected.items()):
            if matches(key, self.tokens_before.get(key)):
                del self.expected[key]
                self.invalidated.add(fetch)

    # Invariants

    @invariant()
    def the_cache_matches_the_model(self) -> None:
        tokens = self.cache._state.entries.leases
        assert len(tokens) <= self.max_entries
        now = self.clock.monotonic()
        held = {key: self.fetches[token._secret] for key, token in tokens.items()}
        alive = {k: f for k, f in held.items() if now - f.sent.monotonic < f.lifetime}
        self.drop_expired()
        assert alive == self.expected
        self.tokens_before = dict(tokens)

    @invariant()
    def each_call_counts_once(self) -> None:
        stats = self.cache.stats()
        hits = stats.hits + stats.due_hits + stats.grace_hits
        assert hits + stats.misses == self.returns + self.errors
        assert stats.errors == self.errors <= stats.misses

    @invariant()
    def each_fetch_has_one_outcome(self) -> None:
        stats = self.cache.stats()
        ended = stats.fetches_succeeded + stats.fetches_failed
        assert stats.fetches_started == ended + len(self.in_flight)
        assert sum(stats.reasons.values()) == stats.fetches_started

    @invariant()
    def late_fetches_are_overdue(self) -> None:
        for fetch in self.in_flight:
            fetch.overdue |= age(fetch.sent, self.now()) >= DEADLINE

    @invariant()
    def a_key_has_one_fetch(self) -> None:
        assert not self.overlapped, "two concurrent fetches of one key"

    @invariant()
    def waiting_callers_are_woken(self) -> None:
        for caller in self.waiting:
            assert caller.woken or not (caller.flight and caller.flight.done)

    def teardown(self) -> None:
        for _ in range(60):  # whether the fetches end or not
            self.run_threads()
            self.clock.advance(1)
            self.resume_callers()
        assert not self.waiting, "a caller still waits"
        while self.in_flight:
            self.fail(0, "no network")
            self.run_threads()
        assert self.cache.stats().in_flight == 0, "a flight that never ends"

    def run_threads(self) -> None:
        while self.jobs or self.rate_limited:
            self.run_a_thread()
            self.clock.advance(0.5)


class BadgeCacheMachine(CacheMachine):
    kind = KINDS[1]
