"""
What a cache holds: a lease per key, and the last failure of each key.

Nothing here takes a lock or reads a clock: its callers do both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from .._values.clock import Instant
from .._values.key import Key
from .._values.lease import Lease
from .failures import RememberedFailure


if TYPE_CHECKING:
    from cachetools import TLRUCache

L = TypeVar("L", bound=Lease)

# For how many seconds after its back-off a failure still counts as the previous one.
_LINGER = 60.0
_MIN_FAILURES = 1000
# What rounding may turn 0 into, in seconds.
_ROUNDING = 1e-5


class Entries(Generic[L]):
    """
    Leases and remembered failures by key, each within the same bound.

    *leases* is a plain dictionary, which a hit reads without a lock and without changing it.
    Cachetools decides what to evict: expired leases first, then those that were stored longest
    ago. A refresh stores its lease again, so leases in use outlive unused ones.
    """

    def __init__(self, max_entries: int) -> None:
        from cachetools import TLRUCache

        self.leases: dict[Key, L] = {}
        self._now = 0.0
        self._expiry: TLRUCache[Key, float] = TLRUCache(max_entries, _by_value, self._time)
        # With a smaller bound, some keys would not back off when many fail at once.
        self._failures: TLRUCache[Key, tuple[RememberedFailure, float]] = TLRUCache(
            max(max_entries, _MIN_FAILURES), _by_second, self._time
        )

    def _time(self) -> float:
        return self._now

    def sweep(self, now: Instant) -> int:
        """Remove every expired lease. Returns how many there were."""
        self._now = now.monotonic
        expired = list(self._expiry.expire())
        for key, _ in expired:
            self.leases.pop(key, None)
        return len(expired)

    def store(self, key: Key, lease: L) -> tuple[Key, L] | None:
        """Store a lease. Returns the lease that was evicted for it, with its key."""
        evicted = None
        if key not in self.leases and len(self._expiry) >= self._expiry.maxsize:
            victim, _ = self._expiry.popitem()
            evicted = victim, self.leases.pop(victim)
        # By the monotonic clock; one that has expired by the wall clock is not served either.
        self._expiry[key] = lease._sent.monotonic + lease._seconds
        if key in self._expiry:  # it refuses a lease that has already expired
            self.leases[key] = lease
        return evicted

    def drop(self, key: Key) -> None:
        """Remove a lease."""
        self._expiry.pop(key, None)
        self.leases.pop(key, None)

    def find(self, lease: L, *, shared: bool = False) -> Key | None:
        """
        Return the key that exactly this lease is held under, or None.

        Args:
            lease: The lease.

            shared: Whether the same lease may have arrived twice, from a shared store.
        """
        key: Key | None = getattr(lease, "_key", None)
        if key is None:  # no cache has held it, and it may be equal to one that is held here
            return next((key for key, held in self.leases.items() if held == lease), None)
        held = self.leases.get(key)
        # Two fetches within a second bring the same text. The newer one was not rejected.
        same = held == lease and (shared or getattr(held, "_monotonic", None) == lease._monotonic)
        return key if same else None

    def expedite(self, key: Key) -> None:
        """Make a lease due now, so that the next caller looks at the last failure first."""
        lease = self.leases[key]
        self.leases[key] = lease._held(key, lease._sent, lease._clock, due=0.0)

    def is_expedited(self, lease: L) -> bool:
        """Tell whether a lease was made due by :meth:`expedite`."""
        return lease._due_wall <= lease._sent.wall + _ROUNDING

    def clear(self) -> None:
        """Remove everything."""
        self.leases.clear()
        self._expiry.clear()
        self._failures.clear()

    def failure(self, key: Key) -> RememberedFailure | None:
        """Return the last failure remembered for a key."""
        found = self._failures.get(key)
        return found[0] if found else None

    def remember_failure(self, key: Key, failure: RememberedFailure) -> None:
        """Remember the last failure of a key."""
        self._failures[key] = failure, failure.since.monotonic + failure.wait + _LINGER

    def forget_failure(self, key: Key) -> None:
        """Forget the last failure of a key."""
        self._failures.pop(key, None)


def _by_value(key: Key, value: float, now: float) -> float:
    return value


def _by_second(key: Key, value: tuple[RememberedFailure, float], now: float) -> float:
    return value[1]
