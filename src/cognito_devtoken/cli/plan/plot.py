"""
Draw how many users the quota supports, by the duration of a token.

The SVG has its own background, so that it is readable on any page. It has a light and a dark colour
scheme, contains no fonts, and is byte-for-byte reproducible.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape

import attrs

from .capacity import Plan, users_supported
from .figures import shown


# The drawing is small and has large letters, so that it is readable on a phone.
_WIDTH, _HEIGHT = 560, 390
_LEFT, _RIGHT, _TOP, _BOTTOM = 112, 30, 80, 64
# The least distance between the labels of two durations.
_ROOM = 56
_LONGEST = 86_400
# The number of points of a curve. A curve bends at three hours, where the refresh window stops
# growing with the duration.
_POINTS = 60
_TICKS = {
    60: "1 min",
    300: "5 min",
    900: "15 min",
    3600: "1 h",
    14_400: "4 h",
    43_200: "12 h",
    _LONGEST: "24 h",
}
_STYLE = """\
    .page { fill: #fff; stroke: #d0d5da }
    .label { stroke: #fff; stroke-width: 4; paint-order: stroke }
    .text { fill: #24292f } .soft { fill: #57606a } .grid { stroke: #e4e8ec }
    .users { stroke: #57606a; stroke-dasharray: 6 4 }
    .own { stroke: #b3400f } .own-text { fill: #b3400f }
    .shared { stroke: #0a5fb4 } .shared-text { fill: #0a5fb4 }
    @media (prefers-color-scheme: dark) {
      .page { fill: #161b22; stroke: #3d444d }
      .label { stroke: #161b22 }
      .text { fill: #e6edf3 } .soft { fill: #a8b1bb } .grid { stroke: #2b323a }
      .users { stroke: #a8b1bb }
      .own { stroke: #ff9466 } .own-text { fill: #ff9466 }
      .shared { stroke: #6cb6ff } .shared-text { fill: #6cb6ff }
    }"""


@attrs.frozen
class _Curve:
    """How many users the quota supports at each duration, for one kind of fleet."""

    name: str
    kind: str
    plan: Plan

    def at(self, seconds: float) -> int:
        # A quota that is too small for one user supports 0 users, which has no logarithm.
        return max(users_supported(attrs.evolve(self.plan, token_seconds=seconds)), 1)


@attrs.frozen
class _Axes:
    """Logarithmic axes."""

    shortest: float
    fewest: float
    most: float

    def x(self, seconds: float) -> float:
        share = math.log(seconds / self.shortest) / math.log(_LONGEST / self.shortest)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, users: float) -> float:
        share = math.log(users / self.fewest) / math.log(self.most / self.fewest)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def svg_of(plan: Plan) -> str:
    """Return an SVG with the curves of the fleet, with and without a shared store."""
    curves = _curves(plan)
    shortest = min(plan.token_seconds, 900.0)
    ends = [curve.at(seconds) for curve in curves for seconds in (shortest, _LONGEST)]
    axes = _Axes(
        shortest,
        10 ** math.floor(math.log10(min(*ends, plan.users))),
        10 ** (math.floor(math.log10(max(*ends, plan.users))) + 1),
    )
    title = f"Users that the quota supports, on {_hosts(plan)}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="title" '
        'font-family="system-ui, sans-serif" font-size="15">',
        f'  <title id="title">{escape(_description(title, curves, shortest))}</title>',
        f"  <style>\n{_STYLE}\n  </style>",
        f'  <rect class="page" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{_HEIGHT - 1}" '
        'rx="8"/>',
        f'  <text class="text" x="20" y="30" font-size="17" font-weight="600">{title}</text>',
        *_legend(curves),
        *_grid(axes),
        *_users_line(axes, plan),
        *(_path(axes, curve) for curve in curves),
        *_marker(axes, curves[0], plan),
        "</svg>",
    ]
    return "".join(f"{line}\n" for line in lines)


def _hosts(plan: Plan) -> str:
    return "1 host" if plan.hosts == 1 else f"{plan.hosts:,} hosts"


def _curves(plan: Plan) -> list[_Curve]:
    """Return the curves with and without a store, or one curve if a store makes no difference."""
    if plan.hosts == 1 or plan.has_sticky_users:
        users = "sticky users, " if plan.hosts > 1 else ""
        return [_Curve(f"{users}with or without a shared store", "own", plan)]
    curves = [
        _Curve("each host on its own", "own", attrs.evolve(plan, has_shared_store=False)),
        _Curve("with a shared store", "shared", attrs.evolve(plan, has_shared_store=True)),
    ]
    return curves[::-1] if plan.has_shared_store else curves


def _description(title: str, curves: list[_Curve], shortest: float) -> str:
    """Describe the drawing for readers who cannot see it."""
    parts = [
        f"{curve.name}: {shown(curve.at(shortest))} with tokens of {shown(shortest)} s, "
        f"{shown(curve.at(_LONGEST))} with tokens of 24 h"
        for curve in curves
    ]
    return f"{title}, by token duration; {'; '.join(parts)}"


def _legend(curves: list[_Curve]) -> Iterator[str]:
    x = 20
    for curve in curves:
        yield (
            f'  <path class="{curve.kind}" d="M{x} 52h22" stroke-width="3" fill="none"/>'
            f'<text class="{curve.kind}-text" x="{x + 30}" y="57">{curve.name}</text>'
        )
        x += 250


def _grid(axes: _Axes) -> Iterator[str]:
    left, right, top, bottom = _LEFT, _WIDTH - _RIGHT, _TOP, _HEIGHT - _BOTTOM
    for seconds, text in _ticks(axes).items():
        x = f"{axes.x(seconds):.1f}"
        yield f'  <path class="grid" d="M{x} {top}V{bottom}"/>'
        yield f'  <text class="soft" x="{x}" y="{bottom + 22}" text-anchor="middle">{text}</text>'
    decades = round(math.log10(axes.most / axes.fewest))
    for decade in range(decades + 1):
        users = axes.fewest * 10**decade
        y = axes.y(users)
        yield f'  <path class="grid" d="M{left} {y:.1f}H{right}"/>'
        yield (
            f'  <text class="soft" x="{left - 8}" y="{y + 5:.1f}" text-anchor="end">'
            f"{_round_number(users)}</text>"
        )
    yield (
        f'  <text class="text" x="{(left + right) / 2:.1f}" y="{_HEIGHT - 16}" '
        'text-anchor="middle">token duration</text>'
    )


def _ticks(axes: _Axes) -> dict[float, str]:
    """Return the durations to label: the first, the last, and any that fit between them."""
    found = {axes.shortest: _TICKS.get(round(axes.shortest), f"{axes.shortest:.0f} s")}
    place, end = axes.x(axes.shortest), axes.x(_LONGEST)
    for seconds, text in _TICKS.items():
        x = axes.x(seconds)
        if x - place >= _ROOM and (x == end or end - x >= _ROOM):
            found[seconds], place = text, x
    return found


def _round_number(users: float) -> str:
    for unit, name in ((10**9, "billion"), (10**6, "million")):
        if users >= unit:
            return f"{users / unit:,.0f} {name}"
    return f"{users:,.0f}"


def _users_line(axes: _Axes, plan: Plan) -> Iterator[str]:
    y = axes.y(plan.users)
    yield f'  <path class="users" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" fill="none"/>'
    yield (
        f'  <text class="soft label" x="{_WIDTH - _RIGHT - 6}" y="{y - 6:.1f}" text-anchor="end">'
        f"your {shown(plan.users)} users</text>"
    )


def _path(axes: _Axes, curve: _Curve) -> str:
    ratio = _LONGEST / axes.shortest
    durations = [axes.shortest * ratio ** (number / _POINTS) for number in range(_POINTS + 1)]
    points = "L".join(f"{axes.x(each):.1f} {axes.y(curve.at(each)):.1f}" for each in durations)
    return f'  <path class="{curve.kind}" d="M{points}" stroke-width="2.5" fill="none"/>'


def _marker(axes: _Axes, curve: _Curve, plan: Plan) -> Iterator[str]:
    x, y = axes.x(plan.token_seconds), axes.y(curve.at(plan.token_seconds))
    yield f'  <circle class="{curve.kind}-text" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
    # A curve rises to the right, so the label is below and to the right of the point. If the axis
    # is too close, the label goes above the point. If the border is too close, it goes to the left.
    right, low = x > _WIDTH - 170, y > _HEIGHT - _BOTTOM - 24
    yield (
        f'  <text class="text label" x="{x + (-10 if right else 10):.1f}" '
        f'y="{y + (-12 if low else 21):.1f}" text-anchor="{"end" if right else "start"}">'
        f"{shown(curve.at(plan.token_seconds))} users</text>"
    )
