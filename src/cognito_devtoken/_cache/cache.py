"""Puts state, lookup, source and workers together: a cache for any kind of lease."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .._runtime.fork import FORK_WAIT, release_if_owned, watch
from .._values.clock import Clock
from .._values.key import Key
from .._values.lease import Lease
from ..events import Forgotten, Invalidated, InvalidatedElsewhere
from .invalidation import Invalidation, invalidate, keep_out
from .lookup import Lookup
from .policy import RefreshPolicy
from .recorder import StatsRecorder
from .scopes import InvalidationScope, Matches, token_scope
from .source import Source
from .state import CacheState
from .workers import WorkerPool


if TYPE_CHECKING:
    from .stats import Stats


R = TypeVar("R")
L = TypeVar("L", bound=Lease)


class LeaseCache(Generic[R, L]):
    """
    Holds leases by request. Each is fetched once, however many callers want it.

    Args:
        describe: Returns the key of a request, and the longest life of its lease, in seconds.

        source: Makes the source of the leases, given the state.

        policy: When leases are refreshed.

        clock: Measures the age of leases.

        recorder: Counts, and calls the hooks.

        max_entries: How many leases to hold at most.

        max_concurrent: How many flights may run at once.
    """

    def __init__(
        self,
        describe: Callable[[R], tuple[Key, float]],
        source: Callable[[CacheState[R, L]], Source[R, L]],
        *,
        policy: RefreshPolicy,
        clock: Clock,
        recorder: StatsRecorder,
        max_entries: int,
        max_concurrent: int,
    ) -> None:
        self.state: CacheState[R, L] = CacheState(
            policy, clock, max_entries, max_concurrent, recorder
        )
        self.source = source(self.state)
        self.workers = WorkerPool(self.state, self.source)
        self.lookup = Lookup(self.state, describe)
        watch(self)

    def stats(self) -> Stats:
        """Return what the cache has done so far, and what it holds now."""
        from .stats import Stats

        state, recorder = self.state, self.state.recorder
        with state.lock:
            counts: Any = dict(recorder.counts)
            return Stats(
                entries=len(state.entries.leases),
                in_flight=len(state.flights.by_key),
                reasons=dict(recorder.reasons),
                **counts,
            )

    def invalidate(self, lease: L) -> None:
        """
        Remove exactly this lease: here, if it is the cached one; on other hosts, in any case.

        Other hosts may hold the lease even if this host has refreshed or evicted it, or never held
        it.
        """
        state, recorder = self.state, self.state.recorder
        with state.lock:
            state.check_open()
            key = state.entries.find(lease, shared=self.source.shared)
            applied = key is not None
            if key is not None:
                self._remove(Invalidation.of_token(lease, key))
            else:
                scope = token_scope(lease)
                self.source.announce(scope, again=False)
                keep_out(state, [scope])
            recorder.counts[f"invalidations_{'applied' if applied else 'ignored'}"] += 1
            recorder.emit(Invalidated, lease, applied)
        recorder.run_deferred()

    def discard(self, invalidation: Invalidation) -> None:
        """
        Remove matching leases, here and on other hosts.

        If a flight that was sent before now brings a matching lease, the lease is not kept.
        """
        with self.state.lock:
            self.state.check_open()
            self.state.recorder.emit(Forgotten, self._remove(invalidation))
        self.state.recorder.run_deferred()

    def follow(self, scopes: Sequence[InvalidationScope], matches: Matches) -> None:
        """Remove what other hosts have invalidated. Called by the cache that reads their log."""
        with self.state.lock:
            removed = invalidate(self.state, scopes, matches)
            self.state.recorder.emit(InvalidatedElsewhere, removed)
        self.state.recorder.run_deferred()

    def _remove(self, invalidation: Invalidation) -> int:
        scope = invalidation.scope
        self.source.announce(scope, again=True)
        return invalidate(self.state, [scope], invalidation.matches, invalidation.key)

    def close(self) -> None:
        """Remove everything, and wake every caller. It may be called from a signal handler."""
        with self.state.lock:
            self.state.close()
            self.source.close()
        self.state.recorder.run_deferred()
        self.source.flush()

    def _before_fork(self) -> None:
        """Take the lock, so that no other thread is in the middle of a change."""
        self.state.lock.acquire(timeout=FORK_WAIT)

    def _after_fork(self, *, in_child: bool) -> Callable[[], None] | None:
        release_if_owned(self.state.lock)
        if not in_child:
            return None
        self.state.after_fork()
        return self.source.after_fork()
