"""
What was invalidated, on this host and others, so that it is not taken from the store.

Laws of this module: a token is refused if it was invalidated at a later position of the log than
the one at which it was requested, or if it was requested while there was another log. No clock is
compared with another host's: a host notes the position of the log before it fetches a token.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .._cache.scopes import EVERYTHING, InvalidationScope, scopes_of
from .._values.clock import Instant
from .._values.key import Key
from .._values.token import OpenIdToken


# How many invalidations are remembered. Whether an older token is still valid is in the marks of
# the store.
REMEMBERED = 10_000
# A host that has read the whole log within the last HEARD seconds misses nothing if the log is
# lost: other hosts announce again whatever is up to TOLD_AGAIN seconds old.
HEARD, TOLD_AGAIN = 45.0, 90.0


class LogPosition(NamedTuple):
    """A position in the log, and the id of the log that it is in."""

    log: str
    position: int


class Message(NamedTuple):
    """A message of the log: its position, its text, and what it announces."""

    position: int
    text: bytes
    scopes: Sequence[InvalidationScope]


class InvalidationIndex:
    """Invalidations by their position in the log. Use it under a lock."""

    def __init__(self, developer_provider: str | None) -> None:
        self._provider = developer_provider
        self._to_tell_again: dict[InvalidationScope, Instant] = {}
        self._dropped: Instant | None = None  # when the last one that was dropped was noted
        self._start("")

    def _start(self, log: str) -> None:
        self.log = log  # its id; empty until it has been read
        self.read = 0  # the position up to which it has been read
        self._latest = 0  # the last known position
        self._last = b""  # the message at the position up to which it has been read
        self._floor = 0  # what was announced up to here is not known
        self._noted: dict[InvalidationScope, tuple[int, Instant]] = {}
        self._own: dict[int, bytes] = {}  # own messages that have not been read back

    @property
    def latest(self) -> LogPosition:
        """The last known position."""
        return LogPosition(self.log, self._latest)

    @property
    def start(self) -> int | None:
        """
        Where to read next: at the last message, to see whether it is still there.

        A host that starts reads the latest messages only.
        """
        return self.read if self.log else None

    def announced(
        self, scopes: Iterable[InvalidationScope], at: LogPosition, text: bytes, now: Instant
    ) -> None:
        """Note what this host has announced, and at which position."""
        if at.log == self.log:
            self._own[at.position] = text
            self._note(scopes, at.position, now)
        else:  # a log that this host has not read yet, and that may be lost before it does
            self._to_tell_again.update(dict.fromkeys(scopes, now))

    def knows(self, scope: InvalidationScope) -> bool:
        """Tell whether something has been announced, by any host."""
        return scope in self._noted

    def has_lost(self, messages: Sequence[tuple[int, bytes]]) -> bool:
        """Tell whether the log has lost messages, given those from *start* on."""
        if self.read and not messages:
            return True  # its positions went back
        if self.read and messages[0][0] == self.read and messages[0][1] != self._last:
            return True
        there = dict(messages)
        return any(there.get(position, text) != text for position, text in self._own.items())

    def lacks_own(self) -> bool:
        """Tell whether this host's own messages are missing, once the whole log has been read."""
        return bool(self._own)

    def begin(self, log: str, floor: int = 0) -> None:
        """Go on with another log, which knows nothing of what the one before said."""
        for scope, (_, when) in self._noted.items():
            self._to_tell_again[scope] = when
        self._start(log)
        self._latest = self.read = self._floor = floor

    def may_tell_again(self, now: Instant) -> bool:
        """Tell whether other hosts would need to know from this one what the log may lose."""
        latest = next(reversed(self._noted.values()), None)
        return latest is not None and latest[1].age(now) < TOLD_AGAIN

    def untold(self, now: Instant) -> list[InvalidationScope]:
        """Return what the present log lacks, once the whole log has been read."""
        if not self._to_tell_again:
            return []
        recent = [
            scope
            for scope, when in self._to_tell_again.items()
            if when.age(now) < TOLD_AGAIN and scope not in self._noted
        ]
        self._to_tell_again = {}
        if self._dropped and self._dropped.age(now) < TOLD_AGAIN:
            return [EVERYTHING]  # more than could be remembered
        return recent

    def read_messages(self, messages: Iterable[Message], now: Instant) -> list[InvalidationScope]:
        """Note what comes next in the log. Returns what other hosts have announced."""
        others: list[InvalidationScope] = []
        for position, text, scopes in messages:
            self.read, self._last = position, text
            self._latest = max(self._latest, position)
            if self._own.pop(position, None) is None:
                self._note(scopes, position, now)
                others.extend(scopes)
        return others

    def missed(self, position: int) -> None:
        """Note that what came before a position may not have been read."""
        self._floor = max(self._floor, position - 1)
        self._own = {own: text for own, text in self._own.items() if own >= position}

    def _note(self, scopes: Iterable[InvalidationScope], position: int, now: Instant) -> None:
        self._latest = max(self._latest, position)
        for scope in scopes:
            # An own message may come after others that have not been read yet.
            known, _ = self._noted.pop(scope, (0, now))
            self._noted[scope] = max(position, known), now
            if len(self._noted) > REMEMBERED:
                dropped, self._dropped = self._noted.pop(next(iter(self._noted)))
                self._floor = max(self._floor, dropped)

    def refuses(self, key: Key, token: OpenIdToken, since: LogPosition) -> bool:
        """Tell whether a token that was requested at a position of the log is known as invalid."""
        if since.log != self.log:
            return True
        if not self._noted:
            return False
        scopes = scopes_of(key, token, self._provider)
        return any(self._noted.get(scope, (0,))[0] > since.position for scope in scopes)

    def knows_all_since(self, since: LogPosition) -> bool:
        """Tell whether everything is known that was invalidated after a position of the log."""
        return since.position >= self._floor
