"""
How a flight ends: with a token that is kept, with one that is not, or with an error.

Laws of this module: a token is kept only if nothing has invalidated its key since it was asked
for, and if it lives longer than the one at hand. A failure never touches the token at hand.

All of it happens under the engine's lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._values.clock import Instant
from .._values.token import OpenIdToken, remaining_of
from ..events import Evicted, FetchFailed, FetchSucceeded, Reason, Throttled, TokenDiscarded
from ..exceptions import ServiceError, SessionClosedError, TokenUnavailableError
from .failures import Trouble
from .flights import Flight
from .policy import Failure, back_off


if TYPE_CHECKING:
    from .workers import Engine


def arrived(engine: Engine, flight: Flight, token: OpenIdToken, now: Instant) -> None:
    """A flight has brought a token."""
    journal, entries = engine.journal, engine.entries
    in_time = engine.flights.land(flight, now, arrived=True)
    if engine.shared and flight.adopted is not None:
        engine.shared.landed(flight, token, flight.adopted, now)
    else:
        journal.succeeded(now)
        took = (flight.sent or now).age(now)
        journal.tell(FetchSucceeded, flight.key, flight.reason, took, token, token._seconds)
    if engine.closed:
        if in_time:
            engine.finish(flight, error=closed())
        return
    engine.keep_house(now)
    remaining = remaining_of(token, now)
    at_hand = remaining_of(entries.tokens.get(flight.key), now)
    if not remaining:
        error = TokenUnavailableError("The token had expired before it arrived.")
        remember(engine, flight, error, now)
    elif flight.stale or remaining < at_hand:
        journal.counts["tokens_discarded"] += 1
        journal.tell(TokenDiscarded, flight.key, token)
        fetched = flight.adopted is None and flight.reason is not Reason.FORCED
        if in_time and fetched and not flight.stale:
            # Else each call would fetch another that lives no longer.
            error = TokenUnavailableError("The new token lives no longer than the old one.")
            remember(engine, flight, error, now)
    else:
        entries.mended(flight.key)
        if evicted := entries.store(flight.key, token):
            journal.counts["evictions"] += 1
            journal.tell(Evicted, evicted[0], remaining_of(evicted[1], now))
    if in_time:
        engine.finish(flight, token=token)


def failed(engine: Engine, flight: Flight, error: Exception, now: Instant) -> None:
    """A flight has brought nothing."""
    journal, pace = engine.journal, engine.flights.pace
    in_time = engine.flights.land(flight, now, arrived=False)
    journal.counts["fetches_failed"] += 1
    wait = remember(engine, flight, error, now) if in_time and not engine.closed else 0.0
    journal.tell(
        FetchFailed,
        flight.key,
        flight.reason,
        (flight.sent or now).age(now),
        type(error).__name__,
        getattr(error, "code", None),
        wait,
        remaining_of(engine.entries.tokens.get(flight.key), now),
    )
    if Failure.of(error) is Failure.THROTTLED and pace.throttled(now):
        journal.tell(Throttled, pace.rate)
    if in_time:
        engine.finish(flight, error=error)


def remember(engine: Engine, flight: Flight, error: Exception, now: Instant) -> float:
    """Leave a key alone for a while. Returns for how many seconds."""
    if flight.stale:
        return 0.0  # what it says is of the time before the invalidation
    entries = engine.entries
    before = entries.trouble(flight.key)
    kind = Failure.of(error)
    token = entries.tokens.get(flight.key)
    usable = (remaining := remaining_of(token, now)) > 0
    # Once nothing can be served, it is tried again soon, whatever went before.
    failures = before.failures + 1 if before and before.usable == usable else 1
    wait = back_off(kind, failures, remaining, engine.draw())
    engine.journal.failed(error, wait, now)
    trouble = Trouble(error, kind, failures, now, wait, usable)
    entries.failed(flight.key, trouble)
    if kind is not Failure.TERMINAL and isinstance(error, ServiceError | TokenUnavailableError):
        error.retry_at = trouble.retry_at(now, usable=False)
    if token and kind is Failure.TERMINAL:
        entries.hurry(flight.key)
    return wait


def closed() -> SessionClosedError:
    """What a closed session raises."""
    return SessionClosedError("This session is closed.")
