"""Serve the service over HTTP, simulate faults, and count calls."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from typing import Any

import attrs
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ._faults import Fault, Faults, Speed, half_of
from ._responses import http_response, internal_error, metrics, no_such_page, page
from ._server import Server
from ._service import Service
from ._wire import Answer, HttpRequest, Received, Refusal, received


# How many seconds to wait for a client to close a connection that was broken off.
_PATIENCE = 1.0
_EXPOSED_HEADERS = ("x-amzn-RequestId", "x-amzn-ErrorType", "x-amzn-ErrorMessage", "Date")


@attrs.frozen
class Call:
    """
    A call that the emulator has executed or rejected.

    Attributes:
        operation: The name of the operation, as the client sent it.

        identity_id: The identity in the response, if there is one.

        error_code: The error code in the response; None if the call succeeded.
    """

    operation: str
    identity_id: str | None
    error_code: str | None


class Front:
    """
    The HTTP front end of the service.

    Args:
        on_call: A function that gets a ``Call`` for every call.

        server: Returns the running server.

    Attributes:
        service: Executes the calls. If it is replaced while a call waits, the call has no effect.

        speed: The latency, and the limits on calls per second.

        calls: The number of calls by operation.

        faults: The faults to simulate in the next calls.
    """

    service: Service
    speed: Speed

    def __init__(
        self, on_call: Callable[[Call], None] | None, server: Callable[[], Server]
    ) -> None:
        self._on_call = on_call
        self._server = server
        self.calls: Counter[str] = Counter()
        self.faults = Faults()

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._operate, methods=["GET", "POST"]),
                Route("/.well-known/jwks_uri", self._key_set),
                Route("/.well-known/jwks.json", self._key_set),
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/metrics", self._metrics),
            ],
            middleware=[
                Middleware(_Dated, date=self._date),
                Middleware(
                    CORSMiddleware,
                    allow_origins=["*"],
                    allow_methods=["*"],
                    allow_headers=["*"],
                    expose_headers=_EXPOSED_HEADERS,
                ),
            ],
            exception_handlers={
                404: no_such_page,
                405: no_such_page,
                Exception: internal_error,
            },
        )

    def _date(self) -> str:
        return formatdate(self.service.world.clock(), usegmt=True)

    async def _key_set(self, request: Request) -> Response:
        return page(self.service.world.signer.key_set())

    async def _discovery(self, request: Request) -> Response:
        world = self.service.world
        base_url = str(request.base_url).rstrip("/")
        return page(world.signer.discovery(base_url, world.issuer(world.settings[0].region)))

    async def _metrics(self, request: Request) -> Response:
        return metrics(self.calls)

    async def _operate(self, request: Request) -> Response:
        service = self.service
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response()  # nobody receives it, because the client has disconnected
        http = HttpRequest(request.method, request.url.query, request.headers, body)
        asked = received(http)
        if request.method != "POST" and not asked.operation:
            return await no_such_page(request, LookupError())
        if self.speed.latency:
            await self._server().wait(self.speed.latency)
        if service is not self.service:
            return Response(status_code=503)  # the service was replaced in the meantime
        fault = self.faults.take(asked.operation)
        answer = self._answer(http, asked, fault)
        if fault is not None and fault.kind != "refuse":
            await self._break_off(request, fault, answer)
        return http_response(answer)  # discarded if the connection was broken off

    async def _break_off(self, request: Request, fault: Fault, answer: Answer) -> None:
        transport = self._server().transport_of(request)
        if transport is None:
            return  # the client has closed the connection
        if fault.kind == "cut":
            transport.write(half_of(answer, self._date()))
            transport.close()
        else:
            transport.abort()
        # Wait until the connection is closed. With TLS, close() waits for the client.
        with suppress(TimeoutError):
            await asyncio.wait_for(request.receive(), _PATIENCE)
        transport.abort()

    def _answer(self, http: HttpRequest, asked: Received, fault: Fault | None) -> Answer:
        request_id = str(uuid.uuid4())
        self.calls[asked.operation] += 1
        try:
            if fault is not None and fault.refusal is not None:
                raise fault.refusal
            result: dict[str, Any] = self.service.execute(http, asked, self.speed.limit_of)
            answer = asked.answer(result, request_id)
            call = Call(asked.operation, result.get("IdentityId"), None)
        except Refusal as refusal:
            answer = asked.refuse(refusal, request_id)
            call = Call(asked.operation, None, refusal.code)
        if self._on_call is not None:
            self._on_call(call)
        return answer


class _Dated:
    """Adds a ``Date`` header to each response, from the clock by which tokens expire."""

    def __init__(self, app: ASGIApp, date: Callable[[], str]) -> None:
        self._app = app
        self._date = date

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_date(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = (b"date", self._date().encode())
                message["headers"] = [*message["headers"], date]
            await send(message)

        await self._app(scope, receive, send_with_date)
