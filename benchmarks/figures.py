"""Where the benchmarks leave the figures from which the documentation draws its plots."""

import json
from pathlib import Path
from typing import Any


DRAWINGS = Path(__file__).parent.parent / "docs" / "drawings"


def save(name: str, figures: Any) -> None:
    """Write the figures of a plot; ``python docs/drawings`` then draws that of the README."""
    path = DRAWINGS / name
    path.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"written: docs/drawings/{name}")
