"""
The formulas of the capacity planner: against figures worked out by hand, and against simulations.

The simulations draw from a fixed seed. A formula that is exact may differ from them by what their
own runs differ; one that is an upper bound may not be exceeded by more than that.
"""

import random
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from inspect import signature
from math import inf
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caching import POOL_ID, PROVIDER, run_inline
from cognito_devtoken import AsyncTokenSession, RefreshPolicy, TokenCache, TokenSession
from cognito_devtoken.cli.plan.capacity import (
    DAY,
    HOUR,
    Demand,
    Plan,
    demands,
    entries,
    fits,
    load,
    refresh_age,
    users_supported,
)
from cognito_devtoken.cli.plan.changes import cheapest
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


def tokens(**members: Any) -> Demand:
    return demands(Plan(**members))[0]


def credentials(**members: Any) -> Demand:
    return demands(Plan(**members))[1]


class TestRefreshAge:
    @pytest.mark.parametrize(
        ("seconds", "age"), [(900, 550), (3600, 2200), (14_400, 10_200), (86_400, 82_200)]
    )
    def test_a_lease_is_refreshed_at_the_age_in_the_documentation(
        self, seconds: int, age: int
    ) -> None:
        assert refresh_age(seconds) == pytest.approx(age)

    @given(st.floats(1, 86_400))
    def test_it_is_the_lifetime_less_seven_sixths_of_the_window_of_the_policy(
        self, seconds: float
    ) -> None:
        window = POLICY.refresh_window(seconds)

        assert window == pytest.approx(min(seconds / 3, 3600))
        assert refresh_age(seconds) == pytest.approx(seconds - 7 * window / 6)

    @pytest.mark.parametrize("hosts", [1, 2, 10])
    def test_it_is_the_mean_of_what_the_policy_draws_for_the_first_of_the_hosts(
        self, hosts: int
    ) -> None:
        draw = random.Random(42).random

        ages = [min(POLICY.due_age(900, draw()) for _ in range(hosts)) for _ in range(20_000)]

        assert refresh_age(900, hosts) == pytest.approx(fmean(ages), abs=4 * stdev(ages) / 141)


class TestByHand:
    @pytest.mark.parametrize(
        ("users", "seconds", "pause", "calls"),
        [
            (2000, 900, 100, 3.077),  # 2000 / (550 + 100)
            (1000, 3600, 1080, 0.305),  # 1000 / (2200 + 1080)
            (200, 900, 600, 0.174),  # 200 / (550 + 600)
            (5000, 3600, 400, 1.923),  # 5000 / (2200 + 400)
            (200, 3600, 72, 0.088),  # 200 / (2200 + 72)
        ],
    )
    def test_the_steady_rate_of_users_who_come_now_and_then(
        self, users: int, seconds: int, pause: int, calls: float
    ) -> None:
        found = tokens(users=users, token_seconds=seconds, requests_per_hour=3600 / pause)

        assert found.calls_per_second == pytest.approx(calls, abs=0.0005)
        assert not found.is_upper_bound

    @pytest.mark.parametrize(
        ("hosts", "seconds", "users"),
        [
            (1, 900, 27_500),
            (10, 900, 2750),
            (50, 900, 550),
            (1, 3600, 110_000),
            (50, 14_400, 10_200),
            (10, 86_400, 411_000),
        ],
    )
    def test_the_users_of_the_table_in_the_documentation(
        self, hosts: int, seconds: int, users: int
    ) -> None:
        plan = Plan(users=1, hosts=hosts, token_seconds=seconds, headroom_percent=0)

        assert users_supported(plan) == users
        assert fits(attrs.evolve(plan, users=users))
        assert not fits(attrs.evolve(plan, users=users + 1))

    def test_a_user_who_comes_now_and_then_requests_less_often_at_each_of_many_hosts(self) -> None:
        found = tokens(users=1000, hosts=4, requests_per_hour=36)

        assert found.lease.pause_seconds == 400
        assert found.calls_per_second == pytest.approx(1000 * 4 / (550 + 400))

    def test_a_visit_costs_a_call_and_one_more_for_each_refresh(self) -> None:
        found = tokens(users=8640, visits_per_day=2, visit_seconds=1100)

        assert found.calls_per_second == pytest.approx(0.2 * (1 + 1100 / 550))
        assert found.is_upper_bound

    def test_users_who_never_leave_cause_as_many_calls_whatever_the_number_of_visits(self) -> None:
        always = tokens(users=1000)

        often = tokens(users=1000, visits_per_day=144, visit_seconds=600)

        assert often.calls_per_second == always.calls_per_second

    @pytest.mark.parametrize(
        ("members", "seconds"),
        [
            ({"hosts": 1}, 20),
            ({"hosts": 50}, 1000),
            ({"hosts": 50, "quota_per_second": 500}, 100),
            ({"hosts": 50, "has_sticky_users": True}, 20),
            ({"hosts": 50, "has_shared_store": True}, 0),
            # One thread makes 2 calls/s.
            ({"latency_seconds": 0.5, "threads": 1}, 500),
        ],
    )
    def test_a_cold_deployment_takes_as_long_as_the_quota_or_the_threads_require(
        self, members: dict[str, Any], seconds: float
    ) -> None:
        assert tokens(users=1000, **members).cold_seconds == pytest.approx(seconds)

    @pytest.mark.parametrize(
        ("members", "quota"),
        [
            ({}, 18.18 / 0.8),
            ({"headroom_percent": 50}, 18.18 * 2),
            ({"cold_seconds": 100}, 100),
            ({"cold_seconds": 10_000}, 18.18 / 0.8),
            ({"cold_seconds": 1, "has_shared_store": True, "hosts": 1}, 18.18 / 0.8),
        ],
    )
    def test_the_quota_needed_covers_the_steady_state_and_a_cold_deployment(
        self, members: dict[str, Any], quota: float
    ) -> None:
        assert tokens(users=10_000, **members).quota_needed == pytest.approx(quota, rel=1e-3)

    @pytest.mark.parametrize(
        ("members", "threads"),
        [
            ({}, 1),
            ({"users": 440_000, "hosts": 1}, 40),  # 800 calls/s of 50 ms
            ({"users": 440_000, "hosts": 10, "has_sticky_users": True}, 4),
            ({"users": 1000, "cold_seconds": 10}, 5),
        ],
    )
    def test_a_host_needs_a_thread_for_each_call_that_is_in_flight(
        self, members: dict[str, Any], threads: int
    ) -> None:
        assert tokens(**{"users": 10, **members}).threads_needed == threads

    def test_the_default_number_of_threads_is_that_of_a_session(self) -> None:
        parameters = signature(TokenSession).parameters

        assert parameters["max_concurrent_fetches"].default == Plan(users=1).threads

    @pytest.mark.parametrize(
        ("members", "needed"),
        [
            ({"hosts": 12}, 30_000),
            ({"hosts": 12, "has_shared_store": True}, 30_000),
            ({"hosts": 12, "has_sticky_users": True}, 2500),
            ({"hosts": 12, "has_sticky_users": True, "has_shared_store": True}, 2500),
            ({"hosts": 7, "has_sticky_users": True}, 4286),  # 4285.7
            ({"hosts": 40_000, "has_sticky_users": True}, 1),
        ],
    )
    def test_a_session_needs_an_entry_for_each_user_that_it_sees(
        self, members: dict[str, Any], needed: int
    ) -> None:
        assert entries(Plan(users=30_000, **members)).per_session == needed

    def test_a_session_needs_more_entries_than_its_default_from_10_001_users_on(self) -> None:
        assert [entries(Plan(users=users)).is_over for users in (10_000, 10_001)] == [False, True]

    def test_the_default_number_of_entries_is_that_of_a_session(self) -> None:
        for kind in (TokenSession, AsyncTokenSession, TokenCache):
            default = signature(kind).parameters["max_entries"].default

            assert default == entries(Plan(users=1)).default_limit

    def test_10_000_entries_take_as_much_memory_as_the_documentation_says(self) -> None:
        page = (Path(__file__).parents[2] / "docs" / "life.md").read_text()

        of_tokens = entries(Plan(users=10_000))
        of_both = entries(Plan(users=10_000, credentials="basic"))

        assert f"(10,000, about {of_tokens.megabytes:.0f} MB)" in page
        assert of_both.megabytes == 2 * of_tokens.megabytes


class TestCredentials:
    @pytest.mark.parametrize("flow", ["enhanced", "basic"])
    def test_a_token_is_fetched_for_each_fetch_of_credentials_of_an_hour(self, flow: str) -> None:
        of_tokens, found = demands(Plan(users=2200, credentials=flow))

        assert found.calls_per_second == pytest.approx(1)
        assert of_tokens.calls_per_second == found.calls_per_second

    def test_a_token_of_a_day_is_exchanged_many_times(self) -> None:
        of_tokens, found = demands(Plan(users=2200, credentials="enhanced", token_seconds=86_400))

        assert of_tokens.calls_per_second == pytest.approx(2200 / 82_200)
        assert found.calls_per_second == pytest.approx(1)

    def test_credentials_are_not_in_the_store_so_each_host_fetches_them(self) -> None:
        of_tokens, found = demands(
            Plan(users=1000, hosts=10, credentials="enhanced", has_shared_store=True)
        )

        assert (of_tokens.lease.caches, found.lease.caches) == (1, 10)
        assert found.cold_seconds == pytest.approx(1000 * 10 / 200)

    def test_the_quota_of_the_basic_flow_is_unknown_unless_it_is_given(self) -> None:
        plan = Plan(users=10**9, hosts=1000, credentials="basic", quota_per_second=10**9)

        unknown = demands(plan)[1]
        known = demands(attrs.evolve(plan, credentials_quota_per_second=100))[1]

        assert (unknown.users_supported, unknown.cold_seconds, unknown.is_over) == (
            None,
            None,
            False,
        )
        assert fits(plan)
        assert known.is_over

    def test_the_fullest_quota_decides_how_many_users_there_is_room_for(self) -> None:
        plan = Plan(users=1, credentials="enhanced", quota_per_second=1000, headroom_percent=0)

        assert users_supported(plan) == 200 * 2200

    def test_fetching_credentials_takes_a_thread_for_two_calls(self) -> None:
        found = credentials(users=22_000, credentials="enhanced", latency_seconds=0.5)

        assert found.threads_needed == 10


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


FLOWS = st.sampled_from(["none", "enhanced", "basic"])
BY_REQUESTS = st.fixed_dictionaries({"requests_per_hour": st.floats(0.001, 10**7)})
BY_VISITS = st.fixed_dictionaries(
    {"visits_per_day": st.floats(0.001, 86_400), "visit_seconds": st.floats(0, DAY)}
)
PLANS = st.builds(
    lambda members, traffic: Plan(**members, **traffic),
    st.fixed_dictionaries(
        {
            "users": st.integers(1, 10**10),
            "hosts": st.integers(1, 10**6),
            "has_shared_store": st.booleans(),
            "has_sticky_users": st.booleans(),
            "token_seconds": st.integers(1, 86_400),
            "credentials": FLOWS,
            "credentials_seconds": st.integers(900, 43_200),
            "quota_per_second": st.none() | st.floats(0.1, 10**6),
            "credentials_quota_per_second": st.none() | st.floats(0.1, 10**6),
            "headroom_percent": st.floats(0, 99),
            "cold_seconds": st.none() | st.floats(1, 10**7),
            "latency_seconds": st.floats(0.001, 60),
            "threads": st.integers(1, 10**4),
        }
    ),
    st.just({}) | BY_REQUESTS | BY_VISITS,
)


def needed(plan: Plan) -> list[float]:
    """Return the quotas that a plan needs, with room for rounding."""
    return [demand.quota_needed * (1 + 1e-9) for demand in demands(plan)]


class TestWhateverThePlan:
    @given(PLANS, st.integers(2, 1000))
    def test_more_users_never_need_less(self, plan: Plan, factor: int) -> None:
        more = attrs.evolve(plan, users=plan.users * factor)

        for before, after in zip(demands(plan), demands(more), strict=True):
            assert after.calls_per_second > before.calls_per_second
            assert after.quota_needed >= before.quota_needed
            assert after.users_supported == before.users_supported

    @given(PLANS, st.integers(2, 1000))
    def test_more_hosts_never_need_less(self, plan: Plan, factor: int) -> None:
        more = attrs.evolve(plan, hosts=plan.hosts * factor)

        for before, after in zip(demands(plan), needed(more), strict=True):
            assert before.quota_needed <= after

    @given(PLANS, st.sampled_from(["has_shared_store", "has_sticky_users"]))
    def test_neither_a_store_nor_sticky_users_make_it_worse(self, plan: Plan, name: str) -> None:
        off: dict[str, Any] = {name: False}
        on: dict[str, Any] = {name: True}
        without, better = attrs.evolve(plan, **off), attrs.evolve(plan, **on)

        for after, before in zip(demands(better), needed(without), strict=True):
            assert after.quota_needed <= before

    @given(PLANS, st.integers(1, 86_400))
    def test_longer_tokens_never_need_more(self, plan: Plan, seconds: int) -> None:
        longer = attrs.evolve(plan, token_seconds=max(seconds, plan.token_seconds))

        for after, before in zip(demands(longer), needed(plan), strict=True):
            assert after.quota_needed <= before

    @given(PLANS)
    def test_as_many_users_as_are_supported_fit_and_a_thousandth_more_do_not(
        self, plan: Plan
    ) -> None:
        plan = attrs.evolve(plan, cold_seconds=None)
        supported = users_supported(plan)

        assert supported == 0 or fits(attrs.evolve(plan, users=supported))
        assert not fits(attrs.evolve(plan, users=supported + 1 + supported // 1000))

    @given(PLANS)
    def test_every_offered_change_helps_and_those_that_are_enough_come_first(
        self, plan: Plan
    ) -> None:
        found = cheapest(plan)

        assert 1 <= len(found) <= 3
        assert all(load(change.plan) < load(plan) for change in found)
        assert fits(plan) or found[0].is_enough
        enough = [change.is_enough for change in found]
        assert enough == sorted(enough, reverse=True)
        assert enough[0], "a higher quota is enough for every plan"

    @given(PLANS)
    def test_every_figure_is_a_finite_number(self, plan: Plan) -> None:
        for demand in demands(plan):
            numbers = [value for value in attrs.astuple(demand) if isinstance(value, float | int)]
            assert all(0 <= number < inf for number in numbers)


class TestChanges:
    @staticmethod
    def options(**members: Any) -> list[str]:
        return [change.options for change in cheapest(Plan(**members))]

    def test_the_shortest_duration_that_is_enough_is_offered(self) -> None:
        assert self.options(users=30_000)[0] == "--token-duration 3600"
        assert self.options(users=100_000)[0] == "--token-duration 14400"
        assert self.options(users=1_000_000)[0] == "--token-duration 86400"

    def test_settings_come_before_the_load_balancer_a_store_and_a_request_to_aws(self) -> None:
        assert self.options(users=10_000, hosts=20) == [
            "--token-duration 14400",
            "--sticky-users",
            "--shared-store",
        ]
        assert self.options(users=10_000, hosts=20, token_seconds=86_400) == [
            "--sticky-users",
            "--shared-store",
            "--quota 100",
        ]

    def test_what_is_not_enough_comes_last(self) -> None:
        found = cheapest(Plan(users=5_000_000, hosts=10))

        assert [(change.options, change.is_enough) for change in found] == [
            ("--quota 113640", True),
            ("--token-duration 86400", False),
            ("--sticky-users", False),
        ]

    def test_what_does_not_help_is_not_offered(self) -> None:
        assert self.options(users=10, hosts=1, token_seconds=86_400) == ["--quota 100"]

    def test_longer_credentials_are_offered_in_the_basic_flow_only(self) -> None:
        basic = self.options(users=100_000, credentials="basic", token_seconds=86_400)
        enhanced = self.options(users=100_000, credentials="enhanced", token_seconds=86_400)

        assert not any("--duration-seconds" in each for each in enhanced)
        assert not any("--duration-seconds" in each for each in basic), "tokens set the limit"
        assert "--duration-seconds 14400" in self.options(
            users=100_000,
            credentials="basic",
            token_seconds=86_400,
            credentials_quota_per_second=20,
        )

    def test_no_credentials_are_offered_that_live_longer_than_aws_allows(self) -> None:
        over = {"users": 1_000_000, "credentials": "basic", "credentials_quota_per_second": 20}
        longest = {"token_seconds": 86_400, "credentials_seconds": 43_200}

        assert self.options(**over, **longest) == ["--credentials-quota 40"]

    def test_a_deployment_that_is_too_fast_may_take_longer(self) -> None:
        found = cheapest(Plan(users=10_000, hosts=1, cold_seconds=10))

        assert (found[0].options, found[0].is_enough) == ("--cold-within 200", True)

    def test_all_quotas_that_are_exceeded_are_raised_together(self) -> None:
        found = self.options(users=1_000_000, hosts=1, credentials="enhanced", token_seconds=900)

        assert "--quota 570 --credentials-quota 570" in found

    def test_quotas_that_are_equally_full_are_doubled_together(self) -> None:
        longest = {"credentials": "enhanced", "token_seconds": 86_400}

        assert self.options(users=10, **longest, quota_per_second=1)[-1] == "--quota 10"
        assert self.options(users=10, credentials="enhanced", quota_per_second=200)[-1] == (
            "--quota 400 --credentials-quota 400"
        )

    def test_a_change_that_is_just_enough_is_offered(self) -> None:
        plan = Plan(users=22_050, token_seconds=900)

        assert 1 < load(plan) < 1.01
        assert "--quota 60" in [change.options for change in cheapest(plan)]
