"""
Find changes that would reduce the calls of a plan, or raise its quota, and rate each change.

Law of this module: it only calculates. Each change is a complete plan, which is calculated in the
same way as the original plan.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import attrs

from ..._values.role import MAX_SECONDS as LONGEST_CREDENTIALS
from .capacity import Demand, Plan, demands, fits, load


# The durations to suggest: an hour, four hours and the longest possible duration.
_TOKEN_SECONDS = (3600, 14_400, 86_400)
_CREDENTIALS_SECONDS = (3600, 14_400, LONGEST_CREDENTIALS)
_SHOWN = 3
# The effort of a change, in ascending order: a setting of the session or of the deployment, a
# setting of the load balancer, one more service to run, a request to AWS.
_SETTING, _ROUTING, _SERVICE, _REQUEST = range(4)
# A change that improves the plan by less than this is not suggested.
_LEAST_GAIN = 0.01


@attrs.frozen
class Change:
    """
    A change of a plan.

    Attributes:
        options: The options of the command that describe the change.

        plan: The plan with this change.

        effort: How much work the change is; only the order matters.

        cost: The disadvantages of the change, for the report.
    """

    options: str
    plan: Plan
    effort: int
    cost: str

    @property
    def is_enough(self) -> bool:
        """Whether the plan stays within every known quota after this change."""
        return fits(self.plan)


def cheapest(plan: Plan) -> list[Change]:
    """Return the three best changes: sufficient changes come first, then less effort wins."""
    now, is_over = load(plan), not fits(plan)
    helpful = [
        each
        for each in _changes(plan)
        if load(each.plan) < now * (1 - _LEAST_GAIN) or (is_over and each.is_enough)
    ]
    helpful.sort(key=lambda each: (not each.is_enough, each.effort, load(each.plan)))
    return helpful[:_SHOWN]


def _changes(plan: Plan) -> Iterator[Change]:
    yield from _longer_tokens(plan)
    if plan.credentials == "basic":
        yield from _longer_credentials(plan)
    yield from _slower_deployment(plan)
    if plan.hosts > 1 and not plan.has_sticky_users:
        yield Change(
            "--sticky-users",
            attrs.evolve(plan, has_sticky_users=True),
            _ROUTING,
            "The load balancer must route all requests of a user to the same host.",
        )
    if plan.hosts > 1 and not plan.has_shared_store:
        yield Change(
            "--shared-store",
            attrs.evolve(plan, has_shared_store=True),
            _SERVICE,
            "A Redis or Valkey that all hosts can reach is one more service to run.",
        )
    yield _higher_quota(plan)


def _longer_tokens(plan: Plan) -> Iterator[Change]:
    longer = [seconds for seconds in _TOKEN_SECONDS if seconds > plan.token_seconds]
    plans = [attrs.evolve(plan, token_seconds=seconds) for seconds in longer]
    if found := _first_that_fits(plans):
        hours = f"{found.token_seconds / 3600:.0f} h"
        yield Change(
            f"--token-duration {found.token_seconds:.0f}",
            found,
            _SETTING,
            f"A stolen token is usable for up to {hours}, and so is the token of a user whom you "
            "lock out.",
        )


def _longer_credentials(plan: Plan) -> Iterator[Change]:
    longer = [seconds for seconds in _CREDENTIALS_SECONDS if seconds > plan.credentials_seconds]
    plans = [attrs.evolve(plan, credentials_seconds=seconds) for seconds in longer]
    if found := _first_that_fits(plans):
        yield Change(
            f"--duration-seconds {found.credentials_seconds:.0f}",
            found,
            _SETTING,
            "The role's maximum session duration must allow it. For up to "
            f"{found.credentials_seconds / 3600:.0f} h, only a policy can revoke the credentials.",
        )


def _first_that_fits(plans: list[Plan]) -> Plan | None:
    """Return the first plan that fits, or else the last one."""
    return next(filter(fits, plans), plans[-1] if plans else None)


def _slower_deployment(plan: Plan) -> Iterator[Change]:
    if plan.cold_seconds is None:
        return
    longest = max(demand.cold_seconds or 0.0 for demand in demands(plan))
    seconds = math.ceil(max(longest, plan.cold_seconds))
    yield Change(
        f"--cold-within {seconds}",
        attrs.evolve(plan, cold_seconds=seconds),
        _SETTING,
        "You must deploy in smaller steps, so a deployment takes longer.",
    )


def _higher_quota(plan: Plan) -> Change:
    """Raise the exceeded quotas as far as needed. If none is exceeded, double the busiest ones."""
    found, now = demands(plan), load(plan)
    raised: dict[str, Any] = {
        _quota_attribute(each): _round_up(each.quota_needed) for each in found if each.is_over
    }
    if not raised:
        raised = {
            _quota_attribute(each): _round_up(2 * each.quota.calls_per_second)
            for each in found
            if each.quota.calls_per_second and each.load > now / 2
        }
    options = {
        "quota_per_second": "--quota",
        "credentials_quota_per_second": "--credentials-quota",
    }
    return Change(
        " ".join(f"{options[name]} {value}" for name, value in raised.items()),
        attrs.evolve(plan, **raised),
        _REQUEST,
        "AWS decides on a request for a higher quota, which can take days.",
    )


def _quota_attribute(demand: Demand) -> str:
    return "credentials_quota_per_second" if demand.needs_tokens else "quota_per_second"


def _round_up(calls_per_second: float) -> int:
    """Round up to a multiple of ten, because nobody requests a quota of 51."""
    return max(math.ceil(calls_per_second / 10 - 1e-9) * 10, 10)
