"""The emulator: the service over HTTP, and the faults it simulates."""

from __future__ import annotations

import json
import math
import re
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, Self, cast

import attrs
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ._faults import Fault, half_of, meant
from ._responses import http_response, internal_error, no_such_page
from ._server import Server
from ._service import Service
from ._settings import Behavior, Pool, issuer_of
from ._sigv4 import check_signature
from ._tokens import Keys
from ._wire import (
    Answer,
    Refusal,
    is_query,
    json_answer,
    json_refusal,
    operation_of,
    query_answer,
    query_fields,
    query_refusal,
)


_GET_TOKEN = "GetOpenIdTokenForDeveloperIdentity"  # noqa: S105  # a name
_EXPOSED_HEADERS = ("x-amzn-RequestId", "x-amzn-ErrorType", "x-amzn-ErrorMessage", "Date")


@attrs.frozen
class Call:
    """
    A call that the emulator has executed or rejected.

    Attributes:
        operation: Its name, as the client sent it.

        identity_id: The identity in the response, if there is one.

        error_code: None if it succeeded.
    """

    operation: str
    identity_id: str | None
    error_code: str | None


class Emulator:
    """
    A local Amazon Cognito for identity pools, on real HTTP.

    It supports ``GetOpenIdTokenForDeveloperIdentity``, ``GetId``,
    ``GetCredentialsForIdentity`` and, from STS, ``AssumeRoleWithWebIdentity``. It signs
    tokens with its own keys and serves the public keys under ``/.well-known/jwks_uri``.
    All data is kept in memory. An identity id depends only on the pool and the user, so it
    is the same in every run.

    Use it as a context manager, or call :meth:`start` and :meth:`stop`. Its methods and
    attributes can be used from any thread except its own.

    Args:
        pools: The identity pools; default: one, ``Pool()``.

        host: The address to listen on.

        port: The port to listen on; 0 picks a free one, which a restart keeps.

        behavior: What to do where the service's behaviour is not known.

        credentials: Secret access keys by access key ids. If given, a call for a token
            must be signed with one of them; None accepts any signature, or none.

        calls_per_second: The limit on calls for a token per second, and on their burst; calls
            beyond it get a ``TooManyRequestsException``. None means no limit.

        latency: How long to wait before each response, in seconds.

        clock: The time, in seconds since the epoch: for the issue and expiry of tokens, for
            counting calls per second and for checking signatures.

        on_call: Called with every call, in the server's thread.

    Raises:
        ValueError: If a number is out of range, if the host is not a host name, or if two pools
            have the same id.
    """

    pools: tuple[Pool, ...]
    """The identity pools."""

    calls_per_second: float | None
    """As given; can be changed while the emulator runs."""

    latency: float
    """As given, in seconds; can be changed while the emulator runs."""

    calls: Counter[str]
    """The number of calls by operation since the emulator was created or cleared."""

    _service: Service

    def __init__(
        self,
        *pools: Pool,
        host: str = "127.0.0.1",
        port: int = 0,
        behavior: Behavior | None = None,
        credentials: Mapping[str, str] | None = None,
        calls_per_second: float | None = None,
        latency: float = 0.0,
        clock: Callable[[], float] = time.time,
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        if not 0 <= port <= 65_535:
            raise ValueError(f"port is out of range: {port}.")
        if not host:
            raise ValueError("host must not be empty.")
        if not host.isascii():
            # socket.create_server() would fail too late, and leave a socket open.
            try:
                host.encode("idna")
            except UnicodeError:
                raise ValueError("host is not a host name.") from None
        self._host, self._port = host, port
        self._credentials = credentials
        self._on_call = on_call
        self._keys: Keys = {}
        self.calls = Counter()
        self._faults: deque[Fault] = deque()
        self._server: Server | None = None
        self._starting = threading.Lock()
        self._renew(
            *pools,
            behavior=behavior,
            calls_per_second=calls_per_second,
            latency=latency,
            clock=clock,
        )

    def _renew(
        self,
        *pools: Pool,
        behavior: Behavior | None = None,
        calls_per_second: float | None = None,
        latency: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Reset to a new emulator with these settings. Earlier requests have no effect."""
        if not 0 <= latency < math.inf:
            raise ValueError(f"latency is out of range: {latency}.")
        if calls_per_second is not None and not calls_per_second > 0:
            raise ValueError(f"calls_per_second is out of range: {calls_per_second}.")
        pools = pools or (Pool(),)
        service = Service(pools, behavior or Behavior(), clock, self._keys)

        def begin() -> None:
            self.pools, self.calls_per_second, self.latency = pools, calls_per_second, latency
            self._service = service
            self.clear()

        with self._starting:
            if self._server is None:
                begin()
            else:
                self._server.interrupt(begin)

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
        """The URL of the tokens' public keys."""
        return f"{self.endpoint_url}/.well-known/jwks_uri"

    def start(self) -> Self:
        """
        Start the server. No effect if it is running.

        Raises:
            OSError: If the address cannot be bound, for example because it is in use.
        """
        with self._starting:
            if self._server is None:
                self._server = Server(self._application(), self._host, self._port)
                self._port = self._server.port
        return self

    def stop(self) -> None:
        """Answer the pending requests and stop the server. No effect if it is not running."""
        with self._starting:
            if self._server is not None:
                self._server.stop()
                self._server = None  # only now: a pending request needs it

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def clear(self) -> None:
        """Remove identities, call counts and pending faults. Keys and settings stay."""
        self._service.forget()
        self.calls.clear()
        self._faults.clear()

    def fail_next(
        self, code: str, message: str = "", *, status: int | None = None, times: int = 1
    ) -> None:
        """
        Answer the next calls with an error, whatever their operation.

        Args:
            code: The error code, such as ``ResourceConflictException``.

            message: The text of the error.

            status: The HTTP status. None means 500 for ``InternalErrorException`` and 400
                for all others.

            times: How many calls.

        Raises:
            ValueError: If the code or the status is not that of an error, if the code is nearly
                that of another one, or if *times* is less than 1.
        """
        if status is None:
            status = 500 if code == "InternalErrorException" else 400
        if not re.fullmatch(r"[\w.#-]+", code, re.ASCII) or not 400 <= status <= 599:
            raise ValueError(f"Not the code and status of an error: {code!r}, {status}.")
        if known := meant(code):
            raise ValueError(f"Unknown error code {code}; did you mean {known}?")
        self._plan(Fault("refuse", Refusal(code, message, status)), times)

    def drop_next(self, *, times: int = 1) -> None:
        """Execute the next calls, and drop the connection instead of responding."""
        self._plan(Fault("drop"), times)

    def cut_next(self, *, times: int = 1) -> None:
        """Execute the next calls, and drop the connection in the middle of the response."""
        self._plan(Fault("cut"), times)

    def _plan(self, fault: Fault, times: int) -> None:
        if times < 1:
            raise ValueError(f"times must be 1 or more, not {times}.")
        self._faults.extend([fault] * times)

    @property
    def _running(self) -> Server:
        if self._server is None:
            raise RuntimeError("The emulator is not running: use it in a with statement.")
        return self._server

    def _application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._post, methods=["POST"]),
                Route("/.well-known/jwks_uri", self._key_set),
                Route("/.well-known/openid-configuration", self._discovery),
            ],
            middleware=[
                Middleware(
                    CORSMiddleware,
                    allow_origins=["*"],
                    allow_methods=["*"],
                    allow_headers=["*"],
                    expose_headers=_EXPOSED_HEADERS,
                )
            ],
            exception_handlers={
                404: no_such_page,
                405: no_such_page,
                Exception: internal_error,
            },
        )

    async def _key_set(self, request: Request) -> Response:
        return JSONResponse(self._service.signer.key_set())

    async def _discovery(self, request: Request) -> Response:
        base_url = str(request.base_url).rstrip("/")
        issuer = issuer_of(self.pools[0], self._service.behavior)
        return JSONResponse(self._service.signer.discovery(base_url, issuer))

    async def _post(self, request: Request) -> Response:
        service = self._service
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response()  # the client is gone
        if self.latency:
            await self._running.wait(self.latency)
        if service is not self._service:
            return Response(status_code=503)  # the request came before _renew()
        try:
            fault = self._faults.popleft()
        except IndexError:
            fault = None
        answer = self._answer(request.headers, body, fault)
        if fault is not None and fault.kind != "refuse":
            await self._break_off(request, fault, answer)
        return http_response(answer)  # discarded if the connection is gone

    async def _break_off(self, request: Request, fault: Fault, answer: Answer) -> None:
        transport = self._running.transport_of(request)
        if transport is None:
            return  # the client has closed it
        if fault.kind == "cut":
            transport.write(half_of(answer))
            transport.close()
        else:
            transport.abort()
        await request.receive()  # until the connection is gone

    def _answer(self, headers: Mapping[str, str], body: bytes, fault: Fault | None) -> Answer:
        request_id = str(uuid.uuid4())
        is_sts = is_query(headers)
        fields = query_fields(body) if is_sts else {}
        operation = fields.get("Action", "") if is_sts else operation_of(headers)
        self.calls[operation] += 1
        try:
            if fault is not None and fault.refusal is not None:
                raise fault.refusal
            if is_sts:
                result = self._call_sts(operation, fields)
                answer = query_answer(operation, result, request_id)
            else:
                result = self._call_cognito(operation, headers, body)
                answer = json_answer(result, request_id)
            call = Call(operation, result.get("IdentityId"), None)
        except Refusal as refusal:
            answer = (query_refusal if is_sts else json_refusal)(refusal, request_id)
            call = Call(operation, None, refusal.code)
        if self._on_call is not None:
            self._on_call(call)
        return answer

    def _call_cognito(
        self, operation: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, Any]:
        service = self._service
        if operation not in service.operations:
            raise Refusal("UnknownOperationException", "")
        if operation == _GET_TOKEN:
            if self._credentials is not None:
                check_signature(self._credentials, headers=headers, body=body, now=service.clock())
            if self.calls_per_second is not None and not service.bucket.take(self.calls_per_second):
                raise Refusal(
                    "TooManyRequestsException", "Rate exceeded", service.behavior.throttled_status
                )
        try:
            members: Any = json.loads(body)
        except (ValueError, RecursionError):
            raise Refusal("SerializationException", "The body is not JSON") from None
        if not isinstance(members, dict):
            raise Refusal("SerializationException", "The body is not a JSON object")
        return service.call(operation, cast("dict[str, Any]", members))

    def _call_sts(self, operation: str, fields: Mapping[str, str]) -> dict[str, Any]:
        if operation != "AssumeRoleWithWebIdentity":
            version = fields.get("Version")
            raise Refusal(
                "InvalidAction", f"Could not find operation {operation} for version {version}"
            )
        return self._service.assume_role_with_web_identity(fields)
