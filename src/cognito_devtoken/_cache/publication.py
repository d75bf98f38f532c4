"""
End a flight: keep its lease, discard its lease, or record its error.

Laws of this module: a lease is kept only if its key has not been invalidated since the lease was
requested, and if the lease does not expire before the cached lease. A failure does not remove the
cached lease, but may make it due.

All functions of this module run under the cache's lock.
"""

from __future__ import annotations

from typing import TypeVar

from .._values.clock import Instant
from .._values.lease import Lease, remaining_of
from ..events import (
    Evicted,
    FetchFailed,
    FetchSucceeded,
    Reason,
    Throttled,
    TokenAdopted,
    TokenDiscarded,
)
from ..exceptions import DevTokenError, ServiceError, TokenUnavailableError, hint_of
from .failures import Failure, RememberedFailure, back_off
from .flights import Flight
from .scopes import identity_scope, token_scope
from .state import CacheState, session_closed


R = TypeVar("R")
L = TypeVar("L", bound=Lease)


def publish(state: CacheState[R, L], flight: Flight[R, L], lease: L, now: Instant) -> None:
    """End a flight with a lease that was fetched, or read from a shared store."""
    in_time = state.flights.finish(flight, now, arrived=True)
    adopted = flight.is_invalidated is not None
    if flight.is_invalidated is not None:
        flight.stale |= flight.is_invalidated()
    if flight.forgotten:
        flight.stale |= _is_forgotten(flight, lease)
    _record_arrival(state, flight, lease, now, adopted=adopted)
    if state.closed:
        if in_time:
            state.settle(flight, error=session_closed())
        return
    state.sweep(now)
    remaining, what = remaining_of(lease, now), state.recorder.lease
    present = remaining_of(state.entries.leases.get(flight.key), now)
    if not remaining:
        error = TokenUnavailableError(f"The {what} had already expired on arrival.")
        remember_failure(state, flight, error, now)
    elif flight.stale or remaining < present:
        state.recorder.counts["tokens_discarded"] += 1
        state.recorder.emit(TokenDiscarded, flight.key, lease)
        fetched = not adopted and flight.reason is not Reason.FORCED
        if in_time and fetched:
            # Back off. Otherwise, each call would fetch a lease that does not outlive the cached
            # lease.
            error = TokenUnavailableError(f"The new {what} would not outlive the cached {what}.")
            remember_failure(state, flight, error, now)
    else:
        _store(state, flight, lease, now)
    if in_time:
        state.settle(flight, lease=lease)
    if state.closed:  # a signal handler has closed the cache in the meantime
        state.close()


def _is_forgotten(flight: Flight[R, L], lease: L) -> bool:
    """Return whether this lease or its identity was invalidated after the lease was requested."""
    scopes = identity_scope(lease.identity_id), token_scope(lease)
    return not flight.forgotten.isdisjoint(scopes)


def _record_arrival(
    state: CacheState[R, L], flight: Flight[R, L], lease: L, now: Instant, *, adopted: bool
) -> None:
    took = (flight.called or flight.sent or now).age(now)
    recorder = state.recorder
    if adopted:
        recorder.counts["store_hits"] += 1
        left = remaining_of(lease, now)
        recorder.emit(TokenAdopted, flight.key, flight.reason, took, lease, left)
    else:
        recorder.counts["fetches_succeeded"] += 1
        recorder.record_success(now)
        recorder.emit(FetchSucceeded, flight.key, flight.reason, took, lease, lease._seconds)


def _store(state: CacheState[R, L], flight: Flight[R, L], lease: L, now: Instant) -> None:
    evicted = state.entries.store(flight.key, lease)
    # A lease that has expired by a later reading of the clock, in another thread, is not stored.
    if state.entries.leases.get(flight.key) is lease:
        state.entries.forget_failure(flight.key)
    if evicted:
        key, victim = evicted
        state.recorder.counts["evictions"] += 1
        state.recorder.emit(Evicted, key, remaining_of(victim, now))


def record_failure(
    state: CacheState[R, L], flight: Flight[R, L], error: DevTokenError, now: Instant
) -> None:
    """End a flight with an error."""
    in_time = state.flights.finish(flight, now, arrived=False)
    remember = in_time and not state.closed
    wait = remember_failure(state, flight, error, now) if remember else 0.0
    if flight.called:
        _record_failed_call(state, flight, error, flight.called, wait, now)
    if in_time:
        state.settle(flight, error=error)


def _record_failed_call(
    state: CacheState[R, L],
    flight: Flight[R, L],
    error: DevTokenError,
    called: Instant,
    wait: float,
    now: Instant,
) -> None:
    recorder, limiter = state.recorder, state.rate_limiter
    recorder.counts["fetches_failed"] += 1
    recorder.emit(
        FetchFailed,
        flight.key,
        flight.reason,
        called.age(now),
        type(error).__name__,
        getattr(error, "code", None),
        wait,
        remaining_of(state.entries.leases.get(flight.key), now),
        getattr(error, "request_id", None),
        str(error),
        hint_of(error),
    )
    error._logged = True
    if Failure.of(error) is Failure.THROTTLED and limiter.throttled(now):
        recorder.emit(Throttled, limiter.rate)


def remember_failure(
    state: CacheState[R, L], flight: Flight[R, L], error: Exception, now: Instant
) -> float:
    """Remember a failure. Return how many seconds the key backs off."""
    if flight.stale:
        return 0.0  # the key was invalidated after the fetch was sent
    entries = state.entries
    before = entries.failure(flight.key)
    kind = Failure.of(error)
    lease = entries.leases.get(flight.key)
    remaining = remaining_of(lease, now)
    usable = remaining > 0
    # When there is no lease left to serve, start again with a short back-off.
    failures = before.failures + 1 if before and before.usable == usable else 1
    wait = back_off(kind, failures, remaining, state.random_fraction())
    state.recorder.record_failure(error, wait, now)
    failure = RememberedFailure(error, kind, failures, now, wait, usable)
    entries.remember_failure(flight.key, failure)
    if kind is not Failure.TERMINAL and isinstance(error, ServiceError | TokenUnavailableError):
        error.retry_at = failure.retry_at(now, usable=False)
    if lease and kind is Failure.TERMINAL:
        entries.expedite(flight.key)
    return wait
