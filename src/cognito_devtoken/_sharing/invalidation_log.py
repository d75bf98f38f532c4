"""
How hosts announce their invalidations to each other: through a log in the shared store.

Law of this module: nothing is adopted from the store before this host has announced its own
invalidations, and read those of the others.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import count, islice

from .._cache.invalidation import (
    EVERYTHING,
    InvalidationScope,
    from_message,
    invalidate,
    matching,
    to_message,
)
from .._cache.state import CacheState
from .._values.request import MAX_DURATION, TokenRequest
from .._values.token import OpenIdToken
from ..events import InvalidatedElsewhere
from ..stores._sealing import CannotOpenError
from .background import BackgroundThread
from .guarded_store import GuardedStore, StoreFailedError
from .invalidation_index import KEEP, InvalidationIndex


# How often the log is read, in seconds: how long a token may still be served after
# another host has invalidated it.
LISTEN_EVERY = 2.0
# No token that a message may concern lives longer.
_LOG_LIFE = MAX_DURATION + 3600.0
# A host that has more to announce than this announces that everything is invalid.
_MOST_UNANNOUNCED = 10_000
# How many invalidations go into one message.
_AT_ONCE = 500
# How many seconds to wait for another thread that exchanges messages; and how many seconds and
# messages when a session is closed.
EXCHANGE_WAIT, _LAST_WAIT, _LAST_MESSAGES = 1.0, 0.3, 3
_MESSAGE = b"message"


class InvalidationLog:
    """What this host has to announce, and what it has read of the log."""

    def __init__(
        self,
        state: CacheState[TokenRequest, OpenIdToken],
        store: GuardedStore,
        developer_provider: str | None,
    ) -> None:
        self._state = state
        self._store = store
        self._provider = developer_provider
        self.index = InvalidationIndex(developer_provider)
        self.thread = BackgroundThread(self, InvalidationLog.listen_once, state.lock)
        self.reset()

    def reset(self) -> None:
        """Start afresh in a forked child. The parent announces its own invalidations."""
        self._unannounced: deque[InvalidationScope] = deque()
        self._exchanging = threading.Lock()
        self._attempts = 0
        self._up_to_date = False
        self.thread.reset()

    def announce(self, scope: InvalidationScope) -> None:
        """Announce to other hosts, soon and in the background. Called under the lock."""
        if len(self._unannounced) >= _MOST_UNANNOUNCED:
            self._unannounced = deque()
            scope = EVERYTHING
        self._unannounced.append(scope)
        self.thread.end_pause()
        self._state.recorder.defer(self.ensure_listener)

    def catch_up(self) -> None:
        """
        Learn what must not be adopted from the store.

        Raises:
            StoreFailedError: If the store fails.
        """
        if self._unannounced or not (self.thread.running and self._up_to_date):
            self._exchange()

    def is_all_announced(self) -> bool:
        """Tell, under the lock, whether other hosts can know what this one has invalidated."""
        return not self._unannounced

    def _exchange(self) -> None:
        attempts = self._attempts
        # There is little to exchange, but a store may be slow, and callers wait for this.
        if not self._exchanging.acquire(timeout=EXCHANGE_WAIT):
            raise StoreFailedError
        try:
            if attempts == self._attempts or self._unannounced:
                self._attempts += 1
                self._up_to_date = False
                self._write()
                self._read()
                self._up_to_date = True
            elif not self._up_to_date:
                raise StoreFailedError  # the exchange that this thread waited for failed
        finally:
            self._exchanging.release()

    def _write(self, most: int | None = None) -> None:
        for _ in count() if most is None else range(most):
            scopes_left = self._unannounced  # which announce() may replace meanwhile
            if not scopes_left:
                break
            scopes = list(islice(scopes_left, _AT_ONCE))
            message = self._store.keys.seal(to_message(scopes), _MESSAGE)
            position = self._store.use("publish", message, _LOG_LIFE, KEEP)
            with self._state.lock:
                self.index.announced(scopes, position)
                for _ in scopes:
                    scopes_left.popleft()

    def _read(self) -> None:
        first = received = 0
        while found := self._store.use("published", self.index.read):
            first = first or found[0][0]
            received += len(found)
            self._apply([(position, self._open(message)) for position, message in found])
        if received >= KEEP:  # earlier messages may be gone
            with self._state.lock:
                self.index.missed(first)
                self._invalidate([EVERYTHING])

    def _open(self, message: bytes) -> Sequence[InvalidationScope]:
        try:
            return from_message(self._store.keys.open(message, _MESSAGE))
        except CannotOpenError as error:
            self._store.refuse(None, str(error))
            return ()

    def _apply(self, messages: Iterable[tuple[int, Sequence[InvalidationScope]]]) -> None:
        with self._state.lock:
            if scopes := self.index.read_messages(messages):
                self._invalidate(scopes)

    def _invalidate(self, scopes: Sequence[InvalidationScope]) -> None:
        removed = invalidate(self._state, matching(scopes, self._provider))
        self._state.recorder.emit(InvalidatedElsewhere, removed)

    # The thread that listens while there are tokens that another host may invalidate

    def ensure_listener(self, *, at_once: bool = True) -> None:
        """
        Make sure that a thread reads the log from now on.

        Without a thread, each flight reads the log before it looks.
        """
        with self._state.lock:
            if not self.thread.running:
                self._up_to_date = False
        self.thread.ensure(first_pause=0 if at_once else LISTEN_EVERY)

    def listen_once(self) -> float | None:
        """Run one round of the listener thread; return how long to pause, or None to end it."""
        state = self._state
        with state.lock:
            # What was abandoned may still arrive, and be kept.
            expected = state.flights.by_key or state.flights.in_the_air()
            idle = not (state.entries.leases or expected)
            if not self._unannounced and (state.closed or idle):
                self.thread.ended()
                return None
        if self._store.allows():
            with suppress(StoreFailedError):
                self._exchange()
        state.recorder.run_deferred()
        if state.closed:
            self.thread.ended()
            return None
        return LISTEN_EVERY

    def close(self) -> None:
        """Let the thread end. Called under the lock."""
        self.thread.end_pause()

    def announce_remaining(self) -> None:
        """Announce what is left, before the store may be closed, if that is quick."""
        if not (self._unannounced and self._store.allows()):
            return
        if self._exchanging.acquire(timeout=_LAST_WAIT):
            try:
                with suppress(StoreFailedError):
                    self._write(_LAST_MESSAGES)
            finally:
                self._exchanging.release()
