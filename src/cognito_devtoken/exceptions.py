"""
Everything that this library raises.

::

    DevTokenError
    ├── InvalidRequestError (ValueError)
    ├── ConfigurationError
    ├── ServiceError
    │   ├── InvalidParameterError
    │   ├── ResourceNotFoundError
    │   ├── NotAuthorizedError
    │   ├── ResourceConflictError
    │   ├── DeveloperUserAlreadyRegisteredError
    │   ├── TooManyRequestsError
    │   ├── InternalServiceError
    │   └── CallerDeniedError
    ├── InvalidTokenResponseError
    ├── TokenUnavailableError
    └── SessionClosedError (RuntimeError)

``str(error)`` is one sentence about what happened. What to do about it is attached as
a note, which a traceback shows below that sentence. Neither holds a token or the value
of a login.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import attrs


__all__ = [
    "CallerDeniedError",
    "ConfigurationError",
    "DevTokenError",
    "DeveloperUserAlreadyRegisteredError",
    "InternalServiceError",
    "InvalidParameterError",
    "InvalidRequestError",
    "InvalidTokenResponseError",
    "NotAuthorizedError",
    "ResourceConflictError",
    "ResourceNotFoundError",
    "ServiceError",
    "SessionClosedError",
    "TokenUnavailableError",
    "TooManyRequestsError",
    "Violation",
]


class DevTokenError(Exception):
    """
    The base of every error of this library.

    Args:
        message: One sentence about what happened.

        hint: One sentence on what to do about it, in place of the class's own.
    """

    _hint: str | None = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if note := hint or self._hint:
            self.add_note(note)


@attrs.frozen
class Violation:
    """
    One broken limit of a request.

    Attributes:
        member: Where, in the spelling of the caller: ``token_duration``,
            ``logins['login.example.com']``.

        limit: What must hold, with the figure.

        found: What was there instead, if that says more. Never the value of a login or
            of a tag: of text, just its length.
    """

    member: str
    limit: str
    found: str | None = None

    def __str__(self) -> str:
        found = f", not {self.found}" if self.found else ""
        return f"{self.member} {self.limit}{found}"


class InvalidRequestError(DevTokenError, ValueError):
    """
    The request breaks a documented limit, and nothing has been sent.

    Attributes:
        violations: Every broken limit, in the order of the operation's members.
    """

    violations: tuple[Violation, ...]

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(map(str, self.violations)))

    def __reduce__(self) -> tuple[type[InvalidRequestError], tuple[object, ...]]:
        return type(self), (self.violations,)


class ConfigurationError(DevTokenError):
    """
    Something on this side must be set first: AWS credentials, a region, a profile, an
    environment variable, an extra of this package. The message names it.
    """


class ServiceError(DevTokenError):
    """
    Cognito answered, and the answer was no.

    Attributes:
        code: The service's error code, such as ``NotAuthorizedException``. Branch on it
            (or on the class), never on *status*: Cognito sends most errors as HTTP 400.

        request_id: What AWS support asks for; None if the answer carried none.

        status: The HTTP status; None if unknown.

        retryable: Whether the same request may succeed later without a change.

        retry_at: Until when a session leaves Cognito alone because of it, an aware datetime;
            None if it does not, or there is no session.
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
    Cognito refused a member of the request (``InvalidParameterException``, or the
    ``ValidationException`` that the API model does not list).
    """

    _hint = "Compare the request with the settings of the identity pool."


class ResourceNotFoundError(ServiceError):
    """The identity pool or the identity does not exist in this account and region."""

    _hint = "Check the id, the AWS account and the region the request went to."


class NotAuthorizedError(ServiceError):
    """Cognito does not accept these logins for this identity or this pool."""

    _hint = "Check that every login belongs to a provider of the pool and is still valid."


class ResourceConflictError(ServiceError):
    """A login of the request is linked to another identity already."""

    _hint = (
        "Ask without the identity id to get the identity that the login is linked to, "
        "or unlink the login from it first."
    )


class DeveloperUserAlreadyRegisteredError(ServiceError):
    """The user id is registered under another identity id than the one asked for."""

    _hint = (
        "Ask without the identity id to get the identity the user has, or merge the two "
        "with MergeDeveloperIdentities."
    )


class TooManyRequestsError(ServiceError):
    """Cognito is throttling: 50 calls per second and region is the default quota."""

    retryable = True
    _hint = (
        "Cache tokens, ask for a longer token_duration, or have the quota of "
        "GetOpenIdTokenForDeveloperIdentity raised."
    )


class InternalServiceError(ServiceError):
    """Cognito failed on its side."""

    retryable = True
    _hint = "Try again; if it persists, give AWS support the request id."


class CallerDeniedError(ServiceError):
    """
    AWS refused *our* credentials, not the user's logins: access denied, unknown or
    expired keys, a wrong signature.
    """

    _hint = (
        "The AWS credentials in use need cognito-identity:"
        "GetOpenIdTokenForDeveloperIdentity on this identity pool."
    )


class InvalidTokenResponseError(DevTokenError):
    """
    Cognito answered with something other than a token for this request: another pool or
    identity, no lifetime, a longer one than asked for. It is never returned.
    """

    _hint = (
        "Try again. If it persists, check the endpoint: what answers there is not the "
        "Cognito of this pool."
    )


class TokenUnavailableError(DevTokenError):
    """
    There is no token now, and there may be one later: the network, a time-out.

    Attributes:
        retry_at: When the next attempt makes sense, an aware datetime; None means now.

        last_error: What the last attempt failed with, if there was one.
    """

    retry_at: datetime | None
    last_error: Exception | None
    _hint = "Check that this machine reaches the endpoint, then try again."

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
    """The client or session has been closed."""

    _hint = "Keep it open for as long as the application runs."
