"""The HTTP responses that do not come from an operation."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .._values.text import one_line
from ._wire import Answer, HttpRequest, Refusal, received


_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def no_such_page(request: Request, error: Exception) -> Response:
    """Respond to a path or a method that does not exist."""
    why = f"The emulator has no page {one_line(request.method)} {one_line(request.url.path)}."
    return _refuse(request, Refusal("UnknownOperationException", why, 404))


async def internal_error(request: Request, error: Exception) -> Response:
    """Respond to a bug in the emulator. The server logs the exception."""
    return _refuse(request, Refusal("InternalErrorException", "Internal error", 500))


def http_response(answer: Answer) -> Response:
    """Convert an answer to an HTTP response."""
    return Response(answer.body, answer.status, answer.headers)


def metrics(calls: Mapping[str, int]) -> Response:
    """Return the numbers of calls in the text format of Prometheus."""
    name = "cognito_emulator_calls_total"
    lines = [f"# HELP {name} Calls by operation.", f"# TYPE {name} counter"]
    lines += [
        f'{name}{{operation="{_label(operation)}"}} {count}'
        for operation, count in sorted(calls.items())
    ]
    return PlainTextResponse("\n".join([*lines, ""]), media_type=_METRICS_TYPE)


def _label(text: str) -> str:
    """Escape a label, because a client can send any text as the name of an operation."""
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def page(document: Mapping[str, object]) -> Response:
    """Return a document as JSON."""
    return JSONResponse(document)


def _refuse(request: Request, refusal: Refusal) -> Response:
    asked = received(HttpRequest(request.method, request.url.query, request.headers, b""))
    return http_response(asked.refuse(refusal, str(uuid.uuid4())))
