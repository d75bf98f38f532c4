"""
What happened in a cache: frozen events, and a hook that logs them.

An event names no user. It contains *key*, a digest of the whole request, and the
:attr:`~cognito_devtoken.OpenIdToken.fingerprint` of a token. The digest is the same on every host,
so that you can follow one user through a fleet. Anyone who can guess a user id can compute the
digest, too.

A fresh hit emits no event, because the event would cost more than the hit. ``stats()`` counts hits.
"""

from __future__ import annotations

from enum import StrEnum

from ._events.base import Event
from ._events.log import LoggingHook


__all__ = [
    "ClientsNotShared",
    "ClockStepped",
    "Event",
    "Evicted",
    "FetchAbandoned",
    "FetchFailed",
    "FetchStarted",
    "FetchSucceeded",
    "Forgotten",
    "HookFailed",
    "Invalidated",
    "InvalidatedElsewhere",
    "LoggingHook",
    "Reason",
    "ServedInGrace",
    "StoreFailed",
    "StoreKeysDiffer",
    "StoreLockExpired",
    "StoredValueRefused",
    "Throttled",
    "TokenAdopted",
    "TokenDiscarded",
]


class Reason(StrEnum):
    """Why a fetch was started."""

    MISS = "miss"
    """No token was cached."""

    EXPIRED = "expired"
    """The cached token had expired."""

    DUE = "due"
    """The token was in its refresh window. No caller waits."""

    GRACE = "grace"
    """The token was in its grace period."""

    MIN_REMAINING = "min_remaining"
    """A caller needed more remaining life than the token had."""

    CLOCK = "clock"
    """The wall clock was set back after the cached token was requested. No caller waits."""

    FORCED = "forced"
    """``refresh()`` was called, or the token was invalidated while another fetch ran."""


class FetchStarted(Event):
    """
    A fetch is about to be sent.

    Attributes:
        key: A digest of the request, 16 hex digits.

        reason: Why the fetch was started.

        queued: How many seconds the fetch waited in the queue.
    """

    key: str
    reason: Reason
    queued: float


class FetchSucceeded(Event):
    """
    A fetch returned a token.

    Attributes:
        key: A digest of the request, 16 hex digits.

        reason: Why the fetch was started.

        took: Seconds from sending the request to the response.

        fingerprint: The token's fingerprint.

        lifetime: The lifetime in seconds that the session relies on: ``exp`` minus ``iat``, minus
            1 s to allow for rounding.
    """

    key: str
    reason: Reason
    took: float
    fingerprint: str
    lifetime: float


class FetchFailed(Event):
    """
    A fetch failed.

    Attributes:
        key: A digest of the request, 16 hex digits.

        reason: Why the fetch was started.

        took: Seconds from sending the request to the failure.

        error: The name of the error's class.

        code: The service's error code; None if the error did not come from Cognito.

        retry_in: How many seconds fetches for this key back off.

        remaining: How many seconds the cached token is still valid; 0 if there is none.

        request_id: The id that AWS support asks for; None if there is none.

        message: The error's message, which contains neither a token nor a login.

        hint: What to do about the failure; None if the error does not say.
    """

    key: str
    reason: Reason
    took: float
    error: str
    code: str | None
    retry_in: float
    remaining: float
    request_id: str | None = None
    message: str | None = None
    hint: str | None = None


class FetchAbandoned(Event):
    """
    A fetch did not return in time. If it still returns later, its token is kept.

    Attributes:
        key: A digest of the request, 16 hex digits.

        reason: Why the fetch was started.

        age: Seconds since the fetch was sent, or since it was queued if it was never sent.

        sent: Whether the fetch was sent.
    """

    key: str
    reason: Reason
    age: float
    sent: bool


class TokenDiscarded(Event):
    """
    A token arrived and was not kept: its key was invalidated or forgotten after the request was
    sent, or the cached token lives longer.

    Attributes:
        key: A digest of the request, 16 hex digits.

        fingerprint: The token's fingerprint.
    """

    key: str
    fingerprint: str


class TokenAdopted(Event):
    """
    A token of another host was taken from the shared store, without a call to Cognito.

    Attributes:
        key: A digest of the request, 16 hex digits.

        reason: Why a token was needed.

        took: Seconds from looking in the store to caching the token.

        fingerprint: The token's fingerprint.

        remaining: How many seconds the token is still valid.
    """

    key: str
    reason: Reason
    took: float
    fingerprint: str
    remaining: float


class StoredValueRefused(Event):
    """
    A value in the shared store cannot be used, and is treated as missing.

    Attributes:
        key: A digest of the request, 16 hex digits; None for a message of the invalidation log.

        why: ``unknown key``, ``unknown format``, ``altered or moved``,
            ``not a token for this request`` or ``malformed message``.
    """

    key: str | None
    why: str


class StoreFailed(Event):
    """
    An operation of the shared store failed. Callers do not notice.

    Attributes:
        operation: The store's method that failed. If an error outside the store interrupted a
            thread in the background: ``listen`` for the thread that reads the invalidation log,
            ``renew`` for the thread that renews locks.

        error: The name of the error's class.

        skipped_for: For how many seconds from now the store is not used; 0 if it is still used.

        hint: What to do about the error, from its notes; None if it has none.
    """

    operation: str
    error: str
    skipped_for: float
    hint: str | None = None


class StoreKeysDiffer(Event):
    """
    Another host uses the same store with a key that this host does not have, so the two share no
    tokens. Emitted once for each such key.

    Attributes:
        own: The id of the key that this host encrypts with; zeros if it does not encrypt.

        other: The id of the other host's key.
    """

    own: str
    other: str


class StoreLockExpired(Event):
    """
    A lock in the shared store expired while this host still needed it, so another host may have
    called Cognito as well.

    Attributes:
        key: A digest of the request, 16 hex digits.

        held: Seconds from taking the lock to noticing that it had expired.
    """

    key: str
    held: float


class InvalidatedElsewhere(Event):
    """
    Other hosts invalidated or forgot tokens.

    Attributes:
        entries: How many tokens were removed here.
    """

    entries: int


class ServedInGrace(Event):
    """
    A token in its grace period, or with less remaining life than a caller needed, was returned
    because no new one was available.

    Attributes:
        key: A digest of the request, 16 hex digits.

        fingerprint: The token's fingerprint.

        remaining: How many seconds the token is still valid.
    """

    key: str
    fingerprint: str
    remaining: float


class Invalidated(Event):
    """
    ``invalidate()`` was called.

    Attributes:
        fingerprint: The rejected token's fingerprint.

        applied: Whether the token was removed; False if it was not the cached one.
    """

    fingerprint: str
    applied: bool


class Forgotten(Event):
    """
    ``forget()``, ``forget_identity()`` or ``clear()`` was called.

    Attributes:
        entries: How many tokens were removed.
    """

    entries: int


class Evicted(Event):
    """
    A valid token was evicted, because ``max_entries`` was reached.

    Attributes:
        key: A digest of the request, 16 hex digits.

        remaining: How many seconds the token was still valid.
    """

    key: str
    remaining: float


class Throttled(Event):
    """
    Cognito is throttling, and fetches start more slowly from now on.

    Attributes:
        rate: How many fetches may start per second from now on. The rate recovers slowly.
    """

    rate: float


class ClockStepped(Event):
    """
    The wall clock was set, or the machine was frozen.

    Attributes:
        seconds: How far the wall clock moved against the monotonic one; negative if backwards.
    """

    seconds: float


class ClientsNotShared(Event):
    """
    Users do not share AWS clients, because the installed release of botocore does not permit it.

    Each user gets a client of their own, which works, but takes about 1,000 times as long to make.

    Attributes:
        library: The library and its release, such as ``botocore 1.31.0``.

        error: The name of the class of the error that the check ended with.
    """

    library: str
    error: str


class HookFailed(Event):
    """
    A hook raised an error. The other hooks get this event, once for each hook and class of error.

    Attributes:
        hook: The name of the hook.

        error: The name of the error's class.
    """

    hook: str
    error: str


LoggingHook.__module__ = __name__
