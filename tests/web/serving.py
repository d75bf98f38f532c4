"""Run the examples on real servers, and send them storms of requests."""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import attrs
from aiohttp import ClientSession, ClientTimeout, TCPConnector
from starlette.requests import Request
from starlette.responses import Response as StarletteResponse

from cognito_devtoken.emulator import Emulator
from patience import PATIENCE
from pools import POOL


ROOT = Path(__file__).parents[2]
EXAMPLES, HERE = ROOT / "examples", Path(__file__).parent
OPERATION = "GetOpenIdTokenForDeveloperIdentity"
REQUESTS, USERS = 500, 50
UVICORN = ["-m", "uvicorn", "--fd={fd}", "--log-level=warning"]


@attrs.frozen
class Response:
    user: str
    status: int
    headers: Mapping[str, str]
    body: Any


class Cognito(Emulator):
    """
    An emulator that can hold calls back and counts fetches.

    Attributes:
        arrived: Released once for each call that arrives.

        fetches: How many fetches arrived. botocore may repeat a call whose response takes more
            than 5 s on a busy machine; that counts as the same fetch.
    """

    def __init__(self) -> None:
        super().__init__(POOL)
        self.arrived = threading.Semaphore(0)
        self.fetches = 0
        self._open = threading.Event()
        self._open.set()
        operate = self._front._operate

        async def hold(request: Request) -> StarletteResponse:
            self.fetches += request.headers["amz-sdk-request"].startswith("attempt=1")
            self.arrived.release()
            if not self._open.is_set():
                await asyncio.to_thread(self._open.wait)
            return await operate(request)

        self._front._operate = hold  # type: ignore[method-assign]

    @contextmanager
    def held(self) -> Generator[None]:
        """Leave calls unanswered inside this context."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()


@attrs.define
class Server:
    """A server process, and what it wrote to stderr, once it has ended."""

    url: str
    process: "subprocess.Popen[str]"
    log: str = ""

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def end(self) -> None:
        """Wait for the process, which must end cleanly and without a warning."""
        if self.process.returncode is not None:
            return
        _, self.log = self.process.communicate(timeout=PATIENCE)
        # Some servers, after a clean stop, end by the signal they received.
        assert self.process.returncode in (0, -signal.SIGTERM), self.log
        assert "Warning" not in self.log, self.log
        assert "Traceback" not in self.log, self.log


@contextmanager
def served(
    emulator: Emulator, *command: str, environ: Mapping[str, str] | None = None
) -> Generator[Server]:
    """
    Run a server on a socket that already listens, so that no test waits for it to start.

    It must end cleanly and without a warning.

    Args:
        emulator: The Cognito that the server uses.

        command: The module to run and its arguments; ``{fd}`` is replaced by the socket's
            descriptor.

        environ: Additional environment variables.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=REQUESTS) as listening:
        host, port = listening.getsockname()
        arguments = [each.format(fd=listening.fileno()) for each in command]
        process = subprocess.Popen(
            [sys.executable, "-W", "error", *arguments],
            cwd=EXAMPLES,
            env={**os.environ, **settings(emulator), **(environ or {})},
            pass_fds=[listening.fileno()],
            stderr=subprocess.PIPE,
            text=True,
        )
    # Our copy is closed, so that connections fail if the server fails.
    server = Server(f"http://{host}:{port}", process)
    try:
        yield server
        server.terminate()
        server.end()
    finally:
        if process.returncode is None:
            process.kill()
            process.communicate()


def settings(emulator: Emulator) -> dict[str, str]:
    """Return the environment variables that point an application at the emulator."""
    paths = [os.environ["PYTHONPATH"], str(EXAMPLES), str(HERE)]
    return {
        "COGNITO_DEVTOKEN_IDENTITY_POOL_ID": POOL.identity_pool_id,
        "COGNITO_DEVTOKEN_DEVELOPER_PROVIDER": POOL.developer_provider,
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY": emulator.endpoint_url,
        "PYTHONPATH": os.pathsep.join(paths),
    }


def ask(
    url: str,
    users: Sequence[str],
    then: Callable[[], None] | None = None,
    *,
    path: str = "/cognito-token",
) -> list[Response]:
    """
    Request the tokens of users, all at once.

    Args:
        url: The server's URL.

        users: The user ids.

        then: Called once all requests are in flight.

        path: The route of the application.
    """

    async def one(client: ClientSession, user: str) -> Response:
        headers = {"X-User": user}
        async with client.post(f"{url}{path}", headers=headers) as response:
            body = await response.json(content_type=None)
            return Response(user, response.status, response.headers, body)

    async def all_users() -> list[Response]:
        connector, timeout = TCPConnector(limit=0), ClientTimeout(PATIENCE)
        async with ClientSession(connector=connector, timeout=timeout) as client:
            asked = [asyncio.ensure_future(one(client, user)) for user in users]
            if then:
                await asyncio.to_thread(then)
            return await asyncio.gather(*asked)

    return asyncio.run(all_users())


def storm(url: str) -> list[Response]:
    """Send many concurrent requests for few users; each must be answered with its user's token."""
    users = [f"user-{number % USERS}" for number in range(REQUESTS)]
    responses = ask(url, users)
    assert {response.status for response in responses} == {200}
    identities = {(response.user, response.body["IdentityId"]) for response in responses}
    assert len(identities) == len({identity for _, identity in identities}) == USERS
    assert {response.headers["Cache-Control"] for response in responses} == {"no-store"}
    return responses


def stop_in_mid_flight(server: Server, cognito: Cognito) -> list[Response]:
    """
    Stop a server while it waits for Cognito on behalf of clients.

    Cognito answers only after the server has begun to stop.
    """
    users = [f"late-{number}" for number in range(4)]
    with idle_connection(server.url) as idle:

        def stop() -> None:
            for _ in users:
                assert cognito.arrived.acquire(timeout=PATIENCE)
            server.terminate()
            wait_until_it_stops(idle)
            hold.close()

        with ExitStack() as hold:
            hold.enter_context(cognito.held())
            return ask(server.url, users, then=stop)


@contextmanager
def idle_connection(url: str) -> Generator[socket.socket]:
    """Open a connection that has been used and is kept alive."""
    with closing(HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE)) as connection:
        connection.request("GET", "/health")
        connection.getresponse().read()
        if connection.sock is None:  # the server does not keep connections alive
            connection.connect()
        yield connection.sock


def wait_until_it_stops(idle: socket.socket) -> None:
    """
    Wait until a server closes an idle connection or its listening socket.

    Opens no connection, which the server might accept too late to close it.
    """
    address = idle.getpeername()
    pause = threading.Event()
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if select.select([idle], [], [], 0)[0]:
            return
        if is_free(address):
            return
        pause.wait(0.01)
    raise AssertionError(f"The server did not begin to stop within {PATIENCE} s.")


def is_free(address: tuple[str, int]) -> bool:
    """Tell whether no socket listens at an address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
    return True
