"""Errors as HTTP answers."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.utils.deprecation import MiddlewareMixin

from .._web import ANSWERS, TYPE, Answer


class DevTokenErrorMiddleware(MiddlewareMixin):
    """
    Gives clients answers that they can act on, as problem details, to what views raise.

    400, 403, 409; 429 and 503 with ``Retry-After``. Errors that are not the client's business
    stay errors of the project. It serves sync and async views alike.
    """

    def process_exception(self, request: HttpRequest, exception: Exception) -> JsonResponse | None:
        """Answer an error of a view, or leave it alone."""
        if not isinstance(exception, tuple(ANSWERS)):
            return None
        answer = Answer.to(exception)
        return JsonResponse(
            answer.body, status=answer.status, headers=dict(answer.headers), content_type=TYPE
        )
