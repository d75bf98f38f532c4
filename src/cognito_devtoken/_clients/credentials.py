"""
The credentials of one user, as objects that botocore accepts.

They are not botocore's ``RefreshableCredentials``, which refresh at every use within 15 minutes of
the expiry. For credentials that live for 900 s, that would mean an exchange for every request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from botocore.credentials import CredentialProvider, Credentials, ReadOnlyCredentials

from .._values.role import AssumeRole
from .._values.secret import NeverPickled
from ..exceptions import ConfigurationError


if TYPE_CHECKING:
    from .._values.credentials import AwsCredentials


METHOD = "cognito-devtoken"
# Before botocore 1.35, credentials have no account id.
_HAS_ACCOUNT_ID = "account_id" in ReadOnlyCredentials._fields


class CredentialsSource(Protocol):
    """A session for threads that provides the credentials of users."""

    def get_credentials(self, user_id: str, *, role: Any = ...) -> AwsCredentials: ...


def account_of(role: str | AssumeRole | None) -> str | None:
    """Return the AWS account id in a role's ARN; None if only the identity pool knows the role."""
    arn = role.role_arn if isinstance(role, AssumeRole) else role
    parts = (arn or "").split(":")
    return parts[4] if len(parts) > 5 and parts[4].isdigit() else None


def frozen(found: AwsCredentials, role: str | AssumeRole | None) -> ReadOnlyCredentials:
    """Return credentials in the form with which botocore signs."""
    keys = (found.access_key_id, found.secret_access_key, found.session_token)
    return ReadOnlyCredentials(*keys, *([account_of(role)] if _HAS_ACCOUNT_ID else []))


class HidesSecrets(NeverPickled, Credentials):
    """Credentials for botocore that store no secret and show none in their repr."""

    __slots__ = ("_role",)

    # botocore's __init__ would set this attribute, but it is not called.
    method = METHOD
    _role: str | AssumeRole | None

    @property
    def account_id(self) -> str | None:
        """The AWS account id, which the addresses of some endpoints contain."""
        return account_of(self._role)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UserCredentials(HidesSecrets):
    """
    The credentials of one user, which are looked up in the session at each use.

    Args:
        session: Provides the credentials, and refreshes them.

        user_id: The user.

        role: The role to assume, as for ``session.get_credentials()``.
    """

    __slots__ = ("_session", "_user_id")

    def __init__(
        self, session: CredentialsSource, user_id: str, role: str | AssumeRole | None
    ) -> None:
        self._session, self._user_id, self._role = session, user_id, role

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the credentials with which to sign one request."""
        role = self._role
        if role is None:  # a hit is faster without options
            return frozen(self._session.get_credentials(self._user_id), None)
        return frozen(self._session.get_credentials(self._user_id, role=role), role)

    @property
    def access_key(self) -> str | None:  # type: ignore[override]
        """The id of the access key."""
        return self.get_frozen_credentials().access_key

    @property
    def secret_key(self) -> str | None:  # type: ignore[override]
        """The secret access key."""
        return self.get_frozen_credentials().secret_key

    @property
    def token(self) -> str | None:  # type: ignore[override]
        """The session token."""
        return self.get_frozen_credentials().token


class NoUser(HidesSecrets):
    """
    Credentials that cannot sign anything, for a client that belongs to no user.

    Args:
        role: The role that every user assumes. Some endpoints contain its account id.
    """

    __slots__ = ()

    def __init__(self, role: str | AssumeRole | None) -> None:
        self._role = role

    def get_frozen_credentials(self) -> NoReturn:
        """Raise a ConfigurationError."""
        raise ConfigurationError(
            "This client belongs to no user, so its requests cannot be signed.",
            hint="Get the client of a user: clients.client(SERVICE, USER_ID).",
        )

    @property
    def access_key(self) -> NoReturn:  # type: ignore[override]
        """Raise a ConfigurationError."""
        self.get_frozen_credentials()

    secret_key = token = access_key  # pyright: ignore[reportAssignmentType]


class OneUserProvider(CredentialProvider):
    """Provides the credentials of one user, in place of botocore's usual chain of providers."""

    METHOD = METHOD
    CANONICAL_NAME = None

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        """Return the credentials."""
        return self._credentials
