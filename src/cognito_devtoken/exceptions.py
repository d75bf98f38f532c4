"""
The exceptions that this library raises.

::

    DevTokenError
    ├── InvalidRequestError (ValueError)
    ├── ConfigurationError
    ├── ServiceError
    │   ├── InvalidParameterError
    │   ├── ResourceNotFoundError
    │   ├── NotAuthorizedError
    │   │   └── StaleTokenError
    │   ├── ResourceConflictError
    │   ├── DeveloperUserAlreadyRegisteredError
    │   ├── TooManyRequestsError
    │   ├── InternalServiceError
    │   ├── CallerDeniedError
    │   ├── DeveloperProviderError (ConfigurationError)
    │   ├── IdentityPoolRolesError (ConfigurationError)
    │   ├── RoleDeniedError (ConfigurationError)
    │   ├── RegionDisabledError (ConfigurationError)
    │   └── SessionPolicyError
    ├── InvalidTokenResponseError
    ├── IncompleteEraseError
    ├── TokenUnavailableError
    └── SessionClosedError (RuntimeError)

``str(error)`` says what happened. Most errors also carry a note that says what to do; a traceback
shows the note below the message. Neither the message nor the note contains a token or the value of
a login.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import cast

import attrs


__all__ = [
    "CallerDeniedError",
    "ConfigurationError",
    "DevTokenError",
    "DeveloperProviderError",
    "DeveloperUserAlreadyRegisteredError",
    "IdentityPoolRolesError",
    "IncompleteEraseError",
    "InternalServiceError",
    "InvalidParameterError",
    "InvalidRequestError",
    "InvalidTokenResponseError",
    "NotAuthorizedError",
    "RegionDisabledError",
    "ResourceConflictError",
    "ResourceNotFoundError",
    "RoleDeniedError",
    "ServiceError",
    "SessionClosedError",
    "SessionPolicyError",
    "StaleTokenError",
    "TokenUnavailableError",
    "TooManyRequestsError",
    "Violation",
]


class DevTokenError(Exception):
    """
    The base class of every error of this library.

    Args:
        message: One sentence that says what happened.

        hint: What to do. It replaces the hint of the class.
    """

    _hint: str | None = None
    _logged = False  # whether a session has already logged this error

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if note := hint or self._hint:
            self.add_note(note)


def hint_of(error: BaseException) -> str | None:
    """Return the notes of an error, which say what to do about it; None if it has no notes."""
    notes = getattr(error, "__notes__", None)
    # A program may have set the attribute directly, to a value of any type.
    texts = cast("list[object]", notes) if isinstance(notes, list) else []
    return " ".join(map(str, texts)) or None


@attrs.frozen
class Violation:
    """
    One violated limit of a request.

    Attributes:
        member: The parameter, as the caller spells it: ``token_duration``,
            ``logins['login.example.com']``.

        limit: The limit, including the number.

        found: The actual value or length, if the limit alone does not explain the violation. For
            text, only the length, so it never contains the value of a login or a tag.

        hint: What to do, if the mistake is a common one.
    """

    member: str
    limit: str
    found: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        found = f", not {self.found}" if self.found else ""
        return f"{self.member} {self.limit}{found}"


class InvalidRequestError(DevTokenError, ValueError):
    """
    The request violates a documented limit. Nothing was sent.

    Attributes:
        violations: Every violated limit, in the order of the operation's members.
    """

    violations: tuple[Violation, ...]

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        hints = dict.fromkeys(v.hint for v in self.violations if v.hint)
        super().__init__("; ".join(map(str, self.violations)), hint=" ".join(hints))

    def __reduce__(self) -> tuple[type[InvalidRequestError], tuple[object, ...]]:
        return type(self), (self.violations,)


class ConfigurationError(DevTokenError):
    """
    A part of the configuration is missing or wrong. The message names it: for example AWS
    credentials, a region, a profile, an environment variable or an extra of this package.
    """


class ServiceError(DevTokenError):
    """
    Cognito answered with an error.

    Attributes:
        code: The service's error code, such as ``NotAuthorizedException``. Branch on it
            (or on the class), never on *status*: Cognito sends most errors as HTTP 400.

        request_id: The id that AWS support asks for; None if the response had none.

        status: The HTTP status; None if unknown.

        retryable: Whether the same request may succeed later.

        retry_at: When the session stops backing off, an aware datetime; None if it does not back
            off, or if the error did not come from a session.
    """

    code: str
    request_id: str | None
    status: int | None
    retryable: bool = False
    retry_at: datetime | None = None

    def __init__(
        self,
        message: str,
        *,
        code: str = "Unknown",
        request_id: str | None = None,
        status: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.request_id = request_id
        self.status = status


class InvalidParameterError(ServiceError):
    """
    Cognito rejected a parameter of the request (``InvalidParameterException``, or
    ``ValidationException``, which the API model does not list).
    """

    _hint = "Compare the request with the settings of the identity pool."


class ResourceNotFoundError(ServiceError):
    """The identity pool or the identity does not exist in this account and region."""

    _hint = "Check the id, and the AWS account and region that the request went to."


class NotAuthorizedError(ServiceError):
    """Cognito does not accept these logins for this identity or this pool."""

    _hint = "Check that every login belongs to a provider of the pool and is still valid."


class StaleTokenError(NotAuthorizedError):
    """
    AWS no longer accepts the OpenID token: it has expired, or AWS does not know its signing key.

    Before a session raises this error, it tries once more with a new token.
    """

    retryable = True
    _hint = "Get a new token. If AWS refuses that, too, check that it is from this identity pool."


class ResourceConflictError(ServiceError):
    """A login of the request is already linked to another identity."""

    _hint = (
        "Omit the identity id to get the identity that the login is linked to, or unlink the "
        "login from that identity first."
    )


class DeveloperUserAlreadyRegisteredError(ServiceError):
    """The user id is already registered with an identity other than the requested identity."""

    _hint = (
        "Omit the identity id to get the user's identity, or merge the two identities with "
        "MergeDeveloperIdentities."
    )


class TooManyRequestsError(ServiceError):
    """Cognito throttles calls. The default quota is 50 per second in each account and region."""

    retryable = True
    _hint = (
        "Cache tokens, request a longer token_duration, or ask AWS to raise the quota of "
        "GetOpenIdTokenForDeveloperIdentity."
    )


class InternalServiceError(ServiceError):
    """Cognito failed with an internal error."""

    retryable = True
    _hint = "Try again; if the error persists, give AWS support the request id."


class CallerDeniedError(ServiceError):
    """
    AWS rejected the application's own AWS credentials, and not the user's logins. For example,
    access is denied, the keys are unknown or expired, or the signature is wrong.
    """

    _hint = (
        "Allow cognito-identity:GetOpenIdTokenForDeveloperIdentity on this identity pool for the "
        "AWS credentials that this application uses."
    )


class DeveloperProviderError(ServiceError, ConfigurationError):
    """
    The identity pool does not know the developer provider of the request. This mistake in the
    configuration makes the requests of all users fail.
    """

    _hint = (
        "Set COGNITO_DEVTOKEN_DEVELOPER_PROVIDER, or the developer_provider that you pass, to the "
        "name in the identity pool. 'aws cognito-identity describe-identity-pool' shows that name "
        "as DeveloperProviderName."
    )


class IdentityPoolRolesError(ServiceError, ConfigurationError):
    """
    The identity pool has no role for its users, or STS refuses to let them assume it
    (``InvalidIdentityPoolConfigurationException``).
    """

    _hint = (
        "Give the identity pool a role for authenticated identities. The role's trust policy must "
        "allow the principal cognito-identity.amazonaws.com to use sts:AssumeRoleWithWebIdentity, "
        "if aud is the pool's id and amr is 'authenticated'. If you use principal tags, the policy "
        "must also allow sts:TagSession."
    )


class RoleDeniedError(ServiceError, ConfigurationError):
    """
    STS does not let the token assume the role: the role does not exist, or its trust policy does
    not allow it.
    """

    _hint = (
        "Have the role's trust policy allow the principal cognito-identity.amazonaws.com to use "
        "sts:AssumeRoleWithWebIdentity, if aud is the identity pool's id and amr is "
        "'authenticated'. If you use principal tags, the policy must also allow sts:TagSession."
    )


class RegionDisabledError(ServiceError, ConfigurationError):
    """STS is not active in this region for the account of the role."""

    _hint = "Activate the region in the account settings of IAM, or configure another endpoint."


class SessionPolicyError(ServiceError):
    """STS refuses the session policy: it is malformed, or too large in its packed form."""

    _hint = (
        "Check the policy with 'aws accessanalyzer validate-policy'. If all policies and tags "
        "together are too large, shorten the policy, or use the ARN of a managed policy instead."
    )


class InvalidTokenResponseError(DevTokenError):
    """
    The response does not fit the request. A token may be for another pool or identity, have no
    lifetime, or have a longer lifetime than requested. Credentials may be for another identity,
    incomplete or expired. Such tokens and credentials are never returned.
    """

    _hint = (
        "Try again; if the error persists, check that the endpoint is the Cognito endpoint of "
        "this pool."
    )


class IncompleteEraseError(DevTokenError):
    """
    Only a part of a user was erased. Erasing the user again continues where this attempt ended.

    If a call failed, its error is the ``__cause__``.

    Attributes:
        deleted: The Cognito identities that were deleted.

        remaining: The identity that is left and that the user id is still linked to; None if it is
            not known whether the user has another identity.
    """

    deleted: tuple[str, ...]
    remaining: str | None
    _hint = (
        "Erase the user again, and make sure that nothing requests tokens for the user meanwhile. "
        "The AWS credentials need cognito-identity:LookupDeveloperIdentity, "
        "UnlinkDeveloperIdentity and DeleteIdentities."
    )

    def __init__(
        self, message: str, *, deleted: Iterable[str] = (), remaining: str | None = None
    ) -> None:
        super().__init__(message)
        self.deleted = tuple(deleted)
        self.remaining = remaining


class TokenUnavailableError(DevTokenError):
    """
    No token is available right now, because of the network, a time-out or a back-off.

    Attributes:
        retry_at: When to try again, an aware datetime; None means now.

        last_error: The error of the last attempt, if there was one.
    """

    retry_at: datetime | None
    last_error: Exception | None
    _hint = "Check that this host can reach the endpoint, then try again."

    def __init__(
        self,
        message: str,
        *,
        retry_at: datetime | None = None,
        last_error: Exception | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_at = retry_at
        self.last_error = last_error


class SessionClosedError(DevTokenError, RuntimeError):
    """The client, session or store has been closed."""

    _hint = "Keep the session, client or store open for as long as the application runs."
