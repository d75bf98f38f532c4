"""The formulas of the capacity planner, against figures worked out by hand."""

import random
from inspect import signature
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognito_devtoken import AsyncTokenSession, RefreshPolicy, TokenCache, TokenSession
from cognito_devtoken.cli.plan.capacity import (
    Demand,
    Plan,
    demands,
    entries,
    fits,
    refresh_age,
    users_supported,
)


POLICY = RefreshPolicy()


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
