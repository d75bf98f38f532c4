"""``cognito-devtoken demo``: the whole way of a token, on this machine."""

from __future__ import annotations

import argparse
import json
import os
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any

from .._client import DevTokenClient
from .._request import TokenRequest
from .._token import OpenIdToken


Show = Callable[[str, str], None]

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
    with _no_aws_account(), ExitStack() as opened:
        with _step("1. A local Cognito starts") as show:
            emulator = opened.enter_context(Emulator())
            (pool,) = emulator.pools
            show("endpoint", emulator.endpoint_url)
            show("identity pool", pool.identity_pool_id)
            show("developer provider", pool.developer_provider)
        with _step("2. Your backend asks for a token for one of its users") as show:
            client = opened.enter_context(DevTokenClient(endpoint_url=emulator.endpoint_url))
            request = TokenRequest(
                pool.identity_pool_id,
                {pool.developer_provider: arguments.user_id},
                token_duration=900,
            )
            token = client.fetch(request)
            show("it calls", "GetOpenIdTokenForDeveloperIdentity")
            show("  IdentityPoolId", request.identity_pool_id)
            show("  Logins", f"{pool.developer_provider} = {arguments.user_id}")
            show("  TokenDuration", f"{request.token_duration} s")
            show("Cognito answers", "")
            show("  IdentityId", token.identity_id)
            if arguments.show_token:
                show("  Token", token.token)
            else:
                show("  Token", f"{len(token.token)} characters, a secret (--show-token)")
        with _step("3. What the token says") as show:
            _explain(token, show)
        with _step("4. Whoever gets it verifies it against the served keys") as show:
            _verify(token, emulator.jwks_uri, pool.identity_pool_id, show)
        with _step("5. The app trades it for temporary AWS credentials") as show:
            _trade(token, emulator.endpoint_url, pool.region, show)
        with _step("6. Asked again, Cognito finds the same identity") as show:
            again = client.fetch(request)
            show("IdentityId", again.identity_id)
            show("the same", "yes" if again.identity_id == token.identity_id else "no")
    print(f"\nAll of it took {time.perf_counter() - began:.1f} s. In your code:\n")
    print(_SNIPPET)


_SNIPPET = """\
    from cognito_devtoken import DevTokenClient, TokenRequest

    with DevTokenClient() as client:
        request = TokenRequest(pool_id, {"login.example.com": "user-42"})
        token = client.fetch(request)
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
def _step(title: str) -> Generator[Show]:
    """A title with the time that the step took, and below it what the step has shown."""
    lines: list[str] = []
    began = time.perf_counter()
    yield lambda name, value: lines.append(f"   {name:<20}{value}".rstrip())
    took = f"{(time.perf_counter() - began) * 1000:.0f} ms"
    print(f"\n{title:<70}{took:>10}", *lines, sep="\n")


def _explain(token: OpenIdToken, show: Show) -> None:
    claims = token.claims
    show("sub", f"{claims['sub']}  identity")
    show("aud", f"{claims['aud']}  pool")
    show("iss", f"{claims['iss']}")
    state, provider, user = claims["amr"]
    show("amr", f"{state}, {provider},")
    show("", f"{user.replace(claims['aud'], '…')}  your user id, readable")
    left = token.expires_in().total_seconds()
    show("iat", f"{token.issued_at:%H:%M:%S} UTC, when it was issued")
    show("exp", f"{token.expires_at:%H:%M:%S} UTC, in {left:.0f} s")


def _verify(token: OpenIdToken, jwks_uri: str, audience: str, show: Show) -> None:
    from joserfc import jwt
    from joserfc.errors import BadSignatureError
    from joserfc.jwk import KeySet

    with urllib.request.urlopen(jwks_uri) as answer:  # noqa: S310  # our own URL
        keys = KeySet.import_key_set(json.load(answer))
    show("GET", jwks_uri)
    verified = jwt.decode(token.token, keys, ["RS512"])
    show("signature", f"good: {verified.header['alg']}, key {verified.header['kid']}")
    jwt.JWTClaimsRegistry(
        aud={"essential": True, "value": audience}, exp={"essential": True}
    ).validate(verified.claims)
    show("aud and exp", "good: for this pool, and not expired")
    head, claims, signature = token.token.split(".")
    changed = "B" if signature[0] == "A" else "A"
    verdict = "ACCEPTED, which is wrong"
    try:
        jwt.decode(f"{head}.{claims}.{changed}{signature[1:]}", keys, ["RS512"])
    except BadSignatureError:
        verdict = "refused"
    show("one letter changed", verdict)


def _trade(token: OpenIdToken, endpoint_url: str, region: str, show: Show) -> None:
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
    show("it calls", "GetCredentialsForIdentity")
    show("  IdentityId", token.identity_id)
    show("  Logins", "cognito-identity.amazonaws.com = the token")
    show("Cognito answers", "")
    show("  AccessKeyId", credentials["AccessKeyId"])
    show("  SecretKey", f"{len(credentials['SecretKey'])} characters, a secret")
    show("  SessionToken", f"{len(credentials['SessionToken'])} characters, a secret")
    show("  Expiration", f"{credentials['Expiration']:%Y-%m-%d %H:%M:%S %Z}")
