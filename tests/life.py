"""
The life of a cache as Hypothesis makes it up, beside a model of what it should hold.

Two hands of the clock move on their own. Fetches depart and come back when a rule says so, and
callers wait in between.
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
from life_model import (
    FAILURES,
    KINDS,
    LIFE,
    MAX_FETCHES,
    ROUNDING,
    USERS,
    Caller,
    Fetch,
    age,
)


SPANS = st.sampled_from([0.25, 1, 4, 15, LIFE / 3, LIFE / 2, LIFE * 0.9, LIFE])
Matches = Callable[[Key, Lease | None], bool]


class Life(RuleBasedStateMachine):
    kind = KINDS[0]

    @initialize(max_entries=st.sampled_from([2, 3]), draw=st.sampled_from([0.0, 0.5, 1.0]))
    def open(self, max_entries: int, draw: float) -> None:
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
        self.cache._state.random_fraction = lambda: draw
        workers.idle_seconds = 0
        workers.start_thread = self.start_thread
        workers.wait = self.keep_pace
        self.made = 0
        self.hired: list[Callable[[], None]] = []
        self.pacing: list[greenlet] = []
        self.in_the_air: list[Fetch] = []
        self.waiting: list[Caller] = []
        self.seen: list[Lease] = []
        self.fetches: dict[str, Fetch] = {}
        self.at_hand: dict[Key, Fetch] = {}  # what should be there, the oldest first
        self.refused: set[Fetch] = set()
        self.rests: dict[str, tuple[Instant, float, bool]] = {}
        self.known: set[AnyFlight] = set()
        self.beside = False

    def now(self) -> Instant:
        return Instant.now(self.clock)

    # What the cache is given

    def hook(self, event: Event) -> None:
        if isinstance(event, FetchFailed):
            terminal = event.error == ResourceConflictError.__name__
            self.rest(event.key, event.retry_in, terminal=terminal)
        elif isinstance(event, FetchAbandoned | FetchSucceeded) and event.key not in self.rests:
            self.rest(event.key, 0)  # perhaps it has failed, too

    def rest(self, key: str, seconds: float, *, terminal: bool = False) -> None:
        self.rests[key] = (self.now(), seconds, terminal)

    def start_thread(self, run: Callable[[], None]) -> None:
        self.hired.append(run)

    def keep_pace(self, gate: object, seconds: float) -> bool:
        self.pacing.append(getcurrent())
        self.suspend()
        return False

    def suspend(self) -> Any:
        parent = getcurrent().parent
        assert parent is not None
        return parent.switch()

    def fetch(self, request: Any) -> Lease:
        fetch = Fetch(request, getcurrent(), self.now())
        for other in self.in_the_air:
            self.beside |= other.request == request and not other.overdue
        self.in_the_air.append(fetch)
        outcome: float | BaseException = self.suspend()
        if isinstance(outcome, BaseException):
            raise outcome
        self.made += 1
        token = self.kind.issue(request, outcome, self.made, self.clock)
        self.fetches[token._secret] = fetch
        return token

    # Fetches

    @precondition(lambda self: self.hired or self.pacing)
    @rule()
    def let_a_thread_run(self) -> None:
        if self.hired:
            greenlet(self.hired.pop(0)).switch()
        else:
            self.pacing.pop(0).switch()

    @precondition(lambda self: self.in_the_air)
    @rule(which=st.integers(0), life=st.sampled_from([LIFE, LIFE, LIFE, LIFE / 2]))
    def bring_a_token(self, which: int, life: float) -> None:
        fetch = self.in_the_air.pop(which % len(self.in_the_air))
        fetch.life = life
        self.publish(fetch)
        fetch.thread.switch(life)

    @precondition(lambda self: self.in_the_air)
    @rule(which=st.integers(0), failure=st.sampled_from(list(FAILURES)))
    def fail(self, which: int, failure: str) -> None:
        fetch = self.in_the_air.pop(which % len(self.in_the_air))
        fetch.thread.switch(FAILURES[failure]())

    def publish(self, fetch: Fetch) -> None:
        """What the cache should do with a token that comes."""
        now = self.now()
        key = self.key_of(fetch.request)
        self.sweep()
        held = self.at_hand.get(key)
        if fetch.stale or fetch.remaining(now) <= 0:
            return
        if held and fetch.remaining(now) < held.remaining(now):
            return
        if key not in self.at_hand and len(self.at_hand) == self.max_entries:
            del self.at_hand[next(iter(self.at_hand))]
        self.at_hand.pop(key, None)
        self.at_hand[key] = fetch
        self.rests.pop(key.digest, None)

    def sweep(self) -> None:
        """Forget the tokens that have expired by the monotonic hand."""
        now = self.clock.monotonic()
        for key, fetch in list(self.at_hand.items()):
            if now - fetch.sent.monotonic >= fetch.life:
                del self.at_hand[key]

    # Time

    @rule(seconds=SPANS)
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(seconds=SPANS)
    def the_machine_stands_still(self, seconds: float) -> None:
        self.clock.freeze(seconds)

    @rule(seconds=SPANS, back=st.booleans())
    def the_wall_clock_is_set(self, seconds: float, back: bool) -> None:
        self.clock.set_wall(-seconds if back else seconds)

    # Callers

    @rule(
        who=st.sampled_from(USERS),
        least=st.sampled_from([None, None, 1, LIFE / 4, LIFE / 2 - 1]),
        timeout=st.sampled_from([None, None, 0, 3, 30]),
    )
    def get(self, who: int, least: float | None, timeout: float | None) -> None:
        request = self.kind.requests[who]
        steps = self.cache._leases.steps(request, least, timeout)
        stale = {fetch for fetch in self.in_the_air if fetch.stale}
        self.ask(Caller(request, steps, self.refused | stale, forced=False))

    @rule(who=st.sampled_from(USERS), timeout=st.sampled_from([None, None, 3]))
    def refresh(self, who: int, timeout: float | None) -> None:
        request = self.kind.requests[who]
        steps = self.cache._leases.steps(request, None, timeout, forced=True)
        older = {*self.fetches.values(), *self.in_the_air}
        self.ask(Caller(request, steps, older, forced=True))

    @rule(
        who=st.sampled_from(USERS),
        least=st.sampled_from([None, LIFE / 2 - 1, LIFE - 1]),
        failure=st.sampled_from([None, None, *FAILURES]),
    )
    def get_at_once(self, who: int, least: float | None, failure: str | None) -> None:
        self.get(who, least, None)
        while self.hired:
            self.let_a_thread_run()
        while self.in_the_air:
            if failure:
                self.fail(0, failure)
            else:
                self.bring_a_token(0, LIFE)
        self.let_callers_go_on()

    def ask(self, caller: Caller) -> None:
        key = self.key_of(caller.request)
        rest = self.rests.get(key.digest)
        now = self.now()
        held = self.at_hand.get(key)
        usable = held is not None and held.remaining(now) > 0
        caller.at_hand = held if usable else None
        self.waiting.append(caller)
        self.go_on(caller)
        departed = [
            flight
            for first in self.cache._state.flights.table.values()
            for flight in (first, first.successor)
            if flight and flight not in self.known
        ]
        self.known.update(departed)
        if rest and departed:
            since, wait, terminal = rest
            wait = wait if usable and not (terminal or caller.forced) else min(wait, MAX_MEMORY)
            assert age(since, now) >= wait, "a fetch while the key is to be left alone"

    @precondition(lambda self: self.waiting)
    @rule()
    def callers_go_on(self) -> None:
        self.let_callers_go_on()

    def let_callers_go_on(self) -> None:
        for caller in list(self.waiting):
            self.go_on(caller)

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0))
    def cancel(self, which: int) -> None:
        caller = self.waiting.pop(which % len(self.waiting))
        caller.steps.close()
        if caller.flight:
            caller.flight.waiters.discard(caller.wake)

    def go_on(self, caller: Caller) -> None:
        try:
            caller.flight, _ = next(caller.steps)
        except StopIteration as stop:
            self.waiting.remove(caller)
            self.returned(caller, stop.value)
        except DevTokenError as error:
            self.waiting.remove(caller)
            self.raised(caller, error)
        except ValueError:  # it wants more than the life of the token at hand
            self.waiting.remove(caller)
        else:
            caller.flight.waiters.add(caller.wake)

    def returned(self, caller: Caller, token: Lease) -> None:
        fetch = self.fetches[token._secret]
        assert fetch.request == caller.request, "another key's token"
        assert fetch.remaining(self.now()) > -ROUNDING, "an expired token"
        assert fetch not in caller.refused, "a token that was thrown away"
        self.seen.append(token)

    def raised(self, caller: Caller, error: DevTokenError) -> None:
        held = self.at_hand.get(self.key_of(caller.request))
        if caller.forced or Failure.of(error) is Failure.TERMINAL:
            return
        if held is not None and held is caller.at_hand:
            assert held.remaining(self.now()) <= ROUNDING, "there is a valid token"

    # Throwing away

    @precondition(lambda self: self.seen)
    @rule(which=st.integers(0))
    def invalidate(self, which: int) -> None:
        token = self.seen[which % len(self.seen)]
        self.cache.invalidate(token)
        self.refused.add(self.fetches[token._secret])
        self.thrown_away(lambda _, held: held == token)

    @rule(user=st.sampled_from(["ann", "bob"]))
    def forget(self, user: str) -> None:
        self.cache.forget(user)
        self.thrown_away(lambda key, _: key[0] == user)

    @precondition(lambda self: self.seen)
    @rule(which=st.integers(0))
    def forget_identity(self, which: int) -> None:
        identity = self.seen[which % len(self.seen)].identity_id
        self.cache.forget_identity(identity)
        self.thrown_away(lambda _, held: held is None or held.identity_id == identity)

    @rule()
    def clear(self) -> None:
        self.cache.clear()
        self.thrown_away(lambda _key, _held: True)

    def thrown_away(self, matches: Matches) -> None:
        for fetch in self.in_the_air:
            key = self.key_of(fetch.request)
            fetch.stale |= matches(key, self.tokens_before.get(key))
        for key, fetch in list(self.at_hand.items()):
            if matches(key, self.tokens_before.get(key)):
                del self.at_hand[key]
                self.refused.add(fetch)

    # What always holds

    @invariant()
    def holds_what_it_should(self) -> None:
        tokens = self.cache._state.entries.leases
        assert len(tokens) <= self.max_entries
        now = self.clock.monotonic()
        held = {key: self.fetches[token._secret] for key, token in tokens.items()}
        alive = {k: f for k, f in held.items() if now - f.sent.monotonic < f.life}
        self.sweep()
        assert alive == self.at_hand
        self.tokens_before = tokens.copy()

    @invariant()
    def fetches_grow_old(self) -> None:
        for fetch in self.in_the_air:
            fetch.overdue |= age(fetch.sent, self.now()) >= DEADLINE

    @invariant()
    def makes_one_fetch_for_a_key(self) -> None:
        assert not self.beside, "two fetches of one key"

    @invariant()
    def wakes_who_waits(self) -> None:
        for caller in self.waiting:
            assert caller.woken or not (caller.flight and caller.flight.done)

    def teardown(self) -> None:
        for _ in range(60):  # whether the fetches come back or not
            self.let_threads_run()
            self.clock.advance(1)
            self.let_callers_go_on()
        assert not self.waiting, "somebody still waits"
        while self.in_the_air:
            self.fail(0, "no network")
            self.let_threads_run()
        assert self.cache.stats().in_flight == 0, "a key that is never free again"

    def let_threads_run(self) -> None:
        while self.hired or self.pacing:
            self.let_a_thread_run()
            self.clock.advance(0.5)


class LifeOfBadges(Life):
    kind = KINDS[1]
