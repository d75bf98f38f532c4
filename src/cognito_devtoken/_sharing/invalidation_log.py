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
from functools import partial
from itertools import count, islice
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from .._cache.invalidation import EVERYTHING, Scope, from_message, matching, to_message
from .._threads import start_daemon
from .._values.request import MAX_DURATION
from ..events import InvalidatedElsewhere
from ..stores._sealing import CannotOpenError
from .guarded_store import FailedError, Guarded
from .invalidation_index import KEEP, News


if TYPE_CHECKING:
    from .._cache.workers import Engine

# How often the log is read, in seconds: for so long a token may still be served that was
# invalidated on another host.
LISTEN_EVERY = 2.0
# No token lives longer that a message may mean.
_LOG_LIFE = MAX_DURATION + 3600.0
# Who has more to tell than this tells to throw everything away.
_MOST_UNTOLD = 10_000
# How much of it goes into one message.
_AT_ONCE = 500
# For how many seconds to wait for another thread that speaks; and for how many, and for how many
# messages, when a session is closed.
PATIENCE, _LAST_PATIENCE, _LAST_MESSAGES = 1.0, 0.3, 3
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
        # Not an Event, in the middle of which a signal handler may close the session.
        self._wake: SimpleQueue[None] = SimpleQueue()

    def tell(self, scope: Scope) -> None:
        """Under the lock: tell the others, soon and behind the caller's back."""
        if len(self._untold) >= _MOST_UNTOLD:
            self._untold = deque()
            scope = EVERYTHING
        self._untold.append(scope)
        self._wake.put(None)
        self._engine.journal.later(self.listen_from_now_on)

    def catch_up(self) -> None:
        """
        Know what must not be taken from the store.

        Raises:
            FailedError: If the store fails.
        """
        if self._untold or not (self._listening and self._up_to_date):
            self._exchange()

    def has_told_all(self) -> bool:
        """Under the lock: whether the others can know what this host has thrown away."""
        return not self._untold

    def _exchange(self) -> None:
        attempts = self._attempts
        # Who speaks has little to say, but a store may be slow, and callers wait for this.
        if not self._speaking.acquire(timeout=PATIENCE):
            raise FailedError
        try:
            if attempts == self._attempts or self._untold:
                self._attempts += 1
                self._up_to_date = False
                self._speak()
                self._listen()
                self._up_to_date = True
            elif not self._up_to_date:
                raise FailedError  # as another thread has found while this one waited
        finally:
            self._speaking.release()

    def _speak(self, most: int | None = None) -> None:
        for _ in count() if most is None else range(most):
            untold = self._untold  # in whose place there may be everything, meanwhile
            if not untold:
                break
            scopes = list(islice(untold, _AT_ONCE))
            message = self._store.keys.seal(to_message(scopes), _MESSAGE)
            position = self._store.use("publish", message, _LOG_LIFE, KEEP)
            with self._engine.lock:
                self.news.told(scopes, position)
                for _ in scopes:
                    untold.popleft()

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

    def _opened(self, message: bytes) -> Sequence[Scope]:
        try:
            return from_message(self._store.keys.open(message, _MESSAGE))
        except CannotOpenError as error:
            self._store.refuse(None, str(error))
            return ()

    def _hear(self, messages: Iterable[tuple[int, Sequence[Scope]]]) -> None:
        with self._engine.lock:
            if scopes := self.news.heard(messages):
                self._throw_away(scopes)

    def _throw_away(self, scopes: Sequence[Scope]) -> None:
        thrown_away = self._engine.throw_away(matching(scopes, self._provider))
        self._engine.journal.tell(InvalidatedElsewhere, thrown_away)

    # The thread that listens for as long as there are tokens that another host may throw away

    def listen_from_now_on(self, *, at_once: bool = True) -> None:
        """Have a thread that listens."""
        with self._engine.lock:
            if self._listening:
                return
            self._listening, self._up_to_date = True, False
        # Not by itself, so that a cache that nobody has closed can go.
        itself: weakref.ref[Exchange] = weakref.ref(self)
        try:
            self.start_thread(partial(_listen_on, itself, self._wake, at_once=at_once))
        except RuntimeError:  # no thread can be had: each flight listens before it looks
            self._listening = False
        except BaseException:  # Ctrl-C, say
            self._listening = False
            raise

    def listen_once(self) -> bool:
        """What the thread does, over and over. Returns whether it is to go on."""
        while not self._wake.empty():
            self._wake.get()
        engine = self._engine
        with engine.lock:
            # What has been given up may still come, and be kept.
            expected = engine.flights.table or engine.flights.in_the_air()
            idle = not (engine.entries.tokens or expected)
            if not self._untold and (self._engine.closed or idle):
                self._listening = False
                return False
        if self._store.allows():
            with suppress(FailedError):
                self._exchange()
        engine.journal.catch_up()
        return not engine.closed

    def close(self) -> None:
        """Under the lock: let the thread end."""
        self._wake.put(None)

    def tell_the_rest(self) -> None:
        """Tell what is untold before the store may be closed, too, if it does not take long."""
        if not (self._untold and self._store.allows()):
            return
        if self._speaking.acquire(timeout=_LAST_PATIENCE):
            try:
                with suppress(FailedError):
                    self._speak(_LAST_MESSAGES)
            finally:
                self._speaking.release()


def _listen_on(
    itself: weakref.ref[Exchange], wake: SimpleQueue[None], *, at_once: bool = True
) -> None:
    while exchange := itself():
        if at_once and not exchange.listen_once():
            return
        del exchange
        at_once = True
        with suppress(Empty):
            wake.get(timeout=LISTEN_EVERY)
