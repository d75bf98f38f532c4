"""
One cached token in each peer library, and the cheapest public way to read it.

The libraries are imported by name, so type checking needs none of them.
"""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple


TOKEN = "x" * 1_000
LIFE = 3_600


class Peer(NamedTuple):
    """A statement, and the object that it refers to as ``it``."""

    statement: str
    it: Any


def cachetools_with_lock() -> Peer:
    lock, cache = threading.Lock(), import_module("cachetools").TTLCache(10_000, LIFE)
    cache["user", b"rest"] = TOKEN

    def get(user_id: str) -> object:
        with lock:
            return cache[user_id, b"rest"]

    return Peer('it("user")', get)


def google_auth() -> Peer:
    credentials = import_module("google.oauth2.credentials").Credentials(
        TOKEN, expiry=datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=LIFE)
    )
    return Peer("it.valid and it.token", credentials)


def google_auth_request() -> Peer:
    return Peer('it.before_request(None, "GET", "https://example.com", {})', google_auth().it)


def botocore() -> Peer:
    credentials = import_module("botocore.credentials").RefreshableCredentials(
        "AKIABENCH", "secret", TOKEN, datetime.now(UTC) + timedelta(seconds=LIFE), None, "bench"
    )
    return Peer("it.get_frozen_credentials()", credentials)


class _NoNetwork:
    """An HTTP client for msal that answers without a network."""

    def get(self, url: str, **_: object) -> Any:
        endpoint = "https://login.microsoftonline.com/bench"
        return self._answer(
            {
                "issuer": endpoint,
                "authorization_endpoint": f"{endpoint}/authorize",
                "token_endpoint": f"{endpoint}/token",
            }
        )

    def post(self, url: str, **_: object) -> Any:
        return self._answer({"access_token": TOKEN, "expires_in": LIFE, "token_type": "Bearer"})

    def _answer(self, body: dict[str, object]) -> Any:
        class Answer:
            status_code, headers = 200, dict[str, str]()
            text = json.dumps(body)

            def raise_for_status(self) -> None:
                pass

        return Answer()

    def close(self) -> None:
        pass


def msal() -> Peer:
    application = import_module("msal").ConfidentialClientApplication(
        "bench",
        client_credential="secret",
        authority="https://login.microsoftonline.com/bench",
        instance_discovery=False,
        http_client=_NoNetwork(),
    )
    assert application.acquire_token_for_client(["scope"])["access_token"] == TOKEN
    return Peer('it.acquire_token_for_client(["scope"])', application)


def azure_core() -> Peer:
    policies = import_module("azure.core.pipeline.policies")
    pipeline = import_module("azure.core.pipeline")
    rest = import_module("azure.core.rest")
    token = import_module("azure.core.credentials").AccessToken(TOKEN, int(time.time()) + LIFE)

    class Credential:
        def get_token(self, *scopes: str, **_: object) -> object:
            return token

    policy = policies.BearerTokenCredentialPolicy(Credential(), "scope")
    request = pipeline.PipelineRequest(
        rest.HttpRequest("GET", "https://example.com"), pipeline.PipelineContext(None)
    )
    return Peer("it()", partial(policy.on_request, request))


def dogpile() -> Peer:
    region = import_module("dogpile.cache").make_region()
    region.configure("dogpile.cache.memory", expiration_time=LIFE)
    return Peer('it("user")', partial(region.get_or_create, creator=lambda: TOKEN))


PEERS: dict[str, Callable[[], Peer]] = {
    "cachetools.TTLCache under a Lock": cachetools_with_lock,
    "google-auth, valid": google_auth,
    "google-auth, before_request": google_auth_request,
    "azure-core, bearer policy": azure_core,
    "dogpile.cache, memory": dogpile,
    "msal, acquire_token_for_client": msal,
    "botocore, get_frozen_credentials": botocore,
}
