"""An ASGI application on a socket, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol


class _Protocol(H11Protocol):
    """Without a line for each request in the log of the application around it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.access_log = False


class _Uvicorn(uvicorn.Server):
    """Tells when it has started: asked to stop before that, it would leave things open."""

    def __init__(self, config: uvicorn.Config, started: threading.Event) -> None:
        super().__init__(config)
        self._started_event = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started_event.set()


class Server:
    """
    Serves from when it is made until :meth:`stop`.

    The socket is bound before the thread starts: an address in use is the caller's error,
    and nobody has to wait for a port.

    Args:
        app: What to serve.

        host: The address to bind.

        port: The port to bind; 0 takes a free one.
    """

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        # Its connections inherit it. Without it, each answer after the first on a
        # connection waits 40 ms for the client's acknowledgement.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        shown = f"[{host}]" if ":" in host else host
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{shown}:{self.port}"
        app.router.lifespan_context = self._lifespan
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="on",
            # What is the process's belongs to the application: its logging, and the
            # policy that uvicorn would set for another loop.
            log_config=None,
            loop="asyncio",
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
        self._ready = threading.Event()
        self._server = _Uvicorn(config, self._ready)
        self._thread = threading.Thread(
            target=self._run, name="cognito-devtoken-emulator", daemon=True
        )
        self._thread.start()
        self._ready.wait()
        if not self._server.started:
            self._socket.close()
            raise RuntimeError("The emulator's server did not start.")

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._ready.set()  # if it could not start

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncGenerator[None]:
        self._loop = asyncio.get_running_loop()
        self._hurry = asyncio.Event()
        yield

    def stop(self) -> None:
        # In its own thread, which is past its last look at whether to start at all.
        self._loop.call_soon_threadsafe(self._ask_to_stop)
        self._thread.join()
        self._socket.close()

    def _ask_to_stop(self) -> None:
        self._hurry.set()
        self._server.should_exit = True

    def interrupt(self, change: Callable[[], None]) -> None:
        """Call this between two answers, and have nobody wait any longer."""
        if not self._thread.is_alive():  # in a forked child, where nobody is answered
            change()
            return

        async def run() -> None:
            change()
            self._hurry.set()
            self._hurry = asyncio.Event()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    async def wait(self, seconds: float) -> None:
        """Wait, but not longer than the server runs without an interruption."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)

    def transport_of(self, request: Request) -> asyncio.Transport | None:
        """The connection of a request, if it still is there: for what HTTP has no words for."""
        connections = self._server.server_state.connections
        return next(
            (
                connection.transport
                for connection in connections
                if isinstance(connection, H11Protocol) and connection.client == request.client
            ),
            None,
        )
