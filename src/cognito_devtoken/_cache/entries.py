"""
The contents of a cache: a lease per key, and the last failure of each key.

Nothing here takes a lock or reads a clock: the callers do both.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from .._values.clock import Instant
from .._values.key import Key
from .._values.lease import Lease
from .bounded import BoundedDict
from .failures import RememberedFailure
from .lease_dict import LeaseDict


L = TypeVar("L", bound=Lease)

# How many seconds a failure is remembered after its back-off. If the next fetch fails within that
# time, it counts as another failure in a row.
_LINGER = 60.0
_MIN_FAILURES = 1000
# In seconds. Sweeping at every miss would take a tenth of the cache's own time.
_BETWEEN_SWEEPS = 1.0
# Because of rounding, an age of 0 seconds may be calculated as this much.
_ROUNDING = 1e-5


class Entries(Generic[L]):
    """
    Leases and remembered failures by key.

    A hit reads *leases* without a lock, and does not change them. Whenever a lease is refreshed,
    its entry becomes the newest, so leases in use outlive unused ones.
    """

    def __init__(self, max_entries: int) -> None:
        # Leases are removed once they have expired by the monotonic clock. A lease that has expired
        # only by the wall clock stays here, but is not served.
        self.leases: LeaseDict[L] = LeaseDict()
        self._leases: BoundedDict[L] = BoundedDict(max_entries, _end_of_lease, self.leases)
        # At least _MIN_FAILURES: if many keys fail at once, each failure must be remembered, or its
        # key would not back off.
        self._failures: BoundedDict[RememberedFailure] = BoundedDict(
            max(max_entries, _MIN_FAILURES), _end_of_failure
        )
        self._next_sweep = float("-inf")  # by the monotonic clock

    def sweep(self, now: Instant) -> int:
        """
        Remove every expired lease and failure, at most once a second.

        Expired leases stay until the next sweep, so readers must check whether a lease has expired.

        Returns how many leases were removed.
        """
        if now.monotonic < self._next_sweep:
            return 0
        self._next_sweep = now.monotonic + _BETWEEN_SWEEPS
        self._failures.sweep(now)
        return self._leases.sweep(now)

    def store(self, key: Key, lease: L) -> tuple[Key, L] | None:
        """Store a lease. Return the key and the lease that were evicted to make room, if any."""
        return self._leases.store(key, lease)

    def drop(self, key: Key) -> None:
        """Remove a lease."""
        self._leases.drop(key)

    def find(self, lease: L, *, shared: bool = False) -> Key | None:
        """
        Return the key under which exactly this lease is held; None if it is not held.

        Args:
            lease: The lease.

            shared: Whether there is a shared store, from which the same lease may arrive twice.
        """
        key: Key | None = getattr(lease, "_key", None)
        if key is None:  # it comes from no cache, but may be equal to a lease that is held here
            return next((key for key, held in self.leases.items() if held == lease), None)
        held = self.leases.get(key)
        # Two fetches within the same second return the same text, so their leases are equal. But
        # rejecting the older lease must not reject the newer one, so compare their expiry, too.
        same = held == lease and (shared or getattr(held, "_expires", None) == lease._expires)
        return key if same else None

    def expedite(self, key: Key) -> None:
        """Make a lease due now. If it were fresh, a hit would not check the last failure."""
        self.leases[key] = self.leases[key]._due_at(0.0)

    def is_expedited(self, lease: L) -> bool:
        """Return whether a lease was made due by :meth:`expedite`."""
        return lease._due_wall <= lease._sent.wall + _ROUNDING

    def clear(self) -> None:
        """Remove everything."""
        self._leases.clear()
        self._failures.clear()

    def failure(self, key: Key) -> RememberedFailure | None:
        """Return the last failure remembered for a key."""
        return self._failures.items.get(key)

    def remember_failure(self, key: Key, failure: RememberedFailure) -> None:
        """Remember the last failure of a key."""
        self._failures.store(key, failure)

    def forget_failure(self, key: Key) -> None:
        """Forget the last failure of a key."""
        if key in self._failures.items:
            self._failures.drop(key)


def _end_of_lease(lease: Lease) -> float:
    return lease._expires


def _end_of_failure(failure: RememberedFailure) -> float:
    return failure.since.monotonic + failure.wait + _LINGER
