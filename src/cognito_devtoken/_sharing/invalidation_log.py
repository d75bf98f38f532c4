"""
Announce invalidations to other hosts, and learn theirs, through a log in the shared store.

Laws of this module: a host takes a token from the store only if it has announced its own
invalidations, and has read the other hosts' invalidations within the last few seconds.

The log makes invalidations arrive quickly, but keeps only the latest messages; marks in the store
replace the older messages. If the log itself is lost, the hosts announce their recent invalidations
again.
"""

from __future__ import annotations

import threading
from contextlib import suppress

from .._cache.scopes import InvalidationScope, scopes_of
from .._cache.state import CacheState
from .._runtime.fork import release_if_owned
from .._values.key import Key
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from .announcements import Announcements
from .background import BackgroundThread
from .guarded_store import GuardedStore, StoreFailedError
from .invalidation_index import InvalidationIndex, LogPosition
from .key_check import KeyCheck
from .log_reader import LogReader
from .messages import mark_names


# How many seconds pass between two readings of the log. A host may serve a token for that long
# after another host has invalidated the token.
LISTEN_EVERY = 2.0
# A host that has not read the log for this long reads it before it takes a token from the store.
_FRESH = 2 * LISTEN_EVERY
# How many marks a flight sets at once, and how many the listener sets. A flight sets fewer, because
# a caller may be waiting for it.
_CALLERS_MARKS = 10
_LISTENERS_MARKS = 200
# How many seconds to wait while another thread exchanges messages with the store.
EXCHANGE_WAIT = 1.0
# How many seconds to wait for such a thread while a session is being closed.
_LAST_WAIT = 0.3
# How many messages, and how many marks, are written at most when a session is closed.
_LAST_MESSAGES = 3


class InvalidationLog:
    """The log, the invalidations that this host has read, and those that it will announce."""

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
        self._announcements = Announcements(state, store, self.index)
        self._reader = LogReader(state, store, self.index, developer_provider)
        self._key_check = KeyCheck(state, store)
        kind = InvalidationLog
        self.thread = BackgroundThread(self, kind.listen_once, kind.report, state.lock)
        # Hooks have a thread of their own, so that a hook that hangs does not stop the listener.
        self.hooks = BackgroundThread(self, kind.run_hooks, kind.report_hook, state.lock)
        self.reset()

    def reset(self) -> None:
        """Reset in a forked child. The parent announces its own invalidations."""
        self._announcements.reset()
        self._exchanging = threading.RLock()
        self._attempts = 0
        self._up_to_date = False
        self.thread.reset()
        self.hooks.reset()

    def announce(self, scope: InvalidationScope, *, again: bool) -> None:
        """
        Announce an invalidation to other hosts, soon and in the background. Called under the lock.

        Args:
            scope: What is invalid.

            again: Whether to announce it even if a host has already announced it.
        """
        if not again and (self.index.knows(scope) or self._announcements.knows(scope)):
            return
        self._announcements.add([scope])
        self.thread.end_pause()
        self._state.recorder.defer(self.ensure_listener)

    def catch_up(self) -> None:
        """
        Make sure that this host knows which tokens must not be taken from the store.

        Raises:
            StoreFailedError: If the store fails.
        """
        # Do not rely on a running thread: it may hang, or the process may have been frozen.
        fresh = self._up_to_date and self._reader.is_fresh(self._state.now(), _FRESH)
        if self._announcements.unsent or not (self.thread.running and fresh):
            self._exchange()

    def is_all_announced(self) -> bool:
        """Return whether all of this host's invalidations are in the log. Called under the lock."""
        return not self._announcements.unsent

    def is_marked(self, key: Key, token: OpenIdToken, since: LogPosition) -> bool:
        """
        Tell from the marks in the store whether a token was invalidated after it was requested.

        Raises:
            StoreFailedError: If the store fails.
        """
        scopes, keys = scopes_of(key, token, self._provider), self._store.keys
        names = [name for scope in scopes for name in mark_names(scope, keys)]
        marks: list[LogPosition | None] = self._store.use("marks", names)
        return any(mark and mark.log == since.log and mark > since for mark in marks)

    def _exchange(self, marks: int = _CALLERS_MARKS) -> None:
        """Announce queued invalidations, read the log, and set some marks."""
        attempts = self._attempts
        try:
            # Do not wait longer than this, because callers are waiting. Besides, an exchange takes
            # long only if the store is slow.
            if not self._exchanging.acquire(timeout=EXCHANGE_WAIT):
                raise StoreFailedError
            if attempts == self._attempts or self._announcements.unsent:
                self._attempts += 1
                self._up_to_date = False
                self._send_and_read()
                self._up_to_date = True
                with suppress(StoreFailedError):
                    self._announcements.mark(marks)
            elif not self._up_to_date:
                raise StoreFailedError  # the exchange of the other thread failed
        finally:
            # A signal handler may have raised an exception right after the lock was taken.
            release_if_owned(self._exchanging)

    def _send_and_read(self) -> None:
        if not self.index.log:
            self._read()
            if not self._announcements.unsent:
                return
        self._announcements.send()
        self._read()
        self._announcements.send()  # announce again what the log has lost

    def _read(self) -> None:
        lost = self._reader.read()
        with self._state.lock:
            self._announcements.add(lost)

    # The listener: a thread that runs while there are tokens that another host may invalidate

    def ensure_listener(self, *, at_once: bool = True) -> None:
        """
        Make sure that a thread reads the log from now on.

        If no thread can be started, each flight reads the log before it looks in the store.
        """
        with self._state.lock:
            if not self.thread.running:
                self._up_to_date = False
        self.thread.ensure(first_pause=0 if at_once else LISTEN_EVERY)

    def listen_once(self) -> float | None:
        """Run one round of the listener. Return how long to pause, or None to end the thread."""
        state, announcements = self._state, self._announcements
        now = state.now()
        with state.lock:
            # The token of an abandoned flight may still arrive and be kept.
            expected = state.flights.by_key or state.flights.in_the_air()
            witness = announcements.unmarked or self.index.may_tell_again(now)
            idle = not (state.entries.leases or expected or witness)
            if not announcements.unsent and (state.closed or idle):
                self.thread.ended()
                return None
        exchanged = False
        if self._store.allows():
            with suppress(StoreFailedError):
                self._exchange(_LISTENERS_MARKS)
                exchanged = True
                self._key_check.run()
        if state.recorder.has_deferred():
            self.hooks.ensure(first_pause=0)
        if state.closed:
            self.thread.ended()
            return None
        return 0.0 if exchanged and announcements.unmarked else LISTEN_EVERY

    def run_hooks(self) -> None:
        """Run the deferred hooks, once."""
        self._state.recorder.run_deferred()
        self.hooks.ended()

    def report(self, error: BaseException) -> None:
        """
        Report that a round of the listener has failed.

        This host takes no token from the store until it has read the log again.
        """
        self._up_to_date = False
        self._store.report("listen", error)

    def report_hook(self, error: BaseException) -> None:
        """Count a hook error that the recorder does not catch, such as Ctrl-C."""
        with self._state.lock:
            self._state.recorder.counts["hook_errors"] += 1

    def close(self) -> None:
        """Wake the listener, so that it ends. Called under the lock, when the session is closed."""
        self.thread.end_pause()

    def announce_remaining(self) -> None:
        """Announce the remaining invalidations before the store is closed, without waiting long."""
        announcements = self._announcements
        if not ((announcements.unsent or announcements.unmarked) and self._store.allows()):
            return
        try:
            if self._exchanging.acquire(timeout=_LAST_WAIT):
                with suppress(StoreFailedError):
                    announcements.send(_LAST_MESSAGES)
                    announcements.mark(_LAST_MESSAGES)
        finally:
            release_if_owned(self._exchanging)
