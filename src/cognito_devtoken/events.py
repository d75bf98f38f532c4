"""
What happened in a cache: frozen events, and a hook that logs them.

An event names no user. It carries *key*, a digest of all that was asked for, and of a token
its :attr:`~cognito_devtoken.OpenIdToken.fingerprint`. The digest is the same on every host, so
that what happened to one user can be followed through a fleet; whoever can guess a user id can
compute it, too.

A fresh hit makes no event, because it costs less than one: ``stats()`` counts it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from logging import Logger


__all__ = [
    "ClockStepped",
    "Event",
    "Evicted",
    "FetchAbandoned",
    "FetchFailed",
    "FetchStarted",
    "FetchSucceeded",
    "Forgotten",
    "Invalidated",
    "InvalidatedElsewhere",
    "LeaseExpired",
    "LoggingHook",
    "Reason",
    "ServedInGrace",
    "StoreFailed",
    "StoredValueRefused",
    "Throttled",
    "TokenAdopted",
    "TokenDiscarded",
]


class Reason(StrEnum):
    """Why a fetch was started."""

    MISS = "miss"
    """There was no token."""

    EXPIRED = "expired"
    """The token at hand had expired."""

    DUE = "due"
    """The token was in its refresh window, and nobody waits."""

    GRACE = "grace"
    """The token was in its grace period."""

    MIN_REMAINING = "min_remaining"
    """A caller wanted more life than the token had left."""

    CLOCK = "clock"
    """The wall clock had stepped back since the token was sent for, and nobody waits."""

    FORCED = "forced"
    """``refresh()`` was called, or the token had been invalidated while another fetch ran."""


@attrs.frozen
class Event:
    """The base of all events."""


@attrs.frozen
class FetchStarted(Event):
    """
    A fetch is about to be sent.

    Attributes:
        key: A digest of what is asked for, 16 hex digits.

        reason: Why.

        queued: For how many seconds it has waited for its turn.
    """

    key: str
    reason: Reason
    queued: float


@attrs.frozen
class FetchSucceeded(Event):
    """
    A token has arrived.

    Attributes:
        key: A digest of what was asked for, 16 hex digits.

        reason: Why it was fetched.

        took: Seconds from sending to the answer.

        fingerprint: The token's.

        lifetime: The token's, in seconds.
    """

    key: str
    reason: Reason
    took: float
    fingerprint: str
    lifetime: float


@attrs.frozen
class FetchFailed(Event):
    """
    A fetch has failed.

    Attributes:
        key: A digest of what was asked for, 16 hex digits.

        reason: Why it was fetched.

        took: Seconds from sending to the failure.

        error: The name of the error's class.

        code: The service's error code, if it was Cognito that said no.

        retry_in: For how many seconds no other fetch is made for this key.

        remaining: For how many seconds the token at hand can still be served; 0 without one.
    """

    key: str
    reason: Reason
    took: float
    error: str
    code: str | None
    retry_in: float
    remaining: float


@attrs.frozen
class FetchAbandoned(Event):
    """
    A fetch has not come back in time. Should it still do so, its token is kept.

    Attributes:
        key: A digest of what was asked for, 16 hex digits.

        reason: Why it was fetched.

        age: Seconds since it was sent, or since it was asked for if it never got its turn.

        sent: Whether it was sent.
    """

    key: str
    reason: Reason
    age: float
    sent: bool


@attrs.frozen
class TokenDiscarded(Event):
    """
    A token has arrived and is not kept: the key has been invalidated or forgotten since it
    was asked for, or the token at hand lives longer.

    Attributes:
        key: A digest of what was asked for, 16 hex digits.

        fingerprint: The token's.
    """

    key: str
    fingerprint: str


@attrs.frozen
class TokenAdopted(Event):
    """
    A token of another host was taken from the shared store, and Cognito was not called.

    Attributes:
        key: A digest of what was asked for, 16 hex digits.

        reason: Why one was needed.

        took: Seconds from looking into the store on.

        fingerprint: The token's.

        remaining: How many seconds it is still valid.
    """

    key: str
    reason: Reason
    took: float
    fingerprint: str
    remaining: float


@attrs.frozen
class StoredValueRefused(Event):
    """
    Something in the shared store is of no use, and counts as if it were not there.

    Attributes:
        key: A digest of what was asked for, 16 hex digits; None for a message to all hosts.

        why: ``unknown key``, ``unknown format``, ``altered or moved``, or ``no such token`` for
            one that does not fit the request.
    """

    key: str | None
    why: str


@attrs.frozen
class StoreFailed(Event):
    """
    The shared store has not done what it was asked to. Callers do not notice.

    Attributes:
        operation: Which method of the store.

        error: The name of the error's class.

        skipped_for: For how many seconds the store is left alone from now on; 0 if it is not.
    """

    operation: str
    error: str
    skipped_for: float


@attrs.frozen
class LeaseExpired(Event):
    """
    A lock of the shared store expired in use; another host may have called Cognito as well.

    Attributes:
        key: A digest of what was asked for, 16 hex digits.

        held: Seconds from taking the lock until it was found to have expired.
    """

    key: str
    held: float


@attrs.frozen
class InvalidatedElsewhere(Event):
    """
    Other hosts have invalidated or forgotten tokens.

    Attributes:
        entries: How many were thrown away here.
    """

    entries: int


@attrs.frozen
class ServedInGrace(Event):
    """
    A token in its grace period, or with less life than a caller wanted, was returned because
    no new one could be had.

    Attributes:
        key: A digest of what was asked for, 16 hex digits.

        fingerprint: The token's.

        remaining: How many seconds it is still valid.
    """

    key: str
    fingerprint: str
    remaining: float


@attrs.frozen
class Invalidated(Event):
    """
    ``invalidate()`` was called.

    Attributes:
        fingerprint: The rejected token's.

        applied: Whether it was thrown away; False if it was not the one at hand.
    """

    fingerprint: str
    applied: bool


@attrs.frozen
class Forgotten(Event):
    """
    ``forget()``, ``forget_identity()`` or ``clear()`` was called.

    Attributes:
        entries: How many tokens were thrown away.
    """

    entries: int


@attrs.frozen
class Evicted(Event):
    """
    A valid token had to make room for another: ``max_entries`` is reached.

    Attributes:
        key: A digest of what was asked for, 16 hex digits.

        remaining: How many seconds it would still have been valid.
    """

    key: str
    remaining: float


@attrs.frozen
class Throttled(Event):
    """
    Cognito throttles, and fetches start more slowly from now on.

    Attributes:
        rate: How many may start in a second, at first.
    """

    rate: float


@attrs.frozen
class ClockStepped(Event):
    """
    The wall clock has stepped, or the machine has been frozen.

    Attributes:
        seconds: By how many; negative if backwards.
    """

    seconds: float


class LoggingHook:
    """
    Logs events, one line each.

    What needs someone's attention is a warning, what a user noticed is information, the rest
    is for debugging.

    Args:
        logger: Where to; None takes the logger ``cognito_devtoken``.
    """

    def __init__(self, logger: Logger | None = None) -> None:
        from logging import getLogger

        self._logger = logger or getLogger("cognito_devtoken")

    def __call__(self, event: Event) -> None:
        """Log one event."""
        level = _LEVELS.get(type(event), _DEBUG)
        if self._logger.isEnabledFor(level):
            members = attrs.asdict(event)
            text = " ".join(f"{name}={_shown(value)}" for name, value in members.items())
            self._logger.log(level, "%s %s", type(event).__name__, text)


# The levels of logging, which is not loaded before somebody logs.
_DEBUG, _INFO, _WARNING = 10, 20, 30
_LEVELS: dict[type[Event], int] = {
    FetchFailed: _WARNING,
    FetchAbandoned: _WARNING,
    ServedInGrace: _WARNING,
    StoreFailed: _WARNING,
    StoredValueRefused: _WARNING,
    LeaseExpired: _WARNING,
    Throttled: _WARNING,
    ClockStepped: _WARNING,
    Evicted: _INFO,
    Invalidated: _INFO,
    InvalidatedElsewhere: _INFO,
    Forgotten: _INFO,
}


def _shown(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
