"""The plots of the figures that the benchmarks have written into this folder."""

import json
from pathlib import Path

from drawings.canvas import NARROW, path, rect, svg, text


FIGURES = Path(__file__).parent
OURS = ("session.get_token", "await session.get_token")


def _shown(ratio: float) -> str:
    """Return a ratio with three digits, for which there is room beside the longest bar."""
    return f"{ratio:.3g}"


def hit(width: float) -> str:
    """Draw the cost of a hit as bars."""
    measured: dict[str, float] = json.loads((FIGURES / "hit.json").read_text())
    figures = sorted(measured.items(), key=lambda figure: figure[1])
    # On a phone, a name is above its bar instead of beside it.
    beside = width > NARROW
    left, step = (250.0, 30.0) if beside else (0.0, 44.0)
    scale = (width - left - 40) / max(ratio for _, ratio in figures)
    parts = []
    for row, (name, ratio) in enumerate(figures):
        kind = "ours-text" if name in OURS else ""
        y = row * step + (4 if beside else 20)
        if beside:
            parts.append(text(left - 10, y + 15, name, kind, "end"))
        else:
            parts.append(text(0, y - 6, name, kind))
        bar = "ours-bar" if name in OURS else "bar"
        parts.append(rect(left, y, ratio * scale, 20 if beside else 14, bar))
        parts.append(
            text(left + ratio * scale + 8, y + (15 if beside else 12), _shown(ratio), kind)
        )
    height = len(figures) * step + 24
    parts.append(text(width / 2 if not beside else left, height - 4, "times the floor", "soft"))
    label = "What a hit costs, as a multiple of the floor: " + ", ".join(
        f"{name} {_shown(ratio)}" for name, ratio in figures
    )
    return svg(width, height, label, parts)


def outage(width: float) -> str:
    """Draw the effect of an outage on callers, with a line for each library."""
    figures = json.loads((FIGURES / "outage.json").read_text())
    down: list[int] = figures["down"]
    bad: dict[str, list[float]] = figures["bad"]
    ours = next(iter(bad))
    left, top, right = 32.0, 34.0, 118.0
    height = top + (width - left - right) * (0.5 if width > NARROW else 1.1)
    highest = max(max(seconds) for seconds in bad.values())
    across = (width - left - right) / down[-1]
    up = (height - top) / (20 * (highest // 20 + 1))

    def at(seconds_down: float, seconds_bad: float) -> tuple[float, float]:
        return left + seconds_down * across, height - seconds_bad * up

    parts = [text(0, 16, "seconds with errors or expired tokens, mean", "soft")]
    for tick in range(0, int(highest) + 1, 20):
        parts.append(path([at(0, tick), at(down[-1], tick)], "grid"))
        parts.append(text(left - 6, at(0, tick)[1] + 4, str(tick), "soft", "end"))
    parts += [text(at(each, 0)[0], height + 20, str(each), "soft", "middle") for each in down[2:]]
    middle = left + (width - left - right) / 2
    parts.append(text(middle, height + 42, "seconds without Cognito", "soft", "middle"))
    for name, seconds in reversed(bad.items()):  # ours last, so that it is above the others
        points = [at(each, value) for each, value in zip(down, seconds, strict=True)]
        parts.append(path(points, "ours" if name == ours else "others"))
    lowest = float("inf")
    for name, seconds in sorted(bad.items(), key=lambda item: item[1][-1]):
        x, y = at(down[-1], seconds[-1])
        lowest = min(y + 4, lowest - 16)  # above the label below
        parts.append(text(x + 8, lowest, name, "ours-text" if name == ours else ""))
    label = (
        "Mean seconds with errors or expired tokens "
        f"in an outage of {down[-2]} and of {down[-1]} seconds: "
        + ", ".join(f"{name} {seconds[-2]:g} and {seconds[-1]:g}" for name, seconds in bad.items())
    )
    return svg(width, height + 50, label, parts)
