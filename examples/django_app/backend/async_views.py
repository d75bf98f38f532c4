"""The same views for an ASGI server."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import View

from cognito_devtoken.django import get_async_session

from .views import current_user


class CognitoToken(View):
    """The token that the user's app exchanges for AWS credentials."""

    async def post(self, request: HttpRequest) -> HttpResponse:
        user_id = current_user(request)
        if not user_id:
            return HttpResponse(status=401)
        token = await get_async_session().get_token(user_id)
        return JsonResponse(token.to_aws(), headers={"Cache-Control": "no-store"})


class AwsCredentials(View):
    """AWS credentials for an app that does not exchange the token itself."""

    async def post(self, request: HttpRequest) -> HttpResponse:
        user_id = current_user(request)
        if not user_id:
            return HttpResponse(status=401)
        credentials = await get_async_session().get_credentials(user_id)
        return JsonResponse(credentials.to_js(), headers={"Cache-Control": "no-store"})


async def health(request: HttpRequest) -> JsonResponse:
    """Return 200 as long as this host responds. The body says how the calls to Cognito went."""
    return JsonResponse(get_async_session().health().to_dict())
