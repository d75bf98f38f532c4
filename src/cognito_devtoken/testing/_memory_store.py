"""A store in the memory of this process, for tests."""

from __future__ import annotations

import threading
from itertools import count

from .._values.clock import SYSTEM_CLOCK, Clock, Instant
from ..stores import KeySource, PlainText, StoreKeys
from ..typing import Stored


class MemoryStore:
    """
    A :class:`~cognito_devtoken.typing.TokenStore` for the sessions of one process.

    Args:
        keys: The keys that seal the tokens; None makes a key. Sealing needs the package
            cryptography.

        clock: Measures the age of values; None uses this machine's clocks.

    Attributes:
        error: The error that every operation raises, until it is set to None again.

        values: The sealed values by name, to be read and changed by tests.
    """

    error: Exception | None
    values: dict[str, tuple[bytes, Instant, float]]

    def __init__(self, keys: KeySource | None = None, *, clock: Clock | None = None) -> None:
        self.error = None
        self.values = {}
        self._keys = StoreKeys(StoreKeys.generate() if keys is None else keys)
        self._clock = clock or SYSTEM_CLOCK
        self._locks: dict[str, tuple[str, Instant, float]] = {}
        self._messages: list[tuple[int, bytes]] = []
        self._positions = count(1)
        self._lock = threading.Lock()

    @property
    def keys(self) -> StoreKeys | PlainText:
        """The keys that seal and name the values."""
        return self._keys

    def read(self, name: str) -> Stored | None:
        """Read a value."""
        with self._lock:
            return self._read(name)

    def claim(self, name: str, owner: str, seconds: float) -> tuple[bool, Stored | None]:
        """Take a lock if it is free, and read the value."""
        with self._lock:
            stored = self._read(name)
            free = self._owner(name) is None
            if free:
                self._locks[name] = owner, Instant.now(self._clock), seconds
            return free, stored

    def renew(self, name: str, owner: str, seconds: float) -> bool:
        """Extend a lock if it is still the owner's."""
        with self._lock:
            self._check()
            held = self._owner(name) == owner
            if held:
                self._locks[name] = owner, Instant.now(self._clock), seconds
            return held

    def write(self, name: str, value: bytes, seconds: float, owner: str | None) -> bool:
        """Store a value, and release the lock."""
        with self._lock:
            self._read(name)
            self.values[name] = value, Instant.now(self._clock), seconds
            return owner is None or self._release(name, owner)

    def release(self, name: str, owner: str) -> bool:
        """Release a lock if it is still the owner's."""
        with self._lock:
            self._check()
            return self._release(name, owner)

    def publish(self, message: bytes, seconds: float, keep: int) -> int:
        """Append a message to the log."""
        with self._lock:
            self._check()
            position = next(self._positions)
            self._messages.append((position, message))
            del self._messages[:-keep]
            return position

    def published(self, after: int) -> list[tuple[int, bytes]]:
        """Read the log."""
        with self._lock:
            self._check()
            return [message for message in self._messages if message[0] > after]

    def _check(self) -> None:
        if self.error:
            raise self.error

    def _read(self, name: str) -> Stored | None:
        self._check()
        if name not in self.values:
            return None
        value, since, seconds = self.values[name]
        remaining = seconds - since.age(Instant.now(self._clock))
        if remaining <= 0:
            del self.values[name]
            return None
        return Stored(value, remaining)

    def _owner(self, name: str) -> str | None:
        owner, since, seconds = self._locks.get(name, ("", None, 0.0))
        alive = since is not None and since.age(Instant.now(self._clock)) < seconds
        return owner if alive else None

    def _release(self, name: str, owner: str) -> bool:
        held = self._owner(name) == owner
        if held:
            del self._locks[name]
        return held
