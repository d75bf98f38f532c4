"""What holds for every plan of the capacity planner, whatever its members."""

from math import inf
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from cognito_devtoken.cli.plan.capacity import DAY, Plan, demands, fits, load, users_supported
from cognito_devtoken.cli.plan.changes import cheapest


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
