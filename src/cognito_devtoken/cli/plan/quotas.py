"""The quotas of the operations, how certain each is, and where AWS documents it."""

from __future__ import annotations

import attrs


@attrs.frozen
class Quota:
    """
    How often an operation may be called, in one account and region.

    Attributes:
        calls_per_second: The limit; None if it is unknown.

        certainty: ``documented default``, ``given`` (as an option) or ``undocumented``.

        is_adjustable: Whether AWS raises the quota on request; None if that is not documented.

        page: The title of the page in AWS's documentation.

        url: The URL of that page.

        note: A remark about the quota, or an empty text.
    """

    operation: str
    calls_per_second: float | None
    certainty: str
    is_adjustable: bool | None
    page: str
    url: str
    note: str = ""


_COGNITO = (
    "Amazon Cognito Developer Guide, Quotas in Amazon Cognito",
    "https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html",
)
_STS = (
    "IAM User Guide, IAM and AWS STS quotas",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
)
DOCUMENTED = "documented default"

# The key is the flow with which credentials are requested, or "none" for the call for a token.
_QUOTAS = {
    "none": Quota("GetOpenIdTokenForDeveloperIdentity", 50.0, DOCUMENTED, True, *_COGNITO),
    "enhanced": Quota("GetCredentialsForIdentity", 200.0, DOCUMENTED, True, *_COGNITO),
    "basic": Quota(
        "AssumeRoleWithWebIdentity",
        None,
        "undocumented",
        None,
        *_STS,
        "The 600 calls/s on that page apply to calls that are signed with AWS credentials. This "
        "call is not signed.",
    ),
}
FLOWS = tuple(_QUOTAS)


def quota_for(credentials: str, given: float | None) -> Quota:
    """
    Return the quota of an operation.

    Args:
        credentials: One of :data:`FLOWS`.

        given: The quota of this account; None means AWS's default.
    """
    quota = _QUOTAS[credentials]
    if given is None:
        return quota
    return attrs.evolve(quota, calls_per_second=given, certainty="given")
