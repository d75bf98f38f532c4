"""
Connections of the redis library on which an operation ends in time, whatever the other end does.

A time-out of a socket limits the wait for the next byte, and none limits the look-up of a name.
A server that dribbles, or a resolver that hangs, would hold a caller up for as long as it likes.
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
    """What this thread has begun: until when it is to be over, by a monotonic clock."""

    clock: Callable[[], float] = staticmethod(time.monotonic)
    until: float | None = None


_operation = _Operation()


@contextmanager
def within(seconds: float) -> Generator[None]:
    """What this thread does inside on such a connection ends in time, with a TimeoutError."""
    _operation.until = _operation.clock() + seconds
    try:
        yield
    finally:
        _operation.until = None


def _left(timeout: float | None) -> float | None:
    """For how long a call of a socket may wait that would wait so long by itself."""
    if _operation.until is None or timeout == 0:
        return timeout
    left = _operation.until - _operation.clock()
    if left <= 0:
        raise TimeoutError("timed out")
    return left if timeout is None else min(timeout, left)


class _Socket:
    """A socket each call of which ends with the operation that it belongs to."""

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
    """The making of a connection, in a thread that may be left behind."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._forsaken = False
        self._sock: socket.socket | None = None
        self._error: OSError | None = None
        # A daemon, so that a name that nobody resolves does not keep the interpreter from ending.
        name = "cognito-devtoken-connect"
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def wait(self, seconds: float | None) -> socket.socket:
        self.thread.start()
        self._done.wait(seconds)
        with self._lock:
            self._forsaken = True
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
            if self._forsaken:
                late = sock
            else:
                late, self._sock = None, sock
        self._done.set()
        if late is not None:
            with suppress(OSError):
                late.close()


class _Bounded:
    """What makes the operations on a connection end in time."""

    def _connect(self) -> Any:  # all that the library uses of a socket
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
"""The kinds of connections whose operations end in time, by the scheme of a URL."""
