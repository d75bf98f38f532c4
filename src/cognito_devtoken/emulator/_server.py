"""An ASGI server in its own thread."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import warnings
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

from .._runtime.clock import monotonic


# How many seconds to wait for the server's thread, which responds at once unless the emulator's
# on_call hook blocks it.
_PATIENCE = 30.0


class _Loop(asyncio.SelectorEventLoop):
    """Uses a clock that tests cannot freeze. With a frozen clock, the server would never stop."""

    def time(self) -> float:
        return monotonic()


class _Protocol(H11Protocol):
    """Writes no access log, because it would end up in the log of the application under test."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.access_log = False


class _Uvicorn(uvicorn.Server):
    """Signals when it has started. If it were stopped earlier, it would leave resources open."""

    def __init__(self, config: uvicorn.Config, started: threading.Event) -> None:
        super().__init__(config)
        self._started_event = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started_event.set()


class Server:
    """
    Serves an application from its creation until :meth:`stop`.

    The socket is bound before the thread starts. So the caller gets the error if the address is
    in use, and never has to wait for the port.

    Args:
        app: The application to serve.

        host: The address to bind.

        port: The port to bind; 0 picks a free one.

        tls: The context for HTTPS; None serves HTTP.

        patience: How many seconds to wait for the server's thread.
    """

    def __init__(
        self,
        app: Starlette,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        patience: float = _PATIENCE,
    ) -> None:
        self._patience = patience
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        # Connections inherit this option. Without it, each response after the first on a
        # connection waits 40 ms for the client's acknowledgement.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        shown = f"[{host}]" if ":" in host else host
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{shown}:{self.port}"
        app.router.lifespan_context = self._lifespan
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="on",
            log_config=None,  # leave the application's logging alone
            proxy_headers=False,
            date_header=False,  # the emulator's own clock dates the responses
            timeout_graceful_shutdown=2,
            # With uvicorn's default of 5 s, a client that paused for 5 s sent its next request just
            # as the connection was closed.
            timeout_keep_alive=60,
        )
        config.load()
        config.ssl = tls  # set here, because uvicorn would read the certificate files later
        self._ready = threading.Event()
        self._server = _Uvicorn(config, self._ready)
        self._thread = threading.Thread(
            target=self._run, name="cognito-devtoken-emulator", daemon=True
        )
        self._thread.start()
        self._ready.wait(patience)
        if not self._server.started:
            self._server.should_exit = True
            raise RuntimeError("The emulator's server did not start.")

    def _run(self) -> None:
        try:
            # uvicorn's run() would use an event loop of its own choice.
            with asyncio.Runner(loop_factory=_Loop) as runner:
                runner.run(self._server.serve(sockets=[self._socket]))
        finally:
            self._socket.close()
            self._ready.set()  # in case the server could not start

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncGenerator[None]:
        self._loop = asyncio.get_running_loop()
        self._interrupted = asyncio.Event()
        yield

    def stop(self) -> None:
        # Stop in the server's thread, which by then has finished starting.
        self._loop.call_soon_threadsafe(self._ask_to_stop)
        self._thread.join(self._patience)
        if self._thread.is_alive():
            warnings.warn(
                f"The emulator did not stop within {self._patience:g} s, perhaps because its "
                "on_call hook blocks. Its thread is left behind.",
                RuntimeWarning,
                stacklevel=3,
            )
        else:
            self._socket.close()  # the thread did that, but a forked child has its own copy

    def _ask_to_stop(self) -> None:
        self._interrupted.set()
        self._server.should_exit = True

    def interrupt(self, change: Callable[[], None]) -> None:
        """Call the function *change* between two responses, and end all waits."""
        if not self._thread.is_alive():  # in a forked child, which serves no requests
            change()
            return

        async def run() -> None:
            change()
            self._interrupted.set()
            self._interrupted = asyncio.Event()

        try:
            asyncio.run_coroutine_threadsafe(run(), self._loop).result(self._patience)
        except TimeoutError:
            raise RuntimeError(
                f"The emulator did not respond within {self._patience:g} s, perhaps because its "
                "on_call hook blocks."
            ) from None

    async def wait(self, seconds: float) -> None:
        """Wait for some seconds, or until an interruption or a stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._interrupted.wait(), seconds)

    def transport_of(self, request: Request) -> asyncio.Transport | None:
        """Return the connection of a request; None if it is closed."""
        connections = self._server.server_state.connections
        return next(
            (
                connection.transport
                for connection in connections
                if isinstance(connection, H11Protocol) and connection.client == request.client
            ),
            None,
        )
