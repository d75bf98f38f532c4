"""Verify a token against a set of public keys."""

from __future__ import annotations

import argparse
import json
import os
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, cast

from .._values.secret import Secret
from .._values.text import one_line, printable
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
        "--verify", action="store_true", help="verify the signature with Cognito's public keys"
    )
    parser.add_argument(
        "--jwks",
        metavar="PATH|URL",
        help="verify the signature with these public keys, such as an emulator's",
    )
    parser.add_argument(
        "--identity-pool-id",
        metavar="REGION:GUID",
        help="with --verify or --jwks: require a token of this pool (all pools share one key set)",
    )


def verify(
    token: Secret, claims: Mapping[str, Any], now: float, arguments: argparse.Namespace
) -> str:
    """
    Verify a token.

    Returns:
        What has been verified.

    Raises:
        OutputError: If the token is not genuine, is for another pool or has expired, or if
            the keys cannot be read.

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
        # The error's own text may quote the token.
        raise OutputError(
            f"The token is NOT verified by the keys of {one_line(source)}: {type(error).__name__}"
        ) from None
    pool = arguments.identity_pool_id
    if pool is not None and claims.get("aud") != pool:
        raise OutputError("The signature is valid, but the token is for ANOTHER identity pool.")
    expires = claims.get("exp")
    if not isinstance(expires, int | float) or expires <= now:
        raise OutputError("The signature is valid, but the token has EXPIRED.")
    pool_check = "pool matches" if pool else "pool not checked"
    kid = printable(str(header.get("kid"))[:40])
    return f"{_ALGORITHM} by key {kid}; {pool_check}"


def _service_keys() -> str:
    endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), _SERVICE)
    return endpoint.rstrip("/") + _PATH


def _read(source: str) -> Any:
    """Read JSON from a file or a URL."""
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
        # The error's own text may quote a password.
        why = type(error).__name__
    else:
        return json.loads(text)
    raise OutputError(one_line(f"Cannot read keys from {source}: {why}"))


def _strict(key_set: Any) -> Any:
    """
    Convert a key set to base64url, as RFC 7518 requires.

    Cognito has been seen to serve ordinary base64, with padding.
    """
    members = cast("list[dict[str, Any]]", key_set["keys"])
    for key in members:
        for name in ("n", "e"):
            if isinstance(key.get(name), str):
                key[name] = key[name].replace("+", "-").replace("/", "_").rstrip("=")
    return key_set
