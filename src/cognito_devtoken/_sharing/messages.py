"""
Messages of the invalidation log: sealed lists of what is invalid.

Laws of this module: a message contains only digests, so that its size is bounded. Reading a message
raises no error but UnreadableError, whatever the message contains.
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


# Messages are sealed for this text, as tokens are sealed for the digest of their cache key.
_MESSAGE = b"message"
_LONGEST = 100  # how many characters a text in a message may have


class UnreadableError(Exception):
    """A message that cannot be used. The text of the error is one of a few fixed reasons."""


def seal(scopes: Iterable[InvalidationScope], keys: StoreKeys | PlainText) -> bytes:
    """Return a sealed message. No two messages are equal, even if they are not encrypted."""
    return keys.seal(json.dumps([token_hex(8), *scopes]).encode(), _MESSAGE)


def read(message: bytes, keys: StoreKeys | PlainText) -> list[InvalidationScope]:
    """
    Return what a message announces.

    A host with a later version of this library may announce kinds of scopes that this version
    ignores.

    Raises:
        UnreadableError: If the message cannot be opened with *keys*, or if it is malformed.
    """
    try:
        opened: Any = json.loads(keys.open(message, _MESSAGE))
    except CannotOpenError as error:
        raise UnreadableError(str(error)) from None
    except (ValueError, RecursionError):  # RecursionError: nested too deeply
        opened = None
    unique, *scopes = _items(opened) or [None]
    if isinstance(unique, str) and all(map(_is_scope, scopes)):
        return [(kind, digest) for kind, digest in map(_items, scopes)]
    raise UnreadableError("malformed message")


def _items(value: Any) -> list[Any]:
    """Return the value if it is a list, else an empty list."""
    return cast("list[object]", value) if isinstance(value, list) else []


def _is_scope(scope: Any) -> bool:
    items = _items(scope)
    return len(items) == 2 and all(map(_is_text, items))


def _is_text(text: Any) -> bool:
    return isinstance(text, str) and len(text) <= _LONGEST and text.isascii()


def mark_names(scope: InvalidationScope, keys: StoreKeys | PlainText) -> Sequence[str]:
    """
    Return the names of a scope's mark.

    There is one name for each key, because the host that sets a mark and the host that reads it
    may be at different steps of a key rotation.
    """
    return keys.names(sha256(b"mark " + " ".join(scope).encode()).digest())
