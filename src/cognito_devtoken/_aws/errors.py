"""
From what botocore raises to what we raise.

Nothing of the original is kept but its class and its text: its frames hold the request
and the answer, and so do some of its attributes.
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
# "Exception" come without it from some endpoints, and the reverse. For an answer that
# names no code, botocore takes its status.
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
    "on a machine whose clock is right: 'aws sts get-caller-identity' shows whether they work."
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
# has printed, and with it an AWS secret: of those, only the plain fields are shown.
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
    """What is known of a request: the values that no message may quote."""

    @property
    def logins(self) -> Mapping[str, str]: ...


def translate(
    error: BaseException, request: HasLogins, operation: str = OPERATION
) -> BaseException:
    """
    What leaves :meth:`DevTokenClient.fetch` in place of *error*. Raises nothing itself.

    Our own errors, and what is no error (KeyboardInterrupt), stay what they are but lose
    the frames below.
    """
    if isinstance(error, DevTokenError) or not isinstance(error, Exception):
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
    try:
        return _translated(error, request, operation)
    except Exception:  # noqa: BLE001  # a subclass of botocore's that is not made as those are
        return _from_elsewhere(error)


def _translated(error: Exception, request: HasLogins, operation: str) -> DevTokenError:
    if isinstance(error, ClientError):
        return _from_answer(error, request, operation)
    if isinstance(error, BotoCoreError):
        return _from_botocore(error)
    if isinstance(error, FileNotFoundError | PermissionError) and error.filename:
        # A file that AWS credentials are in, or a program that prints them.
        return ConfigurationError(
            f"{type(error).__name__}: {error.strerror}: {error.filename}.", hint=_CREDENTIALS_HINT
        )
    if isinstance(error, EOFError):
        return ConfigurationError(
            "botocore asks for a code, and there is no terminal.", hint=_CREDENTIALS_HINT
        )
    return _from_elsewhere(error)


def _from_answer(error: ClientError, request: HasLogins, operation: str) -> ServiceError:
    # What comes over the wire may have other types than botocore promises.
    details = _mapping(error.response, "Error")
    metadata = _mapping(error.response, "ResponseMetadata")
    code, message = details.get("Code"), details.get("Message")
    stem = code.removesuffix("Exception") if isinstance(code, str) else ""
    cls = _BY_CODE.get(stem, ServiceError)
    if cls is ServiceError:  # only then can it be anything
        code = _clean(code, request) or "Unknown"
    hint = next((hint for text, hint in _HINTS.items() if text in str(message)), None)
    message = _clean(message, request) or "no message"
    if error.operation_name != operation:
        # botocore called it on the way to AWS credentials. What other operations than
        # AssumeRole are sent is secret, and might be quoted.
        name = _clean(error.operation_name, request)
        why = message if name == "AssumeRole" else HIDDEN
        message = f"{name} gave no AWS credentials: {why}"
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
    """Such as a hook on the user's own client. Its text may hold anything; its place is safe."""
    places = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    place = ", raised in {}, line {}".format(*places[-1]) if places else ""
    return TokenUnavailableError(
        f"The call failed with {type(error).__name__}{place}.",
        hint="That is a bug: in a hook on the botocore client, in botocore or in this library.",
    )


def _mapping(response: Any, member: str) -> Mapping[str, Any]:
    value: Any = response.get(member)
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _clean(text: object, request: HasLogins) -> str:
    """
    The first line of what the service says, without the logins that it may quote.

    The lines after it can hold the signed request, session token and all (of an
    InvalidSignatureException).
    """
    if not isinstance(text, str):
        return ""
    hidden = [False] * len(text)
    for login in request.logins.values():
        # As it is, with its ends trimmed, and as JSON and an address would quote it.
        for quoted in {login, login.strip(), json.dumps(login)[1:-1], quote(login)} - {""}:
            for start, end in _places(text, quoted):
                hidden[start:end] = [True] * (end - start)
    runs = groupby(zip(text, hidden, strict=True), key=itemgetter(1))
    shown = "".join(HIDDEN if secret else "".join(map(itemgetter(0), run)) for secret, run in runs)
    return one_line(shown.strip().partition("\n")[0])


def _places(text: str, login: str) -> Iterator[tuple[int, int]]:
    """
    Where a login stands in a text, in whatever case.

    A short one ("42") only where it stands alone: it may be a part of any number. A long
    one also where its end has been cut off.
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
    """A text that fits a message, without a password that an address may hold."""
    return _USERINFO.sub(f"{HIDDEN}@", " ".join(text.split()))[:_MAX_MESSAGE]
