"""
Messages of the invalidation log: sealed lists of what is invalid.

Laws of this module: a message names nothing but digests, so that its size is bounded. Whatever a
message contains, reading it raises only UnreadableError.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from secrets import token_hex
from typing import Any, cast

from .._cache.scopes import InvalidationScope
from ..stores import PlainText, StoreKeys
from ..stores._sealing import CannotOpenError


# What messages and marks are sealed and named for, instead of the digest of a cache key.
_MESSAGE = b"message"
_LONGEST = 100  # characters of a text in a message


class UnreadableError(Exception):
    """A message that says nothing. Its text is one of a few fixed reasons."""


def seal(scopes: Iterable[InvalidationScope], keys: StoreKeys | PlainText) -> bytes:
    """Write a message for other hosts. No two are equal, even if they are not encrypted."""
    return keys.seal(json.dumps([token_hex(8), *scopes]).encode(), _MESSAGE)


def read(message: bytes, keys: StoreKeys | PlainText) -> list[InvalidationScope]:
    """
    Read a host's message. A later version may announce kinds that mean nothing to this one.

    Raises:
        UnreadableError: If it was not sealed by a host of this fleet, or is malformed.
    """
    try:
        opened: Any = json.loads(keys.open(message, _MESSAGE))
    except CannotOpenError as error:
        raise UnreadableError(str(error)) from None
    except (ValueError, RecursionError):  # the latter for what is nested too deeply
        opened = None
    unique, *scopes = _items(opened) or [None]
    if isinstance(unique, str) and all(map(_is_scope, scopes)):
        return [(kind, digest) for kind, digest in map(_items, scopes)]
    raise UnreadableError("malformed message")


def _items(value: Any) -> list[Any]:
    """Return a list; empty if it is something else."""
    return cast("list[object]", value) if isinstance(value, list) else []


def _is_scope(scope: Any) -> bool:
    items = _items(scope)
    return len(items) == 2 and all(map(_is_text, items))


def _is_text(text: Any) -> bool:
    return isinstance(text, str) and len(text) <= _LONGEST and text.isascii()


def mark_names(scope: InvalidationScope, keys: StoreKeys | PlainText) -> Sequence[str]:
    """Return the names of a scope's mark, one for each key: hosts may rotate at any time."""
    return keys.names(sha256(b"mark " + " ".join(scope).encode()).digest())
