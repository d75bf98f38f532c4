"""
A bounded dictionary whose items expire.

Law of this module: an exception may be raised at any point, for example by a signal handler that
interrupts a change. At most the index is lost, and the next change builds it anew from the items.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Generic, TypeVar

from .._values.clock import Instant
from .._values.key import Key


if TYPE_CHECKING:
    from cachetools import TLRUCache

V = TypeVar("V")


class BoundedDict(Generic[V]):
    """
    Holds at most *max_items* items by key, in a dictionary that readers use without a lock.

    The index is a cachetools cache, which decides what to evict: expired items first, then those
    that were stored longest ago. Storing an item again makes it the newest.

    The methods take no lock and read no clock; their callers do both.

    Args:
        max_items: How many items to hold at most.

        expires: Returns the time at which an item expires, by the monotonic clock.

        items: The dictionary that holds the items; None makes a plain dictionary.
    """

    def __init__(
        self,
        max_items: int,
        expires: Callable[[V], float],
        items: MutableMapping[Key, V] | None = None,
    ) -> None:
        self.items: MutableMapping[Key, V] = {} if items is None else items
        self.max_items = max_items
        self._expires = expires
        self._now = 0.0
        self._index: TLRUCache[Key, float] | None = self._build_index()

    def _time(self) -> float:
        return self._now

    def _take_index(self) -> TLRUCache[Key, float]:
        """
        Take the index out in order to change it. The caller puts it back when the change is done.

        If a change is interrupted, the index is missing, and the next change builds it anew.
        """
        index, self._index = self._index, None
        return self._build_index() if index is None else index

    def _build_index(self) -> TLRUCache[Key, float]:
        from cachetools import TLRUCache

        index: TLRUCache[Key, float] = TLRUCache(self.max_items, _by_value, self._time)
        ends = {key: self._expires(value) for key, value in self.items.items()}
        for key in sorted(ends, key=ends.__getitem__):
            index[key] = ends[key]
        for key in ends:
            if key not in index:  # the item has expired, or there were too many
                del self.items[key]
        return index

    def sweep(self, now: Instant) -> int:
        """Remove every expired item. Return how many items were removed."""
        self._now = now.monotonic
        if not self.items:
            return 0
        index = self._take_index()
        expired = list(index.expire(self._now))
        for key, _ in expired:
            self.items.pop(key, None)
        self._index = index
        return len(expired)

    def store(self, key: Key, value: V) -> tuple[Key, V] | None:
        """Store an item. Return the key and the value of the item evicted for it, if any."""
        expires = self._expires(value)
        if expires <= self._now:  # do not store an expired item, but remove the old one
            self.drop(key)
            return None
        index = self._take_index()
        evicted = None
        if len(self.items) >= self.max_items and key not in self.items:
            victim, _ = index.popitem()
            evicted = victim, self.items.pop(victim)
        index[key] = expires
        self.items[key] = value
        self._index = index
        return evicted

    def drop(self, key: Key) -> None:
        """Remove an item."""
        index = self._take_index()
        index.pop(key, None)
        self.items.pop(key, None)
        self._index = index

    def clear(self) -> None:
        """Remove everything."""
        self._index = None
        self.items.clear()


def _by_value(key: Key, value: float, now: float) -> float:
    return value
