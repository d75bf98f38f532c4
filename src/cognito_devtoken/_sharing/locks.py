"""
Hold locks of the shared store, and renew them for as long as they are needed.

Laws of this module: a call to Cognito that takes less than RENEW_EVERY costs no extra round trip. A
lock is renewed for at most as long as its flight may take. If a lock expires while its flight still
needs it, that is counted once.
"""

from __future__ import annotations

import attrs

from .._cache.flights import DEADLINE, Flight
from .._cache.state import CacheState
from .._values.clock import Instant
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from ..events import StoreLockExpired
from .background import BackgroundThread
from .guarded_store import GuardedStore, StoreFailedError


# How many seconds a lock outlives a holder that was killed or frozen.
LOCK_SECONDS = 2.0
# How many seconds pass between two renewals of a lock. So a lock expires only after three renewals
# in a row have failed. One thread renews all locks, one after another: if 8 locks are held and each
# renewal takes 0.2 s, some of the locks expire.
RENEW_EVERY = LOCK_SECONDS / 4
# How many seconds the renewing thread pauses at least. Without a pause, it would keep the flights
# from using the store.
_SHORTEST_PAUSE = 0.05


@attrs.define(eq=False)
class HeldLock:
    """A lock of the store that a flight holds while it calls Cognito."""

    flight: Flight[TokenRequest, OpenIdToken]
    name: str
    owner: str
    taken: Instant
    tried: Instant = attrs.field(init=False)  # when it was taken, or when a renewal was last tried
    expired: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.tried = self.taken

    def is_needed(self, now: Instant) -> bool:
        """Return whether the flight still runs and is within its deadline."""
        flight = self.flight
        return not flight.done and (flight.sent or self.taken).age(now) < DEADLINE


class HeldLocks:
    """The locks that this process holds, and the thread that renews them."""

    def __init__(self, state: CacheState[TokenRequest, OpenIdToken], store: GuardedStore) -> None:
        self._state = state
        self._store = store
        self.thread = BackgroundThread(self, HeldLocks.renew_due, HeldLocks.report, state.lock)
        self._held: set[HeldLock] = set()

    def reset(self) -> None:
        """Hold no lock in a forked child, because the locks belong to the parent."""
        self._held = set()
        self.thread.reset()

    def hold(self, lock: HeldLock) -> None:
        """Renew a lock from now on. If no thread can be started, the lock is not renewed."""
        with self._state.lock:
            self._held.add(lock)
        self.thread.ensure(first_pause=RENEW_EVERY)

    def stop_renewing(self, lock: HeldLock) -> None:
        """Stop renewing a lock, before it is released."""
        with self._state.lock:
            self._held.discard(lock)

    def expired(self, lock: HeldLock) -> None:
        """Count a lock that expired while its flight held it."""
        now = self._state.now()
        with self._state.lock:
            if not lock.expired:
                lock.expired = True
                self._state.recorder.counts["store_locks_expired"] += 1
                held = lock.taken.age(now)
                self._state.recorder.emit(StoreLockExpired, lock.flight.key, held)

    def close(self) -> None:
        """Wake the thread to end it. Called under the cache's lock, when no flight is left."""
        self.thread.end_pause()

    def renew_due(self) -> float | None:
        """
        Renew the locks that are due.

        Hooks are not called here, because a hook that hangs would hold up the next renewal.

        Returns:
            The number of seconds until the next lock is due; None, which ends the thread, if no
            lock is held.
        """
        now = self._state.now()
        with self._state.lock:
            self._held = {lock for lock in self._held if lock.is_needed(now)}
            if not self._held:
                self.thread.ended()
                return None
            due = [lock for lock in self._held if lock.tried.age(now) >= RENEW_EVERY]
        for lock in due:
            self._renew(lock)
        now = self._state.now()
        with self._state.lock:
            oldest = max((lock.tried.age(now) for lock in self._held), default=0.0)
        return min(max(RENEW_EVERY - oldest, _SHORTEST_PAUSE), RENEW_EVERY)

    def report(self, error: BaseException) -> None:
        """Report that a round has failed; locks may expire before the next round."""
        self._store.report("renew", error)

    def _renew(self, lock: HeldLock) -> None:
        lock.tried = self._state.now()
        if not self._store.allows():
            return
        try:
            held = self._store.use("renew", lock.name, lock.owner, LOCK_SECONDS)
        except StoreFailedError:
            return
        with self._state.lock:
            # If the lock is no longer in _held, its flight has released it in the meantime. If the
            # lock had expired by then, the flight has counted that.
            lost = not held and lock in self._held
            if lost:
                self._held.discard(lock)
        if lost:
            self.expired(lock)
