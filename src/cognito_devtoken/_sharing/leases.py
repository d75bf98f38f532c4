"""
Leases on the locks of the shared store, renewed while their calls to Cognito are in flight.

Laws of this module: a call that is faster than RENEW_EVERY costs no extra round trip. No lease is
renewed for longer than its flight may take. A lease that expires under its holder is counted once.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import attrs

from .._cache.flights import DEADLINE, Flight
from .._threads import start_daemon
from .._values.clock import Instant
from ..events import LeaseExpired
from .guarded_store import FailedError, Guarded


if TYPE_CHECKING:
    from .._cache.workers import Engine

# How long a lock outlives a holder that was killed or frozen, in seconds.
LEASE = 2.0
# Three renewals in a row have to fail before a lease expires.
RENEW_EVERY = LEASE / 4
# Renewing again and again without a pause would starve the calls that use the same store.
_SHORTEST_PAUSE = 0.05


@attrs.define(eq=False)
class Lease:
    """A lock of the store that a flight holds while it calls Cognito."""

    flight: Flight
    name: str
    owner: str
    taken: Instant
    tried: Instant = attrs.field(init=False)  # when it was last taken or due for renewal
    expired: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.tried = self.taken

    def is_needed(self, now: Instant) -> bool:
        """Whether the flight is still in the air and within its deadline."""
        flight = self.flight
        return not flight.done and (flight.sent or self.taken).age(now) < DEADLINE


class Leases:
    """The leases that this process holds, and the thread that renews them."""

    def __init__(self, engine: Engine, store: Guarded) -> None:
        self._engine = engine
        self._store = store
        self.start_thread: Callable[[Callable[[], None]], None] = start_daemon
        self.reset()

    def reset(self) -> None:
        """Hold nothing, as in a forked child: its parent renews its own leases."""
        self._held: set[Lease] = set()
        self._running = False
        # Not an Event: a signal handler may close the session while the thread sets one.
        self._wake: SimpleQueue[None] = SimpleQueue()

    def hold(self, lease: Lease) -> None:
        """Renew a lease from now on. If no thread can be started, it lasts as long as it does."""
        with self._engine.lock:
            self._held.add(lease)
            if self._running:
                return
            self._running = True
        # A weak reference, so that the thread does not keep an unclosed cache alive.
        itself: weakref.ref[Leases] = weakref.ref(self)
        try:
            self.start_thread(partial(_renew_until_idle, itself, self._wake))
        except (RuntimeError, MemoryError):
            self._running = False
        except BaseException:  # such as Ctrl-C
            self._running = False
            raise

    def let_go(self, lease: Lease) -> None:
        """Stop renewing a lease, before it is released."""
        with self._engine.lock:
            self._held.discard(lease)

    def expired(self, lease: Lease) -> None:
        """Count a lease that its holder no longer had."""
        now = self._engine.now()
        with self._engine.lock:
            if not lease.expired:
                lease.expired = True
                self._engine.journal.counts["store_leases_expired"] += 1
                held = lease.taken.age(now)
                self._engine.journal.tell(LeaseExpired, lease.flight.key, held)

    def close(self) -> None:
        """Under the lock, once every flight is settled: let the thread end."""
        self._wake.put(None)

    def renew_due(self) -> float | None:
        """
        Renew the leases that are due.

        Hooks are not called here, because one that hangs would hold up the next renewal.

        Returns:
            The number of seconds until the next lease is due; None if none is held, in which
            case the thread has to end.
        """
        now = self._engine.now()
        with self._engine.lock:
            self._held = {lease for lease in self._held if lease.is_needed(now)}
            if not self._held:
                self._running = False
                return None
            due = [lease for lease in self._held if lease.tried.age(now) >= RENEW_EVERY]
        for lease in due:
            self._renew(lease)
        now = self._engine.now()
        with self._engine.lock:
            oldest = max((lease.tried.age(now) for lease in self._held), default=0.0)
        return min(max(RENEW_EVERY - oldest, _SHORTEST_PAUSE), RENEW_EVERY)

    def _renew(self, lease: Lease) -> None:
        lease.tried = self._engine.now()
        if not self._store.allows():
            return
        try:
            held = self._store.use("renew", lease.name, lease.owner, LEASE)
        except FailedError:
            return
        with self._engine.lock:
            # Else its flight has released it in the meantime, and knows how that went.
            lost = not held and lease in self._held
            if lost:
                self._held.discard(lease)
        if lost:
            self.expired(lease)

    def stopped(self) -> None:
        """The thread has failed: the next lease starts another one."""
        self._running = False


def _renew_until_idle(itself: weakref.ref[Leases], wake: SimpleQueue[None]) -> None:
    pause: float | None = RENEW_EVERY
    while pause is not None:
        with suppress(Empty):
            wake.get(timeout=pause)
        leases = itself()
        if leases is None:
            return
        try:
            pause = leases.renew_due()
        except BaseException:
            leases.stopped()
            raise
        del leases
