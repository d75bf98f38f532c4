"""
Compare the cost of a hit with the floor and with other caches of tokens and credentials.

pyperf's own runner measures one statement after the other, so a machine whose speed drifts
changes the ratios. Here the contenders take turns in each process, a ratio compares two
neighbouring runs, and the median over the rounds of all processes is printed.
``--output FILE`` writes the figures for ``python -m pyperf stats``.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from functools import partial
from importlib import import_module
from typing import Any

from figures import save
from peers import PEERS, version

from cognito_devtoken import AsyncTokenSession, TokenSession
from cognito_devtoken.testing import FakeFetcher


PROCESSES, ROUNDS, SECONDS = 6, 25, 0.004
THREADS, THREAD_ROUNDS, THREAD_HITS = 8, 15, 60_000
UNROLLED = 20  # makes the cost of the loop itself negligible
POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"
PROVIDER = "login.example.com"
FLOOR, HIT, AWAITED = "floor", "session.get_token", "await session.get_token"
LOCKED = "cachetools.TTLCache under a Lock"

# A measurement: the seconds for this many runs of a statement.
Timed = Callable[[int], float]


def compiled(statement: str, names: dict[str, Any], *, awaited: bool = False) -> Any:
    """Compile a function that times a statement in a loop, with the names as its locals."""
    lines = [
        f"{'async ' if awaited else ''}def loop(times, clock, {', '.join(names)}):",
        "    began = clock()",
        "    for _ in times:",
        *[f"        {statement}"] * UNROLLED,
        "    return clock() - began",
    ]
    scope: dict[str, Any] = {}
    exec("\n".join(lines), scope)
    return partial(scope["loop"], **names)


def timed(statement: str, **names: Any) -> Timed:
    loop = compiled(statement, names)
    return lambda times: loop(range(times), time.perf_counter)


def timed_in(runner: asyncio.Runner, statement: str, **names: Any) -> Timed:
    loop: Callable[..., Coroutine[Any, Any, float]] = compiled(statement, names, awaited=True)
    return lambda times: runner.run(loop(range(times), time.perf_counter))


def floor() -> dict[str, Any]:
    """One dictionary lookup by a tuple, and both clocks, as the cache reads them."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return {
        "statement": "tokens[user, rest]; monotonic(); wall()",
        "tokens": {("user", b"rest"): object()},
        "user": "user",
        "rest": b"rest",
        "monotonic": time.monotonic if boot is None else partial(time.clock_gettime, boot),
        "wall": time.time,
    }


def measured() -> dict[str, list[float]]:
    """Return the seconds per run of each contender in each round, in this process."""
    session = TokenSession(POOL_ID, developer_provider=PROVIDER, client=FakeFetcher())
    awaited = AsyncTokenSession(POOL_ID, developer_provider=PROVIDER, client=FakeFetcher())
    session.get_token("user")
    with asyncio.Runner() as runner:
        runner.run(awaited.get_token("user"))
        contenders = {
            FLOOR: timed(**floor()),
            HIT: timed('it.get_token("user")', it=session),
            AWAITED: timed_in(runner, 'await it.get_token("user")', it=awaited),
            **{name: timed(*make()[:1], it=make().it) for name, (make, _) in PEERS.items()},
        }
        counts = {name: loops(contender) for name, contender in contenders.items()}
        rounds = [
            {name: run(counts[name]) / counts[name] / UNROLLED for name, run in contenders.items()}
            for _ in range(ROUNDS)
        ]
        runner.run(awaited.aclose())
    session.close()
    return {name: [r[name] for r in rounds] for name in contenders}


def loops(contender: Timed) -> int:
    """Return how many loops make a turn long enough; this also warms the contender up."""
    times = 1
    while (seconds := contender(times)) < SECONDS / 2:
        times = max(times * 2, int(times * SECONDS / 2 / max(seconds, 1e-6)))
    return max(int(times * SECONDS / seconds), 1)


def rate(threads: int, statement: str, **names: Any) -> float:
    """Return the runs per second of this many threads together."""
    start = threading.Barrier(threads + 1)
    loop = compiled(statement, names)
    times = range(THREAD_HITS * THREADS // threads // UNROLLED)

    def work() -> None:
        start.wait()
        loop(times, time.perf_counter)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    start.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    return len(times) * UNROLLED * threads / (time.perf_counter() - began)


def rates() -> dict[str, list[float]]:
    """Return the rate of 8 threads divided by that of one, in each round."""
    with TokenSession(POOL_ID, developer_provider=PROVIDER, client=FakeFetcher()) as session:
        session.get_token("user")
        contenders = {
            FLOOR: floor(),
            HIT: {"statement": 'it.get_token("user")', "it": session},
        }
        return {
            name: [rate(THREADS, **each) / rate(1, **each) for _ in range(THREAD_ROUNDS)]
            for name, each in contenders.items()
        }


def save_runs(name: str, runs: list[dict[str, list[float]]]) -> None:
    pyperf = import_module("pyperf")
    suite = pyperf.BenchmarkSuite(
        [
            pyperf.Benchmark(
                [pyperf.Run(run[contender], metadata={"name": contender}) for run in runs]
            )
            for contender in runs[0]
        ]
    )
    suite.dump(name, replace=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--output", help="write the figures as pyperf's JSON")
    parser.add_argument("--plot", action="store_true", help="write docs/drawings/hit.json")
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(measured()))
        return
    worker = [sys.executable, __file__, "--worker"]
    runs: list[dict[str, list[float]]] = [
        json.loads(subprocess.run(worker, check=True, capture_output=True, text=True).stdout)
        for _ in range(PROCESSES)
    ]
    if arguments.output:
        save_runs(arguments.output, runs)

    def against(base: str, name: str) -> list[float]:
        return statistics.quantiles(
            (a / b for run in runs for a, b in zip(run[name], run[base], strict=True)), n=4
        )

    print(
        f"A hit, {PROCESSES} processes of {ROUNDS} rounds each, Python {sys.version.split()[0]}, "
        + ", ".join(
            f"{each} {version(each)}" for each in dict.fromkeys(d for _, d in PEERS.values())
        )
    )
    for name in runs[0]:
        low, middle, high = against(FLOOR, name)
        cost = statistics.median(value for run in runs for value in run[name])
        print(
            f"  {name:<36}{cost * 1e9:7.0f} ns   x {middle:5.2f}"
            f"   (middle half: {low:.2f} to {high:.2f})"
        )
    print(f"  a hit / a hit of TTLCache under a Lock: x {against(LOCKED, HIT)[1]:.2f}")
    print(f"  an awaited hit / a hit: x {against(HIT, AWAITED)[1]:.2f}")
    print(f"  the rate of {THREADS} threads together / that of one, {THREAD_ROUNDS} rounds:")
    for name, ratios in rates().items():
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(f"    {name:<34}x {middle:.3f}   (middle half: {low:.3f} to {high:.3f})")
    if arguments.plot:
        save("hit.json", {name: round(against(FLOOR, name)[1], 1) for name in runs[0]})


if __name__ == "__main__":
    main()
