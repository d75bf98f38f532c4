"""The views for a WSGI server."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import View

from cognito_devtoken.django import get_session


def current_user(request: HttpRequest) -> str | None:
    # Your own sign-in goes here. This one accepts everyone.
    return request.headers.get("X-User")


class CognitoToken(View):
    """The token that the user's app exchanges for AWS credentials."""

    def post(self, request: HttpRequest) -> HttpResponse:
        user_id = current_user(request)
        if not user_id:
            return HttpResponse(status=401)
        token = get_session().get_token(user_id)
        return JsonResponse(token.to_aws(), headers={"Cache-Control": "no-store"})


class AwsCredentials(View):
    """AWS credentials for an app that does not exchange the token itself."""

    def post(self, request: HttpRequest) -> HttpResponse:
        user_id = current_user(request)
        if not user_id:
            return HttpResponse(status=401)
        credentials = get_session().get_credentials(user_id)
        return JsonResponse(credentials.to_js(), headers={"Cache-Control": "no-store"})


def health(request: HttpRequest) -> JsonResponse:
    """Return 200 as long as this host responds. The body says how the calls to Cognito went."""
    return JsonResponse(get_session().health().to_dict())
