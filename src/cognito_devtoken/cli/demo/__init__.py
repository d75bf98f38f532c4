"""``cognito-devtoken demo``: show how a token is issued, used and cached."""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
import urllib.request
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

from ..._aws.client import DevTokenClient
from ..._session.sessions import TokenSession
from ..._values.token import OpenIdToken
from ...exceptions import InvalidRequestError
from .._errors import ParameterError
from .._input.parsing import in_option_spelling
from .callers import Pace
from .scenes import Scene, show_crowd, show_hits, show_life
from .screen import Show, look, step


DESCRIPTION = """\
Starts a local Cognito, gets a token for a user over HTTP, verifies it and
exchanges it for AWS credentials. Then shows the cache at work: hits, a thousand
concurrent callers, a refresh ahead of expiry, an outage. Takes about 10 s,
needs no AWS account, and sends nothing off this machine."""

_DURATION = 900
# The lifetime in seconds of the token whose life is shown: short enough to watch.
_LIFE = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--user-id",
        default="user-42",
        help="the user to get a token for; default: %(default)s; no effect with --fleet",
    )
    parser.add_argument(
        "--show-token",
        action="store_true",
        help="also print the token; no effect with --fleet",
    )
    parser.add_argument(
        "--fleet",
        action="store_true",
        help="instead, show processes that share tokens through Redis; "
        "needs redis-server or valkey-server",
    )


def run(arguments: argparse.Namespace) -> None:
    # The demo shows an outage, and the warnings about it would only disturb the drawing.
    logging.getLogger("cognito_devtoken").addHandler(logging.NullHandler())
    if arguments.fleet:
        from .fleet import show_fleet

        with _no_aws_account():
            show_fleet()
    else:
        try:
            show_all(arguments.user_id, show_token=arguments.show_token, life=_LIFE)
        except InvalidRequestError as error:
            flaws = [in_option_spelling(str(each), arguments) for each in error.violations]
            raise ParameterError("\n".join(flaws)) from None


def show_all(user_id: str, *, show_token: bool, life: int, pace: Pace | None = None) -> None:
    """
    Show all steps.

    Args:
        user_id: The user to get a token for.

        show_token: Whether to print the token, too.

        life: The lifetime in seconds of the token whose life is shown; at least 3.

        pace: How time passes while the token's life is shown; None uses real time.
    """
    from ...emulator import Call, Emulator

    print("cognito-devtoken demo: runs on this machine, without an AWS account.", flush=True)
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
            show("Cognito returns", "")
            show("  IdentityId", token.identity_id)
            if show_token:
                show("  Token", token.token)
            else:
                show("  Token", f"{len(token.token)} characters, secret (see --show-token)")
        with step("3. Its recipient can read and verify it") as show:
            _explain(token, show)
            _verify(token, emulator.jwks_uri, pool.identity_pool_id, show)
        with step("4. The app exchanges it for temporary AWS credentials") as show:
            _exchange(token, emulator.endpoint_url, pool.region, show)
        show_hits(session, token, scene)
        show_crowd(scene)
        show_life(scene, life)
    print(f"\nThe demo took {time.perf_counter() - began:.1f} s. In your code:\n")
    print(_SNIPPET)


_SNIPPET = """\
  from cognito_devtoken import TokenSession

  with TokenSession(pool_id, developer_provider="login.example.com") as session:
      token = session.get_token("user-42")
"""


@contextmanager
def _no_aws_account() -> Generator[None]:
    """
    Set an environment in which boto finds fake credentials and none of the user's settings.

    So the demo works in the same way whatever the user's profile is, and calls only the emulator.
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
        # botocore must not retry: the cache handles every failure.
        "AWS_MAX_ATTEMPTS": "1",
        # The emulator is on this machine, so no proxy is needed.
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
    show("", f"{user.replace(claims['aud'], look().omitted)}  the user's id, readable")
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
    show("signature", f"valid: {verified.header['alg']}, key {verified.header['kid']}")
    head, claims, signature = token.token.split(".")
    changed = "B" if signature[0] == "A" else "A"
    verdict = "ACCEPTED, which is wrong"
    try:
        jwt.decode(f"{head}.{claims}.{changed}{signature[1:]}", keys, ["RS512"])
    except BadSignatureError:
        verdict = "rejected"
    show("one letter changed", verdict)


def _exchange(token: OpenIdToken, endpoint_url: str, region: str, show: Show) -> None:
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.session import Session

    # The app has no AWS credentials: this operation takes the token instead.
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
    show("  Logins", f"{next(iter(token.to_logins()))} = the token")
    show("Cognito returns", "")
    show("  AccessKeyId", f"{credentials['AccessKeyId']} (plus secret key and session token)")
    show("  Expiration", f"{credentials['Expiration']:%Y-%m-%d %H:%M:%S %Z}")
