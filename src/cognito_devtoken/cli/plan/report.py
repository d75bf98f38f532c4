"""Write the report of a plan, as text or as JSON data."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import attrs

from .capacity import Demand, Plan, demands, entries, fits, users_supported
from .changes import Change, cheapest
from .figures import Figure, all_figures, exact, shown
from .quotas import DOCUMENTED, Quota


_WIDTH, _NAMES = 78, 20
_MARGIN = "  "


def text_of(plan: Plan) -> str:
    """Return the report as text."""
    lines = [*_answer(plan), ""]
    for demand, found in all_figures(plan):
        lines += [demand.quota.operation, *_quota_lines(demand.quota)]
        for figure in found:
            lines += _figure_lines(figure, demand)
        lines += [*_warnings(plan, demand), ""]
    lines.append("The cheapest changes")
    for number, change in enumerate(cheapest(plan), start=1):
        lines.append(f"{_MARGIN}{number}. {change.options}")
        lines += _wrapped(_brings(plan, change), " " * 5) + _wrapped(change.cost, " " * 5)
    return "".join(f"{line}\n" for line in lines)


def _answer(plan: Plan) -> Iterator[str]:
    """Yield the summary: which quotas are exceeded, and how many users the quota supports."""
    over = [demand for demand in demands(plan) if demand.is_over]
    for demand in over:
        is_cold = demand.quota_needed > demand.calls_per_second / plan.planned_share
        purpose = f"with {exact(plan.headroom_percent)} % headroom"
        if is_cold:
            purpose = f"to make all cold fetches within {shown(plan.cold_seconds)} s"
        yield from _wrapped(
            f"Over the quota of {demand.quota.operation}: this needs "
            f"{shown(demand.quota_needed)} calls/s {purpose}, and the quota is "
            f"{shown(demand.quota.calls_per_second)}."
        )
    if not over:
        yield "Within the quota."
    yield from _wrapped(
        f"In the steady state, with {exact(plan.headroom_percent)} % headroom, the quota supports "
        f"{shown(users_supported(plan))} users; you have {shown(plan.users)}."
    )
    yield from _wrapped(_limit_of_entries(plan))
    for demand in demands(plan):
        if demand.quota.calls_per_second is None:
            yield from _wrapped(
                f"The quota of {demand.quota.operation} is unknown and not checked. If you know "
                "yours, pass it with --credentials-quota."
            )


def _limit_of_entries(plan: Plan) -> str:
    """Say that the figures assume no evictions, and how large max_entries must be for that."""
    needed = entries(plan)
    users, limit = shown(needed.per_session), shown(needed.default_limit)
    evicted, held = "token is", "tokens"
    if plan.credentials != "none":
        evicted, held = "token and no credentials are", "tokens and as many credentials"
    assumption = f"The figures assume that no {evicted} evicted"
    if not needed.is_over:
        return f"{assumption}: max_entries is {limit} by default, and each session needs {users}."
    return (
        f"Set max_entries to at least {users}: each session sees {users} users, and keeps entries "
        f"for {limit} by default. {assumption}. {users} {held} take about "
        f"{shown(needed.megabytes)} MB."
    )


def _quota_lines(quota: Quota) -> list[str]:
    limit = quota.calls_per_second
    unit = "" if limit is None else " calls/s for each account and region"
    source = {DOCUMENTED: "AWS's documented default", "given": "given as an option"}.get(
        quota.certainty, "AWS does not document it"
    )
    adjustable = "; AWS raises it on request" if quota.is_adjustable else ""
    details = f"{source}{adjustable} ({quota.page}). {quota.note}".rstrip()
    return [
        _row("quota", f"{shown(limit)}{unit}"),
        *_wrapped(details, " " * (_NAMES + len(_MARGIN))),
    ]


def _figure_lines(figure: Figure, demand: Demand) -> list[str]:
    value = shown(figure.value) + ("" if figure.value is None else f" {figure.unit}")
    if figure.name == "steady calls" and demand.is_upper_bound:
        value = f"at most {value}"
    lines = [_row(figure.name, value)]
    parts = [f"= {figure.formula}"]
    if figure.value is not None and figure.calculation != exact(figure.value):
        parts.append(f"= {figure.calculation}")
    if len(lines[0]) + 1 + len(" ".join(parts)) <= _WIDTH:
        return [" ".join([*lines, *parts])]
    return lines + [" " * (_NAMES + len(_MARGIN)) + part for part in parts]


def _warnings(plan: Plan, demand: Demand) -> list[str]:
    if demand.threads_needed <= plan.threads:
        return []
    return _wrapped(
        f"This is more than max_concurrent_fetches, which is {plan.threads}, so calls are queued.",
        _MARGIN,
    )


def _brings(plan: Plan, change: Change) -> str:
    parts: list[str] = []
    for before, after in zip(demands(plan), demands(change.plan), strict=True):
        if shown(before.quota_needed) != shown(after.quota_needed):
            parts.append(
                f"needs a quota of {shown(after.quota_needed)} instead of "
                f"{shown(before.quota_needed)} calls/s of {after.quota.operation}"
            )
    supported, supported_now = users_supported(change.plan), users_supported(plan)
    if supported != supported_now:
        parts.append(f"supports {shown(supported)} instead of {shown(supported_now)} users")
    enough = "" if change.is_enough else "; not enough on its own"
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}{enough}."


def data_of(plan: Plan) -> dict[str, Any]:
    """Return the report as data for a JSON document."""
    return {
        "Fits": fits(plan),
        "UsersSupported": users_supported(plan),
        "Entries": {
            **_members(attrs.asdict(entries(plan))),
            "IsOver": entries(plan).is_over,
        },
        "Plan": _members(attrs.asdict(plan)),
        "Operations": [
            {
                "Operation": demand.quota.operation,
                "IsOver": demand.is_over,
                "IsUpperBound": demand.is_upper_bound,
                "Quota": _members(attrs.asdict(demand.quota)),
                "Figures": [_members(attrs.asdict(figure)) for figure in found],
            }
            for demand, found in all_figures(plan)
        ],
        "Changes": [_change_data(change) for change in cheapest(plan)],
    }


def _change_data(change: Change) -> dict[str, Any]:
    return {
        "Options": change.options,
        "Cost": change.cost,
        "Fits": change.is_enough,
        "UsersSupported": users_supported(change.plan),
        "Operations": [
            {
                "Operation": demand.quota.operation,
                "CallsPerSecond": demand.calls_per_second,
                "QuotaNeeded": demand.quota_needed,
            }
            for demand in demands(change.plan)
        ],
    }


def _members(attributes: dict[str, Any]) -> dict[str, Any]:
    """Spell the names as AWS does, like all JSON of the command line."""
    return {
        "".join(word.capitalize() for word in name.split("_")): value
        for name, value in attributes.items()
    }


def _row(name: str, value: str) -> str:
    return f"{_MARGIN}{name:<{_NAMES}}{value}"


def _wrapped(text: str, margin: str = "") -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False
    )
