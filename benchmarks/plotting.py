"""The style of the plots: readable on light and dark pages, and the same bytes each time."""

from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any


STATIC = Path(__file__).parent.parent / "docs" / "_static"
OURS, OTHERS, TEXT = "#d9602b", "#8a93a0", "#808890"


@contextmanager
def drawn(name: str, width: float, height: float) -> Generator[Any]:
    """Yield empty axes, and write them to the documentation's static files at the end."""
    matplotlib = import_module("matplotlib")
    matplotlib.use("svg")
    pyplot = import_module("matplotlib.pyplot")
    matplotlib.rcParams.update(
        {
            "svg.hashsalt": name,
            "svg.fonttype": "none",
            "font.size": 10,
            **dict.fromkeys(
                ("text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor"),
                TEXT,
            ),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "grid.color": TEXT,
            "grid.alpha": 0.25,
        }
    )
    figure, axes = pyplot.subplots(figsize=(width, height), layout="constrained")
    yield axes
    STATIC.mkdir(exist_ok=True)
    figure.savefig(STATIC / name, transparent=True, metadata={"Date": None})
    pyplot.close(figure)
    print(f"written: docs/_static/{name}")
