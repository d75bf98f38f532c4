"""
botocore connections that limit an attempt as a whole: its time, and the size of its response.

botocore's time-outs only limit the wait for the next byte. So a server that sends a byte now and
then could occupy a thread for ever.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.session import Session
from urllib3.exceptions import ConnectTimeoutError

from .._runtime.deadline import Connecting, time_left, within


MAX_RESPONSE = 1 << 20
"""How many bytes a response may have: many times what Cognito sends."""


# A time-out, in seconds, that ends almost at once.
_AT_ONCE = 0.001


class TooLargeError(OSError):
    """A response has more than :data:`MAX_RESPONSE` bytes."""


class _Bounded:
    """Makes the calls of a socket end by the deadline of the attempt that they belong to."""

    _base: Any
    _timeout: float | None = None
    _received = 0

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = timeout
        self._base.settimeout(self, timeout)

    def gettimeout(self) -> float | None:
        """Return the limit of a TLS handshake. Python's TLS cannot handle an error raised here."""
        try:
            return time_left(self._timeout)
        except TimeoutError:
            return _AT_ONCE

    def send(self, *args: Any) -> int:
        self._start()
        sent: int = self._base.send(self, *args)
        return sent

    def sendall(self, *args: Any) -> None:
        self._start()
        self._base.sendall(self, *args)

    def recv(self, *args: Any) -> bytes:
        self._base.settimeout(self, time_left(self._timeout))
        data: bytes = self._base.recv(self, *args)
        self._count(len(data))
        return data

    def recv_into(self, *args: Any) -> int:
        self._base.settimeout(self, time_left(self._timeout))
        size: int = self._base.recv_into(self, *args)
        self._count(size)
        return size

    def _start(self) -> None:
        self._base.settimeout(self, time_left(self._timeout))
        self._received = 0

    def _count(self, size: int) -> None:
        self._received += size
        if self._received > MAX_RESPONSE:
            raise TooLargeError(f"The response has more than {MAX_RESPONSE} bytes.")


class _Socket(_Bounded, socket.socket):  # pyright: ignore[reportIncompatibleMethodOverride]
    _base = socket.socket


class _TLSSocket(_Bounded, ssl.SSLSocket):  # pyright: ignore[reportIncompatibleMethodOverride]
    _base = ssl.SSLSocket


def _bounded(sock: Any) -> Any:
    """Return a bounded socket in place of a socket of the standard library."""
    timeout = sock.gettimeout()
    if type(sock) is socket.socket:
        sock = _Socket(sock.family, sock.type, sock.proto, sock.detach())
    elif type(sock) is ssl.SSLSocket:
        # Change the class of the socket: an SSLSocket cannot be made from another one. A context
        # can be set up to make _TLSSockets, but here, urllib3 may have made the context.
        sock.__class__ = _TLSSocket
    else:
        return sock
    sock.settimeout(timeout)
    return sock


class _Connection:
    """Bounds a connection of urllib3 from the look-up of its host to its last byte."""

    _base: Any
    sock: Any
    _held: list[bytes] | None = None

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request in one piece. urllib3 would send its head and its body separately."""
        held: list[bytes] = []
        self._held = held
        try:
            self._base.request(self, *args, **kwargs)
        finally:
            self._held = None
        self._base.send(self, b"".join(held))

    def send(self, data: Any) -> None:
        if self._held is None:
            self._base.send(self, data)
        else:
            self._held.append(data)

    def _new_conn(self) -> Any:
        try:
            sock = Connecting(partial(self._base._new_conn, self)).wait(time_left(None))
        except TimeoutError:
            raise ConnectTimeoutError(self, "The connection took too long.") from None
        return _bounded(sock)

    def _connect_tls_proxy(self, *args: Any, **kwargs: Any) -> Any:
        return _bounded(self._base._connect_tls_proxy(self, *args, **kwargs))

    def connect(self) -> None:
        self._base.connect(self)
        self.sock = _bounded(self.sock)


class _HTTPConnection(_Connection, AWSHTTPConnection):  # type: ignore[misc]  # bases clash
    _base = AWSHTTPConnection


class _HTTPSConnection(_Connection, AWSHTTPSConnection):  # type: ignore[misc]  # as above
    _base = AWSHTTPSConnection


def _plain(headers: Any) -> dict[str, Any]:
    """Return botocore's headers as a plain dictionary."""
    # The inner dictionary saves a search for each name. Another version may have none.
    inner = getattr(headers, "_dict", headers)
    return {str(name): value for name, value in inner.items()}


class _Pool:
    """Passes the headers to urllib3 as a plain dictionary, which it copies and searches faster."""

    _base: Any

    def urlopen(self, *args: Any, headers: Any, **kwargs: Any) -> Any:
        return self._base.urlopen(self, *args, headers=_plain(headers), **kwargs)


class _HTTPPool(_Pool, AWSHTTPConnectionPool):  # type: ignore[misc]  # bases clash
    _base = AWSHTTPConnectionPool
    ConnectionCls = _HTTPConnection


class _HTTPSPool(_Pool, AWSHTTPSConnectionPool):  # type: ignore[misc]  # as above
    _base = AWSHTTPSConnectionPool
    ConnectionCls = _HTTPSConnection


class _HTTPSession:
    """An HTTP session of botocore whose attempts end in time."""

    def __init__(self, session: Any, seconds: float | None) -> None:
        self._session = session
        self._seconds = seconds
        session._pool_classes_by_scheme.update(http=_HTTPPool, https=_HTTPSPool)
        # A client calls only one URL. Without this, urllib3 would parse the URL, and compare all
        # settings of the connection, for every call.
        with suppress(AttributeError):
            manager = session._manager
            manager.connection_from_url = lru_cache(maxsize=1)(manager.connection_from_url)

    def send(self, request: Any) -> Any:
        with within(self._seconds):
            return self._session.send(request)

    def close(self) -> None:
        self._session.close()


class BoundedSession(Session):
    """
    A botocore session whose clients bound each attempt.

    An attempt takes at most the sum of the connect and the read time-out. This holds for the
    clients that botocore makes to get AWS credentials, too.
    """

    def create_client(self, *args: Any, **kwargs: Any) -> Any:
        client: Any = super().create_client(*args, **kwargs)
        limits = (client.meta.config.connect_timeout, client.meta.config.read_timeout)
        seconds = None if None in limits else sum(limits)
        # If another version of botocore has other internals, its attempts are not bounded.
        with suppress(AttributeError):
            endpoint = client._endpoint
            endpoint.http_session = _HTTPSession(endpoint.http_session, seconds)
        return client
