"""
Locks of the shared store that this process holds, renewed for as long as they are needed.

Laws of this module: a call that is faster than RENEW_EVERY costs no extra round trip. No lock is
renewed for longer than its flight may take. A lock that expires under its holder is counted once.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue

import attrs

from .._cache.flights import DEADLINE, Flight
from .._cache.state import CacheState
from .._threads import start_daemon
from .._values.clock import Instant
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from ..events import StoreLockExpired
from .guarded_store import GuardedStore, StoreFailedError


# How long a lock outlives a holder that was killed or frozen, in seconds.
LOCK_SECONDS = 2.0
# Three renewals in a row have to fail before a lock expires.
# They run one after another: if 8 locks are held and each renewal
# takes 0.2 s, some of them expire.
RENEW_EVERY = LOCK_SECONDS / 4
# Renewing again and again without a pause would starve the calls that use the same store.
_SHORTEST_PAUSE = 0.05


@attrs.define(eq=False)
class HeldLock:
    """A lock of the store that a flight holds while it calls Cognito."""

    flight: Flight[TokenRequest, OpenIdToken]
    name: str
    owner: str
    taken: Instant
    tried: Instant = attrs.field(init=False)  # when it was taken, or last came up for renewal
    expired: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.tried = self.taken

    def is_needed(self, now: Instant) -> bool:
        """Whether the flight is still in the air and within its deadline."""
        flight = self.flight
        return not flight.done and (flight.sent or self.taken).age(now) < DEADLINE


class HeldLocks:
    """The locks that this process holds, and the thread that renews them."""

    def __init__(self, state: CacheState[TokenRequest, OpenIdToken], store: GuardedStore) -> None:
        self._state = state
        self._store = store
        self.start_thread: Callable[[Callable[[], None]], None] = start_daemon
        self.reset()

    def reset(self) -> None:
        """Hold nothing, as in a forked child: the parent renews its own locks."""
        self._held: set[HeldLock] = set()
        self._running = False
        # Not an Event: a signal handler may close the session while the thread sets one.
        self._wake: SimpleQueue[None] = SimpleQueue()

    def hold(self, lock: HeldLock) -> None:
        """Renew a lock from now on. If no thread can be started, it is not renewed."""
        with self._state.lock:
            self._held.add(lock)
            if self._running:
                return
            self._running = True
        # A weak reference, so that the thread does not keep an unclosed cache alive.
        itself: weakref.ref[HeldLocks] = weakref.ref(self)
        try:
            self.start_thread(partial(_renew_until_idle, itself, self._wake))
        except (RuntimeError, MemoryError):
            self._running = False
        except BaseException:  # such as Ctrl-C
            self._running = False
            raise

    def stop_renewing(self, lock: HeldLock) -> None:
        """Stop renewing a lock, before it is released."""
        with self._state.lock:
            self._held.discard(lock)

    def expired(self, lock: HeldLock) -> None:
        """Count a lock that expired under its holder."""
        now = self._state.now()
        with self._state.lock:
            if not lock.expired:
                lock.expired = True
                self._state.recorder.counts["store_locks_expired"] += 1
                held = lock.taken.age(now)
                self._state.recorder.emit(StoreLockExpired, lock.flight.key, held)

    def close(self) -> None:
        """Let the thread end. Called under the lock, once every flight is settled."""
        self._wake.put(None)

    def renew_due(self) -> float | None:
        """
        Renew the locks that are due.

        Hooks are not called here, because one that hangs would hold up the next renewal.

        Returns:
            The number of seconds until the next lock is due; None if none is held, in which
            case the thread has to end.
        """
        now = self._state.now()
        with self._state.lock:
            self._held = {lock for lock in self._held if lock.is_needed(now)}
            if not self._held:
                self._running = False
                return None
            due = [lock for lock in self._held if lock.tried.age(now) >= RENEW_EVERY]
        for lock in due:
            self._renew(lock)
        now = self._state.now()
        with self._state.lock:
            oldest = max((lock.tried.age(now) for lock in self._held), default=0.0)
        return min(max(RENEW_EVERY - oldest, _SHORTEST_PAUSE), RENEW_EVERY)

    def _renew(self, lock: HeldLock) -> None:
        lock.tried = self._state.now()
        if not self._store.allows():
            return
        try:
            held = self._store.use("renew", lock.name, lock.owner, LOCK_SECONDS)
        except StoreFailedError:
            return
        with self._state.lock:
            # A lock no longer in _held was released by its flight, which has counted it if it
            # had expired.
            lost = not held and lock in self._held
            if lost:
                self._held.discard(lock)
        if lost:
            self.expired(lock)

    def stopped(self) -> None:
        """Record that the thread failed, so that the next lock starts another one."""
        self._running = False


def _renew_until_idle(itself: weakref.ref[HeldLocks], wake: SimpleQueue[None]) -> None:
    pause: float | None = RENEW_EVERY
    while pause is not None:
        with suppress(Empty):
            wake.get(timeout=pause)
        locks = itself()
        if locks is None:
            return
        try:
            pause = locks.renew_due()
        except BaseException:
            locks.stopped()
            raise
        del locks
