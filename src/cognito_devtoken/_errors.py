"""
From what botocore raises to what we raise.

Nothing of the original is kept but its class and its text: its frames hold the request
and the answer, and so do some of its attributes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

from ._request import TokenRequest
from ._secret import HIDDEN
from .exceptions import (
    CallerDeniedError,
    ConfigurationError,
    DeveloperUserAlreadyRegisteredError,
    DevTokenError,
    InternalServiceError,
    InvalidParameterError,
    NotAuthorizedError,
    ResourceConflictError,
    ResourceNotFoundError,
    ServiceError,
    TokenUnavailableError,
    TooManyRequestsError,
)


OPERATION = "GetOpenIdTokenForDeveloperIdentity"

# By code only: the status on the wire is 400 for nearly all of them. Those that end in
# "Exception" come without it from some endpoints, and the reverse.
_CLASSES: Mapping[type[ServiceError], tuple[str, ...]] = {
    InvalidParameterError: ("InvalidParameter", "Validation", "ValidationError"),
    ResourceNotFoundError: ("ResourceNotFound",),
    NotAuthorizedError: ("NotAuthorized",),
    ResourceConflictError: ("ResourceConflict",),
    DeveloperUserAlreadyRegisteredError: ("DeveloperUserAlreadyRegistered",),
    TooManyRequestsError: (
        "TooManyRequests",
        "Throttling",
        "Throttled",
        "RequestThrottled",
        "LimitExceeded",
        "RequestLimitExceeded",
    ),
    InternalServiceError: (
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "ServiceUnavailable",
        # botocore's code for an answer that names none is its status.
        "500",
        "502",
        "503",
        "504",
    ),
    CallerDeniedError: (
        "AccessDenied",
        "ExpiredToken",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignature",
        "MissingAuthenticationToken",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClient",
    ),
}
_BY_CODE = {code: cls for cls, codes in _CLASSES.items() for code in codes}

# The texts that users meet most, and what each of them means.
_HINTS = {
    "Logins don't match": (
        "The identity id belongs to someone else, or none of these logins is linked to "
        "it yet: leave the identity id out, or add a login that it has."
    ),
    "Token is not from a supported provider": (
        "Add that provider to the identity pool, under exactly the name used in logins."
    ),
    "Can't pass in a Cognito token": (
        "A Cognito token only goes to GetCredentialsForIdentity or STS. Give your own "
        "user id here, and the public providers' own tokens."
    ),
    "does not support the specified developer provider": (
        "Use the developer provider name that the identity pool was created with."
    ),
    "IdentityPool '": (
        "The pool is looked for in the account of the AWS credentials and in the region "
        "of the call: check both."
    ),
}
_CREDENTIALS_HINT = (
    "Use AWS credentials that are in force, from the environment, a profile or a role, "
    "on a machine whose clock is right: 'aws sts get-caller-identity' tells."
)

_UNAVAILABLE = (boto.HTTPClientError, boto.ConnectionError, boto.IncompleteReadError)
_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.SSOError,
)
# Texts made of names and addresses only. Others may quote a header or what a program
# has printed, and with it an AWS secret: what they quote is hidden.
_PLAIN_TEXT = (
    boto.EndpointConnectionError,
    boto.ConnectionClosedError,
    boto.ConnectTimeoutError,
    boto.ReadTimeoutError,
    boto.ProxyConnectionError,
    boto.SSLError,
    boto.PartialCredentialsError,
    boto.ProfileNotFound,
    boto.ConfigNotFound,
    boto.ConfigParseError,
    boto.BaseEndpointResolverError,
    boto.EndpointProviderError,
    boto.InvalidRegionError,
    boto.InvalidRetryConfigurationError,
    boto.InvalidProxiesConfigError,
)


def translate(error: BaseException, request: TokenRequest) -> BaseException:
    """
    What leaves :meth:`DevTokenClient.fetch` in place of *error*.

    Our own errors and what is none (KeyboardInterrupt) stay what they are, but for the
    frames below.
    """
    if isinstance(error, DevTokenError) or not isinstance(error, Exception):
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
    if isinstance(error, ClientError):
        return _from_answer(error, request)
    if isinstance(error, BotoCoreError):
        return _from_botocore(error)
    # A hook on the user's own client, say. Its text may hold anything.
    return TokenUnavailableError(f"The call failed with {type(error).__name__}.")


def _from_answer(error: ClientError, request: TokenRequest) -> ServiceError:
    # Any: what comes from the wire need not be what the types promise.
    response: Any = error.response
    details, metadata = response.get("Error", {}), response.get("ResponseMetadata", {})
    code = _without_logins(details.get("Code") or "Unknown", request)
    message = _without_logins(details.get("Message") or "no message", request)
    stem = code.removesuffix("Exception")
    cls = _BY_CODE.get(stem, ServiceError)
    hint = next((hint for text, hint in _HINTS.items() if text in message), None)
    if error.operation_name != OPERATION:
        # botocore called it on the way to AWS credentials: AssumeRole, for one.
        cls, hint = CallerDeniedError, _CREDENTIALS_HINT
        message = f"{error.operation_name} gave no AWS credentials: {message}"
    elif cls is CallerDeniedError and stem != "AccessDenied":
        hint = _CREDENTIALS_HINT

    failure = cls(
        f"{code}: {message}",
        code=code,
        request_id=metadata.get("RequestId"),
        status=metadata.get("HTTPStatusCode"),
        hint=hint,
    )
    kept: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {
            name: metadata[name]
            for name in ("RequestId", "HTTPStatusCode", "RetryAttempts")
            if name in metadata
        },
    }
    failure.__cause__ = type(error)(kept, error.operation_name)
    return failure


def _from_botocore(error: BotoCoreError) -> DevTokenError:
    plain = isinstance(error, _PLAIN_TEXT)
    fields = {field for _, field, _, _ in Formatter().parse(error.fmt) if field}
    cause = type(error)(**{name: str(error.kwargs[name]) if plain else HIDDEN for name in fields})
    message = f"{type(error).__name__}: {' '.join(str(cause).split())}"
    failure: DevTokenError
    if isinstance(error, _UNAVAILABLE):
        failure = TokenUnavailableError(message, last_error=cause)
    else:
        hint = _CREDENTIALS_HINT if isinstance(error, _NO_CREDENTIALS) else None
        failure = ConfigurationError(message, hint=hint)
    failure.__cause__ = cause
    return failure


def _without_logins(text: str, request: TokenRequest) -> str:
    """
    The first line of what the service says, without the logins that it may quote.

    The lines after it can hold the signed request, session token and all (of an
    InvalidSignatureException).
    """
    line = text.strip().partition("\n")[0]
    for login in sorted(request.logins.values(), key=len, reverse=True):
        # A short one ("42") may be part of any number; and a long one may be cut short.
        if len(login) < _LONG:
            quoted = rf"(?<!\w){re.escape(login)}(?!\w)"
        else:
            quoted = rf"{re.escape(login)}|{re.escape(login[:_LONG])}[^\s'\"]*"
        line = re.sub(quoted, HIDDEN, line)
    return line[:_MAX_MESSAGE]


_LONG = 8
_MAX_MESSAGE = 500
