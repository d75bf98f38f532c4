"""
Turn errors into responses, in an aiohttp application whose session is opened with
:mod:`cognito_devtoken.svcs`.

::

    app = web.Application(middlewares=[error_middleware])
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from ._web import ANSWERS, TYPE, answer_to


__all__ = ["error_middleware"]


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """
    Respond to errors of handlers with problem details for the client.

    The status is 400, 403, 409, 429 or 503. With 429 and 503, the response has ``Retry-After``.
    Errors that a client cannot act on stay errors of the application. If the session only raises
    such an error again while it backs off, the status is 500. All errors of a WebSocket stay errors
    of the application.
    """
    try:
        return await handler(request)
    except tuple(ANSWERS) as error:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            raise  # the response of a WebSocket may have begun
        answer = answer_to(error)
        return web.json_response(
            answer.body, status=answer.status, headers=answer.headers, content_type=TYPE
        )
