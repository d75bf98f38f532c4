"""
Simulate what a fleet of hosts gets out of a Cognito quota, with and without a shared store.

Each host has its own session. Without a store, each host calls Cognito for each of its users; with
one, the first host does, and the others poll the store for its token every 250 ms. The hosts are
simulated event by event, with the library's own rules: RefreshPolicy, the rate limiter, the
back-off of a key, misses before refreshes, 8 concurrent fetches, and the client's second attempt,
as in botocore's standard mode. The service answers in 50 ms and admits 50 calls per second, as a
token bucket that holds 50; how Cognito counts is not published.
"""

import random
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

from cognito_devtoken import RefreshPolicy
from cognito_devtoken._cache.failures import Failure, back_off
from cognito_devtoken._cache.rate_limiter import AdaptiveRateLimiter
from cognito_devtoken.typing import Instant
from figures import Figure
from runner import run


QUOTA = 50.0
LATENCY = 0.05
STORE_LATENCY, POLL = 0.001, 0.25
CONCURRENT = 8
DURATIONS = (900, 3_600, 14_400, 86_400)
HOSTS = (1, 10, 50)
COLD_USERS = (100, 1_000)
POLICY = RefreshPolicy()
# botocore/retries: a client has 500; a retry costs 5, which a success returns; a success without
# a retry returns 1.
RETRY_QUOTA, RETRY_COST = 500, 5


class World:
    """The simulated time, the scheduled events, and the shared quota."""

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
        """Count a call. Returns whether the quota admits it."""
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
    """
    A session whose users request tokens all the time, or at random moments.

    Args:
        pause: The mean time between two requests of a user at this host; 0 is all the time.
    """

    def __init__(self, world: World, users: int, duration: float, pause: float = 0.0) -> None:
        self.world = world
        self.users = [User(number) for number in range(users)]
        self.duration = duration
        self.pause = pause
        self.served = 0
        self.waited = self.expired = 0
        self._rate_limiter = AdaptiveRateLimiter()
        self._busy = 0
        self._waking = self._reserved = False
        self._retry_quota = RETRY_QUOTA
        self._misses: deque[User] = deque()
        self._refreshes: deque[User] = deque()

    def deploy(self) -> None:
        """Have all users request their tokens at once."""
        for user in self.users:
            self.ask(user)

    def settle(self) -> None:
        """Give each user a token of a random age before it is due, the same on all hosts."""
        self.served = len(self.users)
        stored = self.world.stored
        for user in self.users:
            due = POLICY.due_age(self.duration, random.random())
            if stored is None:
                age = random.uniform(0, due)
            else:
                earliest = POLICY.due_age(self.duration, 1.0)
                sent = stored.setdefault(user.number, self.world.now - random.uniform(0, earliest))
                age = self.world.now - sent
            user.sent = self.world.now - age
            self.world.after(due - age + self._until_request(), self.ask, user)
            self._watch(user, user.sent)

    def _until_request(self) -> float:
        """Draw the time from the moment at which a token is due to the user's next request."""
        return random.expovariate(1 / self.pause) if self.pause else 0.0

    def ask(self, user: User) -> None:
        """Queue a request that needs a call."""
        user.queued = True
        user.needed = self._remaining(user) <= POLICY.grace_period(self.duration)
        (self._misses if user.needed else self._refreshes).append(user)
        self._start_queued()

    def _remaining(self, user: User) -> float:
        if user.sent is None:
            return 0.0
        return max(user.sent + self.duration - self.world.now, 0.0)

    def _watch(self, user: User, sent: float) -> None:
        left = sent - self.world.now
        self.world.after(left + POLICY.hard_age(self.duration), self._hard, user, sent)
        self.world.after(left + self.duration, self._expire, user, sent)

    def _hard(self, user: User, sent: float) -> None:
        if user.sent == sent:  # callers wait from now on for the next token
            self.waited += 1
            if user.queued and not user.needed:
                self._refreshes.remove(user)
                self.ask(user)

    def _expire(self, user: User, sent: float) -> None:
        self.expired += user.sent == sent

    def _instant(self) -> Instant:
        return Instant(self.world.now, self.world.now)

    def _start_queued(self) -> None:
        """Start the queued fetches that may start now."""
        while self._busy < CONCURRENT and (self._misses or self._refreshes):
            if self._waking:
                return
            shared = self.world.stored is not None
            if not (self._reserved or shared) and (
                delay := self._rate_limiter.reserve(self._instant())
            ):
                self._waking = True
                self.world.after(delay, self._wake)
                return
            self._reserved = False
            user = (self._misses or self._refreshes).popleft()
            user.queued = False
            self._busy += 1
            if shared:
                self.world.after(STORE_LATENCY, self._read_store, user)
            else:
                self._attempt(user, self.world.now, 1)

    def _read_store(self, user: User) -> None:
        """Adopt the token in the store, wait for the host that fetches it, or fetch it."""
        assert self.world.stored is not None
        sent = self.world.stored.get(user.number)
        left = 0.0 if sent is None else sent + self.duration - self.world.now
        if sent is not None and left > max(
            self._remaining(user), POLICY.grace_period(self.duration)
        ):
            self._adopt(user, sent)
        elif user.number in self.world.locked:
            self.world.after(POLL, self._read_store, user)
        else:
            self.world.locked.add(user.number)
            delay = self._rate_limiter.reserve(self._instant())
            self.world.after(delay, self._fetch, user)

    def _fetch(self, user: User) -> None:
        self._attempt(user, self.world.now, 1)

    def _wake(self) -> None:
        self._waking = False
        self._reserved = True
        self._start_queued()

    def _attempt(self, user: User, sent: float, attempt: int) -> None:
        done = self._succeeded if self.world.admits() else self._throttled
        self.world.after(LATENCY, done, user, sent, attempt)

    def _succeeded(self, user: User, sent: float, attempt: int) -> None:
        self._retry_quota = min(
            self._retry_quota + (1 if attempt == 1 else RETRY_COST), RETRY_QUOTA
        )
        if self.world.stored is not None:
            self.world.stored[user.number] = sent
            self.world.locked.discard(user.number)
        self._adopt(user, sent)

    def _adopt(self, user: User, sent: float) -> None:
        self.served += user.sent is None
        user.sent, user.failures = sent, 0
        age = self.world.now - sent
        due = max(POLICY.due_age(self.duration, random.random()) - age, 0.0)
        self.world.after(due + self._until_request(), self.ask, user)
        self._watch(user, sent)
        self._end_fetch()

    def _throttled(self, user: User, sent: float, attempt: int) -> None:
        if attempt == 1 and self._retry_quota >= RETRY_COST:
            self._retry_quota -= RETRY_COST
            self.world.after(random.random(), self._attempt, user, sent, 2)
            return
        self.world.locked.discard(user.number)
        self._rate_limiter.throttled(self._instant())
        user.failures += 1
        remaining = self._remaining(user)
        wait = back_off(Failure.THROTTLED, user.failures, remaining, random.random())
        # Without a token, the caller gets a retry time and returns within a second of it.
        self.world.after(wait + (0 if remaining else random.random()), self.ask, user)
        self._end_fetch()

    def _end_fetch(self) -> None:
        self._busy -= 1
        self._start_queued()


def cold(hosts: int, users: int, duration: float, *, store: bool) -> tuple[float, World]:
    """Return the seconds until every host has every user's token."""
    world = World(has_store=store)
    fleet = [Host(world, users, duration) for _ in range(hosts)]
    for host in fleet:
        host.deploy()
    world.until(20 * hosts * users / QUOTA, lambda: all(host.served == users for host in fleet))
    return world.now, world


def steady(hosts: int, duration: float, load: float) -> tuple[World, float, float]:
    """Return the shares of tokens that callers waited for, and that expired before the next."""
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


def calls_per_second(
    hosts: int, users: int, duration: float, *, store: bool = False, pause: float = 0.0
) -> float:
    """Return the rate of calls in the steady state. With a store, all hosts have the same users."""
    world = World(has_store=store)
    fleet = [Host(world, users, duration, pause) for _ in range(hosts)]
    for host in fleet:
        host.settle()
    begin, end = 2 * (duration + pause), 10 * (duration + pause)
    world.until(begin)
    before = world.calls
    world.until(begin + end)
    return (world.calls - before) / end


def capacity(duration: float) -> float:
    """Return how many tokens the quota keeps fresh if it is used for nothing else."""
    return QUOTA * POLICY.due_age(duration, 0.5)


def figures() -> list[Figure]:
    random.seed(42)
    found = [
        Figure.of(
            f"calls a day, tokens of {duration} s", [86_400 / POLICY.due_age(duration, 0.5)], ""
        )
        for duration in DURATIONS
    ]
    for store in (False, True):
        how = "with a store" if store else "without a store"
        for users in COLD_USERS:
            for hosts in HOSTS:
                seconds, world = cold(hosts, users, 86_400, store=store)
                what = f"cold, {how}, {hosts} hosts, {users} users"
                found += [
                    Figure.of(f"{what}, all served", [seconds], "s"),
                    Figure.of(f"{what}, throttled", [world.throttled / world.calls], ""),
                ]
    for load in (0.9, 1.1):
        world, waited, expired = steady(10, 900, load)
        for what, share in {
            "throttled": world.throttled / world.calls,
            "waited for": waited,
            "expired": expired,
        }.items():
            found.append(Figure.of(f"steady, {load:.0%} of the quota, {what}", [share], ""))
    return found


if __name__ == "__main__":
    run("fleet", figures)
