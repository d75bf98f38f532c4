"""An ASGI application on a socket, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol


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
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._socket.getsockname()[1]}"
        app.router.lifespan_context = self._lifespan
        config = uvicorn.Config(
            app,
            http=H11Protocol,
            ws="none",
            lifespan="on",
            # The logging of the process belongs to the application.
            log_config=None,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._ready = threading.Event()
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": [self._socket]},
            name="cognito-devtoken-emulator",
            daemon=True,
        )
        self._thread.start()
        self._ready.wait()

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncGenerator[None]:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._ready.set()
        yield

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    async def wait(self, seconds: float) -> None:
        """Wait, but not longer than the server runs."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def transport_of(self, request: Request) -> asyncio.Transport:
        """The connection that a request came in on, for what HTTP has no words for."""
        return next(
            connection.transport
            for connection in self._server.server_state.connections
            if isinstance(connection, H11Protocol) and connection.client == request.client
        )
