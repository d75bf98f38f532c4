"""``cognito-devtoken demo``: the whole way of a token, and its life, on this machine."""

from __future__ import annotations

import argparse
import json
import os
import time
import urllib.request
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

from ..._aws.client import DevTokenClient
from ..._session.sessions import TokenSession
from ..._values.token import OpenIdToken
from .at_work import Scene, show_crowd, show_hits, show_life
from .callers import Pace
from .screen import Show, look, step


DESCRIPTION = """\
Starts a local Cognito, gets a token for a user over HTTP, verifies it and
trades it for AWS credentials. Then it shows the cache at work: hits, a
thousand callers at once, a refresh ahead of expiry, an outage. No AWS account,
nothing leaves this machine. It takes about 10 s."""

_DURATION = 900
# Short enough to be watched.
_LIFE = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--user-id",
        default="user-42",
        help="default: %(default)s; without effect if --fleet is given",
    )
    parser.add_argument(
        "--show-token",
        action="store_true",
        help="print the token too; without effect if --fleet is given",
    )
    parser.add_argument(
        "--fleet",
        action="store_true",
        help="show what processes share through a Redis instead; needs redis-server",
    )


def run(arguments: argparse.Namespace) -> None:
    if arguments.fleet:
        from .fleet import show_fleet

        with _no_aws_account():
            show_fleet()
    else:
        show_all(arguments.user_id, show_token=arguments.show_token, life=_LIFE)


def show_all(user_id: str, *, show_token: bool, life: int, pace: Pace | None = None) -> None:
    """
    Show every step.

    Args:
        user_id: Whose token is asked for.

        show_token: Whether to print the token, too.

        life: For how many seconds the token lives that is watched; at least 3.

        pace: How time passes meanwhile; None takes the machine's.
    """
    from ...emulator import Call, Emulator

    print("cognito-devtoken demo: everything on this machine, no AWS account.", flush=True)
    began = time.perf_counter()
    calls: list[Call] = []
    with _no_aws_account(), ExitStack() as opened:
        with step("1. A local Cognito starts") as show:
            emulator = opened.enter_context(Emulator(on_call=calls.append))
            (pool,) = emulator.pools
            show("endpoint", emulator.endpoint_url)
            show("identity pool", pool.identity_pool_id)
        client = opened.enter_context(DevTokenClient(endpoint_url=emulator.endpoint_url))
        session = opened.enter_context(
            TokenSession(
                pool.identity_pool_id,
                developer_provider=pool.developer_provider,
                token_duration=_DURATION,
                client=client,
            )
        )
        scene = Scene(
            emulator=emulator, calls=calls, client=client, user_id=user_id, pace=pace or Pace()
        )
        with step("2. Your backend asks for a token for one of its users") as show:
            token = session.get_token(user_id)
            show("it calls", "GetOpenIdTokenForDeveloperIdentity")
            show("  Logins", f"{pool.developer_provider} = {user_id}")
            show("  TokenDuration", f"{_DURATION} s")
            show("Cognito answers", "")
            show("  IdentityId", token.identity_id)
            if show_token:
                show("  Token", token.token)
            else:
                show("  Token", f"{len(token.token)} characters, a secret (--show-token)")
        with step("3. Whoever gets it reads it, and verifies it") as show:
            _explain(token, show)
            _verify(token, emulator.jwks_uri, pool.identity_pool_id, show)
        with step("4. The app trades it for temporary AWS credentials") as show:
            _trade(token, emulator.endpoint_url, pool.region, show)
        show_hits(session, token, scene)
        show_crowd(scene)
        show_life(scene, life)
    print(f"\nAll of it took {time.perf_counter() - began:.1f} s. In your code:\n")
    print(_SNIPPET)


_SNIPPET = """\
  from cognito_devtoken import TokenSession

  with TokenSession(pool_id, developer_provider="login.example.com") as session:
      token = session.get_token("user-42")
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
        # So that every failure is one that the cache, and not botocore, deals with.
        "AWS_MAX_ATTEMPTS": "1",
        # No proxy stands between this machine and itself.
        "NO_PROXY": "*",
        "no_proxy": "*",
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _explain(token: OpenIdToken, show: Show) -> None:
    claims = token.claims
    show("sub", f"{claims['sub']}  identity")
    show("aud", f"{claims['aud']}  pool")
    state, provider, user = claims["amr"]
    show("amr", f"{state}, {provider},")
    show("", f"{user.replace(claims['aud'], look().omitted)}  your user id, readable")
    left = token.expires_in().total_seconds()
    show("exp", f"{token.expires_at:%H:%M:%S} UTC, in {left:.0f} s")


def _verify(token: OpenIdToken, jwks_uri: str, audience: str, show: Show) -> None:
    from joserfc import jwt
    from joserfc.errors import BadSignatureError
    from joserfc.jwk import KeySet

    with urllib.request.urlopen(jwks_uri) as answer:  # noqa: S310  # our own URL
        keys = KeySet.import_key_set(json.load(answer))
    verified = jwt.decode(token.token, keys, ["RS512"])
    jwt.JWTClaimsRegistry(
        aud={"essential": True, "value": audience}, exp={"essential": True}
    ).validate(verified.claims)
    show("signature", f"good: {verified.header['alg']}, key {verified.header['kid']}")
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
    show("  Logins", "cognito-identity.amazonaws.com = the token")
    show("Cognito answers", "")
    show("  AccessKeyId", f"{credentials['AccessKeyId']}, with two secrets")
    show("  Expiration", f"{credentials['Expiration']:%Y-%m-%d %H:%M:%S %Z}")
