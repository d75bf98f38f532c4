"""
Check whether the hosts that share a store have a key in common.

Hosts without a common key share nothing, because each host looks for tokens under names derived
from its own keys. Nothing fails, so nobody would notice. Therefore, a mark in the store holds the
id of a key that one of the hosts uses.

Law of this module: a host replaces the id in this mark only if it has the key with that id. So the
mark follows a rotation step by step, and a host with other keys reports the difference at every
start.
"""

from __future__ import annotations

from hashlib import sha256

from .._cache.state import CacheState
from .._values.clock import Instant
from .._values.request import MAX_DURATION, TokenRequest
from .._values.token import OpenIdToken
from ..events import StoreKeysDiffer
from .guarded_store import GuardedStore
from .invalidation_index import LogPosition
from .log_reader import LOG_LIFE


# The name of the mark with the id of a key. It is the same on every host, unlike all other names,
# which are derived from keys.
NAME = sha256(b"cognito-devtoken keys in use").hexdigest()
# How many seconds pass between two checks: normally, after a failure, and after this host found no
# id and wrote one. In the last case, it checks again at once, because another host may have written
# another id at the same time.
EVERY, _AFTER_FAILURE, _AFTER_FIRST = MAX_DURATION / 2, 60.0, 0.0


class KeyCheck:
    """Compares the keys of this host with the id in the store. Only one thread runs it."""

    def __init__(self, state: CacheState[TokenRequest, OpenIdToken], store: GuardedStore) -> None:
        self._state = state
        self._store = store
        self._looked_at: Instant | None = None
        self._pause = 0.0
        self._told: str | None = None  # the id that was last reported

    def run(self) -> None:
        """
        Compare the keys with the id in the store, if the pause since the last check is over.

        Raises:
            StoreFailedError: If the store fails.
        """
        now = self._state.now()
        if self._looked_at is None or self._looked_at.age(now) >= self._pause:
            self._looked_at, self._pause = now, _AFTER_FAILURE
            self._pause = self._look()

    def _look(self) -> float:
        """Compare once. Return how many seconds to pause before the next check."""
        own = self._store.keys.ids
        mark: LogPosition | None
        (mark,) = self._store.use("marks", [NAME])
        used = mark.log if mark else None
        if used is not None and used not in own:
            self._tell(used)
        elif used != own[0]:
            self._store.use("mark", NAME, own[0], 1, LOG_LIFE)
        return EVERY if used else _AFTER_FIRST

    def _tell(self, used: str) -> None:
        with self._state.lock:
            if used != self._told:
                self._told = used
                self._state.recorder.emit(StoreKeysDiffer, self._store.keys.ids[0], used)
