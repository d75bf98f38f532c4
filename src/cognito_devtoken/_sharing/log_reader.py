"""
How a host reads the invalidation log, whatever has happened to the log since it last did.

Laws of this module: a log is only trusted while its id is the same, and the last message that this
host read is still in it. A message that cannot be decrypted is counted, and says nothing about what
was missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from .._cache.invalidation import invalidate, matching
from .._cache.scopes import EVERYTHING, InvalidationScope
from .._cache.state import CacheState
from .._values.clock import Instant
from .._values.request import MAX_DURATION, TokenRequest
from .._values.token import OpenIdToken
from ..events import InvalidatedElsewhere
from ..typing import LogPage
from . import messages
from .guarded_store import GuardedStore, StoreFailedError
from .invalidation_index import HEARD, InvalidationIndex, Message


# No token that a message or a mark may concern lives longer.
LOG_LIFE = MAX_DURATION + 3600.0
# How many of the latest messages the log keeps.
KEEP = 10_000
# How often a log may start anew while it is read.
_MOST_LOGS = 3


class LogReader:
    """Reads the log into an index, and removes from the cache what other hosts invalidated."""

    def __init__(
        self,
        state: CacheState[TokenRequest, OpenIdToken],
        store: GuardedStore,
        index: InvalidationIndex,
        developer_provider: str | None,
    ) -> None:
        self._state = state
        self._store = store
        self._index = index
        self._provider = developer_provider
        self._read_at: Instant | None = None  # when it began to read the whole log
        # Kept until the log has been read to its end, which may take several attempts: whether
        # there was a gap, and how many messages since could be opened or not.
        self._missed = False
        self._opened = self._refused = 0

    def is_fresh(self, now: Instant, seconds: float) -> bool:
        """Tell whether the whole log has been read in the last seconds."""
        return self._read_at is not None and self._read_at.age(now) < seconds

    def read(self) -> list[InvalidationScope]:
        """
        Read the log to its end.

        Returns:
            What this host has to announce again, because the log has lost it.

        Raises:
            StoreFailedError: If the store fails.
        """
        state, index = self._state, self._index
        began = state.now()
        self._logs = 0
        while True:
            page: LogPage = self._store.use("published", index.start, LOG_LIFE)
            found = [each for each in page.messages if each[0] > index.read]
            if not index.log:
                with state.lock:
                    index.begin(page.log, found[0][0] - 1 if found else 0)
            elif page.log != index.log:
                self._count_log()
                self._missed, self._opened, self._refused = False, 0, 0
                with state.lock:
                    index.begin(page.log)
                    if not self.is_fresh(began, HEARD):
                        # Other hosts may not announce again what this one has missed.
                        self._invalidate([EVERYTHING])
                continue
            elif index.has_lost(page.messages) or (not found and index.lacks_own()):
                self._count_log()
                self._end_log()
                continue
            if not found:
                if self._missed and self._opened + self._refused < KEEP:
                    # So few are left that the others were not removed because of their number.
                    self._missed = False
                    self._count_log()
                    self._end_log()
                    continue
                break
            if found[0][0] > index.read + 1:
                self._missed, self._opened, self._refused = True, 0, 0
                with state.lock:
                    index.missed(found[0][0])
            self._apply(found)
        # Nonsense may push messages out of the log. So may anyone who can write to the store, and
        # it must not be worth the trouble.
        if self._missed and self._opened >= self._refused:
            with state.lock:
                self._invalidate([EVERYTHING])
        self._missed, self._opened, self._refused = False, 0, 0
        self._read_at = began
        with state.lock:
            return index.untold(began)

    def _end_log(self) -> None:
        """Have all hosts go on with another log, which starts with an empty message."""
        text = messages.seal((), self._store.keys)
        self._store.use("publish", text, LOG_LIFE, KEEP, self._index.log)

    def _count_log(self) -> None:
        self._logs += 1
        if self._logs > _MOST_LOGS:
            raise StoreFailedError  # it has no log that lasts

    def _apply(self, found: Sequence[tuple[int, bytes]]) -> None:
        read = [Message(position, text, self._open(text)) for position, text in found]
        now = self._state.now()
        with self._state.lock:
            if scopes := self._index.read_messages(read, now):
                self._invalidate(scopes)

    def _open(self, text: bytes) -> Sequence[InvalidationScope]:
        try:
            scopes = messages.read(text, self._store.keys)
        except messages.UnreadableError as error:
            self._refused += 1
            self._store.refuse(None, str(error))
            return ()
        self._opened += 1
        return scopes

    def _invalidate(self, scopes: Sequence[InvalidationScope]) -> None:
        matches = matching(scopes, self._provider)
        removed = invalidate(self._state, scopes, matches)
        recorder = self._state.recorder
        # Before the hooks, and not now: the followers take locks of their own.
        recorder.defer_first(*(partial(each, scopes, matches) for each in self._state.followers))
        recorder.emit(InvalidatedElsewhere, removed)
