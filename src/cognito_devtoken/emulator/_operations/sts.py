"""The operations of STS: exchange a token for a role's credentials, and identify a caller."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..._values.partition import cognito_names
from ..._values.secret import Secret
from ..._values.token import decode_claims
from .._settings import DEFAULT_SESSION_SECONDS
from .._sigv4 import Caller
from .._tokens import TAGS_CLAIM, BadTokenError, ExpiredTokenError
from .._wire import Refusal
from .roles import check_duration, check_tags, is_role, packed_size
from .world import World, id_of


_INTEGER = re.compile(r"-?[0-9]{1,18}")
_LINE_END = re.compile(r"\r?\n\Z")
_POLICY_ARN = re.compile(r"PolicyArns\.member\.[0-9]{1,4}\.arn")


def read_fields(fields: Mapping[str, str]) -> dict[str, Any]:
    """Convert the fields of the query protocol to the members of the input."""
    members: dict[str, Any] = {name: text for name, text in fields.items() if "." not in name}
    arns = [{"arn": text} for name, text in fields.items() if _POLICY_ARN.fullmatch(name)]
    if arns:
        members["PolicyArns"] = arns
    seconds = fields.get("DurationSeconds")
    if seconds is not None:
        if not _INTEGER.fullmatch(seconds):
            raise Refusal(
                "ValidationError",
                f"1 validation error detected: Value '{seconds[:100]}' at 'durationSeconds' "
                "failed to satisfy constraint: Member must be an integer",
            )
        members["DurationSeconds"] = int(seconds)
    return members


def assume_role_with_web_identity(
    world: World, members: Mapping[str, Any], caller: Caller
) -> dict[str, Any]:
    role, name = members["RoleArn"], members["RoleSessionName"]
    seconds: int = members.get("DurationSeconds", DEFAULT_SESSION_SECONDS)
    if not is_role(role):
        raise Refusal("ValidationError", "Request ARN is invalid")
    claims = _verified(world, members["WebIdentityToken"])
    if not check_tags(world, role, claims.get(TAGS_CLAIM)):
        raise Refusal(
            "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403
        )
    check_duration(world, role, seconds)
    arns = [each.get("arn", "") for each in members.get("PolicyArns", [])]
    size = packed_size(members.get("Policy"), arns)
    session = world.open_session(role, name, seconds)
    region = str(claims["aud"]).partition(":")[0]
    return {
        "SubjectFromWebIdentityToken": claims["sub"],
        "Audience": claims["aud"],
        "Provider": cognito_names(region).trust_principal,
        "AssumedRoleUser": {"Arn": session.arn, "AssumedRoleId": session.user_id},
        "Credentials": {
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret_key,
            "SessionToken": session.session_token,
            "Expiration": datetime.fromtimestamp(session.expires, UTC),
        },
    } | ({} if size is None else {"PackedPolicySize": size})


def _verified(world: World, token: str) -> dict[str, Any]:
    """Verify a token of the emulator, and return its claims."""
    if world.behavior.trailing_line_end == "accept":
        token = _LINE_END.sub("", token)
    if not _is_jwt(token):
        raise Refusal(
            "InvalidIdentityToken",
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an "
            "Access Token)",
        )
    try:
        return world.signer.verify(token)
    except BadTokenError:
        raise Refusal(
            "InvalidIdentityToken",
            # The service's message has two spaces, too.
            "Couldn't retrieve verification key from your identity provider,  please reference "
            "AssumeRoleWithWebIdentity documentation for requirements",
        ) from None
    except ExpiredTokenError as error:
        raise Refusal(
            "ExpiredTokenException",
            f"Token expired: current date/time {error.now} must be before the expiration "
            f"date/time {error.expired}",
        ) from None


def _is_jwt(token: str) -> bool:
    try:
        return decode_claims(Secret(token)) is not None and not token.endswith(("\r", "\n"))
    except ValueError:
        return False


def get_caller_identity(world: World, members: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    session = world.session_of(caller)
    if session is None:
        # Any other access key belongs to a user of the account.
        pool = world.settings[0]
        arn = f"arn:{cognito_names(pool.region).partition}:iam::{pool.account_id}:user/emulator"
        return {"UserId": id_of("AIDA", arn), "Account": pool.account_id, "Arn": arn}
    return {"UserId": session.user_id, "Account": session.account_id, "Arn": session.arn}
