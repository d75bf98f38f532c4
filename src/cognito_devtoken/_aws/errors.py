"""
Translate errors of botocore into our exceptions.

Only the class and the text of the original error are kept, because its frames, and some of its
attributes, hold the request and the response.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from .._values.operations import GET_TOKEN, ON_IDENTITIES
from .._values.secret import HIDDEN
from ..exceptions import (
    CallerDeniedError,
    ConfigurationError,
    DeveloperProviderError,
    DeveloperUserAlreadyRegisteredError,
    DevTokenError,
    InternalServiceError,
    InvalidParameterError,
    InvalidTokenResponseError,
    NotAuthorizedError,
    ResourceConflictError,
    ResourceNotFoundError,
    ServiceError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from .frames import client_of, credentials_of
from .local_errors import LIMITS, endpoint_of, from_botocore, from_system
from .masking import HasLogins, clean, window
from .proxies import loopback_hint
from .sources import CREDENTIALS_HINT, flaw_in, unreadable, unsendable, unusable
from .trade_errors import error_of_trade


if TYPE_CHECKING:
    from botocore.session import Session


# The code decides the class, because nearly all errors have the HTTP status 400. Some endpoints
# leave out the suffix "Exception", others add it. The status decides only if the code is missing or
# unknown.
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
        "RequestTimeout",
        "ServiceUnavailable",
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

_NAME_HINT = (
    "Name each login after the issuer of its token: use the iss without https:// and without a "
    "final slash."
)
# The most frequent messages, and the hint for each.
_HINTS = {
    "Logins don't match": (
        "The identity id belongs to another user, or none of these logins is linked to it yet. "
        "Omit the identity id, or add a login that is linked to it."
    ),
    "Token is not from a supported provider": (
        "Add the provider of the token to the identity pool, under exactly the name used in logins."
    ),
    "Issuer doesn't match providerName": _NAME_HINT,
    "Please provide a valid public provider": _NAME_HINT,
    "Can't pass in a Cognito token": (
        "Pass your own id for the user and the public providers' own tokens. A Cognito token is "
        "only accepted by GetCredentialsForIdentity and STS."
    ),
    "IdentityPool '": (
        "Check the identity pool id, the account of the AWS credentials and the region of the "
        "call: Cognito looks for the pool in that account and region."
    ),
    "Access to Identity '": (
        "The identity is disabled, for example because it was merged into another. Omit the "
        "identity id to get the current identity of the logins."
    ),
    "Identity '": (
        "The identity has been deleted, or belongs to another pool. Delete the id if you store it, "
        "and omit the identity id to get the identity that the logins have now."
    ),
}
# What Cognito says about a pool that lacks the developer provider. The code of this error is not
# known.
_NO_SUCH_PROVIDER = (
    "does not support the specified developer provider",
    "does not have identity providers configured",
)
# Hints for the operations on identities, because the hints of these classes are about tokens.
_HINTS_ON_IDENTITIES: Mapping[type[ServiceError], str] = {
    CallerDeniedError: (
        "Allow cognito-identity:{} for the AWS credentials that this application uses."
    ),
    TooManyRequestsError: "Try again later, or ask AWS to raise the quota of {}.",
}
_PARSERS = "botocore.parsers"
_RETRIES = ("RetryAttempts", "MaxAttemptsReached")
_REQUEST_ID = re.compile(r"[\w-]{1,128}", re.ASCII)
# Finds the code in a JSON body whose end is missing.
_CODE_IN_BODY = re.compile(r'"__type"\s*:\s*"([^"]{1,200})')
_CODE_HEADER = "x-amzn-errortype"


def translate(
    error: BaseException,
    request: HasLogins,
    operation: str = GET_TOKEN,
    session: Session | None = None,
) -> BaseException:
    """
    Return the error that :meth:`DevTokenClient.fetch` raises in place of *error*.

    This function itself raises nothing. Our own errors, and anything that is not an Exception
    (KeyboardInterrupt), are returned as they are, without their tracebacks. A hint may name a
    profile of *session*.
    """
    if isinstance(error, DevTokenError) or not isinstance(error, Exception):
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
    try:
        return _translated(error, request, operation, session)
    except Exception:  # noqa: BLE001  # the error's class may have another constructor
        return _from_elsewhere(error, request, operation)


def _translated(
    error: Exception, request: HasLogins, operation: str, session: Session | None
) -> DevTokenError:
    if isinstance(error, ClientError):
        return _from_answer(error, request, operation)
    if isinstance(error, BotoCoreError):
        return from_botocore(error, session)
    if isinstance(error, OSError) and error.filename and error.errno not in LIMITS:
        return unreadable(error)
    if isinstance(error, OSError) and error.errno:
        return from_system(error)
    if isinstance(error, EOFError):
        return ConfigurationError(
            "botocore prompts for an MFA code, but there is no terminal.", hint=CREDENTIALS_HINT
        )
    return _from_elsewhere(error, request, operation)


def _from_answer(error: ClientError, request: HasLogins, operation: str) -> ServiceError:
    # The members of a response may be of other types than botocore promises.
    details = _mapping(error.response, "Error")
    metadata = _mapping(error.response, "ResponseMetadata")
    code, said = details.get("Code"), window(details.get("Message"))
    status = metadata.get("HTTPStatusCode")
    hint = next((hint for text, hint in _HINTS.items() if text in said), None)
    if code == str(status):
        # If the body names no code, botocore uses the status instead. The message may then be the
        # body itself, such as the first half of a token.
        code = _code_elsewhere(said, metadata) or code
        message = _described(status, details.get("Message"))
        hint = loopback_hint(endpoint_of(error))
    else:
        message = clean(said, request)
    stem = code.removesuffix("Exception") if isinstance(code, str) else ""
    of_trade, hint_of_trade = error_of_trade(operation, stem, said)
    cls, hint = of_trade or _BY_CODE.get(stem, ServiceError), hint_of_trade or hint
    if cls is ServiceError:  # the code is unknown, so it may contain anything
        code = clean(code, request) or "Unknown"
        cls = _by_status(status)
    if operation in ON_IDENTITIES and cls in _HINTS_ON_IDENTITIES:
        hint = _HINTS_ON_IDENTITIES[cls].format(operation)
    # Only for these codes: a ValidationException quotes values, which may contain these words.
    if stem in ("NotAuthorized", "InvalidParameter") and any(
        text in said for text in _NO_SUCH_PROVIDER
    ):
        cls = DeveloperProviderError
    if error.operation_name != operation:
        # botocore called another operation to get AWS credentials. Unless that is AssumeRole, its
        # request contains secrets, which the message may quote.
        name = clean(error.operation_name, request)
        why = (message or "no message") if name == "AssumeRole" else HIDDEN
        message = f"{name} returned no AWS credentials: {why}"
        if not cls.retryable:
            cls, hint = CallerDeniedError, CREDENTIALS_HINT
    elif cls is CallerDeniedError and stem != "AccessDenied":
        hint = CREDENTIALS_HINT
    if hint is CREDENTIALS_HINT and (flaw := flaw_in(credentials_of(client_of(error)))):
        hint = f"{flaw}. {hint}"

    request_id = metadata.get("RequestId")
    failure = cls(
        f"{code}: {message or 'no message'}",
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
    failure.__cause__ = cause(kept, clean(error.operation_name, request))
    return failure


def _code_elsewhere(body: str, metadata: Mapping[str, Any]) -> str | None:
    """Return a known code from a body whose end is missing, or else from a header."""
    found = _CODE_IN_BODY.search(body)
    header = _mapping(metadata, "HTTPHeaders").get(_CODE_HEADER)
    for text in (found and found[1], header):
        code = str(text).partition(":")[0].rpartition("#")[2]
        if code.removesuffix("Exception") in _BY_CODE:
            return code
    return None


def _described(status: object, body: object) -> str:
    """Describe a response that is not a complete error of the service, without quoting it."""
    try:
        phrase = HTTPStatus(cast("int", status)).phrase
    except ValueError:
        phrase = "unknown status"
    size = len(body) if isinstance(body, str) else 0
    if not size or body == phrase:  # botocore fills in the phrase for an empty body
        return phrase
    return f"{phrase} (incomplete or unknown body of {size} characters)"


def _by_status(status: object) -> type[ServiceError]:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return TooManyRequestsError
    return InternalServiceError if isinstance(status, int) and status >= 500 else ServiceError


def _from_elsewhere(error: Exception, request: HasLogins, operation: str) -> DevTokenError:
    """
    Return an error for a response that botocore cannot parse, or for a bug, such as a failing hook.

    The new error does not have the text of the original, which may contain a secret.
    """
    place = ""
    for frame, line in walk_tb(error.__traceback__):
        if frame.f_globals.get("__name__") == _PARSERS:
            return _from_unreadable(frame.f_locals.get("response"), request, operation)
        place = f", raised in {frame.f_code.co_filename}, line {line}"
    if isinstance(error, UnicodeError) and (found := unsendable(error)):
        return found
    if found := unusable(error):
        return found
    return TokenUnavailableError(
        f"The call failed with {type(error).__name__}{place}.",
        hint="Look for a bug in your hooks on the botocore client. If you find none, report this "
        "error as a bug of botocore or of this library.",
    )


def _from_unreadable(response: Any, request: HasLogins, operation: str) -> DevTokenError:
    """Return the error for a response that makes botocore's parser fail."""
    raw = cast("Mapping[str, Any]", response if isinstance(response, Mapping) else {})
    status: Any = raw.get("status_code")
    body: bytes = raw.get("body") or b""
    if not isinstance(status, int) or status < 300:
        return InvalidTokenResponseError(f"The response cannot be read ({len(body)} bytes).")
    answer: Any = {
        "Error": {"Code": str(status), "Message": body.decode("ascii", "replace")},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": raw.get("headers")},
    }
    return _from_answer(ClientError(answer, operation), request, operation)


def _mapping(response: Any, member: str) -> Mapping[str, Any]:
    value: Any = response.get(member)
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
