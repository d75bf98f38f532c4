"""
Translates what botocore raises into our exceptions.

Only the class and the text of the original are kept: its frames, and some of its attributes,
hold the request and the response.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from string import Formatter
from traceback import walk_tb
from typing import Any, Protocol, cast
from urllib.parse import quote

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

from .._values.secret import HIDDEN
from ..exceptions import (
    CallerDeniedError,
    ConfigurationError,
    DeveloperProviderError,
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

# By code only: nearly all of them have the HTTP status 400. Some endpoints leave out the suffix
# "Exception", others add it. If a response has no code, botocore uses its status as the code.
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
        "429",
    ),
    InternalServiceError: (
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "RequestTimeout",
        "ServiceUnavailable",
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

# The most frequent messages, and the hint for each.
_HINTS = {
    "Logins don't match": (
        "The identity id belongs to another user, or none of these logins is linked to it yet. "
        "Omit the identity id, or add a login that is linked to it."
    ),
    "Token is not from a supported provider": (
        "Add that provider to the identity pool, under exactly the name used in logins."
    ),
    "Can't pass in a Cognito token": (
        "Pass your own user id and the public providers' own tokens. A Cognito token is only "
        "accepted by GetCredentialsForIdentity and STS."
    ),
    "IdentityPool '": (
        "Check the account of the AWS credentials and the region of the call: Cognito looks for "
        "the pool there."
    ),
    "Access to Identity '": (
        "The identity is disabled, for example because it was merged into another. Omit the "
        "identity id to get the present identity of the logins."
    ),
    "Identity '": (
        "The identity has been deleted, or belongs to another pool. Delete the stored id, and omit "
        "the identity id: Cognito returns the identity that the logins have now."
    ),
}
# What Cognito says about a pool that lacks the developer provider. With which code is not known.
_NO_SUCH_PROVIDER = (
    "does not support the specified developer provider",
    "does not have identity providers configured",
)
_CREDENTIALS_HINT = (
    "Check that your AWS credentials (from the environment, a profile or a role) are valid and "
    "not expired, and that the system clock is correct. Test them with "
    "'aws sts get-caller-identity'."
)

_UNAVAILABLE = (boto.HTTPClientError, boto.ConnectionError, boto.IncompleteReadError)
_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.SSOError,
)
# Errors whose text consists of names and addresses only. Others may quote a header or a program's
# output, and with it an AWS secret: of those, only the plain fields are shown.
_PLAIN_TEXT = (
    boto.EndpointConnectionError,
    boto.ConnectionClosedError,
    boto.ConnectTimeoutError,
    boto.ReadTimeoutError,
    boto.ProxyConnectionError,
    boto.SSLError,
    boto.PartialCredentialsError,
    boto.UnknownCredentialError,
    boto.ProfileNotFound,
    boto.ConfigNotFound,
    boto.ConfigParseError,
    boto.BaseEndpointResolverError,
    boto.EndpointProviderError,
    boto.InvalidConfigError,
    boto.InvalidDefaultsMode,
    boto.InvalidRegionError,
    boto.InvalidRetryConfigurationError,
    boto.InvalidProxiesConfigError,
    boto.MissingDependencyException,
)
_PLAIN_FIELDS = frozenset({"provider"})

_LONG = 8
_CUT = 16
_MAX_MESSAGE = 500
_RETRIES = ("RetryAttempts", "MaxAttemptsReached")
_REQUEST_ID = re.compile(r"[\w-]{1,128}", re.ASCII)
_USERINFO = re.compile(r"[^/@\s]+:[^/\s]*@")


class HasLogins(Protocol):
    """The part of a request that is used here: the values that no message may quote."""

    @property
    def logins(self) -> Mapping[str, str]: ...


def translate(
    error: BaseException, request: HasLogins, operation: str = OPERATION
) -> BaseException:
    """
    Return what :meth:`DevTokenClient.fetch` raises in place of *error*. Raises nothing itself.

    Our own errors, and anything that is not an Exception (KeyboardInterrupt), are returned as
    they are, without their tracebacks.
    """
    if isinstance(error, DevTokenError) or not isinstance(error, Exception):
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
    try:
        return _translated(error, request, operation)
    except Exception:  # noqa: BLE001  # a subclass of botocore's with another constructor
        return _from_elsewhere(error)


def _translated(error: Exception, request: HasLogins, operation: str) -> DevTokenError:
    if isinstance(error, ClientError):
        return _from_answer(error, request, operation)
    if isinstance(error, BotoCoreError):
        return _from_botocore(error)
    if isinstance(error, FileNotFoundError | PermissionError) and error.filename:
        # A file that contains AWS credentials, or a program that prints them.
        return ConfigurationError(
            f"{type(error).__name__}: {error.strerror}: {error.filename}.", hint=_CREDENTIALS_HINT
        )
    if isinstance(error, EOFError):
        return ConfigurationError(
            "botocore prompts for an MFA code, but there is no terminal.", hint=_CREDENTIALS_HINT
        )
    return _from_elsewhere(error)


def _from_answer(error: ClientError, request: HasLogins, operation: str) -> ServiceError:
    # A response may have other types than botocore promises.
    details = _mapping(error.response, "Error")
    metadata = _mapping(error.response, "ResponseMetadata")
    code, message = details.get("Code"), details.get("Message")
    stem = code.removesuffix("Exception") if isinstance(code, str) else ""
    cls = _BY_CODE.get(stem, ServiceError)
    if cls is ServiceError:  # the code is unknown, so it may contain anything
        code = _clean(code, request) or "Unknown"
    # Not a ValidationException, which quotes values of the request.
    if stem in ("NotAuthorized", "InvalidParameter") and any(
        text in str(message) for text in _NO_SUCH_PROVIDER
    ):
        cls = DeveloperProviderError
    hint = next((hint for text, hint in _HINTS.items() if text in str(message)), None)
    message = _clean(message, request) or "no message"
    if error.operation_name != operation:
        # botocore called it to get AWS credentials. Requests of operations other than AssumeRole
        # contain secrets, which the message may quote.
        name = _clean(error.operation_name, request)
        why = message if name == "AssumeRole" else HIDDEN
        message = f"{name} returned no AWS credentials: {why}"
        if not cls.retryable:
            cls, hint = CallerDeniedError, _CREDENTIALS_HINT
    elif cls is CallerDeniedError and stem != "AccessDenied":
        hint = _CREDENTIALS_HINT

    request_id, status = metadata.get("RequestId"), metadata.get("HTTPStatusCode")
    failure = cls(
        f"{code}: {message}",
        code=str(code),
        request_id=request_id if _REQUEST_ID.fullmatch(str(request_id)) else None,
        status=status,
        hint=hint,
    )
    own_init = type(error).__init__ is not ClientError.__init__
    kept: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {
            "RequestId": failure.request_id,
            "HTTPStatusCode": status,
            **{name: metadata[name] for name in _RETRIES if isinstance(metadata.get(name), int)},
        },
    }
    cause = ClientError if own_init else type(error)
    failure.__cause__ = cause(kept, _clean(error.operation_name, request))
    return failure


def _from_botocore(error: BotoCoreError) -> DevTokenError:
    plain = isinstance(error, _PLAIN_TEXT)
    fields = {
        name: one_line(str(error.kwargs.get(name))) if plain or name in _PLAIN_FIELDS else HIDDEN
        for _, name, _, _ in Formatter().parse(error.fmt)
        if name
    }
    known_init = type(error).__init__ in (BotoCoreError.__init__, boto.HTTPClientError.__init__)
    cause = type(error)(**fields) if known_init else BotoCoreError()
    message = f"{type(error).__name__}: {one_line(str(cause))}"
    failure: DevTokenError
    if isinstance(error, _UNAVAILABLE):
        failure = TokenUnavailableError(message, last_error=cause)
    else:
        hint = _CREDENTIALS_HINT if isinstance(error, _NO_CREDENTIALS) else None
        failure = ConfigurationError(message, hint=hint)
    failure.__cause__ = cause
    return failure


def _from_elsewhere(error: Exception) -> DevTokenError:
    """Return an error for a bug, such as a failing hook, without its text: that may be secret."""
    places = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    place = ", raised in {}, line {}".format(*places[-1]) if places else ""
    return TokenUnavailableError(
        f"The call failed with {type(error).__name__}{place}.",
        hint="This is a bug in a hook on the botocore client, in botocore or in this library.",
    )


def _mapping(response: Any, member: str) -> Mapping[str, Any]:
    value: Any = response.get(member)
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _clean(text: object, request: HasLogins) -> str:
    """
    Return the first line of the service's text, without the logins that it may quote.

    The lines after it may contain the signed request with the session token (for an
    InvalidSignatureException).
    """
    if not isinstance(text, str):
        return ""
    hidden = [False] * len(text)
    for login in request.logins.values():
        # Verbatim, stripped, and as quoted in JSON or in a URL.
        for quoted in {login, login.strip(), json.dumps(login)[1:-1], quote(login)} - {""}:
            for start, end in _places(text, quoted):
                hidden[start:end] = [True] * (end - start)
    runs = groupby(zip(text, hidden, strict=True), key=itemgetter(1))
    shown = "".join(HIDDEN if secret else "".join(map(itemgetter(0), run)) for secret, run in runs)
    return one_line(shown.strip().partition("\n")[0])


def _places(text: str, login: str) -> Iterator[tuple[int, int]]:
    """
    Yield the places of a login in a text, ignoring case.

    A short login ("42") is only found as a whole word: it may be part of any number. A long one
    is also found if its end was cut off.
    """
    if not login.strip():
        return
    alone = rf"(?<!\w){re.escape(login)}(?!\w)" if len(login) < _LONG else re.escape(login[:_CUT])
    for match in re.finditer(alone, text, re.IGNORECASE):
        end = match.end()
        for said, character in zip(text[end:], login[_CUT:], strict=False):
            if said.lower() != character.lower():
                break
            end += 1
        yield match.start(), end


def one_line(text: str) -> str:
    """Return a text on one line, cut to length, without the password of a URL."""
    return _USERINFO.sub(f"{HIDDEN}@", " ".join(text.split()))[:_MAX_MESSAGE]
