"""
The options that choose the role of the credentials, and thereby the operation that gets them.

The options have the names, the syntax and the limits of ``aws sts assume-role-with-web-identity``
and ``aws cognito-identity get-credentials-for-identity``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any, cast

import attrs

from ..._values.request import TokenRequest
from ..._values.role import AssumeRole
from ..._values.trade import CredentialsRequest, Role, check_role
from ...exceptions import InvalidRequestError, Violation
from .._errors import ParameterError
from . import members as inputs
from . import shorthand
from .parsing import Parser
from .sources import FILE, load, unusable


_CUSTOM, _ROLE = "custom_role_arn", "role_arn"
# The options that require --role-arn, by the attribute of AssumeRole that each of them sets.
_OF_ROLE = {
    "session_name": "role_session_name",
    "duration": "duration_seconds",
    "policy": "policy",
    "policy_arns": "policy_arns",
}
_OPTIONS = (_CUSTOM, _ROLE, *_OF_ROLE.values())
# Maps the name of a value in a violation to the name of its option.
_NAMES = {"role": _CUSTOM, _ROLE: _ROLE, **_OF_ROLE}
_HOW = "(arn=ARN [arn=ARN ...] or JSON)"
_WHICH = (
    "--role-arn is for AssumeRoleWithWebIdentity, with --role-session-name, --duration-seconds, "
    "--policy and --policy-arns; --custom-role-arn is for GetCredentialsForIdentity. Without "
    "either, the identity pool chooses the role."
)


def add_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "--role-arn",
        metavar="ARN",
        help="assume this role with STS AssumeRoleWithWebIdentity, in the pool's region; the role "
        "must trust the pool; --endpoint-url applies to Cognito only, not to STS",
    )
    add(
        "--role-session-name",
        metavar="NAME",
        help="with --role-arn: the name of the session in CloudTrail, 2 to 64 characters; default: "
        "the GUID of the identity",
    )
    add(
        "--duration-seconds",
        type=int,
        metavar="SECONDS",
        help="with --role-arn: the lifetime of the credentials in seconds, 900 to 43200 and at "
        "most the role's maximum; default: 3600",
    )
    add(
        "--policy",
        metavar="JSON",
        help="with --role-arn: a session policy, which restricts what the role allows",
    )
    add(
        "--policy-arns",
        nargs="*",
        metavar="arn=ARN",
        help="with --role-arn: up to 10 managed policies, which also restrict what the role "
        "allows, each as arn=ARN; or a JSON list of them",
    )
    add(
        "--custom-role-arn",
        metavar="ARN",
        help="assume this role instead of the pool's default, if the pool's rules allow the user "
        "to; not with --role-arn",
    )


def read(arguments: argparse.Namespace) -> CredentialsRequest:
    """
    Return the request for credentials that the options describe.

    Raises:
        ParameterError: If an option cannot be read, or cannot be used with another option.

        InvalidRequestError: If the request for the token or the role violates limits. The error
            lists all violations.
    """
    _check_combination(arguments)
    members = inputs.read(arguments)
    violations: list[Violation] = []
    request, role = None, None
    try:
        request = TokenRequest.from_params(members)
    except InvalidRequestError as error:
        violations += error.violations
    try:
        role = _role(arguments)
    except InvalidRequestError as error:
        violations += (_as_options(each) for each in error.violations)
    if violations or request is None:
        raise InvalidRequestError(violations)
    return CredentialsRequest(request, role)


def refuse(arguments: argparse.Namespace) -> None:
    """
    Refuse the options that choose a role, for a command that requests no credentials.

    Raises:
        ParameterError: If such an option is given.
    """
    if given := _given(arguments, _OPTIONS):
        raise ParameterError(
            f"{_listed(given)} cannot be used without --credentials.",
            "Add --credentials to exchange the token for credentials of this role.",
        )


def _check_combination(arguments: argparse.Namespace) -> None:
    of_role = _given(arguments, (_ROLE, *_OF_ROLE.values()))
    if of_role and _given(arguments, [_CUSTOM]):
        raise ParameterError(f"--custom-role-arn cannot be used with {_listed(of_role)}.", _WHICH)
    if of_role and _ROLE not in of_role:
        raise ParameterError(f"{_listed(of_role)} cannot be used without --role-arn.", _WHICH)


def _given(arguments: argparse.Namespace, names: Sequence[str]) -> list[str]:
    return [name for name in names if getattr(arguments, name) is not None]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(_option, names))


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _as_options(violation: Violation) -> Violation:
    """Replace the argument names of :class:`.AssumeRole` in a violation by the option names."""
    words = violation.member.split(" ")
    named = " ".join(_option(_NAMES[word]) if word in _NAMES else word for word in words)
    return attrs.evolve(violation, member=named)


def _role(arguments: argparse.Namespace) -> Role:
    if arguments.role_arn is None:
        role: str | None = _text(arguments, _CUSTOM)
        check_role(role)
        return role
    words = arguments.policy_arns
    arns = () if words is None else _arns("--policy-arns", words)
    # Options that are not given have the defaults of AssumeRole.
    names = {
        member: name
        for member, name in _OF_ROLE.items()
        if member != "policy_arns" and getattr(arguments, name) is not None
    }
    return AssumeRole(
        _text(arguments, _ROLE),
        policy_arns=arns,
        **{member: _text(arguments, name) for member, name in names.items()},
    )


def _text(arguments: argparse.Namespace, name: str) -> Any:
    value = getattr(arguments, name)
    return load(_option(name), value) if isinstance(value, str) else value


def _arns(option: str, words: Sequence[str]) -> list[Any]:
    """Read a list of structures as the AWS CLI does: one structure per word, or one JSON list."""
    if len(words) == 1 and words[0].startswith(FILE):
        words = [load(option, words[0])]
        if not words[0].lstrip().startswith("["):
            raise unusable(option, "Expected a JSON list in the file")
    if words and words[0].lstrip().startswith(("[", "{")):
        items = _from_json(option, words)
    else:
        items = [_from_shorthand(option, word) for word in words]
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict) or item.keys() != {"arn"}:
            raise unusable(option, f"Expected arn, and nothing else, in entry {number} {_HOW}")
    return [item["arn"] for item in cast("list[dict[str, object]]", items)]


def _from_json(option: str, words: Sequence[str]) -> list[object]:
    try:
        found: list[object] = [json.loads(word) for word in words]
    except (ValueError, RecursionError):
        raise unusable(option, f"Invalid JSON {_HOW}") from None
    if len(found) == 1 and isinstance(found[0], list):
        return cast("list[object]", found[0])
    return found


def _from_shorthand(option: str, word: str) -> object:
    try:
        return shorthand.parse(word, lambda value: load(option, value))
    except shorthand.ShorthandError as error:
        raise unusable(option, f"{error} {_HOW}") from None
