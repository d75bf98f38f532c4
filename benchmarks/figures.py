"""
Figures: what they are, when one is worse than another, and how they get into the documentation.

Nothing here measures anything: ``runner`` does.
"""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self


# The documentation shows two or three digits, so a smaller difference is none.
ROUNDING = 0.02


class Figure(NamedTuple):
    """
    The median of many measurements, and the middle half of them.

    Attributes:
        name: What was measured.

        median: The median of all measurements.

        low: The first quartile.

        high: The third quartile.

        unit: ``x`` for a ratio, or the unit of the others.

        bar: What the median must not exceed; None if nothing is promised.

        compared: Whether it is compared with the published one. What another library costs is not,
            because it may become worse.
    """

    name: str
    median: float
    low: float
    high: float
    unit: str = "x"
    bar: float | None = None
    compared: bool = True

    @classmethod
    def of(
        cls,
        name: str,
        values: Iterable[float],
        unit: str = "x",
        *,
        bar: float | None = None,
        compared: bool = True,
    ) -> Self:
        """Return the figure of some measurements. A single one has no spread."""
        values = list(values)
        if len(values) == 1:
            values *= 2
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(name, median, low, high, unit, bar, compared)

    @property
    def spread(self) -> float:
        """How far the quartiles are apart."""
        return self.high - self.low

    @property
    def is_above_its_bar(self) -> bool:
        """Whether it breaks a promise."""
        return self.bar is not None and self.median > self.bar

    def is_worse_than(self, published: Self) -> bool:
        """
        Tell whether it is worse than a published figure by more than their spread.

        Less is better for every figure that is compared.
        """
        if not self.compared:
            return False
        noise = max(self.spread, published.spread, ROUNDING * published.median)
        return self.median - published.median > noise

    def __str__(self) -> str:
        bar = "" if self.bar is None else f"   at most {shown(self.bar)}"
        mark = "   ABOVE" if self.is_above_its_bar else ""
        return (
            f"{self.name:<58}{shown(self.median):>9} {self.unit:<6}"
            f"({shown(self.low)} to {shown(self.high)}){bar}{mark}"
        )


def shown(value: float) -> str:
    """Return a number with the digits that mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratios(
    rounds: Sequence[Mapping[str, float]],
    name: str,
    base: str,
    *,
    called: str | None = None,
    bar: float | None = None,
    compared: bool = True,
) -> Figure:
    """Return a cost as a multiple of another, which was measured right before or after it."""
    values = (each[name] / each[base] for each in rounds)
    return Figure.of(called or f"{name} / {base}", values, bar=bar, compared=compared)


class Run(NamedTuple):
    """
    All figures of one version of Python, and where and when they were measured.

    Attributes:
        machine: The date, the CPU, the load and the versions, by name.

        figures: The figures by bench.
    """

    machine: Mapping[str, Any]
    figures: Mapping[str, Sequence[Figure]]

    def find(self, bench: str, name: str) -> Figure | None:
        """Return a figure by its bench and its name."""
        return next((each for each in self.figures.get(bench, ()) if each.name == name), None)

    def after(self, before: "Run") -> "Run":
        """Return this run, with the benches that only an earlier run has."""
        kept = before.figures.keys() - self.figures.keys()
        is_quick = self.machine.get("quick") or (kept and before.machine.get("quick"))
        machine = {**self.machine, "quick": bool(is_quick)}
        return Run(machine, {**before.figures, **self.figures})


def complaints(measured: Run, published: Run | None) -> list[str]:
    """Return what is above its bar, or worse than the documentation says."""
    found = []
    for bench, figures in measured.figures.items():
        for figure in figures:
            known = published.find(bench, figure.name) if published else None
            if figure.is_above_its_bar and figure.bar is not None:
                found.append(
                    f"{bench}: {figure.name}: {shown(figure.median)} {figure.unit}, "
                    f"at most {shown(figure.bar)} are promised"
                )
            elif known and figure.is_worse_than(known):
                found.append(
                    f"{bench}: {figure.name}: {shown(figure.median)} {figure.unit}, "
                    f"the documentation says {shown(known.median)}"
                )
    return found


def load(path: Path) -> dict[str, Run]:
    """Read the runs of a file by version of Python; none if there is no such file."""
    if not path.exists():
        return {}
    return {
        python: Run(
            run["machine"],
            {bench: [Figure(**each) for each in run["figures"][bench]] for bench in run["figures"]},
        )
        for python, run in json.loads(path.read_text()).items()
    }


def save(path: Path, runs: Mapping[str, Run]) -> None:
    """Write the runs to a file."""
    content = {
        python: {
            "machine": run.machine,
            "figures": {
                bench: [each._asdict() for each in figures]
                for bench, figures in run.figures.items()
            },
        }
        for python, run in sorted(runs.items(), key=lambda item: _version(item[0]))
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _version(python: str) -> list[int]:
    return [int(part) for part in python.split(".")]


def replaced(page: str, blocks: Mapping[str, str]) -> str:
    """
    Return a page with new texts in its generated blocks.

    A block is between the lines ``<!-- bench: NAME -->`` and ``<!-- end -->``.

    Raises:
        ValueError: If the page lacks a block, or has a block without a text.
    """
    begin, end = "<!-- bench: ", "<!-- end -->"
    first, *rest = page.split(begin)
    done = [first]
    names = set()
    for part in rest:
        name, _, old = part.partition(" -->\n")
        _, found, after = old.partition(end)
        if not found or name not in blocks:
            raise ValueError(f"The page has a block {name} without an end, or without a text.")
        names.add(name)
        done.append(f"{name} -->\n\n{blocks[name]}\n\n{end}{after}")
    if missing := blocks.keys() - names:
        raise ValueError(f"The page has no block {', '.join(sorted(missing))}.")
    return begin.join(done)
