"""Simulated faults, and the rate limiter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import attrs

from ._wire import Answer, Refusal


# The codes of the operation, of its neighbours, and of every AWS service.
_CODES = (
    "AccessDeniedException",
    "ConcurrentModificationException",
    "DeveloperUserAlreadyRegisteredException",
    "ExpiredTokenException",
    "ExternalServiceException",
    "IncompleteSignatureException",
    "InternalErrorException",
    "InternalFailure",
    "InternalServerErrorException",
    "InvalidClientTokenId",
    "InvalidIdentityPoolConfigurationException",
    "InvalidParameterException",
    "InvalidSignatureException",
    "LimitExceededException",
    "MissingAuthenticationTokenException",
    "NotAuthorizedException",
    "OptInRequired",
    "RequestExpired",
    "RequestLimitExceeded",
    "RequestThrottledException",
    "RequestTimeoutException",
    "ResourceConflictException",
    "ResourceNotFoundException",
    "ServiceUnavailableException",
    "SignatureDoesNotMatch",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
    "UnrecognizedClientException",
    "ValidationError",
    "ValidationException",
)
_SIMILAR = 0.85


def meant(code: str) -> str | None:
    """
    Return the known error code that a misspelled one was meant to be; None if it may be right.

    A code that is not like any other is taken as it is: services add codes.
    """
    stems = {known.removesuffix("Exception"): known for known in _CODES}
    stem = code.removesuffix("Exception")
    if code in _CODES or stem in stems:
        return None
    from difflib import get_close_matches

    close = get_close_matches(code, _CODES, 1, _SIMILAR)
    return close[0] if close else None


@attrs.frozen
class Fault:
    """
    A fault of one call.

    Attributes:
        kind: ``"refuse"`` responds with *refusal*. ``"drop"`` and ``"cut"`` execute the call,
            and send no response or half of it.

        refusal: The error to respond with.
    """

    kind: Literal["refuse", "drop", "cut"]
    refusal: Refusal | None = None


def half_of(answer: Answer) -> bytes:
    """Return an HTTP response that ends in the middle of its body."""
    head = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
    length = len(answer.body)
    start = f"HTTP/1.1 {answer.status} OK\r\n{head}content-length: {length}\r\n\r\n"
    return start.encode("latin-1") + answer.body[: length // 2]


class TokenBucket:
    """
    A rate limiter that allows a number of calls per second, and as many in a burst.

    Args:
        clock: The time in seconds, from any start.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._spent = 0.0
        self._at = clock()

    def take(self, per_second: float) -> bool:
        """Count a call if the limit allows it now, and return whether it does."""
        now = self._clock()
        self._spent = max(0.0, self._spent - (now - self._at) * per_second)
        self._at = now
        if self._spent + 1 > max(per_second, 1):
            return False
        self._spent += 1
        return True
