"""
What callers notice of an outage, under the rules of this library and of others.

A token of 900 s, one user, two requests a second. The upstream goes down at a random moment for a
given number of seconds. A bad second is one in which a caller gets an error or an expired token;
a failed request counts as half a second.

Ours is the real session with a manual clock. For the others, only the rules are simulated, each as
read in the source it names; a failed call takes them no time, which flatters those whose callers
wait for it.
"""

import logging
import random
import statistics
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import partial

from cognito_devtoken import OpenIdToken, TokenRequest, TokenSession
from cognito_devtoken.exceptions import DevTokenError, TokenUnavailableError
from cognito_devtoken.testing import FakeFetcher, ManualClock
from figures import Figure
from runner import run as run_bench
from runner import scaled


LIFE = 900.0
TICK = 0.5
OUTAGES = (5, 30, 60, 120, 240, 400)
RUNS = scaled(600)
# What a run yields, and its unit.
COLUMNS = {"bad seconds": "s", "calls": ""}
# With our rules, one in ten of the longest outages is noticed; a stable mean needs more runs.
MORE_RUNS = 5
# Outages begin after SETTLED seconds, evenly spread over CYCLES refresh cycles.
SETTLED, CYCLES = 1_800.0, 16
# Long enough after an outage for the longest pause before the next attempt.
AFTERWARDS = 1_200.0
POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"
PROVIDER = "login.example.com"


class World:
    """The simulated time, and whether the upstream answers."""

    def __init__(self) -> None:
        self.now = 0.0
        self.down = False
        self.calls = 0


class Policy(ABC):
    """The rules of a library, which is asked for a token at each tick."""

    # Seconds from one refresh to the next while the upstream answers.
    cycle = LIFE * 2 / 3

    def __init__(self, world: World) -> None:
        self.world = world

    @abstractmethod
    def served(self) -> bool:
        """Request a token. Returns whether a valid one is served."""

    @abstractmethod
    def quiet_until(self) -> float:
        """Return until when every request is answered from memory, whatever happens upstream."""


class Ours(Policy):
    """The real session, whose worker runs to its end at the point where it would start."""

    cycle = 550.0

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._clock = ManualClock()
        self._start = self._clock.monotonic()
        self._fetcher = FakeFetcher(self._clock, lifetime=LIFE)
        self._session = TokenSession(
            POOL_ID, developer_provider=PROVIDER, client=self, clock=self._clock
        )
        workers = self._session._cache._leases.workers
        workers.start_thread = lambda work: work()
        workers.idle_seconds = 0
        self._token: OpenIdToken | None = None

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        self.world.calls += 1
        if self.world.down:
            raise TokenUnavailableError("The upstream is down.")
        return self._fetcher.fetch(request)

    def served(self) -> bool:
        self._clock.advance(self._start + self.world.now - self._clock.monotonic())
        try:
            self._token = self._session.get_token("user-42")
        except DevTokenError:
            return False
        return self._token.expires_in().total_seconds() > 0

    def quiet_until(self) -> float:
        if self._token is None:
            return 0.0
        return self._token._sent.monotonic + self._token._due - self._start


class Simulated(Policy):
    """One token under the rules of another library."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.expiry = float("-inf")

    @property
    def left(self) -> float:
        return self.expiry - self.world.now

    def refresh(self) -> bool:
        self.world.calls += 1
        if self.world.down:
            return False
        self.expiry = self.world.now + LIFE
        return True


class RefreshesBefore(Simulated):
    """From a fixed time before expiry on, each call refreshes or fails."""

    def __init__(self, world: World, mandatory: float, advisory: float = 0.0) -> None:
        super().__init__(world)
        self.mandatory, self.advisory = mandatory, max(advisory, mandatory)
        self.cycle = max(LIFE - self.advisory, TICK)

    def served(self) -> bool:
        # From the advisory time on, a call tries to refresh but may fail to.
        return self.left >= self.advisory or self.refresh() or self.left >= self.mandatory

    def quiet_until(self) -> float:
        return self.expiry - self.advisory


class AzureIdentity(Simulated):
    """azure-identity, _internal/get_token_mixin.py: 300 s ahead, every 30 s, failures hidden."""

    tried = float("-inf")

    def served(self) -> bool:
        expired = self.left <= 0
        if expired or (self.left <= 300 and self.world.now - self.tried >= 30):
            self.tried = self.world.now
            self.refresh()
        return self.left > 0

    def quiet_until(self) -> float:
        return self.expiry - 300


class Kubelet(Simulated):
    """kubelet, pkg/kubelet/token/token_manager.go: at 80 % of the life, with jitter per read."""

    cycle = LIFE * 0.8

    def served(self) -> bool:
        if self.left < LIFE * 0.2 + random.uniform(0, 10):
            self.refresh()
        return self.left > 0

    def quiet_until(self) -> float:
        return self.expiry - LIFE * 0.2 - 10


class StaticStability(Simulated):
    """
    The AWS SDKs of 2026, boto/botocore#3733: after a failure, the present credentials are served
    for 300 to 600 s without another attempt, whether or not they have expired.
    """

    not_before = float("-inf")

    def served(self) -> bool:
        if self.left < 300 and self.world.now >= self.not_before and not self.refresh():
            self.not_before = self.world.now + random.uniform(300, 600)
        return self.left > 0

    def quiet_until(self) -> float:
        return self.expiry - 300


POLICIES: dict[str, Callable[[World], Policy]] = {
    "this library": Ours,
    # credentials.py, RefreshableCredentials
    "botocore": partial(RefreshesBefore, mandatory=600, advisory=900),
    # _helpers.py, REFRESH_THRESHOLD
    "google-auth": partial(RefreshesBefore, mandatory=225),
    # application.py: a token with less than 5 minutes left counts as expired
    "msal": partial(RefreshesBefore, mandatory=300),
    "azure-identity": AzureIdentity,
    "kubelet": Kubelet,
    "AWS SDKs, 2026": StaticStability,
}


def ticks(policy: Policy, end: float) -> Iterator[None]:
    """Yield at each moment until the end at which something may happen."""
    world = policy.world
    while world.now < end:
        yield
        quiet = max(min(policy.quiet_until(), end) - world.now, TICK)
        world.now += quiet // TICK * TICK


def run(make: Callable[[World], Policy], duration: float, share: float) -> tuple[float, int]:
    """Return the bad seconds and calls of an outage that begins after a share of the cycles."""
    world = World()
    policy = make(world)
    begin = SETTLED + CYCLES * policy.cycle * share
    for _ in ticks(policy, begin):
        assert policy.served()
    world.down, before = True, world.calls
    bad = 0.0
    for _ in ticks(policy, begin + duration):
        bad += 0 if policy.served() else TICK
    world.down, calls = False, world.calls - before
    for _ in ticks(policy, begin + duration + AFTERWARDS):
        bad += 0 if policy.served() else TICK
    return bad, calls


def runs(make: Callable[[World], Policy], duration: float) -> list[tuple[float, int]]:
    """Run outages that each begin in another part of the cycles, so that few runs cover them."""
    number = RUNS * (MORE_RUNS if make is Ours and duration == OUTAGES[-1] else 1)
    return [run(make, duration, (each + random.random()) / number) for each in range(number)]


def figures() -> list[Figure]:
    logging.disable(logging.WARNING)  # thousands of failures
    random.seed(42)  # for the simulated rules; our session draws from the operating system
    found = []
    for name, make in POLICIES.items():
        for duration in OUTAGES:
            done = runs(make, duration)
            for (what, unit), values in zip(COLUMNS.items(), zip(*done, strict=True), strict=True):
                mean = statistics.fmean(values)
                error = 3 * statistics.stdev(values) / len(values) ** 0.5
                label = f"{name}, down for {duration} s, {what}"
                # Means, because most runs have no bad second. The means of two benches hardly ever
                # differ by six standard errors.
                low, high = mean - error, mean + error
                found.append(Figure(label, mean, low, high, unit, compared=make is Ours))
            if make is Ours:
                noticed = sum(bool(seconds) for seconds, _ in done) / len(done)
                error = 3 * (noticed * (1 - noticed) / len(done)) ** 0.5
                label = f"{name}, down for {duration} s, noticed"
                found.append(Figure(label, noticed, noticed - error, noticed + error, ""))
    return found


if __name__ == "__main__":
    run_bench("outage", figures)
