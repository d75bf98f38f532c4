"""
How a token is sealed before it leaves for a store, and by which name it is found there.

Laws of this module: a store sees neither a secret nor an id. A value that was changed by one
bit, was sealed for another key of the cache, or by a key that is not at hand, does not open.

::

    version | key id | nonce | AES-256-GCM of the value, and its tag
       1        8       12     additional data: version, key id, what the value is for
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
from typing import TYPE_CHECKING, Any, NamedTuple, cast

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
_HINT = "cognito-devtoken store-key makes one."

KeySource = str | Path | Iterable[str] | Callable[[], "str | Iterable[str]"]
"""
Where keys come from: their text, separated by commas or white space; ``file:`` and the path of
a file of them, or its :class:`~pathlib.Path`; several texts; or what returns any of these, such as
a call to a secrets manager.
"""


class CannotOpenError(Exception):
    """A value that is of no use here. What it says is one of a few fixed reasons."""


class _Key(NamedTuple):
    """One key, and what is derived from it: nothing is used for two purposes."""

    id: bytes
    cipher: AESGCM
    naming: bytes


class StoreKeys(NeverPickled):
    """
    The keys of a fleet: the first one seals, each of them opens.

    To rotate, add the new key behind the old one on every host, then put it first, then take
    the old one away once the longest token has expired: nothing is lost on the way.

    Args:
        source: Where the keys come from, each 32 random bytes in URL-safe base64. They are
            read once.

    Raises:
        ConfigurationError: If there is none, one of them is no key, the file cannot be read, or
            the package cryptography is missing. No key is in the message.
    """

    __slots__ = ("_by_id", "_keys")

    def __init__(self, source: KeySource) -> None:
        self._keys: list[_Key] = []  # for the repr, should there be an error
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
        """What names the keys in the values that they seal; it tells nothing of them."""
        return tuple(key.id.hex() for key in self._keys)

    def names(self, digest: bytes) -> list[str]:
        """
        By which names a value is found: first that under which it is stored.

        Args:
            digest: What it is for.
        """
        return [hmac.digest(key.naming, digest, "sha256").hex() for key in self._keys]

    def seal(self, value: bytes, digest: bytes) -> bytes:
        """Seal a value for what *digest* says, and nothing else."""
        key = self._keys[0]
        head = _SEALED + key.id
        # Drawn at random, a nonce comes again after 2^32 values or so: 2.7 years of 50 a second.
        nonce = os.urandom(_NONCE_BYTES)
        return head + nonce + key.cipher.encrypt(nonce, value, head + digest)

    def open(self, sealed: bytes, digest: bytes) -> bytes:
        """
        Open what was sealed for the same digest.

        Raises:
            CannotOpenError: If it was not, or has been changed, or its key is not here.
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
        except (InvalidTag, ValueError):  # the latter if there is no nonce
            raise CannotOpenError("altered or moved") from None

    def __repr__(self) -> str:
        return f"<StoreKeys {', '.join(self.ids)}>"


class PlainText:
    """
    No keys at all: whoever reads the store reads every token, and whoever writes to it chooses
    which tokens are handed out. For tests, and for a store that nobody else can reach.
    """

    def names(self, digest: bytes) -> list[str]:
        """By which names a value is found. Whoever can guess a user id can compute it, too."""
        return [sha256(digest).hexdigest()]

    def seal(self, value: bytes, digest: bytes) -> bytes:
        """Mark a value as one in the clear, for what *digest* says."""
        return _PLAIN + digest + value

    def open(self, sealed: bytes, digest: bytes) -> bytes:
        """
        Take the mark off.

        Raises:
            CannotOpenError: If it is not a value in the clear for the same digest.
        """
        head = _PLAIN + digest
        if not sealed.startswith(head):
            raise CannotOpenError("unknown format" if sealed[:1] != _PLAIN else "altered or moved")
        return sealed[len(head) :]


def _read(source: object) -> list[bytes]:
    """The keys of a source, each as its bytes."""
    if callable(source):
        source = source()
    if isinstance(source, str) and source.startswith(FILE):
        source = Path(source.removeprefix(FILE))
    if isinstance(source, Path):
        failed = None
        try:
            source = source.read_text()
        except (OSError, UnicodeError) as error:
            failed = type(error).__name__
        if failed:  # raised here, it has no context: what cannot be decoded holds the file
            raise ConfigurationError(f"The store's keys cannot be read from {source}: {failed}.")
    if not isinstance(source, Iterable):
        kind = type(source).__name__
        del source
        raise ConfigurationError(f"The store's keys must be text, a file or a call, not {kind}.")
    texts: Iterable[object]
    texts = re.split(r"[,\s]+", source) if isinstance(source, str) else cast("Any", source)
    keys = [_decoded(text) for text in texts if text]
    if not keys or b"" in keys:
        place = keys.index(b"") + 1 if keys else 0
        del source, texts, keys
        if not place:
            raise ConfigurationError("There is no key for the store.", hint=_HINT)
        raise ConfigurationError(f"Key {place} of the store {_LIMIT}.", hint=_HINT)
    return keys


def _decoded(text: object) -> bytes:
    """The bytes of a key; none if it is no key."""
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
            "Sealing needs cryptography, which is not installed.",
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
