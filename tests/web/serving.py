"""Real servers for the examples, and a storm of requests for them."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from cognito_devtoken.emulator import Emulator
from pools import POOL


ROOT = Path(__file__).parents[2]
EXAMPLES, HERE = ROOT / "examples", Path(__file__).parent
OPERATION = "GetOpenIdTokenForDeveloperIdentity"
REQUESTS, USERS = 500, 50
# Time for a machine that is busy. What is tested ends soon, or never.
PATIENCE = 60


@attrs.frozen
class Response:
    user: str
    status: int
    headers: Mapping[str, str]
    body: Any


@attrs.define
class Server:
    """A server process, and what it has written to stderr once it has ended."""

    url: str
    process: "subprocess.Popen[str]"
    log: str = ""

    def stop(self) -> None:
        """Have it end, and wait until it has."""
        self.process.send_signal(signal.SIGTERM)
        _, self.log = self.process.communicate(timeout=PATIENCE)


@contextmanager
def served(
    emulator: Emulator, *command: str, environ: Mapping[str, str] | None = None
) -> Generator[Server]:
    """
    Run a server on a socket that listens already, so that nobody has to wait until it is up.

    It must end cleanly, and without a warning.

    Args:
        emulator: The Cognito that it uses.

        command: The module that is the server, and its arguments; ``{fd}`` is the socket's
            descriptor.

        environ: Further environment variables.
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
    # Ours is closed: were the server to fail, connections to it fail, too.
    server = Server(f"http://{host}:{port}", process)
    try:
        yield server
        server.stop()
    finally:
        if process.returncode is None:
            process.kill()
            _, server.log = process.communicate()
    # Some servers end by the signal that has stopped them, once all is done.
    assert process.returncode in (0, -signal.SIGTERM), server.log
    assert "Warning" not in server.log, server.log
    assert "Traceback" not in server.log, server.log


def settings(emulator: Emulator) -> dict[str, str]:
    """What points an application at the emulator."""
    paths = [os.environ["PYTHONPATH"], str(EXAMPLES), str(HERE)]
    return {
        "COGNITO_DEVTOKEN_IDENTITY_POOL_ID": POOL.identity_pool_id,
        "COGNITO_DEVTOKEN_DEVELOPER_PROVIDER": POOL.developer_provider,
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY": emulator.endpoint_url,
        "PYTHONPATH": os.pathsep.join(paths),
    }


def ask(url: str, users: Sequence[str], then: Callable[[], None] | None = None) -> list[Response]:
    """
    Ask for the tokens of users, all at once.

    Args:
        url: Of the server.

        users: Who to ask for.

        then: Called once all requests are under way.
    """

    async def one(client: ClientSession, user: str) -> Response:
        headers = {"X-User": user}
        async with client.post(f"{url}/cognito-token", headers=headers) as response:
            body = await response.json(content_type=None)
            return Response(user, response.status, response.headers, body)

    async def every() -> list[Response]:
        connector, timeout = TCPConnector(limit=0), ClientTimeout(PATIENCE)
        async with ClientSession(connector=connector, timeout=timeout) as client:
            asked = [asyncio.ensure_future(one(client, user)) for user in users]
            if then:
                await asyncio.to_thread(then)
            return await asyncio.gather(*asked)

    return asyncio.run(every())


def storm(url: str) -> list[Response]:
    """Have many ask for few users at once. Each gets an answer, and everyone their own."""
    users = [f"user-{number % USERS}" for number in range(REQUESTS)]
    responses = ask(url, users)
    assert {response.status for response in responses} == {200}
    identities = {(response.user, response.body["IdentityId"]) for response in responses}
    assert len(identities) == len({identity for _, identity in identities}) == USERS
    assert {response.headers["Cache-Control"] for response in responses} == {"no-store"}
    return responses


def stop_in_mid_flight(*command: str, environ: Mapping[str, str] | None = None) -> None:
    """Stop a server while it waits for Cognito on behalf of clients. They get their answers."""
    arrived = threading.Semaphore(0)
    users = [f"user-{number}" for number in range(4)]
    with Emulator(POOL, latency=0.5, on_call=lambda call: arrived.release()) as emulator:
        with served(emulator, *command, environ=environ) as server:

            def stop() -> None:
                for _ in users:
                    assert arrived.acquire(timeout=PATIENCE)
                server.process.send_signal(signal.SIGTERM)

            responses = ask(server.url, users, then=stop)
    assert {response.status for response in responses} == {200}
