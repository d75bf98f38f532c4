"""The emulator: its settings, starting and stopping it, and the faults to simulate."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal, Self

import attrs

from ._faults import Fault, Speed, meant
from ._http import Call, Front
from ._operations import operation_named
from ._operations.world import World
from ._server import Server
from ._service import Service
from ._settings import Behavior, Pool, Role
from ._tokens import Keys
from ._wire import Refusal


if TYPE_CHECKING:
    from ._certificate import Certificates


class Emulator:
    """
    A local HTTP server that emulates Amazon Cognito identity pools.

    It supports the operations on tokens, identities and pools, and the operations of STS that
    accept its tokens. It signs tokens with its own keys and serves the public keys under
    ``/.well-known/jwks_uri``. All data is kept in memory. An identity id depends only on the pool
    and the user, so it is the same in every run.

    Use it as a context manager, or call :meth:`start` and :meth:`stop`. Its methods and
    attributes can be used from any thread except its own.

    Args:
        pools: The identity pools; default: one, ``Pool()``.

        host: The address to listen on.

        port: The port to listen on; 0 picks a free port, which stays the same after a restart.

        roles: The IAM roles that have limits. All other roles have none.

        tls: Whether to serve HTTPS, with a certificate generated at startup: see
            :attr:`ca_bundle`.

        behavior: What to do where the service's behaviour is not known.

        credentials: Secret access keys by access key ids. If you pass them, operations for which
            AWS requires a signature must be signed with one of these keys, or with credentials that
            the emulator has issued. If you pass None, signatures are neither required nor checked.

        calls_per_second: How many calls for a token to accept per second, and in a burst. Further
            calls get a ``TooManyRequestsException`` (``Throttling`` from STS). To limit other
            operations, pass a mapping of their names to limits. None means no limit.

        latency: How long to wait before each response, in seconds.

        clock: Returns the time, in seconds since the epoch. It dates tokens and responses, and is
            used to count calls per second and to check signatures.

        on_call: A function that gets a ``Call`` for every call. It runs in the server's thread.

    Raises:
        ValueError: If a number is out of range, if the host is not a host name, if an operation
            is not known, or if two pools have the same id.
    """

    pools: tuple[Pool, ...] = ()
    """The identity pools that were given, without any that callers have created."""

    def __init__(
        self,
        *pools: Pool,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: bool = False,
        roles: Collection[Role] = (),
        behavior: Behavior | None = None,
        credentials: Mapping[str, str] | None = None,
        calls_per_second: float | Mapping[str, float] | None = None,
        latency: float = 0.0,
        clock: Callable[[], float] = time.time,
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        # repr() needs these attributes, even if an argument is refused below.
        self._server: Server | None = None
        self._certificates: Certificates | None = None
        self._front = Front(on_call, lambda: self._running)
        if not 0 <= port <= 65_535:
            raise ValueError(f"port must be 0 to 65535, not {port}.")
        if not host:
            raise ValueError("host must not be empty.")
        if not host.isascii():
            # socket.create_server() would only fail later, and leave a socket open.
            try:
                host.encode("idna")
            except UnicodeError:
                raise ValueError("host is not a host name.") from None
        self._host, self._port, self._tls = host, port, tls
        self._credentials = credentials
        self._keys: Keys = {}
        self._starting = threading.Lock()
        self._renew(
            *pools,
            roles=roles,
            behavior=behavior,
            calls_per_second=calls_per_second,
            latency=latency,
            clock=clock,
        )

    def _renew(
        self,
        *pools: Pool,
        roles: Collection[Role] = (),
        behavior: Behavior | None = None,
        calls_per_second: float | Mapping[str, float] | None = None,
        latency: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Replace settings and data, as in a new emulator. Pending requests have no effect."""
        speed = Speed(calls_per_second, latency)
        pools = pools or (Pool(),)
        if len({pool.identity_pool_id for pool in pools}) < len(pools):
            raise ValueError("Each pool needs its own identity_pool_id.")
        new_world = partial(
            World,
            pools,
            tuple(roles),
            behavior or Behavior(),
            clock,
            self._keys,
            lambda: self.endpoint_url,
        )
        service = Service(new_world, self._credentials)

        def begin() -> None:
            self.pools = pools
            self._front.speed, self._front.service = speed, service
            self.clear()

        with self._starting:
            if self._server is None:
                begin()
            else:
                self._server.interrupt(begin)

    def __repr__(self) -> str:
        address = self._server.url if self._server else "not running"
        ids = ", ".join(pool.identity_pool_id for pool in self.pools)
        return f"<Emulator {address}, pools: {ids}, calls: {self.calls.total()}>"

    @property
    def calls(self) -> Counter[str]:
        """The number of calls since the emulator was created or cleared, by operation."""
        return self._front.calls

    @property
    def calls_per_second(self) -> float | Mapping[str, float] | None:
        """The limit on calls per second. You may change it while the emulator runs."""
        return self._front.speed.calls_per_second

    @calls_per_second.setter
    def calls_per_second(self, limits: float | Mapping[str, float] | None) -> None:
        self._front.speed = attrs.evolve(self._front.speed, calls_per_second=limits)

    @property
    def latency(self) -> float:
        """The latency in seconds. You may change it while the emulator runs."""
        return self._front.speed.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._front.speed = attrs.evolve(self._front.speed, latency=seconds)

    @property
    def endpoint_url(self) -> str:
        """
        The URL of the emulator, for *endpoint_url* of boto3 and ``DevTokenClient``.

        Raises:
            RuntimeError: If the emulator is not running.
        """
        return self._running.url

    @property
    def jwks_uri(self) -> str:
        """The URL of the public keys that verify the tokens."""
        return f"{self.endpoint_url}/.well-known/jwks_uri"

    @property
    def ca_bundle(self) -> str:
        """
        The path of a file with the certificate that clients must trust, for ``AWS_CA_BUNDLE``.

        The file exists while the emulator runs.

        Raises:
            RuntimeError: If the emulator is not running, or runs without *tls*.
        """
        if self._certificates is None:
            raise RuntimeError("The emulator is not running with tls=True.")
        return str(self._certificates.authority)

    def start(self) -> Self:
        """
        Start the server. If it is running, do nothing.

        Raises:
            OSError: If the address cannot be bound, for example because it is in use.
        """
        with self._starting:
            if self._server is None:
                self._server = self._new_server()
                self._port = self._server.port
        return self

    def _new_server(self) -> Server:
        application = self._front.application()
        if not self._tls:
            return Server(application, self._host, self._port)
        from ._certificate import Certificates

        certificates = Certificates(self._host)
        try:
            context = certificates.server_context()
            server = Server(application, self._host, self._port, tls=context)
        except BaseException:
            certificates.close()
            raise
        self._certificates = certificates
        return server

    def stop(self) -> None:
        """Answer the pending requests and stop the server. If it is not running, do nothing."""
        with self._starting:
            if self._server is not None:
                self._server.stop()
                self._server = None  # only now, because a pending request may need it
                if self._certificates is not None:
                    self._certificates.close()
                    self._certificates = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def clear(self) -> None:
        """
        Return to the state of a new emulator, but keep the keys and the settings.

        This removes identities, issued credentials, call counts and pending faults, resets the
        pools to those that were given, and forgets the calls that count towards
        *calls_per_second*.
        """
        self._front.service.forget()
        self.calls.clear()
        self._front.faults.clear()

    def fail_next(
        self,
        code: str,
        message: str = "",
        *,
        status: int | None = None,
        times: int = 1,
        operation: str | None = None,
    ) -> None:
        """
        Answer the next calls with an error.

        Args:
            code: The error code, such as ``ResourceConflictException``.

            message: The text of the error.

            status: The HTTP status. None means 500 for ``InternalErrorException`` and 400
                for all others.

            times: How many calls to answer with the error.

            operation: The operation whose calls fail; None fails calls of any operation.

        Raises:
            ValueError: If *code* or *status* does not denote an error, if *code* looks like a
                misspelled error code, if *operation* is unknown, or if *times* is less than 1.
        """
        if status is None:
            status = 500 if code == "InternalErrorException" else 400
        if not re.fullmatch(r"[\w.#-]+", code, re.ASCII) or not 400 <= status <= 599:
            raise ValueError(f"Not the code and status of an error: {code!r}, {status}.")
        if known := meant(code):
            raise ValueError(f"Unknown error code {code}; did you mean {known}?")
        self._plan(Fault("refuse", Refusal(code, message, status), operation), times)

    def drop_next(self, *, times: int = 1, operation: str | None = None) -> None:
        """Execute the next calls, but drop the connection instead of responding."""
        self._plan(Fault("drop", operation=operation), times)

    def cut_next(self, *, times: int = 1, operation: str | None = None) -> None:
        """Execute the next calls, but drop the connection in the middle of the response."""
        self._plan(Fault("cut", operation=operation), times)

    def leave_undeleted(
        self,
        code: Literal["AccessDenied", "InternalServerError"] = "InternalServerError",
        *,
        times: int = 1,
    ) -> None:
        """
        Make ``DeleteIdentities`` keep the next identities, and list them as unprocessed.

        Args:
            code: The error code that is listed with their ids.

            times: How many identities to keep.

        Raises:
            ValueError: If *code* is not an error code of an unprocessed identity, or if *times* is
                less than 1.
        """
        if code not in ("AccessDenied", "InternalServerError"):
            raise ValueError(f"code must be AccessDenied or InternalServerError, not {code!r}.")
        if times < 1:
            raise ValueError(f"times must be 1 or more, not {times}.")
        self._front.service.leave_undeleted(code, times)

    def _plan(self, fault: Fault, times: int) -> None:
        if fault.operation is not None:
            operation_named(fault.operation)
        self._front.faults.plan(fault, times)

    @property
    def _running(self) -> Server:
        if self._server is None:
            raise RuntimeError("The emulator is not running: use it in a with statement.")
        return self._server
