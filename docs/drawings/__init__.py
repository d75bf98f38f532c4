"""
The drawings of the documentation, each in two layouts: for a wide page, and for a phone.

Some drawings are made by hand (the SVG files of this folder), others by code. The directive
``drawing`` puts both layouts into a page, and the style sheet shows the layout that fits.
``python docs/drawings`` writes the drawing that the README shows.
"""

from collections.abc import Callable
from pathlib import Path

from drawings import plots, sequences
from drawings.canvas import NARROW, STYLE, WIDE


HERE = Path(__file__).parent
# The README is shown without our style sheet, so it needs this drawing as a file.
IN_README = {"outage": HERE.parent / "_static" / "outage.svg"}


def by_hand(name: str) -> Callable[[float], str]:
    """Return a function that reads a drawing from its file, and adds the common style."""

    def read(width: float) -> str:
        suffix = "-narrow" if width == NARROW else ""
        return (HERE / f"{name}{suffix}.svg").read_text().replace("<style/>", STYLE)

    return read


DRAWINGS: dict[str, Callable[[float], str]] = {
    "architecture": by_hand("architecture"),
    "fleet": sequences.fleet,
    "flow": sequences.flow,
    "hit": plots.hit,
    "life": by_hand("life"),
    "outage": plots.outage,
    "refresh": sequences.refresh,
}


def draw(name: str) -> tuple[str, str]:
    """Return the wide and the narrow layout of a drawing."""
    return DRAWINGS[name](WIDE), DRAWINGS[name](NARROW)
