"""Verify a token against a set of public keys."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from .._values.secret import Secret
from .._values.text import one_line, printable
from ._errors import OutputError, ParameterError
from ._input.options import Options, flaw_of
from ._input.parsing import Parser
from ._yaml import missing


_ALGORITHM = "RS512"
_LARGEST = 1 << 20


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--verify",
        action="store_true",
        help="verify the signature with the public keys of Cognito, or of a configured endpoint",
    )
    parser.add_argument(
        "--jwks",
        metavar="PATH|URL",
        help="verify the signature with these public keys, such as an emulator's",
    )
    parser.add_argument(
        "--identity-pool-id",
        metavar="REGION:GUID",
        help="with --verify or --jwks: require a token of this pool; the signature alone does not "
        "prove the pool, because all pools share their keys",
    )


def verify(
    token: Secret,
    claims: Mapping[str, Any],
    now: float,
    arguments: argparse.Namespace,
    options: Options,
) -> str:
    """
    Verify a token.

    Returns:
        What has been verified.

    Raises:
        OutputError: If the token is not genuine, is for another pool or has expired, or if
            the keys cannot be read.

        ParameterError: If the URL of the keys is invalid.

        ConfigurationError: If joserfc is missing, or botocore's configuration is wrong.
    """
    try:
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet
    except ModuleNotFoundError:
        raise missing("Verifying a token", "joserfc") from None
    pool = arguments.identity_pool_id
    source, document = _read(arguments.jwks, pool or claims.get("aud"), options)
    try:
        keys = KeySet.import_key_set(_strict(json.loads(document)))
        header = jwt.decode(token.reveal(), keys, [_ALGORITHM]).header
    except (JoseError, LookupError, AttributeError, TypeError, ValueError, RecursionError) as error:
        # The error's own text may quote the token.
        raise OutputError(
            f"The token is NOT verified by the keys of {one_line(source)}: {type(error).__name__}"
        ) from None
    if pool is not None and claims.get("aud") != pool:
        raise OutputError("The signature is valid, but the token is for ANOTHER identity pool.")
    expires = claims.get("exp")
    if not isinstance(expires, int | float) or expires <= now:
        raise OutputError("The signature is valid, but the token has EXPIRED.")
    pool_check = "pool matches" if pool else "pool not checked"
    kid = printable(str(header.get("kid"))[:40])
    return f"{_ALGORITHM} by key {kid}; {pool_check}"


def _read(source: str | None, pool_id: object, options: Options) -> tuple[str, bytes]:
    """Read a key set from a file or a URL. Return the path or the URL, and the text."""
    if source is None or source.startswith(("http://", "https://")):
        from ._service import Service

        if source and (flaw := flaw_of(source)):
            raise ParameterError(f"Bad value for --jwks: {flaw}.")
        return Service(options).get_keys(pool_id, source)
    try:
        with Path(source.removeprefix("file://")).open("rb") as file:
            return source, file.read(_LARGEST)
    except OSError as error:
        why = error.strerror or type(error).__name__
    except ValueError as error:
        why = type(error).__name__
    raise OutputError(one_line(f"Cannot read keys from {source}: {why}"))


def _strict(key_set: Any) -> Any:
    """
    Convert a key set to base64url, as RFC 7518 requires.

    Users have seen Cognito serve ordinary base64, with padding.
    """
    members = cast("list[dict[str, Any]]", key_set["keys"])
    for key in members:
        for name in ("n", "e"):
            if isinstance(key.get(name), str):
                key[name] = key[name].replace("+", "-").replace("/", "_").rstrip("=")
    return key_set
