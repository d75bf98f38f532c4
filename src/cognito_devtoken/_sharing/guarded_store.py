"""
The shared store behind a circuit breaker.

Law of this module: whatever the store raises or returns, callers only see a StoreFailedError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from .._cache.state import CacheState
from .._values.key import Key
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from ..events import StoredValueRefused, StoreFailed
from ..exceptions import hint_of
from ..typing import LogPage, Stored, TokenStore
from .circuit_breaker import CircuitBreaker
from .invalidation_index import LogPosition


class StoreFailedError(Exception):
    """The store cannot be used. If an operation failed, that is already counted and reported."""


class GuardedStore:
    """A store, and the circuit breaker that decides whether to use it."""

    def __init__(self, state: CacheState[TokenRequest, OpenIdToken], store: TokenStore) -> None:
        self._state = state
        self._store = store
        self.keys = store.keys
        self.reset()

    def reset(self) -> None:
        """Forget the failures of the store."""
        self._breaker = CircuitBreaker()

    def allows(self) -> bool:
        """Return whether to use the store now."""
        now = self._state.now()
        with self._state.lock:
            return self._breaker.allows(now)

    def use(self, operation: str, *arguments: Any) -> Any:
        """
        Run an operation of the store.

        Raises:
            StoreFailedError: If the store raises an error, or returns a value of the wrong form.
        """
        state, recorder = self._state, self._state.recorder
        try:
            result = _SHAPES[operation](getattr(self._store, operation)(*arguments))
        except BaseException as error:  # noqa: BLE001  # a store may be user code
            now = state.now()
            with state.lock:
                wait = self._breaker.failed(now, state.random_fraction())
                recorder.counts["store_errors"] += 1
                recorder.emit(StoreFailed, operation, type(error).__name__, wait, hint_of(error))
        else:
            with state.lock:
                self._breaker.succeeded()
            return result
        raise StoreFailedError

    def attempt(self, operation: str, *arguments: Any) -> Any:
        """Run an operation whose failure the caller can ignore. Return None if it fails."""
        with suppress(StoreFailedError):
            return self.use(operation, *arguments)
        return None

    def report(self, activity: str, error: BaseException) -> None:
        """Record an error that interrupted a background thread but did not come from the store."""
        with self._state.lock:
            self._state.recorder.counts["store_errors"] += 1
            self._state.recorder.emit(StoreFailed, activity, type(error).__name__, 0.0)

    def refuse(self, key: Key | None, why: str) -> None:
        """Record an unusable value; if *key* is None, the value is a message of the log."""
        recorder = self._state.recorder
        with self._state.lock:
            recorder.counts["store_undecryptable"] += 1
            recorder.emit(StoredValueRefused, key, why)


def _stored(result: Any) -> Stored | None:
    if result is None:
        return None
    value, remaining = result
    return Stored(bytes(value), float(remaining))


def _claimed(result: Any) -> tuple[bool, Stored | None]:
    granted, stored = result
    return bool(granted), _stored(stored)


def _position(result: Any) -> LogPosition:
    log, position = result
    return LogPosition(_log_id(log), int(position))


def _published(result: Any) -> LogPage:
    log, messages = result
    found = [(int(position), bytes(message)) for position, message in messages]
    return LogPage(_log_id(log), found)


def _log_id(result: Any) -> str:
    if not (isinstance(result, str) and result):
        raise TypeError
    return result


def _marks(result: Any) -> list[LogPosition | None]:
    return [None if mark is None else _position(mark) for mark in result]


def _nothing(result: object) -> None: ...


def _whether(result: object) -> bool:
    if not isinstance(result, bool):
        raise TypeError  # a store that forgets to return True must not seem to have lost a lock
    return result


# What each operation must return; anything else counts as a failure of the store.
_SHAPES: Mapping[str, Callable[[Any], Any]] = {
    "read": _stored,
    "claim": _claimed,
    "renew": _whether,
    "write": _whether,
    "release": _whether,
    "publish": _position,
    "published": _published,
    "mark": _nothing,
    "marks": _marks,
}
