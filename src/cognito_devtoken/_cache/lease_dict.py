"""
The leases of a cache by key, in dictionaries that a hit reads without a lock.

Law of this module: an exception may be raised in the middle of any change. If a removal was
interrupted, repeating it removes the lease from every dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, Never, TypeVar, cast

from .._values.key import Key
from .._values.lease import Lease
from .._values.secret import HIDDEN, NeverPickled


L = TypeVar("L", bound=Lease)


class _ByUser(NeverPickled, dict[str | None, L]):
    """Leases by user id. Code that iterates over them, such as a crash reporter, finds none."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Never]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def keys(self) -> Any:
        return ()

    values = items = keys

    def leases(self) -> list[L]:
        return list(super().values())

    def size(self) -> int:
        return super().__len__()

    def __repr__(self) -> str:
        return HIDDEN


class LeaseDict(MutableMapping[Key, L]):
    """
    Leases by key.

    Most requests are plain: they name a user and nothing else. Their leases are held under the user
    id alone, which is the caller's own string, so that a hit builds no key.

    A forked child inherits its parent's leases. Each lease gets new jitter when it is first looked
    up, so that a fork does not take longer if there are many leases.

    The methods take no lock; their callers do.

    Attributes:
        plain: The leases of plain requests, by user id.

        others: All other leases.
    """

    def __init__(self) -> None:
        self.plain: _ByUser[L] = _ByUser()
        self.others: dict[Key, L] = {}
        self._plain_rest: bytes | None = None
        self._inherited: dict[Key, L] = {}
        self._renew: Callable[[L], L]

    def set_plain(self, rest: bytes) -> None:
        """Set what the keys of all plain requests have in common. There must be no leases yet."""
        self._plain_rest = rest

    def inherit(self, renew: Callable[[L], L]) -> None:
        """Let *renew* give each lease new jitter when the lease is first looked up."""
        self._renew = renew
        plain = {cast("Key", lease._key): lease for lease in self.plain.leases()}
        self._inherited |= plain | self.others
        self.plain.clear()
        self.others.clear()

    def get(self, key: Key, default: L | None = None) -> L | None:  # type: ignore[override]
        """Return the lease of a key."""
        if self._inherited and (lease := self._inherited.get(key)):
            self[key] = self._renew(lease)
        if key[1] == self._plain_rest:
            return self.plain.get(key[0], default)
        return self.others.get(key, default)

    def __getitem__(self, key: Key) -> L:
        lease = self.get(key)
        if lease is None:
            raise KeyError(key)
        return lease

    def __setitem__(self, key: Key, lease: L) -> None:
        if key[1] == self._plain_rest:
            self.plain[key[0]] = lease
        else:
            self.others[key] = lease
        if self._inherited:
            self._inherited.pop(key, None)

    def __delitem__(self, key: Key) -> None:
        inherited = self._inherited.pop(key, None)
        if key[1] == self._plain_rest:
            found = self.plain.pop(key[0], inherited)
        else:
            found = self.others.pop(key, inherited)
        if found is None:
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, Key) and self.get(key) is not None

    def __iter__(self) -> Iterator[Key]:
        plain = (cast("Key", lease._key) for lease in self.plain.leases())
        # Iterate over a copy, because looking up an inherited lease moves it.
        return iter([*plain, *self.others, *self._inherited])

    def __len__(self) -> int:
        return self.plain.size() + len(self.others) + len(self._inherited)

    def clear(self) -> None:
        """Remove everything."""
        for leases in (self.plain, self.others, self._inherited):
            leases.clear()
