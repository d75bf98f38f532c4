"""
Keep flights moving: abandon overdue flights, so that no caller waits for them.

No separate thread does this: every lookup and every worker does it, under the cache's lock.
"""

from __future__ import annotations

from typing import TypeVar

from .._values.clock import Instant
from .._values.lease import Lease
from ..events import FetchAbandoned
from ..exceptions import TokenUnavailableError
from .flights import Flight
from .publication import remember_failure
from .state import CacheState


R = TypeVar("R")
L = TypeVar("L", bound=Lease)


def clean_up(state: CacheState[R, L], now: Instant) -> None:
    """Remove expired leases, and abandon overdue flights."""
    state.sweep(now)
    abandon_overdue(state, now)


def supervise(state: CacheState[R, L], flight: Flight[R, L], now: Instant) -> None:
    """Make sure that a flight makes progress, on behalf of a caller that waits for it."""
    abandon_if_overdue(state, flight, now)
    abandon_overdue(state, now)
    if flight.done:
        return
    # If the flight is not in the table, an exception was raised between its removal and its end.
    if not state.flights.holds(flight):
        state.settle_lost(flight, now)
    elif not flight.sent and not state.flights.slots.active():
        state.ensure_worker()


def abandon_if_overdue(state: CacheState[R, L], flight: Flight[R, L], now: Instant) -> None:
    """
    Abandon a flight that has not returned in time.

    If the flight is a successor, only the flight before it can be overdue, because the time of the
    successor starts when the flight before it has ended.
    """
    first = state.flights.by_key.get(flight.key)
    if first and not flight.done and state.flights.overdue(first, now):
        _abandon(state, first, now)


def abandon_overdue(state: CacheState[R, L], now: Instant) -> None:
    """Abandon the overdue flights, except queued flights whose waiting callers check them."""
    for flight in state.flights.overdue_flights(now):
        _abandon(state, flight, now)


def _abandon(state: CacheState[R, L], flight: Flight[R, L], now: Instant) -> None:
    if flight.done:  # the flight was in both queues, and has already been abandoned
        return
    age = (flight.sent or flight.asked).age(now)
    sent = flight.sent is not None
    state.recorder.counts["fetches_abandoned"] += 1
    state.recorder.emit(FetchAbandoned, flight.key, flight.reason, age, sent)
    if state.flights.is_orphaned(flight):
        state.settle_lost(flight, now)
    else:
        if sent:
            error = TokenUnavailableError(f"AWS did not answer within {age:.0f} s.")
            remember_failure(state, flight, error, now)
        else:
            error = TokenUnavailableError(f"No worker was free for the fetch within {age:.0f} s.")
        error._logged = True
        end_abandoned(state, flight, error, now)
    state.ensure_worker()


def end_abandoned(
    state: CacheState[R, L], flight: Flight[R, L], error: TokenUnavailableError, now: Instant
) -> None:
    """End a flight with an error now. Its worker may still be waiting for the fetch."""
    state.flights.remove(flight, now)
    state.settle(flight, error=error)
