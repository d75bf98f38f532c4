"""
Format the figures of a plan, each with its formula.

Law of this module: it only formats the results of ``capacity``. The tests evaluate each calculation
and compare its result with the figure.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from .capacity import Demand, Plan, demands, entries


@attrs.frozen
class Figure:
    """
    A figure and how it was calculated.

    Attributes:
        value: The result; None if it depends on an unknown quota.

        formula: The formula in words. T is the lifetime of the lease.

        calculation: The formula with numbers, as a Python expression.
    """

    name: str
    value: float | None
    unit: str
    formula: str
    calculation: str


def figures(plan: Plan, demand: Demand, credentials: Demand | None) -> list[Figure]:
    """Return the figures. *credentials*: the demand for credentials, if that limits *demand*."""
    found = [_caches(plan, demand), _entries(plan, demand), _window(demand), _refresh_age(demand)]
    lease = demand.lease
    if lease.pause_seconds:
        formula = "3600 * caches / requests per hour"
        calculation = f"3600 * {lease.caches} / {exact(plan.requests_per_hour)}"
        found.append(Figure("pause", lease.pause_seconds, "s", formula, calculation))
    found.append(_calls(plan, demand, credentials))
    return [*found, *_consequences(plan, demand)]


def _caches(plan: Plan, demand: Demand) -> Figure:
    """Return how many hosts fetch a lease of each user."""
    caches = demand.lease.caches
    formula = "hosts"
    if plan.has_sticky_users:
        formula = "1, because a user always reaches the same host"
    elif plan.has_shared_store and not demand.needs_tokens:
        formula = "1, because the hosts share tokens"
    return Figure("caches", caches, "per user", formula, str(caches))


def _entries(plan: Plan, demand: Demand) -> Figure:
    unit = "credentials" if demand.needs_tokens else "tokens"
    formula, calculation = "users", str(plan.users)
    if plan.has_sticky_users:
        formula, calculation = "ceil(users / hosts)", f"ceil({plan.users} / {plan.hosts})"
    return Figure("entries per session", entries(plan).per_session, unit, formula, calculation)


def _window(demand: Demand) -> Figure:
    lease = demand.lease
    formula, calculation = "min(T / 3, 3600)", f"min({exact(lease.seconds)} / 3, 3600)"
    return Figure("refresh window W", lease.window_seconds, "s", formula, calculation)


def _refresh_age(demand: Demand) -> Figure:
    lease = demand.lease
    seconds, window, sharing = (
        exact(lease.seconds),
        exact(lease.window_seconds),
        lease.sharing_hosts,
    )
    formula, calculation = "T - 7 * W / 6", f"{seconds} - 7 * {window} / 6"
    if sharing > 1:
        formula = "T - W - W / 3 * hosts / (hosts + 1)"
        calculation = f"{seconds} - {window} - {window} / 3 * {sharing} / ({sharing} + 1)"
    return Figure("refresh age D", lease.refresh_age_seconds, "s", formula, calculation)


def _calls(plan: Plan, demand: Demand, credentials: Demand | None) -> Figure:
    lease, age = demand.lease, exact(demand.lease.refresh_age_seconds)
    factors, numbers = "users * caches", f"{plan.users} * {lease.caches}"
    if plan.visits_per_day is not None:
        visits, visit = exact(plan.visits_per_day), exact(plan.visit_seconds)
        formula = f"{factors} * min(visits per day / 86400 * (1 + visit / D), 1 / D)"
        calculation = f"{numbers} * min({visits} / 86400 * (1 + {visit} / {age}), 1 / {age})"
    elif lease.pause_seconds:
        formula = f"{factors} / (D + pause)"
        calculation = f"{numbers} / ({age} + {exact(lease.pause_seconds)})"
    else:
        formula, calculation = f"{factors} / D", f"{numbers} / {age}"
    if credentials is not None:
        formula = f"min(calls for credentials, {formula})"
        calculation = f"min({exact(credentials.calls_per_second)}, {calculation})"
    return Figure("steady calls", demand.calls_per_second, "calls/s", formula, calculation)


def _consequences(plan: Plan, demand: Demand) -> Iterator[Figure]:
    limit = demand.quota.calls_per_second
    quota = shown(limit) if limit is None else exact(limit)
    calls, leases = exact(demand.calls_per_second), exact(demand.to_fetch)
    headroom = f"(1 - {exact(plan.headroom_percent)} / 100)"
    latency, seconds = "latency", exact(plan.latency_seconds)
    if demand.needs_tokens:
        latency, seconds = f"(2 * {latency})", f"(2 * {seconds})"
    yield Figure(
        "users it supports",
        demand.users_supported,
        "users",
        "floor(quota * (1 - headroom) * users / calls)",
        f"floor({quota} * {headroom} * {plan.users} / {calls})",
    )
    if plan.has_shared_store and not demand.needs_tokens:
        formula, calculation = "0, because new hosts find the tokens in the store", "0"
    else:
        formula, calculation = "users * caches", f"{plan.users} * {demand.lease.caches}"
    yield Figure("cold fetches", demand.to_fetch, "calls", formula, calculation)
    yield Figure(
        "cold deployment",
        demand.cold_seconds,
        "s",
        f"cold fetches / min(quota, hosts * threads / {latency})",
        f"{leases} / min({quota}, {plan.hosts} * {plan.threads} / {seconds})",
    )
    needed, needed_numbers = "calls / (1 - headroom)", f"{calls} / {headroom}"
    rate, rate_numbers = "calls", calls
    if plan.cold_seconds is not None:
        cold, numbers = "cold fetches / cold-within", f"{leases} / {exact(plan.cold_seconds)}"
        needed, needed_numbers = f"max({needed}, {cold})", f"max({needed_numbers}, {numbers})"
        rate, rate_numbers = f"max({rate}, {cold})", f"max({rate_numbers}, {numbers})"
    yield Figure("quota needed", demand.quota_needed, "calls/s", needed, needed_numbers)
    yield Figure(
        "threads needed",
        demand.threads_needed,
        "per host",
        f"max(ceil({rate} * {latency} / hosts), 1)",
        f"max(ceil({rate_numbers} * {seconds} / {plan.hosts}), 1)",
    )


def all_figures(plan: Plan) -> list[tuple[Demand, list[Figure]]]:
    """Return the demands of the plan, each with its figures."""
    found = demands(plan)
    return [
        (each, figures(plan, each, found[-1] if each.is_limited_by_credentials else None))
        for each in found
    ]


def exact(number: float | None) -> str:
    """Write a number with ten digits, so that a reader who recalculates gets the same figure."""
    return f"{number:.10g}"


def shown(number: float | None) -> str:
    """Write a number for a reader: with four digits, or all digits of a whole number."""
    if number is None:
        return "unknown"
    if number == round(number) or abs(number) >= 1000:
        return f"{round(number):,}"
    return f"{number:.4g}"
