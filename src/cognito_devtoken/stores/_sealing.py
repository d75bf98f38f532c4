"""
Seal tokens before they are stored, and derive the names under which they are stored.

Laws of this module: a store sees neither a secret nor an id. A value cannot be opened if any bit of
the value was changed, if it was sealed for another cache key, or if this host lacks the key that
sealed it.

::

    version | key id | nonce | AES-256-GCM of the value, and its tag
       1        8       12     additional data: version, key id, digest
"""

from __future__ import annotations

import hmac
import os
import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .._values.secret import NeverPickled
from ..exceptions import ConfigurationError


if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
FILE = "file:"

_PLAIN, _SEALED = b"\x00", b"\x01"
_ID_BYTES = 8
_NONCE_BYTES = 12
_HEAD_BYTES = 1 + _ID_BYTES
_LIMIT = f"must be {KEY_BYTES} bytes in URL-safe base64"
_HINT = "Make a key with cognito-devtoken store-key."

KeySource = str | Path | Iterable[str] | Callable[[], "str | Iterable[str]"]
"""
Where keys come from: text with keys separated by commas or white space; a file with such text, as
``file:PATH`` or as a :class:`~pathlib.Path`; an iterable of keys; or a function that returns such
text or an iterable of keys, for example by a call to a secrets manager.
"""


class CannotOpenError(Exception):
    """A value cannot be opened on this host. The message is one of a few fixed reasons."""


class _Key(NeverPickled):
    """
    The keys that are derived from one of the user's keys, each for a single purpose.

    This class is not a tuple, because crash reporters show the items of a tuple.
    """

    __slots__ = ("cipher", "id", "naming")

    def __init__(self, id: bytes, cipher: AESGCM, naming: bytes) -> None:  # noqa: A002
        self.id = id
        self.cipher = cipher
        self.naming = naming


class StoreKeys(NeverPickled):
    """
    The keys of a fleet: the first one seals values, and each of them can open values.

    To rotate keys without losing tokens, add the new key after the old one on every host. Then move
    the new key to the front. Remove the old key once the longest-lived token has expired.

    Args:
        source: Where the keys come from. Each key is 32 random bytes in URL-safe base64. The source
            is read once.

    Raises:
        ConfigurationError: If the source has no key or a malformed key, if its file cannot be
            read, or if the package cryptography is not installed. The message contains no key.
    """

    __slots__ = ("_by_id", "_keys")

    def __init__(self, source: KeySource) -> None:
        self._keys: list[_Key] = []  # for the repr, if an error is raised
        _require_cryptography()
        try:
            self._keys = [_derive(key) for key in _read(source)]
        finally:
            del source  # a traceback shows the locals of its frames
        self._by_id = {key.id: key for key in self._keys}

    @staticmethod
    def generate() -> str:
        """Make a key."""
        return urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the keys, in hexadecimal. Sealed values contain them; they are not secret."""
        return tuple(key.id.hex() for key in self._keys)

    def names(self, digest: bytes) -> list[str]:
        """
        Return the names of a value, one per key. New values are stored under the first.

        Args:
            digest: The digest of the cache key.
        """
        return [hmac.digest(key.naming, digest, "sha256").hex() for key in self._keys]

    def seal(self, value: bytes, digest: bytes) -> bytes:
        """Seal a value, so that it can be opened only with the same digest."""
        key = self._keys[0]
        head = _SEALED + key.id
        # A random nonce repeats after about 2^32 values: 2.7 years at 50 per second.
        nonce = os.urandom(_NONCE_BYTES)
        return head + nonce + key.cipher.encrypt(nonce, value, head + digest)

    def open(self, sealed: bytes, digest: bytes) -> bytes:
        """
        Open a value that was sealed for the same digest.

        Raises:
            CannotOpenError: If the value was sealed for another digest or with another key, or if
                it was changed.
        """
        from cryptography.exceptions import InvalidTag

        head, rest = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES:]
        if head[:1] != _SEALED:
            raise CannotOpenError("unknown format")
        key = self._by_id.get(head[1:])
        if key is None:
            raise CannotOpenError("unknown key")
        try:
            return key.cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], head + digest)
        except (InvalidTag, ValueError):  # ValueError: too short to have a nonce
            raise CannotOpenError("altered or moved") from None

    def __repr__(self) -> str:
        return f"<StoreKeys {', '.join(self.ids)}>"


class PlainText:
    """
    Stores tokens without sealing them.

    Anyone who can read the store can read every token, and anyone who can write to the store
    chooses which tokens callers get. Use this class only for tests, or for a store that nobody else
    can reach.
    """

    ids: tuple[str, ...] = ("0" * 2 * _ID_BYTES,)
    """Zeros, because there are no keys."""

    def names(self, digest: bytes) -> list[str]:
        """Return the name of a value. Anyone who can guess a user id can compute this name."""
        return [sha256(digest).hexdigest()]

    def seal(self, value: bytes, digest: bytes) -> bytes:
        """Mark a value as plain text, for this digest."""
        return _PLAIN + digest + value

    def open(self, sealed: bytes, digest: bytes) -> bytes:
        """
        Return a value that was marked as plain text for the same digest.

        Raises:
            CannotOpenError: If the value is sealed, or was marked for another digest.
        """
        head = _PLAIN + digest
        if not sealed.startswith(head):
            raise CannotOpenError("unknown format" if sealed[:1] != _PLAIN else "altered or moved")
        return sealed[len(head) :]


def _read(source: object) -> list[bytes]:
    """Return the keys of a source, each as bytes."""
    if callable(source):
        source = source()
    if isinstance(source, str) and source.startswith(FILE):
        source = Path(source.removeprefix(FILE))
    if isinstance(source, Path):
        failed = None
        try:
            source = source.read_text("utf-8-sig")  # some editors write a byte order mark
        except (OSError, UnicodeError) as error:
            failed = getattr(error, "strerror", None) or "it is not UTF-8 text"
        if failed:  # raised outside the except block, because a UnicodeError holds the keys
            raise ConfigurationError(
                f"Cannot read the store's keys from {source}: {failed}.",
                hint="Make the file with cognito-devtoken store-key --output-file PATH, as the "
                "user that runs this process.",
            )
    if not isinstance(source, Iterable):
        kind = type(source).__name__
        del source
        raise ConfigurationError(f"Store keys must be text, a file or a function, not {kind}.")
    texts: Iterable[object]
    texts = re.split(r"[,\s]+", source) if isinstance(source, str) else cast("Any", source)
    keys = [_decoded(text) for text in texts if text]
    if not keys or b"" in keys:
        place = keys.index(b"") + 1 if keys else 0
        del source, texts, keys
        if not place:
            raise ConfigurationError("The store has no keys.", hint=_HINT)
        raise ConfigurationError(f"Key {place} of the store {_LIMIT}.", hint=_HINT)
    return keys


def _decoded(text: object) -> bytes:
    """Return the bytes of a key; empty if it is malformed."""
    plain = str(text).strip().rstrip("=")
    try:
        key = b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""
    return key if len(key) == KEY_BYTES else b""


def _require_cryptography() -> None:
    try:
        import_module("cryptography.hazmat.primitives.ciphers.aead")
    except ModuleNotFoundError:
        raise ConfigurationError(
            "Sealing tokens needs cryptography, which is not installed.",
            hint="Install the extra: pip install 'cognito-devtoken[redis]'",
        ) from None


def _derive(secret: bytes) -> _Key:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

    def derived(purpose: bytes, length: int) -> bytes:
        return HKDFExpand(SHA256(), length, b"cognito-devtoken store " + purpose).derive(secret)

    return _Key(
        id=derived(b"id", _ID_BYTES),
        cipher=AESGCM(derived(b"seal", 32)),
        naming=derived(b"name", 32),
    )


StoreKeys.__module__ = PlainText.__module__ = "cognito_devtoken.stores"
