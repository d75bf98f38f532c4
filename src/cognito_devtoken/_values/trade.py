"""
The exchange of a token for credentials: the parameters to send, and the checks of the response.

There are two flows. The enhanced flow is ``GetCredentialsForIdentity`` of Cognito, which assumes a
role of the identity pool. The basic flow is ``AssumeRoleWithWebIdentity`` of STS, which assumes any
role that trusts the pool. Neither call is signed, because the token proves who the user is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import attrs

from ..exceptions import InvalidRequestError, InvalidTokenResponseError, Violation
from .clock import SYSTEM_CLOCK, Clock, Instant
from .credentials import SEPARATOR, AwsCredentials
from .key import Key, digest_of
from .operations import BASIC, ENHANCED
from .request import ID_PATTERN, TokenRequest, is_unicode
from .role import AssumeRole, arn_violations
from .secret import NeverPickled, Secret
from .token import OpenIdToken


# How many seconds the credentials of the enhanced flow live. No parameter changes that.
ENHANCED_SECONDS = 3600

Role = str | AssumeRole | None


def check_role(role: object) -> None:
    """
    Check that a role is None, the ARN of a role, or an AssumeRole.

    Raises:
        InvalidRequestError: If *role* is anything else.
    """
    if role is None or isinstance(role, AssumeRole):
        return
    if isinstance(role, str):
        violations = tuple(arn_violations("role", role))
    else:
        limit = "must be an AssumeRole or the ARN of a role"
        violations = (Violation("role", limit, type(role).__name__),)
    del role  # it may be a secret in the wrong place
    if violations:
        raise InvalidRequestError(violations)


def role_digest(role: Role) -> str:
    """Return a digest of the flow, and of everything in a role that alters the credentials."""
    return digest_of(_members(role)).hex()


def _members(role: Role) -> Iterator[str]:
    if not isinstance(role, AssumeRole):
        yield from (ENHANCED, role or "")
        return
    yield from (BASIC, role.role_arn, role.session_name or "", str(role.duration))
    yield from (role.policy or "", *role.policy_arns)


@attrs.frozen
class CredentialsRequest(NeverPickled):
    """
    A request for the credentials of a user, for one role.

    Attributes:
        token_request: The request for the token that is exchanged.

        role: None means the role of the identity pool. An ARN means another role that the pool's
            rules allow. An AssumeRole means any role that trusts the pool.
    """

    token_request: TokenRequest
    role: Role = None

    @property
    def longest_life(self) -> float:
        """How many seconds the credentials live at most."""
        return _longest_life(self.role)

    def key(self, developer_provider: str | None) -> Key:
        """Return the key of the cache entry."""
        key = Key.of(self.token_request, developer_provider)
        return key.and_more([role_digest(self.role)])


@attrs.frozen
class Trade(NeverPickled):
    """One exchange of a token for credentials."""

    token: OpenIdToken
    role: Role = None

    @property
    def operation(self) -> str:
        """The name of the operation."""
        return BASIC if isinstance(self.role, AssumeRole) else ENHANCED

    @property
    def region(self) -> str:
        """The AWS region of the identity and of its pool."""
        return self.token.identity_id.partition(":")[0]

    @property
    def logins(self) -> Mapping[str, str]:
        """The values that no message may quote, by name."""
        policy = self.role.policy if isinstance(self.role, AssumeRole) else None
        return self.token.to_logins() | ({"Policy": policy} if policy else {})

    def to_params(self) -> dict[str, Any]:
        """Return the parameters of the operation, as the API spells them, including the token."""
        role = self.role
        if not isinstance(role, AssumeRole):
            params: dict[str, Any] = {
                "IdentityId": self.token.identity_id,
                "Logins": self.token.to_logins(),
            }
            return params | ({"CustomRoleArn": role} if role else {})
        # An identity id has a colon, which the name of a session must not have.
        guid = self.token.identity_id.partition(":")[2]
        params = {
            "RoleArn": role.role_arn,
            "RoleSessionName": role.session_name or guid,
            "WebIdentityToken": self.token.token,
            "DurationSeconds": role.duration,
        }
        if role.policy is not None:
            params["Policy"] = role.policy
        if role.policy_arns:
            params["PolicyArns"] = [{"arn": arn} for arn in role.policy_arns]
        return params

    def credentials(
        self, response: Mapping[str, Any], *, sent: Instant, clock: Clock = SYSTEM_CLOCK
    ) -> AwsCredentials:
        """
        Make credentials from the service's response, checked against the token.

        Args:
            response: The response, as botocore parses it.

            sent: When the request was sent. The age of the credentials counts from then, so that
                they never look younger than they are.

            clock: The clock that *sent* was read from.

        Raises:
            InvalidTokenResponseError: If the response lacks a member, is for another identity, or
                contains credentials that have already expired.
        """
        found = _mapping(response.get("Credentials"))
        secret_name = "SecretAccessKey" if self.operation == BASIC else "SecretKey"
        key_id, key, token = (
            _text(found.get(name)) for name in ("AccessKeyId", secret_name, "SessionToken")
        )
        expiration = _date(found.get("Expiration"))
        named = "SubjectFromWebIdentityToken" if self.operation == BASIC else "IdentityId"
        identity_id = _identity_id(response.get(named))
        life = _life(expiration, response, sent) if expiration else 0.0
        del response, found  # a traceback shows the locals of its frames
        if not (key_id and key and token and expiration):
            raise _misfit("they lack a member")
        if SEPARATOR in key.reveal():
            raise _misfit("their secret access key contains a line end")
        if identity_id not in (None, self.token.identity_id):
            raise _misfit("they are for another identity")
        if life <= 0:
            raise _misfit("they have expired already")
        return AwsCredentials._make(
            self.token.identity_id,
            Secret(key.reveal() + SEPARATOR + token.reveal()),
            min(life, _longest_life(self.role)),
            sent,
            clock,
            access_key_id=key_id.reveal(),
            expiration=expiration,
        )


def _longest_life(role: Role) -> float:
    return role.duration if isinstance(role, AssumeRole) else ENHANCED_SECONDS


def _misfit(why: str) -> InvalidTokenResponseError:
    return InvalidTokenResponseError(f"The credentials do not fit the token: {why}.")


def _life(expiration: datetime, response: Mapping[str, Any], sent: Instant) -> float:
    """
    Return how many seconds the credentials are certainly valid, counted from *sent*.

    If the response has a date, the expiry is compared with that date. Both are the server's, so a
    wrong local time does not matter. The date is rounded down to a second, so a second is added.
    """
    from email.utils import parsedate_to_datetime

    headers = _mapping(_mapping(response.get("ResponseMetadata")).get("HTTPHeaders"))
    try:
        now = parsedate_to_datetime(str(headers.get("date"))).timestamp() + 1
    except (ValueError, OverflowError):
        now = sent.wall
    return expiration.timestamp() - now


def _date(value: object) -> datetime | None:
    """Return a datetime converted to UTC; None for anything that cannot be converted."""
    try:
        return value.astimezone(UTC) if isinstance(value, datetime) else None
    except (ValueError, OverflowError):
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _identity_id(value: object) -> str | None:
    """Return an identity id; None for anything else, such as the subject that moto makes up."""
    return value if isinstance(value, str) and ID_PATTERN.fullmatch(value) else None


def _text(value: object) -> Secret | None:
    """Return a text as a Secret; None if it is empty, not valid Unicode, or not a text."""
    if not isinstance(value, str) or not value or not is_unicode(value):
        return None
    return Secret(value)
