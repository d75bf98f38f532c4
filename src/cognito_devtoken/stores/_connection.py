"""Redis connections whose operations end by a deadline, whatever the server does."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection

from .._runtime.deadline import Connecting, time_left


class _Socket:
    """A socket whose calls end by the deadline of the operation that they belong to."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._timeout = sock.gettimeout()

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = timeout

    def recv(self, size: int) -> bytes:
        self._sock.settimeout(time_left(self._timeout))
        return self._sock.recv(size)

    def recv_into(self, buffer: bytearray) -> int:
        self._sock.settimeout(time_left(self._timeout))
        return self._sock.recv_into(buffer)

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(time_left(self._timeout))
        self._sock.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _Bounded:
    """Makes the operations on a connection end by their deadline."""

    def _connect(self) -> Any:  # only the part of a socket that the redis library uses
        inherited: Any = super()
        return _Socket(Connecting(inherited._connect).wait(time_left(None)))


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
