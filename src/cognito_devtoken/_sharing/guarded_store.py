"""A store that may fail as it likes: that is counted, and it is left alone for a while."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .._cache.entries import Key
from ..events import StoredValueRefused, StoreFailed
from ..typing import Stored, TokenStore
from .circuit_breaker import Breaker


if TYPE_CHECKING:
    from .._cache.workers import Engine


class FailedError(Exception):
    """The store has failed. It is counted already, and there is no more to be done with it."""


class Guarded:
    """A store, and what is known of how it does."""

    def __init__(self, engine: Engine, store: TokenStore) -> None:
        self._engine = engine
        self._store = store
        self.keys = store.keys
        self.reset()

    def reset(self) -> None:
        """Forget how it did."""
        self._breaker = Breaker()

    def allows(self) -> bool:
        """Whether to use it now."""
        now = self._engine.now()
        with self._engine.lock:
            return self._breaker.allows(now)

    def use(self, operation: str, *arguments: Any) -> Any:
        """
        Have it do something.

        Raises:
            FailedError: If it does not.
        """
        engine = self._engine
        try:
            result = _SHAPES[operation](getattr(self._store, operation)(*arguments))
        except BaseException as error:  # noqa: BLE001  # a store may be anybody's code
            now = engine.now()
            with engine.lock:
                wait = self._breaker.failed(now, engine.draw())
                engine.journal.counts["store_errors"] += 1
                engine.journal.tell(StoreFailed, operation, type(error).__name__, wait)
        else:
            with engine.lock:
                self._breaker.succeeded()
            return result
        raise FailedError

    def attempt(self, operation: str, *arguments: Any) -> Any:
        """Have it do something that may as well be left. Returns None if it fails."""
        with suppress(FailedError):
            return self.use(operation, *arguments)
        return None

    def refuse(self, key: Key | None, why: str) -> None:
        """Note that what it holds for a key, or in the log, is of no use."""
        with self._engine.lock:
            self._engine.journal.counts["store_undecryptable"] += 1
            self._engine.journal.tell(StoredValueRefused, key, why)


def _stored(result: Any) -> Stored | None:
    if result is None:
        return None
    value, remaining = result
    return Stored(bytes(value), float(remaining))


def _claimed(result: Any) -> tuple[bool, Stored | None]:
    granted, stored = result
    return bool(granted), _stored(stored)


def _published(result: Any) -> list[tuple[int, bytes]]:
    return [(int(position), bytes(message)) for position, message in result]


def _whether(result: object) -> bool:
    if not isinstance(result, bool):
        raise TypeError  # a None that was forgotten, say, must not pass for "no longer held"
    return result


# What comes back, or an error: what has another shape is a failure like any other.
_SHAPES: Mapping[str, Callable[[Any], Any]] = {
    "read": _stored,
    "claim": _claimed,
    "renew": _whether,
    "write": _whether,
    "release": _whether,
    "publish": int,
    "published": _published,
}
