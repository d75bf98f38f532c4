"""
What the dependency costs a FastAPI route, in time per request.

All routes return the same kind of response: a constant, a token from the session's memory, or a
constant after a dependency that does nothing, which shows FastAPI's own share. Each is the only
route of an application in its own process, because FastAPI tries one route after the other. They
take turns, so a ratio compares two neighbouring runs.
"""

import asyncio
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from figures import Figure
from runner import run, scaled


ROUNDS, REQUESTS, CONNECTIONS = scaled(30), 2_000, 8
ROUTES = {
    "constant": "a constant",
    "with_nothing": "a constant, and a dependency that does nothing",
    "with_request": "a token from the session, without a dependency",
    "with_session": "a token from the session by TokenSessionDep",
}
POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"

SERVER = f"""
import socket
import sys

from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Request

from cognito_devtoken import AsyncTokenSession
from cognito_devtoken.fastapi import TokenSessionDep, lifespan
from cognito_devtoken.starlette import get_token_session
from cognito_devtoken.testing import FakeFetcher, make_token

def opened():
    return AsyncTokenSession(
        {POOL_ID!r}, developer_provider="login.example.com", client=FakeFetcher(lifetime=86_400)
    )

CONSTANT = make_token().to_aws()

async def constant() -> dict[str, str]:
    return CONSTANT

async def nothing() -> None:
    pass

async def with_nothing(nothing: Annotated[None, Depends(nothing)]) -> dict[str, str]:
    return CONSTANT

async def with_request(request: Request) -> dict[str, str]:
    return (await get_token_session(request).get_token("user-42")).to_aws()

async def with_session(session: TokenSessionDep) -> dict[str, str]:
    return (await session.get_token("user-42")).to_aws()

app = FastAPI(lifespan=lifespan(opened))
app.get("/")(globals()[sys.argv[1]])
# Not fd=, with which uvicorn does not disable the delay of small packets.
listening = socket.socket(fileno=int(sys.argv[2]))
uvicorn.Server(uvicorn.Config(app, log_level="error")).run([listening])
"""


async def ask(port: int, requests: int) -> None:
    """Send requests on one connection, one after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for _ in range(requests):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        size = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(size))
    writer.close()
    await writer.wait_closed()


def cpu_of(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def costs(server: int, port: int) -> tuple[float, float]:
    """Return the seconds per request, and those of the server's CPU."""
    began, used = time.perf_counter(), cpu_of(server)
    each = REQUESTS // CONNECTIONS
    await asyncio.gather(*(ask(port, each) for _ in range(CONNECTIONS)))
    return (time.perf_counter() - began) / REQUESTS, (cpu_of(server) - used) / REQUESTS


@contextmanager
def serving(route: str) -> Generator[tuple[int, int]]:
    """Serve a route; yield the process id and the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port, fd = listening.getsockname()[1], listening.fileno()
        server = subprocess.Popen([sys.executable, "-c", SERVER, route, str(fd)], pass_fds=[fd])
    try:
        yield server.pid, port
    finally:
        server.terminate()
        server.wait()


def figures() -> list[Figure]:
    found: dict[str, list[tuple[float, float]]] = {route: [] for route in ROUTES}
    with ExitStack() as stack:
        servers = {route: stack.enter_context(serving(route)) for route in ROUTES}
        for number in range(ROUNDS + 1):
            for route in random.sample([*ROUTES], len(ROUTES)):
                measured = asyncio.run(costs(*servers[route]))
                if number:  # the first round warms up
                    found[route].append(measured)
    constant = found["constant"]
    return [
        *(
            Figure.of(
                f"{what}, {kind}",
                (a[n] / b[n] for a, b in zip(found[route], constant, strict=True)),
            )
            for route, what in ROUTES.items()
            if route != "constant"
            for n, kind in enumerate(("time", "CPU"))
        ),
        Figure.of("a constant, time", (each[0] * 1e6 for each in constant), "µs"),
    ]


if __name__ == "__main__":
    run("web", figures)
