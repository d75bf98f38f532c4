"""Django, with sync and async views. An application is a dictionary of settings."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path

from adapters import Answer
from caching import POOL_ID, PROVIDER
from cognito_devtoken.django import get_async_session, get_session
from cognito_devtoken.testing import FakeFetcher


def get(request: HttpRequest, user_id: str) -> JsonResponse:
    return JsonResponse(get_session().get_token(user_id).to_aws())


async def get_async(request: HttpRequest, user_id: str) -> JsonResponse:
    return JsonResponse((await get_async_session().get_token(user_id)).to_aws())


def get_credentials(request: HttpRequest, user_id: str) -> JsonResponse:
    return JsonResponse(get_session().get_credentials(user_id).to_js())


async def get_credentials_async(request: HttpRequest, user_id: str) -> JsonResponse:
    return JsonResponse((await get_async_session().get_credentials(user_id)).to_js())


urlpatterns = [
    path("<user_id>", get),
    path("credentials/<user_id>", get_credentials),
    path("async/<user_id>", get_async),
    path("async/credentials/<user_id>", get_credentials_async),
]
MIDDLEWARE = ["cognito_devtoken.django.middleware.DevTokenErrorMiddleware"]
COMPLETE = {"IDENTITY_POOL_ID": POOL_ID, "DEVELOPER_PROVIDER": PROVIDER}

settings.configure(
    ALLOWED_HOSTS=["*"],
    COGNITO_DEVTOKEN=COMPLETE,
    INSTALLED_APPS=["cognito_devtoken.django"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="any",
    USE_TZ=True,
)
django.setup()


def ask(address: str) -> Any:
    return Client(raise_request_exception=False).get(f"/{address}")


def ask_async(address: str) -> Any:
    async def one() -> Any:
        return await AsyncClient(raise_request_exception=False).get(f"/async/{address}")

    return asyncio.run(one())


class _Client:
    def __init__(self, ask: Callable[[str], Any]) -> None:
        self._ask = ask

    def get(self, path: str) -> Answer:
        response = self._ask(path)
        return Answer(response.status_code, response.headers, response.content.decode())


class _Framework:
    server_error = r"(?s)\s*<!doctype html>.*<h1>Server Error \(500\)</h1>.*"
    not_wired = r"no token session\. Add .* to INSTALLED_APPS"

    def __init__(self, ask: Callable[[str], Any], get_session: Callable[[], Any]) -> None:
        self._ask, self._get_session = ask, get_session

    def app(self, upstream: FakeFetcher) -> Any:
        return {"COGNITO_DEVTOKEN": COMPLETE | {"OPTIONS": {"client": upstream}}}

    def app_from_environment(self) -> Any:
        return {"COGNITO_DEVTOKEN": {}}

    @contextmanager
    def running(self, app: Any) -> Iterator[_Client]:
        with override_settings(MIDDLEWARE=MIDDLEWARE, **app):
            self._get_session()  # like the example's wsgi.py and asgi.py
            yield _Client(self._ask)

    def ask_unwired(self) -> None:
        with override_settings(INSTALLED_APPS=[], COGNITO_DEVTOKEN=COMPLETE):
            self._get_session()

    @contextmanager
    def session_of(self, **settings: Any) -> Iterator[Any]:
        """Yield the session of a project whose setting has these keys."""
        with override_settings(COGNITO_DEVTOKEN=settings):
            yield self._get_session()


FRAMEWORKS = {
    "django": _Framework(ask, get_session),
    "django_async": _Framework(ask_async, get_async_session),
}
