"""
How every bench measures: contenders take turns, on a machine that does nothing else.

A ratio compares two measurements made one right after the other, so that a machine whose speed
drifts does not change it. A loaded machine does, so a bench refuses to report on one, unless it is
told to with ``--loaded``.

``--quick`` runs a tenth of the rounds, to see that a bench works. Its figures say less.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple, Self

from figures import Figure, Run, save


# The largest share of the CPU time that other programs may use.
BUSY = 0.1
# How often a bench that other programs disturb is run before it gives up.
ATTEMPTS = 3
# Set by --quick, for the processes that a bench starts, too.
QUICK = "BENCH_QUICK"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
DISTRIBUTIONS = (
    *("cognito-devtoken", "attrs", "botocore", "boto3", "cachetools", "awscli", "fastapi"),
    *("google-auth", "azure-core", "dogpile.cache", "msal", "redis", "cryptography"),
)


class LoadedError(Exception):
    """The machine does something else, so figures would say little."""


def scaled(number: int) -> int:
    """Return how many rounds to run of this number."""
    return max(number // 10, 3) if QUICK in os.environ else number


def interleaved(
    contenders: Mapping[str, Callable[[], float]], rounds: int
) -> list[dict[str, float]]:
    """Return what each contender costs in each round, after a round to warm up."""
    for cost in contenders.values():
        cost()
    return [{name: cost() for name, cost in contenders.items()} for _ in range(rounds)]


def cpu_of(call: Callable[[], object], times: int = 1) -> float:
    """Return the CPU seconds of all threads that a call takes, as the mean of some."""
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


def in_processes(bench: str, number: int, *arguments: str) -> list[dict[str, float]]:
    """
    Return the rounds of all of several processes, which run one after the other.

    What a call costs differs from one process to the next, for example with the addresses that
    its objects get.

    Args:
        bench: The file of the bench. It writes its rounds to standard output as JSON if its first
            argument is ``--worker``.

        number: How many processes to run.

        arguments: More arguments for the bench.
    """
    command = [sys.executable, bench, "--worker", *arguments]
    rounds: list[dict[str, float]] = []
    for _ in range(number):
        rounds += json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return rounds


def process(command: Sequence[str], environ: Mapping[str, str]) -> tuple[float, float]:
    """Run a program to its end. Returns the seconds of CPU and of wall time."""
    began = time.perf_counter()
    child = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    took = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, command
    return used.ru_utime + used.ru_stime, took


@contextmanager
def server(latency: float = 0) -> Generator[str]:
    """Yield the URL of a server that costs next to nothing, in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("server.py")), str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(running.stdout.readline())}"
        finally:
            running.terminate()


def use_fake_credentials() -> None:
    """Have botocore find AWS credentials that are good for nothing, and no configuration."""
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "AKIABENCH",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def on_one_core() -> bool:
    """Run this process's threads on one core. Returns whether the system supports it."""
    if not hasattr(os, "sched_setaffinity"):
        return False
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    return True


class CpuTime(NamedTuple):
    """
    The seconds of CPU since this machine was started.

    Attributes:
        used: What all programs have used, and the machines that share the processor with this one.

        unused: What nobody has used.

        own: What this process and those that it has started have used.
    """

    used: float
    unused: float
    own: float

    @classmethod
    def now(cls) -> Self:
        """Return what the system counts, which only Linux does."""
        line = Path("/proc/stat").read_text().split("\n", 1)[0]
        ticks = [int(each) / os.sysconf("SC_CLK_TCK") for each in line.split()[1:9]]
        unused = ticks[3] + ticks[4]
        own = sum(
            each.ru_utime + each.ru_stime
            for each in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        )
        return cls(sum(ticks) - unused, unused, own)

    def share_of_others(self, before: Self) -> float:
        """Return which share of the CPU time other programs have used since then."""
        used, unused = self.used - before.used, self.unused - before.unused
        return max(used - (self.own - before.own), 0.0) / max(used + unused, 0.01)


def refuse_if_loaded(share: float, *, loaded: bool) -> None:
    """
    Refuse to measure on a machine that does something else.

    Raises:
        LoadedError: If other programs use more than 10 % of its CPU time, and *loaded* is False.
    """
    if not loaded and share > BUSY:
        raise LoadedError(f"Other programs use {share:.0%} of the CPU; --loaded measures anyway.")


def machine() -> dict[str, Any]:
    """Return when, on what and with which versions this process measures."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "cpu": _cpu_model(),
        "cpus": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": platform.system(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "quick": QUICK in os.environ,
        "versions": {name: found for name in DISTRIBUTIONS if (found := _version(name))},
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def measured(figures: Callable[[], list[Figure]], *, loaded: bool) -> list[Figure]:
    """
    Return the figures of a bench.

    Raises:
        LoadedError: If other programs load the machine, before or meanwhile, and *loaded* is False.
    """
    if loaded or platform.system() != "Linux":
        refuse_if_loaded(os.getloadavg()[0] / (os.cpu_count() or 1), loaded=loaded)
        return figures()
    before = CpuTime.now()
    time.sleep(1)
    refuse_if_loaded(CpuTime.now().share_of_others(before), loaded=loaded)
    before = CpuTime.now()
    found = figures()
    refuse_if_loaded(CpuTime.now().share_of_others(before), loaded=loaded)
    return found


def run(bench: str, figures: Callable[[], list[Figure]]) -> None:
    """Measure and print the figures of one bench, as a program."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--loaded", action="store_true", help="measure on a loaded machine, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file")
    arguments = parser.parse_args()
    known = machine()
    began = time.monotonic()
    for left in reversed(range(ATTEMPTS)):
        try:
            found = measured(figures, loaded=arguments.loaded)
            break
        except LoadedError as error:
            if not left:
                raise SystemExit(f"bench_{bench}: {error}") from None
    took = time.monotonic() - began
    print(f"{bench}, Python {known['python']}, {known['cpus']} CPUs, {took:.0f} s", flush=True)
    for figure in found:
        print(f"  {figure}")
    if arguments.json:
        save(arguments.json, {PYTHON: Run(known, {bench: found})})
