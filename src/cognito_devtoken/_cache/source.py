"""
The sources of leases: a worker calls a source to get the lease of a flight.

Without a shared store, the source calls the fetcher. With a shared store, another source is used,
which looks in the store before it calls the fetcher.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from .._values.clock import Instant
from .._values.lease import Lease
from ..events import FetchStarted
from ..exceptions import InvalidTokenResponseError
from .flights import Flight, NotNeededError
from .scopes import InvalidationScope
from .state import CacheState


R = TypeVar("R")
L = TypeVar("L", bound=Lease)


def check_needed(flight: Flight[Any, Any]) -> None:
    """
    Check that a flight is still needed, before a call is made for it.

    Raises:
        NotNeededError: If the flight is no longer needed.
    """
    if flight.obsolete and not flight.awaited:
        raise NotNeededError


class Source(Protocol[R, L]):
    """
    Gets the lease of a flight.

    Attributes:
        shared: Whether there is a shared store, from which the same lease may arrive twice.
    """

    shared: bool

    def reserve(self, now: Instant) -> float:
        """Return how many seconds to wait before taking the next flight. Called under the lock."""
        ...

    def bring(self, flight: Flight[R, L]) -> L:
        """
        Return the lease of a flight, stamped by ``CacheState.stamp()``. Called without the lock.

        Raises:
            DevTokenError: If no lease is available.

            NotNeededError: If the flight is obsolete and no caller waits for it.
        """
        ...

    def announce(self, scope: InvalidationScope, *, again: bool) -> None:
        """
        Queue an invalidation for the other hosts. The caller holds the lock.

        Args:
            scope: What is invalid.

            again: Whether to announce the scope even if a host has already announced it.
        """
        ...

    def announce_now(self) -> None:
        """Announce the queued invalidations, if the store works. Called without the lock."""
        ...

    def after_fork(self) -> Callable[[], None] | None:
        """Reset in a forked child. Return None, or a function to call after all other resets."""
        ...

    def close(self) -> None:
        """Tell the background threads to end. The caller holds the lock."""
        ...

    def flush(self) -> None:
        """Announce invalidations that are still queued, without waiting long, after close()."""
        ...


class CallingSource(Generic[R, L]):
    """
    Makes a call for every flight.

    Args:
        state: The state of the cache.

        fetch: Gets the lease of a flight. It calls :meth:`record_call` before it makes a call.

        kind: The class of the leases.
    """

    shared = False

    def __init__(
        self, state: CacheState[R, L], fetch: Callable[[Flight[R, L]], L], kind: type[L]
    ) -> None:
        self._state = state
        self._fetch = fetch
        self._kind = kind

    def reserve(self, now: Instant) -> float:
        """Return how many seconds the rate limiter delays the next call."""
        return self._state.rate_limiter.reserve(now)

    def bring(self, flight: Flight[R, L]) -> L:
        """Call Cognito."""
        check_needed(flight)
        return self._call(flight, self._start(flight))

    def _start(self, flight: Flight[R, L]) -> Instant:
        """Return the instant from which the age of the lease counts."""
        # Read the clock right before the call, because a process may be frozen between two lines.
        flight.sent = sent = self._state.now()
        return sent

    def record_call(self, flight: Flight[R, L], now: Instant) -> None:
        """Record that a flight starts its call; if it makes a second call, that is part of it."""
        recorder = self._state.recorder
        with self._state.lock:
            flight.called = now
            recorder.counts["fetches_started"] += 1
            recorder.reasons[flight.reason] += 1
            recorder.emit(FetchStarted, flight.key, flight.reason, flight.asked.age(now))
        recorder.run_deferred()

    def _call(self, flight: Flight[R, L], sent: Instant) -> L:
        lease = self._fetch(flight)
        if not isinstance(lease, self._kind):
            raise InvalidTokenResponseError(
                f"The fetcher must return {self._kind.__name__}, not {type(lease).__name__}."
            )
        return self._state.stamp(lease, flight.key, sent)

    def announce(self, scope: InvalidationScope, *, again: bool) -> None:
        """Do nothing, because other hosts have none of this cache's leases."""

    def announce_now(self) -> None:
        """Do nothing: nothing was announced."""

    def after_fork(self) -> None:
        """Do nothing: the fetcher handles forks itself."""

    def close(self) -> None:
        """Do nothing: nothing runs in the background."""

    def flush(self) -> None:
        """Do nothing: nothing was announced."""


class FetcherSource(CallingSource[R, L]):
    """Gets every lease from the fetcher: every flight is a call to Cognito."""

    def __init__(self, state: CacheState[R, L], fetch: Callable[[R], L], kind: type[L]) -> None:
        super().__init__(state, lambda flight: self.fetch(flight.request), kind)
        self.fetch = fetch

    def _start(self, flight: Flight[R, L]) -> Instant:
        sent = super()._start(flight)
        self.record_call(flight, sent)
        return sent
