"""A store in the memory of this process, for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from secrets import token_hex

from .._values.clock import SYSTEM_CLOCK, Clock, Instant
from ..stores import KeySource, PlainText, StoreKeys
from ..typing import LogPage, Stored


class MemoryStore:
    """
    A :class:`~cognito_devtoken.typing.TokenStore` for the sessions of one process.

    Args:
        keys: The keys that seal the tokens; None makes a new key. Sealing needs the package
            cryptography.

        clock: The clock that measures the age of values and locks; None uses this machine's
            clocks.

    Attributes:
        error: The error that every operation raises, until it is set to None again.

        values: The sealed values by name. Tests may read and change them.
    """

    error: Exception | None
    values: dict[str, tuple[bytes, Instant, float]]

    def __init__(self, keys: KeySource | None = None, *, clock: Clock | None = None) -> None:
        self.error = None
        self.values = {}
        self._keys = StoreKeys(StoreKeys.generate() if keys is None else keys)
        self._clock = clock or SYSTEM_CLOCK
        self._locks: dict[str, tuple[str, Instant, float]] = {}
        self._log = token_hex(8)
        self._last = 0
        self._messages: list[tuple[int, bytes]] = []
        self._marks: dict[str, tuple[str, int]] = {}
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
        """Take the lock if it is free, and read the value."""
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

    def write(
        self, name: str, value: bytes, remaining: Callable[[], float], owner: str | None
    ) -> bool:
        """Store a value, and release the lock."""
        now = Instant.now(self._clock)
        seconds = remaining()
        with self._lock:
            self._read(name)
            self.values[name] = value, now, seconds
            return owner is None or self._release(name, owner)

    def release(self, name: str, owner: str) -> bool:
        """Release a lock if it is still the owner's."""
        with self._lock:
            self._check()
            return self._release(name, owner)

    def publish(
        self, message: bytes, seconds: float, keep: int, ending: str | None = None
    ) -> tuple[str, int]:
        """Append a message to the log."""
        with self._lock:
            self._check()
            if ending == self._log:
                self._start_log()
            self._last += 1
            self._messages.append((self._last, message))
            del self._messages[:-keep]
            return self._log, self._last

    def published(self, start: int | None, seconds: float) -> LogPage:
        """Read the log."""
        with self._lock:
            self._check()
            return LogPage(self._log, [each for each in self._messages if each[0] >= (start or 0)])

    def mark(self, name: str, log: str, position: int, seconds: float) -> None:
        """Set a mark."""
        with self._lock:
            self._check()
            present = self._marks.get(name)
            if not present or present[0] != log or present[1] < position:
                self._marks[name] = log, position

    def marks(self, names: Sequence[str]) -> list[tuple[str, int] | None]:
        """Read marks."""
        with self._lock:
            self._check()
            return [self._marks.get(name) for name in names]

    def _start_log(self) -> None:
        self._log, self._last, self._messages = token_hex(8), 0, []

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
