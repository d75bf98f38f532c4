"""The rules of IAM roles and session policies: who may assume a role, and for how long."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from .._settings import ROLE_ARN
from .._wire import Refusal
from .world import World


MAX_POLICIES = 10
# The limit on the characters of the inline policy and the ARNs together.
MAX_POLICY_TEXT = 2048


def is_role(arn: str) -> bool:
    return ROLE_ARN.fullmatch(arn) is not None


def check_tags(world: World, role_arn: str, tags: object) -> bool:
    """Return whether a role accepts a token with these principal tags."""
    role = world.roles.get(role_arn)
    return not tags or role is None or role.allows_tag_session


def check_duration(world: World, role_arn: str, seconds: int) -> None:
    """Refuse a session that would last longer than the role allows."""
    role = world.roles.get(role_arn)
    if role is not None and seconds > role.max_session_duration:
        raise Refusal(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )


def packed_size(policy: str | None, arns: Sequence[str]) -> int | None:
    """
    Return how much of the allotted space the session policies take, in percent.

    The service compresses the policies before it measures them. The compression is not known, so
    the emulator measures them uncompressed.

    Returns:
        None if there are no policies.

    Raises:
        Refusal: If there are too many policies, if they are too large, or if one is malformed.
    """
    if policy is None and not arns:
        return None
    if len(arns) > MAX_POLICIES:
        raise Refusal(
            "ValidationError",
            "1 validation error detected: Value '***' at 'policyArns' failed to satisfy "
            f"constraint: Member must have length less than or equal to {MAX_POLICIES}",
        )
    if policy is not None:
        _check_policy(policy)
    size = -(-100 * sum(map(len, [policy or "", *arns])) // MAX_POLICY_TEXT)
    if size > 100:
        raise Refusal(
            "PackedPolicyTooLarge",
            f"Packed policy consumes {size}% of allotted space, please use smaller policy.",
        )
    return size


def _check_policy(text: str) -> None:
    try:
        policy: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise Refusal("MalformedPolicyDocument", "This policy contains invalid Json") from None
    if not isinstance(policy, dict) or not _has_statements(cast("dict[str, Any]", policy)):
        raise Refusal("MalformedPolicyDocument", "Syntax errors in policy.")


def _has_statements(policy: Mapping[str, Any]) -> bool:
    found: Any = policy.get("Statement")
    statements = cast("list[object]", found if isinstance(found, list) else [found])
    return bool(statements) and all(
        isinstance(each, dict) and _is_statement(cast("dict[str, object]", each))
        for each in statements
    )


def _is_statement(statement: Mapping[str, object]) -> bool:
    return (
        statement.get("Effect") in ("Allow", "Deny")
        and ("Action" in statement) != ("NotAction" in statement)
        and ("Resource" in statement) != ("NotResource" in statement)
    )
