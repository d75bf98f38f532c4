"""
How hosts tell each other what they have thrown away: by the log of the store that they share.

Law of this module: nothing is taken from the store before this host has told what it has to tell,
and heard what there is to hear.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ._guarded import FailedError, Guarded
from ._news import KEEP, News
from ._removal import EVERYTHING, Scope, from_message, matching, to_message
from ._request import MAX_DURATION
from ._system import start_daemon
from .events import InvalidatedElsewhere
from .stores._sealing import CannotOpenError


if TYPE_CHECKING:
    from ._engine import Engine

# How often the log is read, in seconds: for so long a token may still be served that was
# invalidated on another host.
LISTEN_EVERY = 2.0
# No token lives longer that a message may mean.
_LOG_LIFE = MAX_DURATION + 3600.0
# Who has more to tell than this tells to throw everything away.
_MOST_UNTOLD = 1000
_MESSAGE = b"message"


class Exchange:
    """What this host has to tell, and what it has heard."""

    def __init__(self, engine: Engine, store: Guarded, developer_provider: str | None) -> None:
        self._engine = engine
        self._store = store
        self._provider = developer_provider
        self.news = News(developer_provider)
        self.start_thread = start_daemon
        self.renew()

    def renew(self) -> None:
        """Begin anew in a forked child. What its parent has to tell, the parent tells itself."""
        self._untold: deque[Scope] = deque()
        self._speaking = threading.Lock()
        self._attempts = 0
        self._up_to_date = False
        self._listening = False
        self._wake = threading.Event()

    def tell(self, scope: Scope) -> None:
        """Under the lock: tell the others, soon and behind the caller's back."""
        if len(self._untold) >= _MOST_UNTOLD:
            self._untold.clear()
            scope = EVERYTHING
        self._untold.append(scope)
        self._wake.set()
        self._engine.journal.later(self._listen_from_now_on)

    def catch_up(self) -> None:
        """
        Know what must not be taken from the store.

        Raises:
            FailedError: If the store fails.
        """
        if self._untold or not (self._listening and self._up_to_date):
            self._exchange()
        self._listen_from_now_on()

    def has_told_all(self) -> bool:
        """Under the lock: whether the others can know what this host has thrown away."""
        return not self._untold

    def _exchange(self) -> None:
        attempts = self._attempts
        with self._speaking:
            if attempts == self._attempts or self._untold:
                self._attempts += 1
                self._up_to_date = False
                self._speak()
                self._listen()
                self._up_to_date = True
            elif not self._up_to_date:
                raise FailedError  # as another thread has found while this one waited

    def _speak(self) -> None:
        while self._untold:
            scope = self._untold[0]
            message = self._store.keys.seal(to_message(scope), _MESSAGE)
            position = self._store.use("publish", message, _LOG_LIFE, KEEP)
            with self._engine.lock:
                self.news.told(scope, position)
                # Everything else may have taken its place meanwhile.
                if self._untold[0] is scope:
                    self._untold.popleft()

    def _listen(self) -> None:
        first = heard = 0
        while found := self._store.use("published", self.news.read):
            first = first or found[0][0]
            heard += len(found)
            self._hear([(position, self._opened(message)) for position, message in found])
        if heard >= KEEP:  # there may have been more, which are gone
            with self._engine.lock:
                self.news.missed(first)
                self._throw_away([EVERYTHING])

    def _opened(self, message: bytes) -> Scope | None:
        try:
            return from_message(self._store.keys.open(message, _MESSAGE))
        except CannotOpenError as error:
            self._store.refuse(None, str(error))
            return None

    def _hear(self, messages: Iterable[tuple[int, Scope | None]]) -> None:
        with self._engine.lock:
            if scopes := self.news.heard(messages):
                self._throw_away(scopes)

    def _throw_away(self, scopes: Sequence[Scope]) -> None:
        thrown_away = self._engine.throw_away(matching(scopes, self._provider))
        self._engine.journal.tell(InvalidatedElsewhere, thrown_away)

    # The thread that listens for as long as there are tokens that another host may throw away

    def _listen_from_now_on(self) -> None:
        with self._engine.lock:
            if self._listening:
                return
            self._listening = True
        # Not by itself, so that a cache that nobody has closed can go.
        itself: weakref.ref[Exchange] = weakref.ref(self)
        try:
            self.start_thread(lambda: _listen_on(itself))
        except RuntimeError:  # no thread can be had: each flight listens before it looks
            self._listening = False

    def listen_once(self) -> threading.Event | None:
        """What the thread does, over and over. Returns what ends its pause; None ends it."""
        self._wake.clear()
        with self._engine.lock:
            idle = not (self._engine.entries.tokens or self._engine.flights.table)
            if not self._untold and (self._engine.closed or idle):
                self._listening = False
                return None
        if self._store.allows():
            with suppress(FailedError):
                self._exchange()
        self._engine.journal.catch_up()
        return None if self._engine.closed else self._wake

    def close(self) -> None:
        """Under the lock: let the thread tell what is untold, and end."""
        self._wake.set()


def _listen_on(itself: weakref.ref[Exchange]) -> None:
    while (exchange := itself()) and (wake := exchange.listen_once()):
        del exchange
        wake.wait(LISTEN_EVERY)
