"""The users, calls and callers of the made-up life of a cache, and how their tokens age."""

from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
from greenlet import greenlet

from caching import AnyFlight
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    InternalServiceError,
    ResourceConflictError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from cognito_devtoken.typing import Instant
from kinds import badges, tokens


LIFE = 60
ROUNDING = 1e-6  # a wall clock has seven decimals
MAX_FETCHES = 2
KINDS = [tokens(LIFE), badges(LIFE)]
USERS = range(3)  # the places of their requests in those of a kind
FAILURES: dict[str, Callable[[], BaseException]] = {
    "no network": partial(TokenUnavailableError, "No network."),
    "down": partial(InternalServiceError, "Down."),
    "throttled": partial(TooManyRequestsError, "Slowly."),
    "denied": partial(CallerDeniedError, "Not you."),
    "conflict": partial(ResourceConflictError, "No."),
    "exit": partial(SystemExit, 1),
}


def age(since: Instant, now: Instant) -> float:
    """The rule of the specification, once more."""
    return max(now.monotonic - since.monotonic, now.wall - since.wall)


@attrs.define(eq=False)
class Fetch:
    """A call to the fetcher, and the token that it has brought."""

    request: Any
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

    request: Any
    steps: Any
    refused: set[Fetch]  # what had been thrown away before it asked, or is too old for it
    forced: bool
    at_hand: Fetch | None = None
    flight: AnyFlight | None = None
    woken: bool = False

    def wake(self) -> None:
        self.woken = True
