"""The requests, fetches and callers of the stateful model, and how tokens age."""

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


LIFETIME = 60
ROUNDING = 1e-6  # a wall clock has seven decimals only
MAX_FETCHES = 2
KINDS = [tokens(LIFETIME), badges(LIFETIME)]
REQUESTS = range(3)  # indices into Kind.requests
FAILURES: dict[str, Callable[[], BaseException]] = {
    "no network": partial(TokenUnavailableError, "No network."),
    "down": partial(InternalServiceError, "Down."),
    "throttled": partial(TooManyRequestsError, "Slowly."),
    "denied": partial(CallerDeniedError, "Not you."),
    "conflict": partial(ResourceConflictError, "No."),
    "exit": partial(SystemExit, 1),
}


def age(since: Instant, now: Instant) -> float:
    """Return the age, computed independently of the code under test."""
    return max(now.monotonic - since.monotonic, now.wall - since.wall)


@attrs.define(eq=False)
class Fetch:
    """A call of the fetcher, and the token that it returned."""

    request: Any
    thread: greenlet
    sent: Instant
    lifetime: float = LIFETIME
    stale: bool = False
    overdue: bool = False

    def remaining(self, now: Instant) -> float:
        return self.lifetime - age(self.sent, now)


@attrs.define(eq=False)
class Caller:
    """A caller that waits for a token."""

    request: Any
    steps: Any
    excluded: set[Fetch]  # invalidated before its request, or too old for it
    forced: bool
    cached: Fetch | None = None
    flight: AnyFlight | None = None
    woken: bool = False

    def wake(self) -> None:
        self.woken = True
