"""
Run the benches, each in a process of its own, and write all figures to one JSON file, bench.json.

The figures that docs/performance.md shows are in benchmarks/figures.json, by version of Python.
``--write`` replaces those of this version, the tables of the page and its plots. ``--check`` fails
if a figure is above its bar, or worse than the page says by more than its spread.

All benches together take about 10 minutes; with ``--quick``, which runs a tenth of the rounds, 2.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from figures import Figure, Run, complaints, load, replaced, save
from page import blocks, plot
from runner import PYTHON, QUICK, machine


HERE = Path(__file__).parent
PUBLISHED = HERE / "figures.json"
PAGE = HERE.parent / "docs" / "performance.md"
# How many seconds a bench may take. Each takes less than a third of it.
LONGEST = 900
BENCHES = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def measured(benches: list[str], *, loaded: bool) -> Run:
    """Return the figures of some benches."""
    known = machine()  # before the benches load the machine
    found: dict[str, Sequence[Figure]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for bench in benches:
            output = Path(folder) / f"{bench}.json"
            command = [sys.executable, str(HERE / f"bench_{bench}.py"), "--json", str(output)]
            command += ["--loaded"] if loaded else []
            subprocess.run(command, check=True, timeout=LONGEST)
            found |= load(output)[PYTHON].figures
    return Run(known, found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benches", nargs="*", metavar="BENCH", help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--loaded", action="store_true", help="measure on a loaded machine, too")
    parser.add_argument("--quick", action="store_true", help="run a tenth of the rounds")
    parser.add_argument("--output", type=Path, default=Path("bench.json"), metavar="FILE")
    parser.add_argument("--write", action="store_true", help="update the documentation")
    parser.add_argument("--check", action="store_true", help="compare with the documentation")
    arguments = parser.parse_args()
    if wrong := set(arguments.benches) - {*BENCHES}:
        parser.error(f"unknown bench {', '.join(sorted(wrong))}; there are {', '.join(BENCHES)}")
    if arguments.quick:
        os.environ[QUICK] = "1"
    try:
        run = measured(arguments.benches or BENCHES, loaded=arguments.loaded)
    except subprocess.CalledProcessError as error:
        raise SystemExit(error.returncode) from None
    except subprocess.TimeoutExpired as error:
        raise SystemExit(f"{error.cmd[1]} takes longer than {LONGEST} s.") from None
    save(arguments.output, {**load(arguments.output), PYTHON: run})
    print(f"written: {arguments.output}")
    published = load(PUBLISHED)
    if arguments.check and (found := complaints(run, published.get(PYTHON))):
        raise SystemExit("\n".join(found))
    if arguments.write:
        before = published.get(PYTHON)
        save(PUBLISHED, {**published, PYTHON: run.after(before) if before else run})
        published = load(PUBLISHED)
        PAGE.write_text(replaced(PAGE.read_text(), blocks(published)))
        plot(published)
        print(f"written: {PUBLISHED.name}, {PAGE.name}")


if __name__ == "__main__":
    main()
