"""Turn the arguments of a command into the members of the request."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import attrs

from ..._values.providers import developer_user
from ..._values.request import TokenRequest
from ...exceptions import InvalidRequestError, Violation
from .._errors import ParameterError
from .._yaml import read_yaml
from . import shorthand
from .parsing import PARAMETERS, REQUIRED, Parser
from .sources import BINARY_FILE, FILE, load, load_or_read, unusable


_REQUIRED = ("identity_pool_id", "logins")
_OF_USER = ("IdentityPoolId", "Logins")
# The parameters, as the API names and orders them.
_NAMES = {
    "identity_pool_id": "IdentityPoolId",
    "identity_id": "IdentityId",
    "logins": "Logins",
    "principal_tags": "PrincipalTags",
    "token_duration": "TokenDuration",
}


def add_arguments(parser: Parser) -> None:
    _add_required(parser, "a map of provider names to user ids or tokens, such as {}")
    add = parser.add_argument_group(PARAMETERS).add_argument
    add("--identity-id", metavar="REGION:GUID", help="an existing identity to link the logins to")
    add("--principal-tags", metavar="MAP", help="a map of principal tags, such as team=blue")
    add(
        "--token-duration",
        type=int,
        metavar="SECONDS",
        help="the lifetime of the token in seconds, 1 to 86400; default: 900",
    )
    _add_inputs(add)


def add_user_arguments(parser: Parser) -> None:
    """Add the parameters that name a user of the developer provider, and nothing else."""
    _add_required(parser, "the pool's developer provider and your id for the user, such as {}")
    _add_inputs(parser.add_argument_group(PARAMETERS).add_argument)


def _add_required(parser: Parser, meaning_of_logins: str) -> None:
    parser.usage = f"{parser.prog} --identity-pool-id REGION:GUID --logins MAP [options]"
    required = parser.add_argument_group(
        REQUIRED, "Pass these as options, or in --cli-input-json or --cli-input-yaml."
    ).add_argument
    required("--identity-pool-id", metavar="REGION:GUID", help="the id of the identity pool")
    required(
        "--logins",
        metavar="MAP",
        help=meaning_of_logins.format("login.example.com=user-42"),
    )


def _add_inputs(add: Callable[..., object]) -> None:
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
        value: Any = getattr(arguments, name, None)  # some commands lack some of these options
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


def read_user(arguments: argparse.Namespace) -> tuple[TokenRequest, str]:
    """
    Read the one user that the arguments name. Return the request, and the developer provider.

    Raises:
        ParameterError: If an argument cannot be read, or if there are other parameters or several
            logins.

        InvalidRequestError: If a limit is violated.
    """
    members = read(arguments)
    if others := [name for name in _NAMES.values() if name in members and name not in _OF_USER]:
        raise ParameterError(f"This command has no parameters {', '.join(others)}.")
    request = TokenRequest.from_params(members)
    if len(request.logins) > 1:
        raise ParameterError(
            f"Bad value for --logins: expected one login, not {len(request.logins)}.",
            "Name only the pool's developer provider, with your id for the user.",
        )
    (provider,) = request.logins
    try:
        developer_user(request, provider)
    except InvalidRequestError as error:
        name = f"Logins[{provider!r}]"
        found = [attrs.evolve(violation, member=name) for violation in error.violations]
    else:
        return request, provider
    raise InvalidRequestError(found)


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
        # As in the AWS CLI, fileb:// means the same as file:// here.
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
