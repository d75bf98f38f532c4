"""
What a fleet of hosts gets out of a quota: that share nothing but it, and that share a store.

Each host has a session of its own. Without a store each calls Cognito for each of its users; with
one, the first of them does, the others look every 250 ms whether its token has come. The hosts are
simulated event by event, with the library's own rules: RefreshPolicy, the pace after a
throttling, the back-off of a key, misses before refreshes, 8 fetches at once, and the second
attempt of its client as botocore's standard mode makes it. The service answers in 50 ms, and
admits 50 calls per second with a reserve of 50, as a token bucket; how Cognito counts is not
published.
"""

import random
import sys
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

from cognito_devtoken import RefreshPolicy
from cognito_devtoken._cache.failures import Failure, back_off
from cognito_devtoken._cache.rate_limiter import AdaptiveRateLimiter
from cognito_devtoken.typing import Instant


QUOTA = 50.0
LATENCY = 0.05
STORE_LATENCY, POLL = 0.001, 0.25
CONCURRENT = 8
DURATIONS = (900, 3_600, 14_400, 86_400)
HOSTS = (1, 10, 50)
COLD_USERS = (100, 1_000)
POLICY = RefreshPolicy()
# botocore/retries: 500 for a client, 5 for a retry, which come back if it succeeds, and 1 for
# a success at once.
RETRY_QUOTA, RETRY_COST = 500, 5


class World:
    """The time, what is going to happen, and the quota that all share."""

    def __init__(self, *, has_store: bool = False) -> None:
        self.now = 0.0
        self.stored: dict[int, float] | None = {} if has_store else None
        self.locked: set[int] = set()
        self.calls = self.throttled = 0
        self._events: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._serial = count()
        self._reserve, self._filled = QUOTA, 0.0

    def after(self, delay: float, do: Callable[..., object], *arguments: Any) -> None:
        heappush(self._events, (self.now + delay, next(self._serial), do, arguments))

    def until(self, end: float, done: Callable[[], bool] = lambda: False) -> None:
        while self._events and self._events[0][0] <= end and not done():
            self.now, _, do, arguments = heappop(self._events)
            do(*arguments)

    def admits(self) -> bool:
        """A call comes in. Returns whether it is not throttled."""
        self._reserve = min(self._reserve + QUOTA * (self.now - self._filled), QUOTA)
        self._filled = self.now
        self.calls += 1
        if self._reserve < 1:
            self.throttled += 1
            return False
        self._reserve -= 1
        return True


class User:
    """One user's token on one host."""

    __slots__ = ("failures", "needed", "number", "queued", "sent")

    def __init__(self, number: int) -> None:
        self.number = number
        self.sent: float | None = None  # the token's age counts from here
        self.failures = 0
        self.needed = self.queued = False


class Host:
    """A session, and users who ask it all the time."""

    def __init__(self, world: World, users: int, duration: float) -> None:
        self.world = world
        self.users = [User(number) for number in range(users)]
        self.duration = duration
        self.served = 0
        self.waited = self.expired = 0
        self._pace = AdaptiveRateLimiter()
        self._busy = 0
        self._waking = self._reserved = False
        self._retry_quota = RETRY_QUOTA
        self._misses: deque[User] = deque()
        self._refreshes: deque[User] = deque()

    def deploy(self) -> None:
        """All users come at once."""
        for user in self.users:
            self.ask(user)

    def settle(self) -> None:
        """A token for each user, as old as may be."""
        self.served = len(self.users)
        for user in self.users:
            due = POLICY.due_age(self.duration, random.random())
            age = random.uniform(0, due)
            user.sent = self.world.now - age
            self.world.after(due - age, self.ask, user)
            self._watch(user, user.sent)

    def ask(self, user: User) -> None:
        """A request comes that needs a call."""
        user.queued = True
        user.needed = self._remaining(user) <= POLICY.grace_period(self.duration)
        (self._misses if user.needed else self._refreshes).append(user)
        self._pump()

    def _remaining(self, user: User) -> float:
        if user.sent is None:
            return 0.0
        return max(user.sent + self.duration - self.world.now, 0.0)

    def _watch(self, user: User, sent: float) -> None:
        left = sent - self.world.now
        self.world.after(left + POLICY.hard_age(self.duration), self._hard, user, sent)
        self.world.after(left + self.duration, self._over, user, sent)

    def _hard(self, user: User, sent: float) -> None:
        if user.sent == sent:  # callers wait from now on
            self.waited += 1
            if user.queued and not user.needed:
                self._refreshes.remove(user)
                self.ask(user)

    def _over(self, user: User, sent: float) -> None:
        self.expired += user.sent == sent

    def _instant(self) -> Instant:
        return Instant(self.world.now, self.world.now)

    def _pump(self) -> None:
        """Start what may be started."""
        while self._busy < CONCURRENT and (self._misses or self._refreshes):
            if self._waking:
                return
            shared = self.world.stored is not None
            if not (self._reserved or shared) and (delay := self._pace.reserve(self._instant())):
                self._waking = True
                self.world.after(delay, self._wake)
                return
            self._reserved = False
            user = (self._misses or self._refreshes).popleft()
            user.queued = False
            self._busy += 1
            if shared:
                self.world.after(STORE_LATENCY, self._look, user)
            else:
                self._attempt(user, self.world.now, 1)

    def _look(self, user: User) -> None:
        """Look into the store; adopt what is there, wait for who fetches it, or fetch."""
        assert self.world.stored is not None
        sent = self.world.stored.get(user.number)
        left = 0.0 if sent is None else sent + self.duration - self.world.now
        if sent is not None and left > max(
            self._remaining(user), POLICY.grace_period(self.duration)
        ):
            self._take(user, sent)
        elif user.number in self.world.locked:
            self.world.after(POLL, self._look, user)
        else:
            self.world.locked.add(user.number)
            delay = self._pace.reserve(self._instant())
            self.world.after(delay, self._depart, user)

    def _depart(self, user: User) -> None:
        self._attempt(user, self.world.now, 1)

    def _wake(self) -> None:
        self._waking = False
        self._reserved = True
        self._pump()

    def _attempt(self, user: User, sent: float, attempt: int) -> None:
        land = self._arrived if self.world.admits() else self._throttled
        self.world.after(LATENCY, land, user, sent, attempt)

    def _arrived(self, user: User, sent: float, attempt: int) -> None:
        self._retry_quota = min(
            self._retry_quota + (1 if attempt == 1 else RETRY_COST), RETRY_QUOTA
        )
        if self.world.stored is not None:
            self.world.stored[user.number] = sent
            self.world.locked.discard(user.number)
        self._take(user, sent)

    def _take(self, user: User, sent: float) -> None:
        self.served += user.sent is None
        user.sent, user.failures = sent, 0
        age = self.world.now - sent
        due = max(POLICY.due_age(self.duration, random.random()) - age, 0.0)
        self.world.after(due, self.ask, user)
        self._watch(user, sent)
        self._land()

    def _throttled(self, user: User, sent: float, attempt: int) -> None:
        if attempt == 1 and self._retry_quota >= RETRY_COST:
            self._retry_quota -= RETRY_COST
            self.world.after(random.random(), self._attempt, user, sent, 2)
            return
        self.world.locked.discard(user.number)
        self._pace.throttled(self._instant())
        user.failures += 1
        remaining = self._remaining(user)
        wait = back_off(Failure.THROTTLED, user.failures, remaining, random.random())
        # Without a token its caller is told when to come again, and comes within a second.
        self.world.after(wait + (0 if remaining else random.random()), self.ask, user)
        self._land()

    def _land(self) -> None:
        self._busy -= 1
        self._pump()


def cold(hosts: int, users: int, duration: float, *, store: bool) -> tuple[float, World]:
    """Seconds until every host has every user's token."""
    world = World(has_store=store)
    fleet = [Host(world, users, duration) for _ in range(hosts)]
    for host in fleet:
        host.deploy()
    world.until(20 * hosts * users / QUOTA, lambda: all(host.served == users for host in fleet))
    return world.now, world


def steady(hosts: int, duration: float, load: float) -> tuple[World, float, float]:
    """The shares of tokens that callers had to wait for, and that expired before the next."""
    world = World()
    users = round(load * capacity(duration) / hosts)
    fleet = [Host(world, users, duration) for _ in range(hosts)]
    for host in fleet:
        host.settle()
    lives = 4
    world.until(lives * duration)
    tokens = world.calls - world.throttled
    return (
        world,
        sum(host.waited for host in fleet) / tokens,
        sum(host.expired for host in fleet) / tokens,
    )


def capacity(duration: float) -> float:
    """How many tokens a quota keeps fresh, if it does nothing else."""
    return QUOTA * POLICY.due_age(duration, 0.5)


def main() -> None:
    random.seed(42)
    print(f"A quota of {QUOTA:.0f} calls/s, Python {sys.version.split()[0]}")
    for store in (False, True):
        print(
            "A cold deploy: seconds until every host has every user's token (duration 86,400 s), "
            f"{'through a store' if store else 'each host for itself'}"
        )
        for users in COLD_USERS:
            for hosts in HOSTS:
                seconds, world = cold(hosts, users, 86_400, store=store)
                least = max((1 if store else hosts) * users / QUOTA - 1, 0)
                print(
                    f"  hosts: {hosts:>2}, users: {users:>5,}: {seconds:5.1f} s, at least "
                    f"{least:.0f} by the quota; {world.calls:,} calls, "
                    f"{world.throttled / world.calls:.0%} of them throttled"
                )
    print("Users that the quota carries, if each is active on every host; with a store as of one")
    print("  duration" + "".join(f"{f'hosts: {hosts}':>12}" for hosts in HOSTS) + "  calls/day")
    for duration in DURATIONS:
        cells = "".join(f"{capacity(duration) / hosts:>12,.0f}" for hosts in HOSTS)
        print(f"  {duration:>8,}{cells}{86_400 / POLICY.due_age(duration, 0.5):>11.1f}")
    print("10 hosts in the steady state, tokens of 900 s, by the share of the quota that they need")
    for load in (0.5, 0.7, 0.8, 0.9, 1.0, 1.1):
        world, waited, expired = steady(10, 900, load)
        print(
            f"  {load:4.0%}: {world.throttled / world.calls:5.1%} of the calls throttled, "
            f"{waited:5.1%} of the tokens waited for, {expired:5.1%} expired"
        )


if __name__ == "__main__":
    main()
