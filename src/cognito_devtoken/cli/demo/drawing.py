"""
A moment in the life of a token, as two lines of text.

Law of this module: numbers in, text out. What is drawn on is somebody else's affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

import attrs

from ..._cache.policy import State


# How much of the bar lies behind the expiry, in lives.
_BEYOND = 1 / 12
_INDENT = "   "
# "  12.3 s, expired"
_BESIDE = 17
NARROWEST = 40


@attrs.frozen
class Look:
    """
    The characters to draw with.

    Attributes:
        zones: What a stretch of the bar is made of.

        now: The marker.

        omitted: What stands for something left out.

        full: What the part of a bar is made of that is reached.

        empty: The rest of it.
    """

    zones: Mapping[State, str]
    now: str
    omitted: str
    full: str
    empty: str

    @property
    def characters(self) -> str:
        return "".join((*self.zones.values(), self.now, self.omitted, self.full, self.empty))


def _zones(characters: str) -> dict[State, str]:
    return dict(zip(State, characters, strict=True))


BLOCKS = Look(_zones("─░▓·"), "●", "…", "█", "·")
ASCII = Look(_zones("-=#x"), "O", "...", "#", ".")

_BOLD = 1
# Green, cyan, yellow, red: "Select Graphic Rendition" of ECMA-48.
_COLORS = dict(zip(State, (32, 36, 33, 31), strict=True))


@attrs.frozen(kw_only=True)
class Moment:
    """
    What is drawn.

    Attributes:
        age: The token's, in seconds.

        lifetime: For how many seconds it lives.

        due: The age from which it is refreshed.

        hard: The age from which callers wait for another.

        state: How it stands.

        served: Calls answered.

        errors: Calls that failed.

        fetches: Calls to Cognito.

        is_down: Whether Cognito is out of order.
    """

    age: float
    lifetime: float
    due: float
    hard: float
    state: State
    served: int
    errors: int
    fetches: int
    is_down: bool


def draw(moment: Moment, look: Look, width: int, *, colored: bool) -> tuple[str, str]:
    """
    The life of a token as a bar with a marker for now, and the counts.

    Args:
        moment: What to draw.

        look: What to draw it with.

        width: Of the lines, in characters; at least 40.

        colored: Whether the zones have colours, which take no width.
    """
    bar = _bar(moment, look, width - len(_INDENT) - _BESIDE)
    painted = "".join(
        f"\x1b[{color}m{''.join(text for text, _ in run)}\x1b[0m"
        if colored
        else "".join(text for text, _ in run)
        for color, run in groupby(bar, key=lambda cell: cell[1])
    )
    counts = (
        f"{_INDENT}answered: {moment.served:,}   errors: {moment.errors:,}   "
        f"calls to Cognito: {moment.fetches}{'   Cognito is down' if moment.is_down else ''}"
    )
    return f"{_INDENT}{painted}  {moment.age:4.1f} s, {moment.state.value}", counts[:width]


def _bar(moment: Moment, look: Look, cells: int) -> list[tuple[str, int]]:
    """The characters of the bar, each with its colour."""
    span = moment.lifetime * (1 + _BEYOND)
    ends = zip(State, (moment.due, moment.hard, moment.lifetime, span), strict=True)
    bar: list[tuple[str, int]] = []
    for zone, end in ends:
        length = round(end / span * cells) - len(bar)
        text = look.zones[zone] * length
        if length >= len(zone.value) + 2:
            text = f" {zone.value} ".center(length, look.zones[zone])
        bar += [(character, _COLORS[zone]) for character in text]
    bar[min(int(moment.age / span * cells), cells - 1)] = look.now, _BOLD
    return bar
