"""
Redis connections whose operations end in time, whatever the server does.

A socket's time-out only limits the wait for the next byte, and no time-out limits a DNS look-up.
A server that sends a byte now and then, or a resolver that hangs, could block a caller for ever.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection


class _Operation(threading.local):
    """The operation of this thread: its deadline, by a monotonic clock."""

    clock: Callable[[], float] = staticmethod(time.monotonic)
    until: float | None = None


_operation = _Operation()


@contextmanager
def within(seconds: float) -> Generator[None]:
    """End what this thread does inside on such a connection in time, with a TimeoutError."""
    _operation.until = _operation.clock() + seconds
    try:
        yield
    finally:
        _operation.until = None


def _left(timeout: float | None) -> float | None:
    """Return how long a socket call may wait, given its own time-out."""
    if _operation.until is None or timeout == 0:
        return timeout
    left = _operation.until - _operation.clock()
    if left <= 0:
        raise TimeoutError("timed out")
    return left if timeout is None else min(timeout, left)


class _Socket:
    """A socket whose calls end by the deadline of the operation they belong to."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._timeout = sock.gettimeout()

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = timeout

    def recv(self, size: int) -> bytes:
        self._sock.settimeout(_left(self._timeout))
        return self._sock.recv(size)

    def recv_into(self, buffer: bytearray) -> int:
        self._sock.settimeout(_left(self._timeout))
        return self._sock.recv_into(buffer)

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(_left(self._timeout))
        self._sock.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _Connecting:
    """Connects in a thread that may be left behind."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._abandoned = False
        self._sock: socket.socket | None = None
        self._error: OSError | None = None
        # A daemon, so that a look-up that hangs does not keep the interpreter from exiting.
        name = "cognito-devtoken-connect"
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def wait(self, seconds: float | None) -> socket.socket:
        self.thread.start()
        self._done.wait(seconds)
        with self._lock:
            self._abandoned = True
        if self._error:
            raise self._error
        if self._sock is None:
            raise TimeoutError("timed out")
        return self._sock

    def _run(self) -> None:
        sock = None
        try:
            sock = self._connect()
        except OSError as error:
            self._error = error.with_traceback(None)
        with self._lock:
            if self._abandoned:
                late = sock
            else:
                late, self._sock = None, sock
        self._done.set()
        if late is not None:
            with suppress(OSError):
                late.close()


class _Bounded:
    """Makes the operations on a connection end in time."""

    def _connect(self) -> Any:  # the part of a socket that the library uses
        inherited: Any = super()
        return _Socket(_Connecting(inherited._connect).wait(_left(None)))


class _BoundedConnection(_Bounded, Connection):
    pass


class _BoundedSSLConnection(_Bounded, SSLConnection):
    pass


class _BoundedUnixConnection(_Bounded, UnixDomainSocketConnection):
    pass


CONNECTIONS: Mapping[str, type[Any]] = {
    "redis": _BoundedConnection,
    "rediss": _BoundedSSLConnection,
    "unix": _BoundedUnixConnection,
}
"""Connection classes whose operations end in time, by URL scheme."""
