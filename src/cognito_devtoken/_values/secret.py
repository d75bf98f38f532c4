"""Secret values: shown neither by repr nor by attrs.asdict(), and never pickled."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from types import MappingProxyType
from typing import NoReturn, Self


HIDDEN = "<hidden>"


class NeverPickled:
    """
    An immutable object that holds secrets.

    Copying it returns the object itself. Pickling it raises an error, because that would carry the
    secrets to a file or another process.
    """

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds secrets and cannot be pickled.")


class _Immutable:
    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable.")


class Secret(_Immutable, NeverPickled):
    """Text that only ``reveal()`` returns."""

    __slots__ = ("_text",)

    _text: str

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)


class HiddenValues(_Immutable, NeverPickled):
    """
    An immutable, hashable mapping whose repr shows only its keys.

    It has the methods of a :class:`~collections.abc.Mapping` but is not one. Crash reporters show
    every value of a mapping, but only the repr of an object of an unknown class.
    """

    # Not an attrs class either, because attrs.asdict() would show its values.
    __slots__ = ("_items",)

    _items: Mapping[str, str]

    def __init__(self, items: Mapping[str, str]) -> None:
        object.__setattr__(self, "_items", MappingProxyType(dict(items)))

    def __getitem__(self, key: str) -> str:
        return self._items[key]

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: str, default: str | None = None) -> str | None:
        return self._items.get(key, default)

    def keys(self) -> KeysView[str]:
        return self._items.keys()

    def values(self) -> ValuesView[str]:
        return self._items.values()

    def items(self) -> ItemsView[str, str]:
        return self._items.items()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, HiddenValues):
            return self._items == other._items
        return self._items == other if isinstance(other, Mapping) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{key!r}: {HIDDEN}" for key in self._items) + "}"
