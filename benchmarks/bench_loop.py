"""
How long an event loop stalls while 1,000 cold callers wait for as many users' tokens.

The server takes 300 ms per call. A heartbeat yields to the loop all the time; its longest wait
is the worst stall. Also measured: how long a process with a hanging call takes to end, and how
long a child forked during a call takes to return a token.
"""

import asyncio
import json
import subprocess
import sys
import time

from cognito_devtoken import AsyncTokenSession, DevTokenClient
from figures import Figure
from runner import run, scaled, server, use_fake_credentials
from server import POOL_ID


CALLERS, LATENCY, ROUNDS, STALLS = scaled(1000), 0.3, scaled(5), scaled(3)
# In seconds: with 8 threads, the last caller waits longer than a session would by default.
PATIENCE = 120
PROVIDER = "login.example.com"
LIFE = 86_400

SESSION = f"""
import os, sys, threading, time
from cognito_devtoken import DevTokenClient, TokenSession
from cognito_devtoken.events import FetchStarted
started = threading.Semaphore(0)
session = TokenSession(
    {POOL_ID!r}, developer_provider={PROVIDER!r}, token_duration={LIFE},
    client=DevTokenClient(endpoint_url=sys.argv[1]),
    on_event=[lambda event: started.release() if isinstance(event, FetchStarted) else None],
)
session.get_token("first")
threading.Thread(target=lambda: session.get_token("second"), daemon=True).start()
for _ in range(2):
    started.acquire()
began = time.monotonic()
"""
EXIT = SESSION + "print(time.time(), flush=True); session.close()"
FORK = (
    SESSION
    + """
if not os.fork():
    session.get_token("second")
    print(time.monotonic() - began, flush=True)
    os._exit(0)
os.wait()
session.close()
"""
)


async def stall(url: str, threads: int) -> tuple[float, float]:
    """Return the worst stall and the total time."""
    beats: list[float] = []

    async def heart() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            beats.append(time.perf_counter() - last)
            last += beats[-1]

    client = DevTokenClient(endpoint_url=url)
    session = AsyncTokenSession(
        POOL_ID,
        developer_provider=PROVIDER,
        token_duration=LIFE,
        client=client,
        max_concurrent_fetches=threads,
    )
    async with session:
        await session.get_token("first")
        beating = asyncio.create_task(heart())
        began = time.perf_counter()
        callers = [
            asyncio.create_task(session.get_token(f"u{n}", timeout=PATIENCE))
            for n in range(CALLERS)
        ]
        await asyncio.gather(*callers)
        took = time.perf_counter() - began
        beating.cancel()
    client.close()
    return max(beats), took


def exit_after_hanging(url: str) -> float:
    """Return the seconds from the program's end to its process's end while a call hangs."""
    done = subprocess.run(
        [sys.executable, "-c", EXIT, url], capture_output=True, text=True, check=True
    )
    return time.time() - float(done.stdout)


def answer_after_fork(url: str) -> float:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, url],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds: float = json.loads(done.stdout)
    return seconds


def figures() -> list[Figure]:
    use_fake_credentials()
    found = []
    with server(LATENCY) as url:
        for threads in (8, 32):
            stalls, took = zip(
                *(asyncio.run(stall(url, threads)) for _ in range(STALLS)), strict=True
            )
            found += [
                Figure.of(f"{threads} threads, the worst stall", stalls, "s"),
                Figure.of(f"{threads} threads, until all have tokens", took, "s"),
            ]
        forks = [answer_after_fork(url) for _ in range(ROUNDS)]
    with server(3) as url:
        exits = [exit_after_hanging(url) for _ in range(ROUNDS)]
    return [
        *found,
        Figure.of("a child forked during a call has a token", forks, "s"),
        Figure.of("a process with a hanging call ends", exits, "s"),
    ]


if __name__ == "__main__":
    run("loop", figures)
