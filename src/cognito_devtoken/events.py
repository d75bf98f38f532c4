"""
The events that a cache emits, and a hook that logs them.

An event names no user. Instead, most events contain *key*, a digest of the whole request, and many
contain the :attr:`~cognito_devtoken.OpenIdToken.fingerprint` of a token. The digest is the same on
every host, so that you can follow one user through a fleet. Anyone who can guess a user id can
compute the digest, too.

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
    """The token was in its refresh window. Usually, no caller waits."""

    GRACE = "grace"
    """The token was in its grace period."""

    MIN_REMAINING = "min_remaining"
    """A caller needed more remaining life than the token had."""

    CLOCK = "clock"
    """The wall clock was set back after the token was requested. Usually, no caller waits."""

    FORCED = "forced"
    """``refresh()`` was called, or the token was invalidated while another fetch ran."""


class FetchStarted(Event):
    """
    A fetch is about to be sent.

    Attributes:
        key: A digest of the request, 16 hex digits.

        reason: Why the fetch was started.

        queued: Seconds from queuing the fetch to sending it.
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

        lifetime: For how many seconds the session uses the token: ``exp`` minus ``iat``, minus 1 s
            to allow for rounding.
    """

    key: str
    reason: Reason
    took: float
    fingerprint: str
    lifetime: float


class FetchFailed(Event):
    """
    A fetch failed after it was sent.

    Attributes:
        key: A digest of the request, 16 hex digits.

        reason: Why the fetch was started.

        took: Seconds from sending the request to the failure.

        error: The name of the error's class.

        code: The service's error code; None if the error did not come from Cognito.

        retry_in: How many seconds the session waits before it fetches this key again.

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
    A token that arrived was not kept, because its key was invalidated or forgotten after the
    request was sent, or because the cached token lives longer.

    Attributes:
        key: A digest of the request, 16 hex digits.

        fingerprint: The token's fingerprint.
    """

    key: str
    fingerprint: str


class TokenAdopted(Event):
    """
    A token that another host had fetched was taken from the shared store, without a call to
    Cognito.

    Attributes:
        key: A digest of the request, 16 hex digits.

        reason: Why a token was needed.

        took: Seconds from the first lookup in the store to caching the token. If the session's rate
            limiter held the fetch back after that lookup, seconds from the end of that pause.

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
    A value in the shared store cannot be used, so the session treats it as missing.

    Attributes:
        key: A digest of the request, 16 hex digits; None for a message of the invalidation log.

        why: ``unknown key``, ``unknown format``, ``altered or moved``,
            ``not a token for this request`` or ``malformed message``.
    """

    key: str | None
    why: str


class StoreFailed(Event):
    """
    An operation of the shared store failed. Callers still get their tokens, from Cognito.

    Attributes:
        operation: The method of the store that failed. If an error outside the store interrupted a
            background thread, this is ``listen`` for the thread that reads the invalidation log, or
            ``renew`` for the thread that renews locks.

        error: The name of the error's class.

        skipped_for: How many seconds from now the store is not used; 0 if it is still used.

        hint: What to do about the error, from its notes; None if it has no notes.
    """

    operation: str
    error: str
    skipped_for: float
    hint: str | None = None


class StoreKeysDiffer(Event):
    """
    Another host uses the same store with a key that this host does not have, so the two hosts share
    no tokens. This event is emitted once for each such key.

    Attributes:
        own: The id of the key with which this host encrypts; zeros if it does not encrypt.

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
    A token was returned although it was in its grace period, or had less remaining life than the
    caller needed, because no new token was available.

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

        applied: Whether the token was removed; False if another token, or none, was cached.
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
    Cognito is throttling calls, so fewer fetches start per second from now on.

    Attributes:
        rate: How many fetches may start per second from now on. The rate recovers slowly.
    """

    rate: float


class ClockStepped(Event):
    """
    The wall clock was set, or the machine was frozen.

    Attributes:
        seconds: How far the wall clock moved relative to the monotonic clock; negative if it moved
            backwards.
    """

    seconds: float


class ClientsNotShared(Event):
    """
    AWS clients are not shared between users, because the installed release of botocore prevents it.

    Each user gets a separate client. That works, but making it takes about 1,000 times as long.

    Attributes:
        library: The library and its release, such as ``botocore 1.31.0``.

        error: The name of the class of the error with which the check failed.
    """

    library: str
    error: str


class HookFailed(Event):
    """
    A hook raised an error. The other hooks get this event once for each hook and class of error.

    Attributes:
        hook: The name of the hook.

        error: The name of the error's class.
    """

    hook: str
    error: str


LoggingHook.__module__ = __name__
