"""Simulated faults, the latency, and the rate limiter."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

import attrs

from ._operations import GET_TOKEN, operation_named
from ._wire import Answer, Refusal


# The error codes of Cognito's and STS's operations, and the codes common to all AWS services.
_CODES = (
    "AccessDeniedException",
    "ConcurrentModificationException",
    "DeveloperUserAlreadyRegisteredException",
    "ExpiredTokenException",
    "ExternalServiceException",
    "IDPCommunicationError",
    "IDPRejectedClaim",
    "IncompleteSignatureException",
    "InternalErrorException",
    "InternalFailure",
    "InternalServerErrorException",
    "InvalidClientTokenId",
    "InvalidIdentityPoolConfigurationException",
    "InvalidIdentityToken",
    "InvalidParameterException",
    "InvalidSignatureException",
    "LimitExceededException",
    "MalformedPolicyDocument",
    "MissingAuthenticationTokenException",
    "NotAuthorizedException",
    "OptInRequired",
    "PackedPolicyTooLarge",
    "RegionDisabledException",
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
Limits: TypeAlias = float | Mapping[str, float] | None


def meant(code: str) -> str | None:
    """
    Return the known error code that *code* misspells; None if *code* may be correct.

    A code that resembles no known code is accepted, because services add codes.
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
    A fault to simulate in one call.

    Attributes:
        kind: ``"refuse"`` responds with *refusal*. ``"drop"`` executes the call but sends no
            response; ``"cut"`` executes it but sends half of the response.

        refusal: The error to respond with.

        operation: The name of the operation that the fault is for; None means any operation.
    """

    kind: Literal["refuse", "drop", "cut"]
    refusal: Refusal | None = None
    operation: str | None = None


class Faults:
    """The faults to simulate in the next calls, in the order in which they were planned."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []
        self._lock = threading.Lock()

    def plan(self, fault: Fault, times: int) -> None:
        if times < 1:
            raise ValueError(f"times must be 1 or more, not {times}.")
        with self._lock:
            self._planned += [fault] * times

    def take(self, operation: str) -> Fault | None:
        """Remove the first fault that applies to this operation, and return it."""
        with self._lock:
            for number, fault in enumerate(self._planned):
                if fault.operation in (None, operation):
                    return self._planned.pop(number)
        return None

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()


def half_of(answer: Answer, date: str) -> bytes:
    """Return an HTTP response that ends in the middle of its body."""
    headers = {"Date": date, **answer.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    length = len(answer.body)
    start = f"HTTP/1.1 {answer.status} OK\r\n{head}content-length: {length}\r\n\r\n"
    return start.encode("latin-1") + answer.body[: length // 2]


def _read_only(limits: Limits) -> Limits:
    return MappingProxyType(dict(limits)) if isinstance(limits, Mapping) else limits


@attrs.frozen
class Speed:
    """
    How fast the emulator responds, and how many calls it accepts.

    Attributes:
        calls_per_second: The limit on calls for a token, or a mapping of operations to limits. None
            means no limit.

        latency: How long to wait before each response, in seconds.

    Raises:
        ValueError: If a number is out of range, or if an operation is not known.
    """

    calls_per_second: Limits = attrs.field(converter=_read_only)
    latency: float

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.latency < math.inf:
            raise ValueError(f"latency must be 0 s or more, and finite, not {self.latency}.")
        limits = self.calls_per_second
        by_operation = limits if isinstance(limits, Mapping) else {"": limits}
        for name, limit in by_operation.items():
            if name:
                operation_named(name)
            if limit is not None and not limit > 0:
                shown = f" of {name}" if name else ""
                raise ValueError(f"calls_per_second{shown} must be more than 0, not {limit}.")

    def limit_of(self, operation: str) -> float | None:
        """Return how many calls per second an operation allows; None means no limit."""
        limits = self.calls_per_second
        if isinstance(limits, Mapping):
            return limits.get(operation)
        return limits if operation == GET_TOKEN else None


class TokenBucket:
    """
    A rate limiter that allows a number of calls per second, and the same number in a burst.

    Args:
        clock: Returns the time in seconds since an arbitrary start.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._spent = 0.0
        self._at = clock()

    def take(self, per_second: float) -> bool:
        """Count a call if the limit allows it now, and return whether it does."""
        now = self._clock()
        passed = max(0.0, now - self._at)  # a test may set the clock back
        self._spent = max(0.0, self._spent - passed * per_second)
        self._at = now
        if self._spent + 1 > max(per_second, 1):
            return False
        self._spent += 1
        return True
