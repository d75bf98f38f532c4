"""
Compare the CPU time of a hit with the floor and with other caches of tokens and credentials.

The floor is the least that a method of a cache can do: it reads a dictionary, ``time.monotonic()``
and ``time.time()``, and returns the token.

pyperf's own runner measures one statement after the other, so a machine whose speed drifts changes
the ratios. Here the contenders take turns in each of several processes.
"""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from functools import partial
from time import monotonic
from time import time as wall
from typing import Any

from cognito_devtoken import AsyncTokenSession, TokenSession
from cognito_devtoken.testing import FakeFetcher
from figures import Figure, ratios
from peers import PEERS
from runner import in_processes, run, scaled


PROCESSES, ROUNDS, SECONDS = scaled(6), scaled(25), 0.004
THREADS, THREAD_ROUNDS, THREAD_HITS = 8, scaled(15), 60_000
UNROLLED = 20  # makes the cost of the loop itself negligible
POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"
PROVIDER = "login.example.com"
FLOOR, HIT, AWAITED = "floor", "session.get_token", "await session.get_token"
INLINE = "floor, without a call"
LOCKED = "cachetools.TTLCache under a Lock"

# A measurement: the seconds of CPU for this many runs of a statement.
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
    return lambda times: loop(range(times), time.process_time)


def timed_in(runner: asyncio.Runner, statement: str, **names: Any) -> Timed:
    loop: Callable[..., Coroutine[Any, Any, float]] = compiled(statement, names, awaited=True)
    return lambda times: runner.run(loop(range(times), time.process_time))


class Floor:
    """Reads a dictionary and both clocks, and checks nothing."""

    def __init__(self) -> None:
        self.tokens = {"user": object()}

    def get_token(self, user_id: str) -> object:
        token = self.tokens[user_id]
        monotonic()
        wall()
        return token


def measured() -> list[dict[str, float]]:
    """Return the seconds per run of each contender in each round, in this process."""
    session = TokenSession(POOL_ID, developer_provider=PROVIDER, client=FakeFetcher())
    awaited = AsyncTokenSession(POOL_ID, developer_provider=PROVIDER, client=FakeFetcher())
    session.get_token("user")
    with asyncio.Runner() as runner:
        runner.run(awaited.get_token("user"))
        contenders = {
            FLOOR: timed('it.get_token("user")', it=Floor()),
            INLINE: timed(
                'tokens["user"]; monotonic(); wall()',
                tokens=Floor().tokens,
                monotonic=monotonic,
                wall=wall,
            ),
            HIT: timed('it.get_token("user")', it=session),
            AWAITED: timed_in(runner, 'await it.get_token("user")', it=awaited),
            **{name: timed(make().statement, it=make().it) for name, make in PEERS.items()},
        }
        counts = {name: loops(contender) for name, contender in contenders.items()}
        rounds = [
            {name: run(counts[name]) / counts[name] / UNROLLED for name, run in contenders.items()}
            for _ in range(ROUNDS)
        ]
        runner.run(awaited.aclose())
    session.close()
    return rounds


def loops(contender: Timed) -> int:
    """Return how many loops make a turn long enough; this also warms the contender up."""
    times = 1
    while (seconds := contender(times)) < SECONDS / 2:
        times = max(times * 2, int(times * SECONDS / 2 / max(seconds, 1e-6)))
    return max(int(times * SECONDS / seconds), 1)


def rate(threads: int, it: Floor | TokenSession) -> float:
    """Return the hits per second of this many threads together."""
    start = threading.Barrier(threads + 1)
    loop = compiled('it.get_token("user")', {"it": it})
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
    """Return the time per run of 8 threads together, divided by that of one, in each round."""
    with TokenSession(POOL_ID, developer_provider=PROVIDER, client=FakeFetcher()) as session:
        session.get_token("user")
        contenders: dict[str, Floor | TokenSession] = {FLOOR: Floor(), HIT: session}
        return {
            name: [rate(1, it) / rate(THREADS, it) for _ in range(THREAD_ROUNDS)]
            for name, it in contenders.items()
        }


def figures() -> list[Figure]:
    rounds = in_processes(__file__, PROCESSES)
    return [
        ratios(rounds, HIT, FLOOR, called=HIT, bar=2),
        ratios(rounds, INLINE, FLOOR, called=INLINE, compared=False),
        ratios(rounds, AWAITED, FLOOR, called=AWAITED),
        *(ratios(rounds, name, FLOOR, called=name, compared=False) for name in PEERS),
        ratios(rounds, HIT, LOCKED, bar=0.5),
        ratios(rounds, AWAITED, HIT),
        Figure.of(FLOOR, (each[FLOOR] * 1e9 for each in rounds), "ns", compared=False),
        *(
            Figure.of(f"{name}, {THREADS} threads / one", values)
            for name, values in rates().items()
        ),
    ]


if __name__ == "__main__":
    if "--worker" in sys.argv:
        print(json.dumps(measured()))
    else:
        run("hit", figures)
