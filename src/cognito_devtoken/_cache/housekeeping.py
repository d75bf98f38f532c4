"""
What keeps flights moving: those that are overdue are abandoned, so that nobody waits for them.

Nothing runs by itself. Callers that are more than a hit do it in passing, under the cache's lock.
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


def keep_house(state: CacheState[R, L], now: Instant) -> None:
    """Remove what has expired, and abandon every overdue flight."""
    state.sweep(now)
    _abandon_overdue(state, now)


def supervise(state: CacheState[R, L], flight: Flight[R, L], now: Instant) -> None:
    """Make sure, on behalf of a caller that waits, that its flight makes progress."""
    abandon_if_overdue(state, flight, now)
    _abandon_overdue(state, now)
    if not (flight.sent or flight.done) and state.flights.active <= 0:
        state.ensure_worker()


def abandon_if_overdue(state: CacheState[R, L], flight: Flight[R, L], now: Instant) -> None:
    """
    Abandon a flight that has not returned in time.

    The time of one that waits for another flight of its key begins when that one has ended.
    """
    first = state.flights.table.get(flight.key)
    if first and not flight.done and state.flights.overdue(first, now):
        _abandon(state, first, now)


def _abandon_overdue(state: CacheState[R, L], now: Instant) -> None:
    for flight in state.flights.overdue_flights(now):
        _abandon(state, flight, now)


def _abandon(state: CacheState[R, L], flight: Flight[R, L], now: Instant) -> None:
    if flight.done:  # it was in both queues
        return
    age = (flight.sent or flight.asked).age(now)
    sent = flight.sent is not None
    state.flights.abandon(flight, now)
    state.recorder.counts["fetches_abandoned"] += 1
    state.recorder.emit(FetchAbandoned, flight.key, flight.reason, age, sent)
    if sent:
        error = TokenUnavailableError(f"Cognito has not answered within {age:.0f} s.")
        remember_failure(state, flight, error, now)
    else:
        error = TokenUnavailableError(f"No worker was free for the fetch within {age:.0f} s.")
    state.settle(flight, error=error)
    state.ensure_worker()
