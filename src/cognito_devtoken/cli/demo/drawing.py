"""
Draw a moment in the life of a token, as two lines of text.

Law of this module: it only turns numbers into text, and does no output.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

import attrs

from ..._cache.policy import Freshness


# How far the bar extends beyond the expiry, as a fraction of the lifetime.
_BEYOND = 1 / 12
_INDENT = "   "
# The width of "  12.3 s, expired".
_BESIDE = 17
NARROWEST = 40


@attrs.frozen
class Look:
    """
    The characters to draw with.

    Attributes:
        zones: The character of each state in a token's life.

        now: The marker of the present.

        omitted: The ellipsis.

        full: The character of the filled part of a progress bar.

        empty: The character of the empty part.
    """

    zones: Mapping[Freshness, str]
    now: str
    omitted: str
    full: str
    empty: str

    @property
    def characters(self) -> str:
        return "".join((*self.zones.values(), self.now, self.omitted, self.full, self.empty))


def _zones(characters: str) -> dict[Freshness, str]:
    return dict(zip(Freshness, characters, strict=True))


BLOCKS = Look(_zones("─░▓·"), "●", "…", "█", "·")
ASCII = Look(_zones("-=#x"), "O", "...", "#", ".")

_BOLD = 1
# Green, cyan, yellow, red: "Select Graphic Rendition" of ECMA-48.
_COLORS = dict(zip(Freshness, (32, 36, 33, 31), strict=True))


@attrs.frozen(kw_only=True)
class Moment:
    """
    The figures to draw.

    Attributes:
        age: The token's age, in seconds.

        lifetime: The token's lifetime, in seconds.

        due: The age in seconds at which a refresh is due.

        hard: The age in seconds at which callers begin to wait for another token.

        state: The token's state.

        served: How many calls succeeded.

        errors: How many calls failed.

        fetches: How many calls were made to Cognito.

        is_down: Whether Cognito is down.
    """

    age: float
    lifetime: float
    due: float
    hard: float
    state: Freshness
    served: int
    errors: int
    fetches: int
    is_down: bool


def draw(moment: Moment, look: Look, width: int, *, colored: bool) -> tuple[str, str]:
    """
    Draw the life of a token as a bar that marks the present, and the counts below.

    Args:
        moment: The figures to draw.

        look: The characters to draw with.

        width: The width of the lines, in characters; at least 40.

        colored: Whether the zones have colours. Colours do not count towards the width.
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
    """Return the characters of the bar, each with its colour."""
    span = moment.lifetime * (1 + _BEYOND)
    ends = zip(Freshness, (moment.due, moment.hard, moment.lifetime, span), strict=True)
    bar: list[tuple[str, int]] = []
    for zone, end in ends:
        length = round(end / span * cells) - len(bar)
        text = look.zones[zone] * length
        if length >= len(zone.value) + 2:
            text = f" {zone.value} ".center(length, look.zones[zone])
        bar += [(character, _COLORS[zone]) for character in text]
    bar[min(int(moment.age / span * cells), cells - 1)] = look.now, _BOLD
    return bar
