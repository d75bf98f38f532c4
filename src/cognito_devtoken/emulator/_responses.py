"""Responses of the emulator outside an operation, in the caller's protocol."""

from __future__ import annotations

import uuid

from starlette.requests import Request
from starlette.responses import Response

from ._wire import Answer, Refusal, is_query, json_refusal, query_refusal


async def no_such_page(request: Request, error: Exception) -> Response:
    """Respond to a path or a method that does not exist."""
    return _refuse(request, Refusal("UnknownOperationException", "", 404))


async def internal_error(request: Request, error: Exception) -> Response:
    """Respond to an error in the emulator, which the server logs."""
    return _refuse(request, Refusal("InternalErrorException", "Internal error", 500))


def http_response(answer: Answer) -> Response:
    """Return an answer as an HTTP response."""
    return Response(answer.body, answer.status, answer.headers)


def _refuse(request: Request, refusal: Refusal) -> Response:
    render = query_refusal if is_query(request.headers) else json_refusal
    return http_response(render(refusal, str(uuid.uuid4())))
