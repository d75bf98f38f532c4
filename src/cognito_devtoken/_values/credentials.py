"""The credentials that a token is exchanged for: a temporary access key of AWS."""

from datetime import UTC, datetime

import attrs

from .lease import Lease


# The secret access key and the session token are kept as one text, with a line end between them.
# The secret access key itself contains no line end.
SEPARATOR = "\n"


@attrs.frozen(kw_only=True, repr=False, eq=False, weakref_slot=False)
class AwsCredentials(Lease):
    """
    Temporary AWS credentials of a Cognito identity.

    They are immutable and cannot be pickled. Their repr, str and format do not show the secrets,
    and neither does :func:`attrs.asdict`.

    AWS cannot revoke individual credentials. Forgetting them here or deleting the identity does not
    revoke them, either. Only an IAM policy stops them, by denying requests whose
    ``aws:TokenIssueTime`` is before a certain time.

    Attributes:
        identity_id: The Cognito identity, ``REGION:GUID``.

        access_key_id: The id of the access key. This id is not a secret.

        expiration: When they expire, an aware datetime by the server's clock.
    """

    access_key_id: str
    expiration: datetime

    @property
    def secret_access_key(self) -> str:
        """The secret access key."""
        return self._secret.partition(SEPARATOR)[0]

    @property
    def session_token(self) -> str:
        """The session token. It is a secret, too."""
        return self._secret.partition(SEPARATOR)[2]

    def __repr__(self) -> str:
        return (
            f"<AwsCredentials of {self.identity_id}, fingerprint {self.fingerprint}, "
            f"expire at {self._expires_at}>"
        )

    def to_aws(self) -> dict[str, str | int]:
        """
        Return ``{"Version": 1, "AccessKeyId": …, "SecretAccessKey": …, "SessionToken": …,
        "Expiration": …}``, as AWS expects it from a ``credential_process``.

        *Expiration* is in ISO 8601.
        """
        return {
            "Version": 1,
            "AccessKeyId": self.access_key_id,
            "SecretAccessKey": self.secret_access_key,
            "SessionToken": self.session_token,
            "Expiration": self._expires_at,
        }

    def to_js(self) -> dict[str, str]:
        """
        Return ``{"accessKeyId": …, "secretAccessKey": …, "sessionToken": …, "expiration": …,
        "identityId": …}`` for the AWS SDK for JavaScript v3.

        *expiration* is a string in ISO 8601, so that it can be sent as JSON. Pass
        ``new Date(expiration)`` to the SDK.
        """
        return {
            "accessKeyId": self.access_key_id,
            "secretAccessKey": self.secret_access_key,
            "sessionToken": self.session_token,
            "expiration": self._expires_at,
            "identityId": self.identity_id,
        }

    def to_boto3(self) -> dict[str, str]:
        """
        Return ``{"aws_access_key_id": …, "aws_secret_access_key": …, "aws_session_token": …}``,
        keyword arguments of ``boto3.Session`` and ``boto3.client``.
        """
        return {
            "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret_access_key,
            "aws_session_token": self.session_token,
        }

    @property
    def _expires_at(self) -> str:
        return f"{self.expiration.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


AwsCredentials.__module__ = "cognito_devtoken.credentials"
