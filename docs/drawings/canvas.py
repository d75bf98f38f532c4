"""
The colours and sizes that all drawings share, and functions that write SVG.

A drawing is used in two ways. Inside a page of the site, its colours are CSS variables that the
theme sets, so they change when the reader switches the theme. As a separate file, for example in
the README, it contains its own colours, and follows the colour scheme of the reader's system.
"""

from html import escape
from textwrap import wrap


# The light and the dark colours. Each text colour has a contrast of at least 4.5 to its background.
PALETTE = {
    "ground": ("#ffffff", "#131416"),
    "ink": ("#1f2328", "#e3e5e8"),
    "soft": ("#57606a", "#a9b0b8"),
    "line": ("#8b949e", "#6e7681"),
    "grid": ("#d8dee4", "#30363d"),
    "box": ("#f3f5f7", "#1d2126"),
    "part": ("#ffffff", "#2a2f36"),
    "edge": ("#9aa3ab", "#6b7681"),
    "way": ("#0b57d0", "#7cb7ff"),
    "ours": ("#b8431a", "#ff9a66"),
    "others": ("#8a93a0", "#7d8590"),
}
SIZE = 13  # the size of text, in units of the drawing
LETTER = 0.54 * SIZE  # the width of a letter, in a wide font
LINE = SIZE + 4.0  # the distance from one line of text to the next
WIDE, NARROW = 720, 350  # the widths of the site's text column on a wide screen and on a phone


def variables(theme: int) -> dict[str, str]:
    """Return the CSS variables of the light theme (0) or the dark theme (1), for Furo."""
    return {f"drawing-{name}": colours[theme] for name, colours in PALETTE.items()}


def _style() -> str:
    light, dark = (
        "".join(f"--{name}:{value};" for name, value in variables(theme).items())
        for theme in (0, 1)
    )
    rules = [
        # Applies only if the drawing is the whole document. In a page, the theme sets the colours.
        f"svg:root{{{light}}}",
        f"@media (prefers-color-scheme:dark){{svg:root{{{dark}}}}}",
        ".drawing text{fill:var(--drawing-ink)}",
        ".drawing .soft{fill:var(--drawing-soft)}",
        ".drawing .strong{font-weight:600}",
        ".drawing .small{font-size:11.5px}",
        # Keeps text readable where it crosses a line.
        ".drawing .over{paint-order:stroke;stroke:var(--drawing-ground);stroke-width:5px}",
        ".drawing .box{fill:var(--drawing-box);stroke:var(--drawing-edge)}",
        ".drawing .part{fill:var(--drawing-part);stroke:var(--drawing-edge)}",
        ".drawing .line{fill:none;stroke:var(--drawing-line)}",
        ".drawing .grid{fill:none;stroke:var(--drawing-grid)}",
        ".drawing .way{fill:none;stroke:var(--drawing-way);stroke-width:2}",
        ".drawing .tip{fill:var(--drawing-way)}",
        ".drawing .dashed{stroke-dasharray:5 4}",
        ".drawing .others{fill:none;stroke:var(--drawing-others);stroke-width:1.5}",
        ".drawing .ours{fill:none;stroke:var(--drawing-ours);stroke-width:3}",
        ".drawing .bar{fill:var(--drawing-others)}",
        ".drawing .ours-bar{fill:var(--drawing-ours)}",
        ".drawing text.ours-text{fill:var(--drawing-ours);font-weight:600}",
        # The states of a token have the same colours in both themes.
        ".drawing .fresh{fill:#1f7a4d}.drawing .jitter{fill:#7fb56e}.drawing .due{fill:#e3b23c}",
        ".drawing .grace{fill:#e08a4f}.drawing .expired{fill:#a33a3a}",
        ".drawing text.bright{fill:#fff;font-weight:600}",
        ".drawing text.dark{fill:#1f2328;font-weight:600}",
        ".drawing .step{fill:#0b57d0}",
    ]
    return f"<style>{''.join(rules)}</style>"


STYLE = _style()


def svg(width: float, height: float, label: str, parts: list[str]) -> str:
    """Return a complete SVG document; *label* describes the drawing for screen readers."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="drawing" '
        f'viewBox="0 0 {number(width)} {number(height)}" width="{number(width)}" role="img" '
        f'aria-label="{escape(label)}" font-family="system-ui, sans-serif" '
        f'font-size="{SIZE}">\n{STYLE}\n' + "\n".join(parts) + "\n</svg>\n"
    )


def number(value: float) -> str:
    """Write a coordinate the same way each time."""
    return f"{value:.1f}".removesuffix(".0")


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """Return one line of text, whose baseline is at *y*."""
    attributes = f' class="{kind}"' if kind else ""
    if anchor != "start":
        attributes += f' text-anchor="{anchor}"'
    return f'<text x="{number(x)}" y="{number(y)}"{attributes}>{escape(words)}</text>'


def rect(x: float, y: float, width: float, height: float, kind: str) -> str:
    """Return a box with rounded corners."""
    sizes = f'width="{number(width)}" height="{number(height)}"'
    return f'<rect x="{number(x)}" y="{number(y)}" {sizes} rx="5" class="{kind}"/>'


def path(points: list[tuple[float, float]], kind: str) -> str:
    """Return a line through these points."""
    steps = "L".join(f"{number(x)} {number(y)}" for x, y in points)
    return f'<path d="M{steps}" class="{kind}"/>'


def lines_of(words: str, width: float) -> list[str]:
    """Break text into lines of at most this width."""
    return wrap(words, int(width / LETTER), break_long_words=False, break_on_hyphens=False)


def width_of(lines: list[str]) -> float:
    """Estimate the width of text from its longest line."""
    return max(map(len, lines)) * LETTER


def centred(x: float, y: float, lines: list[str], kind: str = "") -> list[str]:
    """Return centred lines of text; the baseline of the first line is at *y*."""
    return [text(x, y + row * LINE, line, kind, "middle") for row, line in enumerate(lines)]
