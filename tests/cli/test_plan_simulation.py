"""
The formulas of the capacity planner, against simulations, and against the calls of a session.

The simulations draw from a fixed seed. A formula that is exact may differ from them by what their
own runs differ; one that is an upper bound may not be exceeded by more than that.
"""

import random
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from math import inf
from pathlib import Path
from statistics import fmean, stdev

import pytest

from caching import POOL_ID, PROVIDER, run_inline
from cognito_devtoken import RefreshPolicy, TokenSession
from cognito_devtoken.cli.plan.capacity import DAY, HOUR, Plan, demands, entries
from cognito_devtoken.testing import FakeFetcher, ManualClock


POLICY = RefreshPolicy()
RUNS = 6
# How many standard deviations of one run the mean of all runs may be away from a formula.
SPREAD = 3


@pytest.fixture(scope="module")
def simulated() -> Iterator[Callable[..., float]]:
    """The simulation of a fleet in ``benchmarks/bench_fleet.py``."""
    folder = str(Path(__file__).parents[2] / "benchmarks")
    sys.path.insert(0, folder)
    try:
        yield import_module("bench_fleet").calls_per_second
    finally:
        sys.path.remove(folder)


def runs_of(simulate: Callable[[], float]) -> tuple[float, float]:
    """Return the mean of some runs, and by how much it may be off."""
    random.seed(42)
    found = [simulate() for _ in range(RUNS)]
    return fmean(found), SPREAD * stdev(found)


class TestSimulation:
    @pytest.mark.parametrize(
        ("hosts", "seconds", "has_store", "pause"),
        [
            (1, 900, False, 0),
            (1, 3600, False, 0),
            (10, 900, False, 0),
            (1, 900, False, 100),
            (3, 3600, False, 1080),
            # The first host that is due refreshes for all.
            (2, 900, True, 0),
            (10, 900, True, 0),
        ],
    )
    def test_the_steady_rate_is_that_of_the_simulated_fleet(
        self,
        hosts: int,
        seconds: int,
        has_store: bool,
        pause: float,
        simulated: Callable[..., float],
    ) -> None:
        users = 60 if hosts == 1 else 20
        plan = Plan(
            users=users,
            hosts=hosts,
            token_seconds=seconds,
            has_shared_store=has_store,
            requests_per_hour=HOUR * hosts / pause if pause else None,
        )

        mean, off = runs_of(lambda: simulated(hosts, users, seconds, store=has_store, pause=pause))

        assert demands(plan)[0].calls_per_second == pytest.approx(mean, abs=off)

    @pytest.mark.parametrize("pause", [100, 1000, 6000])
    def test_with_a_store_users_who_come_now_and_then_cause_at_most_as_many_calls(
        self, pause: float, simulated: Callable[..., float]
    ) -> None:
        plan = Plan(users=20, hosts=10, has_shared_store=True, requests_per_hour=HOUR * 10 / pause)

        mean, off = runs_of(lambda: simulated(10, 20, 900, store=True, pause=pause))

        (found,) = demands(plan)
        assert found.is_upper_bound
        assert mean - off < found.calls_per_second < 1.3 * mean

    @pytest.mark.parametrize(
        ("visits", "minutes"), [(1, 5), (4, 10), (8, 60), (40, 20), (60, 2), (24, 60)]
    )
    def test_visits_cause_at_most_as_many_calls_as_the_formula_says(
        self, visits: int, minutes: int
    ) -> None:
        plan = Plan(users=40, visits_per_day=visits, visit_seconds=60 * minutes)

        mean, off = runs_of(lambda: fmean(walk_of_visits(plan) for _ in range(plan.users)))

        (found,) = demands(plan)
        assert mean - off < found.calls_per_user
        # One call at the beginning of each visit is right, and at most one more for each is not.
        assert found.calls_per_user < mean + off + visits / DAY

    @pytest.mark.parametrize("token_seconds", [300, 900, 3600, 14_400, 86_400])
    @pytest.mark.parametrize("credentials_seconds", [900, 3600, 43_200])
    def test_credentials_cause_at_most_as_many_calls_for_tokens_as_the_formula_says(
        self, token_seconds: int, credentials_seconds: int
    ) -> None:
        plan = Plan(
            users=5,
            credentials="basic",
            token_seconds=token_seconds,
            credentials_seconds=credentials_seconds,
        )

        mean, off = runs_of(lambda: fmean(walk_of_credentials(plan) for _ in range(plan.users)))

        (of_tokens, _) = demands(plan)
        assert of_tokens.is_upper_bound
        # Each token is used until the first exchange after it is due: at most twice as long.
        assert mean - off <= of_tokens.calls_per_user < 2 * mean + off


class TestSession:
    """The figures, compared with the calls of a real session whose 150 users come now and then."""

    plan = Plan(users=150, requests_per_hour=12)

    def test_a_session_that_holds_the_entries_of_the_plan_makes_its_calls(self) -> None:
        (found,) = demands(self.plan)

        calls, evictions = calls_of_session(self.plan, entries(self.plan).per_session)

        assert evictions == 0
        assert calls == pytest.approx(found.calls_per_second, rel=0.03)

    def test_a_session_that_holds_a_third_of_the_entries_makes_more_calls(self) -> None:
        (found,) = demands(self.plan)

        calls, evictions = calls_of_session(self.plan, 50)

        assert evictions > 1000
        # A user's token is still there at every third request.
        assert calls == pytest.approx(150 * 12 / HOUR * 2 / 3, rel=0.1)
        assert calls > 1.5 * found.calls_per_second

    def test_requests_at_even_intervals_cause_nearly_twice_as_many_calls(self) -> None:
        plan = Plan(users=1, requests_per_hour=6)
        (found,) = demands(plan)

        calls, _ = calls_of_session(plan, 1, requests=60, is_even=True)

        assert calls == pytest.approx(1 / 600)
        assert calls == pytest.approx(1.92 * found.calls_per_second, rel=0.01)


def calls_of_session(
    plan: Plan, max_entries: int, *, requests: int = 6000, is_even: bool = False
) -> tuple[float, int]:
    """Send requests to a session; return its calls per second after a third, and its evictions."""
    assert plan.requests_per_hour
    draw = random.Random(42)
    clock = ManualClock()
    fetcher = FakeFetcher(clock)
    with TokenSession(
        POOL_ID, developer_provider=PROVIDER, client=fetcher, clock=clock, max_entries=max_entries
    ) as session:
        workers = session._cache._leases.workers
        workers.start_thread, workers.idle_seconds = run_inline, 0
        session._cache._state.random_fraction = draw.random
        pause = HOUR / plan.requests_per_hour / plan.users
        before, began = 0, 0.0
        for number in range(requests):
            if number == requests // 3:
                before, began = len(fetcher.calls), clock.monotonic()
            clock.advance(pause if is_even else draw.expovariate(1 / pause))
            session.get_token(f"user-{draw.randrange(plan.users)}")
        calls = len(fetcher.calls) - before
        return calls / (clock.monotonic() - began), session.stats().evictions


def walk_of_visits(plan: Plan) -> float:
    """Walk through two weeks of a user who comes at even intervals; return the calls per second."""
    assert plan.visits_per_day
    every = DAY / plan.visits_per_day
    calls, due = 0, -inf
    begin = random.uniform(0, every)
    while begin < 14 * DAY:
        now = begin
        while (now := max(now, due)) <= begin + plan.visit_seconds:
            calls += 1
            due = now + POLICY.due_age(plan.token_seconds, random.random())
        begin += every
    return calls / (14 * DAY)


def walk_of_credentials(plan: Plan) -> float:
    """Walk through the lives of 50 tokens, for credentials that are used all the time."""
    now, calls, due = 0.0, 0, 0.0
    while True:
        if now >= due:
            if calls == 50:
                return calls / now
            calls += 1
            due = now + POLICY.due_age(plan.token_seconds, random.random())
        now += POLICY.due_age(plan.credentials_seconds, random.random())
