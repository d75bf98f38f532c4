"""Whether a token is genuine: its signature, by a set of public keys."""

from __future__ import annotations

import argparse
import json
import os
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, cast

from .._aws.errors import one_line
from .._values.secret import Secret
from ._errors import OutputError
from ._input.parsing import Parser
from ._yaml import missing


_SERVICE = "https://cognito-identity.amazonaws.com"
_PATH = "/.well-known/jwks_uri"
_ALGORITHM = "RS512"
_TIMEOUT = 10
_ENDPOINTS = ("AWS_ENDPOINT_URL_COGNITO_IDENTITY", "AWS_ENDPOINT_URL")
_LARGEST = 1 << 20


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--verify", action="store_true", help="check the signature by the service's keys"
    )
    parser.add_argument(
        "--jwks",
        metavar="PATH|URL",
        help="check the signature by these keys, such as an emulator's",
    )
    parser.add_argument(
        "--identity-pool-id",
        metavar="REGION:GUID",
        help="with either: refuse the token of another pool, as all share the service's keys",
    )


def verify(
    token: Secret, claims: Mapping[str, Any], now: float, arguments: argparse.Namespace
) -> str:
    """
    Check a token.

    Returns:
        What has been found good.

    Raises:
        OutputError: If the token is not genuine, not of the pool, or not in force; or if
            there are no keys to be had.

        ConfigurationError: If joserfc is missing.
    """
    try:
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet
    except ModuleNotFoundError:
        raise missing("Verifying a token", "joserfc") from None
    source = _service_keys() if arguments.jwks is None else arguments.jwks
    try:
        keys = KeySet.import_key_set(_strict(_read(source)))
        header = jwt.decode(token.reveal(), keys, [_ALGORITHM]).header
    except (JoseError, LookupError, AttributeError, TypeError, ValueError, RecursionError) as error:
        # Not the error's own text, which may quote the token.
        raise OutputError(
            f"The token is NOT verified by the keys of {one_line(source)}: {type(error).__name__}"
        ) from None
    pool = arguments.identity_pool_id
    if pool is not None and claims.get("aud") != pool:
        raise OutputError("The signature is good, but the token is for ANOTHER identity pool.")
    expires = claims.get("exp")
    if not isinstance(expires, int | float) or expires <= now:
        raise OutputError("The signature is good, but the token has EXPIRED.")
    of_the_pool = "the pool as given" if pool else "of which pool is not checked"
    return f"{_ALGORITHM} by key {header.get('kid')!s:.40}, {of_the_pool}"


def _service_keys() -> str:
    endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), _SERVICE)
    return endpoint.rstrip("/") + _PATH


def _read(source: str) -> Any:
    """The JSON of a file or an address."""
    why: object
    try:
        if source.startswith(("http://", "https://")):
            with urllib.request.urlopen(source, timeout=_TIMEOUT) as answer:  # noqa: S310  # no other scheme
                text: bytes = answer.read(_LARGEST)
        else:
            with Path(source.removeprefix("file://")).open("rb") as file:
                text = file.read(_LARGEST)
    except OSError as error:
        why = getattr(error, "reason", None) or error.strerror or type(error).__name__
    except (HTTPException, ValueError) as error:
        # Not the error's own text, which may quote a password.
        why = type(error).__name__
    else:
        return json.loads(text)
    raise OutputError(one_line(f"No keys from {source}: {why}"))


def _strict(key_set: Any) -> Any:
    """
    The key set in base64url, as RFC 7518 has it.

    Cognito's has been seen in ordinary base64, with padding.
    """
    members = cast("list[dict[str, Any]]", key_set["keys"])
    for key in members:
        for name in ("n", "e"):
            if isinstance(key.get(name), str):
                key[name] = key[name].replace("+", "-").replace("/", "_").rstrip("=")
    return key_set
