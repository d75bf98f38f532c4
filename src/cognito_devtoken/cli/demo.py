"""``cognito-devtoken demo``: the whole way of a token, on this machine."""

from __future__ import annotations

import argparse
import json
import os
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from .._client import DevTokenClient
from .._request import TokenRequest
from .._token import OpenIdToken


SUMMARY = "see a token made, verified and used, on this machine"
DESCRIPTION = (
    "Starts a local Cognito, gets a token for a user over HTTP, verifies it and "
    "trades it for AWS credentials. No AWS account, nothing leaves this machine."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user-id", default="user-42", help="default: %(default)s")
    parser.add_argument("--show-token", action="store_true", help="print the token too")


def run(arguments: argparse.Namespace) -> None:
    from ..emulator import Emulator

    print("cognito-devtoken demo: everything on this machine, no AWS account.")
    began = time.perf_counter()
    with _no_aws_account():
        with _step("A local Cognito starts"):
            emulator = Emulator().start()
            (pool,) = emulator.pools
            _show("endpoint", emulator.endpoint_url)
            _show("identity pool", pool.identity_pool_id)
            _show("developer provider", pool.developer_provider)
        with emulator, DevTokenClient(endpoint_url=emulator.endpoint_url) as client:
            with _step("Your backend asks for a token for one of its users"):
                request = TokenRequest(
                    pool.identity_pool_id,
                    {pool.developer_provider: arguments.user_id},
                    token_duration=900,
                )
                token = client.fetch(request)
                _show("it sends", "GetOpenIdTokenForDeveloperIdentity")
                for name, value in request.to_params().items():
                    _show(f"  {name}", value)
                _show("Cognito answers", "")
                _show("  IdentityId", token.identity_id)
                _show("  Token", _token_or_fingerprint(token, arguments.show_token))
            with _step("What the token says"):
                _explain(token)
            with _step("Whoever gets the token verifies it against the served keys"):
                _verify(token, emulator.jwks_uri, pool.identity_pool_id)
            with _step("The app trades it for temporary AWS credentials"):
                _trade(token, emulator.endpoint_url, pool.region)
            with _step("Asked again, Cognito finds the same identity"):
                again = client.fetch(request)
                _show("IdentityId", again.identity_id)
                _show("the same", again.identity_id == token.identity_id)
    print(f"\nAll of it took {time.perf_counter() - began:.1f} s. In your code:\n")
    print(_SNIPPET)


_SNIPPET = """\
    from cognito_devtoken import DevTokenClient, TokenRequest

    with DevTokenClient() as client:
        token = client.fetch(TokenRequest(pool_id, {"login.example.com": "user-42"}))
"""


@contextmanager
def _no_aws_account() -> Generator[None]:
    """
    An environment in which boto finds fake credentials and nothing of the user's.

    The demo is to work the same with any profile, and to call nobody but the emulator.
    """
    before = dict(os.environ)
    for name in before:
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        # No proxy stands between this machine and itself.
        "NO_PROXY": "*",
        "no_proxy": "*",
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _step(title: str) -> Generator[None]:
    print(f"\n{title}")
    began = time.perf_counter()
    yield
    print(f"    ({(time.perf_counter() - began) * 1000:.0f} ms)")


def _show(name: str, value: object) -> None:
    print(f"    {name:<20}{value}".rstrip())


def _token_or_fingerprint(token: OpenIdToken, show: bool) -> str:
    if show:
        return token.token
    return (
        f"{len(token.token)} characters, a secret; fingerprint {token.fingerprint} "
        "(--show-token prints it)"
    )


def _explain(token: OpenIdToken) -> None:
    claims = token.claims
    _show("sub", f"{claims['sub']}  the identity")
    _show("aud", f"{claims['aud']}  the pool")
    _show("iss", f"{claims['iss']}  Cognito")
    state, provider, user = claims["amr"]
    _show("amr", f"{state}, {provider}")
    _show("", f"{user}  your user id, readable")
    _show("iat", f"{token.issued_at:%H:%M:%S} UTC  issued")
    _show("exp", f"{token.expires_at:%H:%M:%S} UTC  expires")
    left = token.expires_in().total_seconds()
    _show("life", f"{left:.0f} s left of {token.lifetime.total_seconds():.0f} s")


def _verify(token: OpenIdToken, jwks_uri: str, audience: str) -> None:
    from joserfc import jwt
    from joserfc.errors import BadSignatureError
    from joserfc.jwk import KeySet

    with urllib.request.urlopen(jwks_uri) as answer:  # noqa: S310  # our own URL
        keys = KeySet.import_key_set(json.load(answer))
    _show("GET", jwks_uri)
    verified = jwt.decode(token.token, keys, ["RS512"])
    _show("signature", f"good: {verified.header['alg']}, key {verified.header['kid']}")
    jwt.JWTClaimsRegistry(
        aud={"essential": True, "value": audience}, exp={"essential": True}
    ).validate(verified.claims)
    _show("aud and exp", "good: for this pool, and not expired")
    head, claims, signature = token.token.split(".")
    changed = "B" if signature[0] == "A" else "A"
    try:
        jwt.decode(f"{head}.{claims}.{changed}{signature[1:]}", keys, ["RS512"])
    except BadSignatureError:
        _show("one letter changed", "refused")


def _trade(token: OpenIdToken, endpoint_url: str, region: str) -> None:
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.session import Session

    # The app has no AWS credentials: this operation takes the token in their place.
    cognito: Any = Session().create_client(
        "cognito-identity",
        region_name=region,
        endpoint_url=endpoint_url,
        config=Config(signature_version=UNSIGNED),
    )
    answer = cognito.get_credentials_for_identity(
        IdentityId=token.identity_id, Logins=token.to_logins()
    )
    cognito.close()
    credentials = answer["Credentials"]
    _show("it sends", "GetCredentialsForIdentity")
    _show("  IdentityId", token.identity_id)
    _show("  Logins", "cognito-identity.amazonaws.com = the token")
    _show("Cognito answers", "")
    _show("  AccessKeyId", credentials["AccessKeyId"])
    _show("  SecretKey", f"{len(credentials['SecretKey'])} characters, a secret")
    _show("  SessionToken", f"{len(credentials['SessionToken'])} characters, a secret")
    _show("  Expiration", f"{credentials['Expiration']:%Y-%m-%d %H:%M:%S %Z}")
