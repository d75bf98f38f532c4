"""
Remember what was invalidated, here and on other hosts, so that no invalid token is taken from the
store.

Laws of this module: before a host fetches a token, it notes the current position of the log, and
stores that position with the token. A token is refused if it was invalidated at a later position
of the log, or if it was requested while there was another log. So clocks of different hosts are
never compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .._cache.scopes import EVERYTHING, InvalidationScope, scopes_of
from .._values.clock import Instant
from .._values.key import Key
from .._values.token import OpenIdToken


# How many invalidations are remembered. If a token was requested before the oldest of them, the
# marks in the store tell whether it is still valid.
REMEMBERED = 10_000
# If the log is lost, hosts announce again every invalidation of the last TOLD_AGAIN seconds. So a
# host that has read the whole log within the last HEARD seconds misses nothing.
HEARD, TOLD_AGAIN = 45.0, 90.0


class LogPosition(NamedTuple):
    """A position in a log, and the id of that log."""

    log: str
    position: int


class Message(NamedTuple):
    """A message of the log: its position, its text, and the scopes that it announces."""

    position: int
    text: bytes
    scopes: Sequence[InvalidationScope]


class InvalidationIndex:
    """Invalidations by their position in the log. Use it under a lock."""

    def __init__(self, developer_provider: str | None) -> None:
        self._provider = developer_provider
        self._to_tell_again: dict[InvalidationScope, Instant] = {}
        # When this host noted the latest of the invalidations that it no longer remembers.
        self._dropped: Instant | None = None
        self._start("")

    def _start(self, log: str) -> None:
        self.log = log  # the id of the log; empty until the log has been read
        self.read = 0  # the position up to which the log has been read
        self._latest = 0  # the last known position
        self._last = b""  # the last message that has been read
        self._floor = 0  # invalidations up to this position may be unknown here
        self._noted: dict[InvalidationScope, tuple[int, Instant]] = {}
        self._own: dict[int, bytes] = {}  # own messages that have not been read back

    @property
    def latest(self) -> LogPosition:
        """The last known position."""
        return LogPosition(self.log, self._latest)

    @property
    def start(self) -> int | None:
        """
        The position to read from. Until the first reading, it is None: read the latest messages.

        Reading starts at the last message that was read, to see whether the log still has it.
        """
        return self.read if self.log else None

    def announced(
        self, scopes: Iterable[InvalidationScope], at: LogPosition, text: bytes, now: Instant
    ) -> None:
        """Note what this host has announced, and at which position of the log."""
        if at.log == self.log:
            self._own[at.position] = text
            self._note(scopes, at.position, now)
        else:  # the new log may be lost before this host has read it
            self._to_tell_again.update(dict.fromkeys(scopes, now))

    def knows(self, scope: InvalidationScope) -> bool:
        """Return whether any host has announced this invalidation."""
        return scope in self._noted

    def has_lost(self, messages: Sequence[tuple[int, bytes]]) -> bool:
        """Return whether the log has lost messages, given its messages from :attr:`start` on."""
        if self.read and not messages:
            return True  # the positions of the log went back
        if self.read and messages[0][0] == self.read and messages[0][1] != self._last:
            return True
        there = dict(messages)
        return any(there.get(position, text) != text for position, text in self._own.items())

    def lacks_own(self) -> bool:
        """
        Return whether some of this host's own messages have not been read back.

        If this is still true when the whole log has been read, the log has lost these messages.
        """
        return bool(self._own)

    def begin(self, log: str, floor: int = 0) -> None:
        """
        Switch to another log, which has none of the messages of the previous log.

        Args:
            log: The id of the new log.

            floor: The position up to which the messages of the new log are not read.
        """
        for scope, (_, when) in self._noted.items():
            self._to_tell_again[scope] = when
        self._start(log)
        self._latest = self.read = self._floor = floor

    def may_tell_again(self, now: Instant) -> bool:
        """
        Return whether this host would have to announce an invalidation again if the log were lost.
        """
        latest = next(reversed(self._noted.values()), None)
        return latest is not None and latest[1].age(now) < TOLD_AGAIN

    def untold(self, now: Instant) -> list[InvalidationScope]:
        """Return the invalidations to announce again. Called when the whole log has been read."""
        if not self._to_tell_again:
            return []
        recent = [
            scope
            for scope, when in self._to_tell_again.items()
            if when.age(now) < TOLD_AGAIN and scope not in self._noted
        ]
        self._to_tell_again = {}
        if self._dropped and self._dropped.age(now) < TOLD_AGAIN:
            return [EVERYTHING]  # some of the recent ones are no longer remembered
        return recent

    def read_messages(self, messages: Iterable[Message], now: Instant) -> list[InvalidationScope]:
        """Note the next messages of the log. Return what other hosts have announced in them."""
        others: list[InvalidationScope] = []
        for position, text, scopes in messages:
            self.read, self._last = position, text
            self._latest = max(self._latest, position)
            if self._own.pop(position, None) is None:
                self._note(scopes, position, now)
                others.extend(scopes)
        return others

    def missed(self, position: int) -> None:
        """Note that some messages before a position were never read."""
        self._floor = max(self._floor, position - 1)
        self._own = {own: text for own, text in self._own.items() if own >= position}

    def _note(self, scopes: Iterable[InvalidationScope], position: int, now: Instant) -> None:
        self._latest = max(self._latest, position)
        for scope in scopes:
            # Keep the later position: this host notes its own message when the message is sent, and
            # may then read another host's earlier message about the same scope.
            known, _ = self._noted.pop(scope, (0, now))
            self._noted[scope] = max(position, known), now
            if len(self._noted) > REMEMBERED:
                dropped, self._dropped = self._noted.pop(next(iter(self._noted)))
                self._floor = max(self._floor, dropped)

    def refuses(self, key: Key, token: OpenIdToken, since: LogPosition) -> bool:
        """
        Return whether a token is known to be invalid.

        Args:
            key: The cache key of the token.

            token: The token.

            since: The position of the log when the token was requested.
        """
        if since.log != self.log:
            return True
        if not self._noted:
            return False
        scopes = scopes_of(key, token, self._provider)
        return any(self._noted.get(scope, (0,))[0] > since.position for scope in scopes)

    def knows_all_since(self, since: LogPosition) -> bool:
        """Return whether this host knows all invalidations after a position."""
        return since.position >= self._floor
