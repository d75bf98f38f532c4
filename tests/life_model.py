"""The users, calls and callers of the made-up life of a cache, and how their tokens age."""

from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
from greenlet import greenlet

from caching import AnyFlight
from cognito_devtoken import TokenRequest
from cognito_devtoken._values.key import Key
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    InternalServiceError,
    ResourceConflictError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from cognito_devtoken.typing import Instant


POOL = "eu-central-1:01234567-89ab-4cde-8f01-23456789abcd"
PROVIDER = "login.example.com"
LIFE = 60
ROUNDING = 1e-6  # a wall clock has seven decimals
MAX_FETCHES = 2
REQUESTS = {
    "ann": TokenRequest(POOL, {PROVIDER: "ann"}, token_duration=LIFE),
    "ann, tagged": TokenRequest(POOL, {PROVIDER: "ann"}, None, {"a": "b"}, LIFE),
    "bob": TokenRequest(POOL, {PROVIDER: "bob"}, token_duration=LIFE),
}
FAILURES: dict[str, Callable[[], BaseException]] = {
    "no network": partial(TokenUnavailableError, "No network."),
    "down": partial(InternalServiceError, "Down."),
    "throttled": partial(TooManyRequestsError, "Slowly."),
    "denied": partial(CallerDeniedError, "Not you."),
    "conflict": partial(ResourceConflictError, "No."),
    "exit": partial(SystemExit, 1),
}


def key_of(request: TokenRequest) -> Key:
    return Key.of(request, PROVIDER)


def age(since: Instant, now: Instant) -> float:
    """The rule of the specification, once more."""
    return max(now.monotonic - since.monotonic, now.wall - since.wall)


@attrs.define(eq=False)
class Fetch:
    """A call to the fetcher, and the token that it has brought."""

    request: TokenRequest
    thread: greenlet
    sent: Instant
    life: float = LIFE
    stale: bool = False
    overdue: bool = False

    def remaining(self, now: Instant) -> float:
        return self.life - age(self.sent, now)


@attrs.define(eq=False)
class Caller:
    """Somebody who waits for a token."""

    request: TokenRequest
    steps: Any
    refused: set[Fetch]  # what had been thrown away before it asked, or is too old for it
    forced: bool
    at_hand: Fetch | None = None
    flight: AnyFlight | None = None
    woken: bool = False

    def wake(self) -> None:
        self.woken = True
