"""Turn errors into HTTP responses."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.utils.deprecation import MiddlewareMixin

from .._web import ANSWERS, TYPE, answer_to


class DevTokenErrorMiddleware(MiddlewareMixin):
    """
    Responds to errors of views with problem details for the client.

    The status is 400, 403, 409, 429 or 503. With 429 and 503, the response has ``Retry-After``.
    Errors that a client cannot act on stay errors of the project. If the session only raises such
    an error again while it backs off, the status is 500. The middleware works with sync and async
    views.
    """

    def process_exception(self, request: HttpRequest, exception: Exception) -> JsonResponse | None:
        """Respond to an error of a view, or leave it to Django."""
        if not isinstance(exception, tuple(ANSWERS)):
            return None
        answer = answer_to(exception)
        return JsonResponse(
            answer.body, status=answer.status, headers=dict(answer.headers), content_type=TYPE
        )
