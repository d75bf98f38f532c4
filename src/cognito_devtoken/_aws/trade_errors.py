"""
How errors of the exchange of a token for credentials differ from errors of other calls.

The exchange is not signed. So here, a code that usually blames the caller's AWS credentials blames
the token or the role.
"""

from __future__ import annotations

from collections.abc import Mapping

from .._values.operations import BASIC, ENHANCED
from ..exceptions import (
    IdentityPoolRolesError,
    InternalServiceError,
    NotAuthorizedError,
    RegionDisabledError,
    RoleDeniedError,
    ServiceError,
    SessionPolicyError,
    StaleTokenError,
)


# The keys are error codes without the suffix "Exception".
_CLASSES: Mapping[str, type[ServiceError]] = {
    "AccessDenied": RoleDeniedError,
    "ExpiredToken": StaleTokenError,
    "ExternalService": InternalServiceError,
    "IDPCommunicationError": InternalServiceError,
    "IDPRejectedClaim": NotAuthorizedError,
    "InvalidIdentityPoolConfiguration": IdentityPoolRolesError,
    "InvalidIdentityToken": NotAuthorizedError,
    "MalformedPolicyDocument": SessionPolicyError,
    "PackedPolicyTooLarge": SessionPolicyError,
    "RegionDisabled": RegionDisabledError,
}
# Cognito's messages, with the code NotAuthorized, about a token that was valid before.
_STALE = ("Token expired", "Couldn't verify signed token")
_UNTRUSTED = (
    "Exchange a token of this partition's Cognito, and check that the role trusts the provider "
    "cognito-identity.amazonaws.com."
)
_HINTS: Mapping[str, str] = {
    "IDPRejectedClaim": _UNTRUSTED,
    "InvalidIdentityToken": _UNTRUSTED,
    **dict.fromkeys(
        ("TooManyRequests", "Throttling"),
        "Ask AWS to raise the quota of the operation; the default of GetCredentialsForIdentity is "
        "200 calls per second.",
    ),
}
_TOO_LONG = "MaxSessionDuration"
_TOO_LONG_HINT = "Use a shorter duration, or raise the role's maximum session duration in IAM."


def error_of_trade(
    operation: str, stem: str, said: str
) -> tuple[type[ServiceError] | None, str | None]:
    """
    Return the class and the hint for an error of the exchange. Each is None if it is the usual one.

    Args:
        operation: The name of the operation that failed.

        stem: The error code, without the suffix "Exception".

        said: The message of the service.
    """
    if operation not in (ENHANCED, BASIC):
        return None, None
    if stem == "NotAuthorized" and any(text in said for text in _STALE):
        return StaleTokenError, None
    hint = _TOO_LONG_HINT if _TOO_LONG in said else _HINTS.get(stem)
    return _CLASSES.get(stem), hint
