"""
Read the invalidation log, even if it has been trimmed, lost or replaced since the last reading.

Laws of this module: a log is trusted only while its id is the same and the last message that this
host read is still in it. A message that cannot be decrypted is counted, and never makes a host
discard tokens.
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


# How many seconds messages and marks are kept: longer than the lifetime of any token.
LOG_LIFE = MAX_DURATION + 3600.0
# How many of the latest messages the log keeps.
KEEP = 10_000
# How many times the log may be replaced during one reading before the store counts as failed.
_MOST_LOGS = 3


class LogReader:
    """Reads the log into an index, and removes leases that other hosts have invalidated."""

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
        self._read_at: Instant | None = None  # when the last complete reading began
        # Reading the log to its end may take several attempts. Until then, remember whether
        # messages were missing, how many after the gap could be opened, and how many could not.
        self._missed = False
        self._opened = self._refused = 0

    def is_fresh(self, now: Instant, seconds: float) -> bool:
        """Return whether the last complete reading began less than this many seconds ago."""
        return self._read_at is not None and self._read_at.age(now) < seconds

    def read(self) -> list[InvalidationScope]:
        """
        Read the log to its end.

        Returns:
            The invalidations that this host has to announce again, because the log has lost them.

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
                        # This host has missed messages that other hosts may not announce again.
                        self._invalidate([EVERYTHING])
                continue
            elif index.has_lost(page.messages) or (not found and index.lacks_own()):
                self._count_log()
                self._end_log()
                continue
            if not found:
                if self._missed and self._opened + self._refused < KEEP:
                    # The log has fewer messages than it may keep, so the missing ones were not
                    # trimmed but lost.
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
        # If messages were trimmed before this host had read them, it discards everything. But if
        # most messages after the gap cannot be opened, it keeps its tokens: otherwise, someone
        # without a key could empty every cache by pushing messages out of the log with nonsense.
        if self._missed and self._opened >= self._refused:
            with state.lock:
                self._invalidate([EVERYTHING])
        self._missed, self._opened, self._refused = False, 0, 0
        self._read_at = began
        with state.lock:
            return index.untold(began)

    def _end_log(self) -> None:
        """Start another log, with an empty message. All hosts will notice it and switch to it."""
        text = messages.seal((), self._store.keys)
        self._store.use("publish", text, LOG_LIFE, KEEP, self._index.log)

    def _count_log(self) -> None:
        self._logs += 1
        if self._logs > _MOST_LOGS:
            raise StoreFailedError  # the store loses its log again and again

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
        # The followers take locks of their own, so call them later, but before the hooks.
        recorder.defer_first(*(partial(each, scopes, matches) for each in self._state.followers))
        recorder.emit(InvalidatedElsewhere, removed)
