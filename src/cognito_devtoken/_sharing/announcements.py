"""
Tell the store what this host has invalidated: first with messages in the log, then with marks.

A mark replaces a message that the log no longer keeps.

Law of this module: if the store refuses a message, the messages after it are still sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice

from .._cache.scopes import EVERYTHING, InvalidationScope
from .._cache.state import CacheState
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from . import messages
from .guarded_store import GuardedStore
from .invalidation_index import InvalidationIndex, LogPosition
from .log_reader import KEEP, LOG_LIFE


# If a host has more invalidations than this to announce, it announces that everything is invalid.
_MOST = 10_000
# How many invalidations go into one message, at most.
_AT_ONCE = 100


class Announcements:
    """
    The invalidations to announce, and the marks to set.

    Both are queued under the cache's lock, and written to the store by one thread at a time.
    """

    def __init__(
        self,
        state: CacheState[TokenRequest, OpenIdToken],
        store: GuardedStore,
        index: InvalidationIndex,
    ) -> None:
        self._state = state
        self._store = store
        self._index = index
        self.reset()

    def reset(self) -> None:
        """Drop everything that is queued."""
        self._queued: dict[InvalidationScope, None] = {}  # in order
        self._sending: list[InvalidationScope] = []
        self._unmarked: deque[tuple[InvalidationScope, LogPosition]] = deque()
        self._at_once = _AT_ONCE

    def add(self, scopes: Iterable[InvalidationScope]) -> None:
        """Queue invalidations. The caller holds the lock."""
        self._queued.update(dict.fromkeys(scopes))
        if len(self._queued) > _MOST:
            self._queued = {EVERYTHING: None}

    def knows(self, scope: InvalidationScope) -> bool:
        """Return whether an invalidation is queued or being sent. The caller holds the lock."""
        return scope in self._queued or scope in self._sending

    @property
    def unsent(self) -> bool:
        """Whether any invalidation is not in the log yet, so that other hosts cannot know of it."""
        return bool(self._queued or self._sending)

    @property
    def unmarked(self) -> bool:
        """Whether there are marks to set."""
        return bool(self._unmarked)

    def send(self, most: float = float("inf")) -> None:
        """
        Append queued invalidations to the log.

        Args:
            most: How many messages to append at most.

        Raises:
            StoreFailedError: If the store fails.
        """
        sent = 0
        while self._queued and sent < most:
            with self._state.lock:
                scopes = list(islice(self._queued, self._at_once))
                self._sending = scopes
                for scope in scopes:
                    del self._queued[scope]
            try:
                self._publish(scopes)
                scopes = []
            finally:
                with self._state.lock:
                    self._sending = []
                    # If the message was not sent, queue its invalidations again, at the end and for
                    # smaller messages, because the store may have refused this very message.
                    self._queued.update(dict.fromkeys(scopes))
                    self._at_once = max(len(scopes) // 2, 1) if scopes else _AT_ONCE
            sent += 1

    def _publish(self, scopes: list[InvalidationScope]) -> None:
        text = messages.seal(scopes, self._store.keys)
        at: LogPosition = self._store.use("publish", text, LOG_LIFE, KEEP)
        now = self._state.now()
        with self._state.lock:
            self._index.announced(scopes, at, text, now)
            self._unmarked.extend((scope, at) for scope in scopes)
            if len(self._unmarked) > 2 * _MOST:  # the store accepts messages but refuses marks
                self._unmarked.clear()
                self.add([EVERYTHING])

    def mark(self, most: int) -> None:
        """
        Set queued marks. Hosts need the marks once the log has dropped the messages.

        Args:
            most: How many marks to set at most.

        Raises:
            StoreFailedError: If the store fails.
        """
        for scope, (log, position) in list(islice(self._unmarked, most)):
            for name in messages.mark_names(scope, self._store.keys):
                self._store.use("mark", name, log, position, LOG_LIFE)
            self._unmarked.popleft()
