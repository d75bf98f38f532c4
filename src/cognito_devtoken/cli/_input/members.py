"""The parameters of the operation: turns arguments into members of the request."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any, cast

from ..._values.request import TokenRequest
from ...exceptions import InvalidRequestError, Violation
from .._errors import ParameterError
from .._yaml import read_yaml
from . import shorthand
from .parsing import PARAMETERS, REQUIRED, Parser
from .sources import BINARY_FILE, FILE, load, load_or_read, unusable


_REQUIRED = ("identity_pool_id", "logins")
# The parameters, as the API names and orders them.
_NAMES = {
    "identity_pool_id": "IdentityPoolId",
    "identity_id": "IdentityId",
    "logins": "Logins",
    "principal_tags": "PrincipalTags",
    "token_duration": "TokenDuration",
}


def add_arguments(parser: Parser) -> None:
    parser.usage = f"{parser.prog} --identity-pool-id REGION:GUID --logins MAP [options]"
    required = parser.add_argument_group(
        REQUIRED, "Pass these as options, or in --cli-input-json or --cli-input-yaml."
    ).add_argument
    required("--identity-pool-id", metavar="REGION:GUID", help="the id of the identity pool")
    required(
        "--logins",
        metavar="MAP",
        help="a map of provider names to user ids or tokens, such as login.example.com=user-42",
    )
    add = parser.add_argument_group(PARAMETERS).add_argument
    add("--identity-id", metavar="REGION:GUID", help="an existing identity to link the logins to")
    add("--principal-tags", metavar="MAP", help="a map of principal tags, such as team=blue")
    add(
        "--token-duration",
        type=int,
        metavar="SECONDS",
        help="the lifetime of the token in seconds, 1 to 86400; default: 900",
    )
    add("--cli-input-json", metavar="JSON", help="the parameters as one JSON object")
    add("--cli-input-yaml", metavar="YAML", help="the parameters as YAML")


def read(arguments: argparse.Namespace, *, is_complete: bool = True) -> dict[str, Any]:
    """
    Return the members of the request. Other arguments override ``--cli-input-json`` and
    ``--cli-input-yaml``.

    Args:
        arguments: The parsed command line.

        is_complete: Whether to require the parameters that the operation requires.

    Raises:
        ParameterError: If an argument cannot be read, or a required argument is missing.
    """
    inputs = [name for name in ("json", "yaml") if _input(arguments, name) is not None]
    if is_complete and not inputs:
        _require(arguments)
    members: dict[str, Any] = {}
    for name, member in _NAMES.items():
        value: Any = getattr(arguments, name)
        if value is None:
            continue
        option = "--" + name.replace("_", "-")
        if member in ("Logins", "PrincipalTags"):
            value = _map(option, load_or_read(option, value))
        elif isinstance(value, str):
            value = load(option, value)
        members[member] = value
    if len(inputs) > 1:
        raise ParameterError("Only one --cli-input- parameter may be specified.")
    for name in inputs:
        members = _from_input(f"--cli-input-{name}", _input(arguments, name), name) | members
    return members


def _require(arguments: argparse.Namespace) -> None:
    missing = [name for name in _REQUIRED if getattr(arguments, name) is None]
    if missing:
        options = ", ".join("--" + name.replace("_", "-") for name in missing)
        raise ParameterError(f"the following arguments are required: {options}")


def violations(members: Mapping[str, Any]) -> list[Violation]:
    """Return all limits that the members violate, even limits that the AWS CLI does not check."""
    nulls = [
        Violation(member, "must not be null")
        for name, member in _NAMES.items()
        if name not in _REQUIRED and member in members and members[member] is None
    ]
    try:
        TokenRequest.from_params(members)
    except InvalidRequestError as error:
        return [*error.violations, *nulls]
    return nulls


def _input(arguments: argparse.Namespace, name: str) -> Any:
    return getattr(arguments, f"cli_input_{name}")


def _from_input(option: str, value: str, language: str) -> dict[str, Any]:
    if value.startswith(BINARY_FILE):
        # As in the AWS CLI, both prefixes mean the same for a document.
        value = FILE + value.removeprefix(BINARY_FILE)
    text = load_or_read(option, value)
    try:
        found: Any = json.loads(text) if language == "json" else read_yaml(text)
    except (ValueError, RecursionError):
        # The parser's own error quotes the text.
        raise unusable(option, f"Invalid {language.upper()} received.") from None
    if not isinstance(found, dict):
        raise unusable(
            option, f"Invalid type: expecting map, received {type(cast('object', found))}"
        )
    return cast("dict[str, Any]", found)


def _map(option: str, text: str) -> Any:
    if text.lstrip().startswith("["):
        raise unusable(option, "Invalid JSON: expected an object, not a list")
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise unusable(option, "Invalid JSON") from None
    try:
        return shorthand.parse(text, lambda value: load(option, value))
    except shorthand.ShorthandError as error:
        raise unusable(option, f"{error} (NAME=VALUE[,NAME=VALUE...] or JSON)") from None
