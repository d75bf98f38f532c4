"""
What other hosts have thrown away, so that this one does not go on handing it out.

Law of this module: a token is refused if what throws it away comes behind it in the log. No clock
is asked: whoever fetches a token notes beforehand how far the log has got.
"""

from __future__ import annotations

from collections.abc import Iterable

from .._cache.entries import Key
from .._cache.invalidation import Scope, scopes_of
from .._values.token import OpenIdToken


# Beyond so many, the oldest are forgotten, and with them every token that they may have meant.
KEEP = 10_000


class News:
    """What has been thrown away, and where in the log that stands. To be used under a lock."""

    def __init__(self, developer_provider: str | None) -> None:
        self.read = 0  # the position up to which the log has been read
        self.latest = 0  # the last position that is known of
        self._floor = 0
        self._thrown_away: dict[Scope, int] = {}
        self._own: set[int] = set()
        self._provider = developer_provider

    def told(self, scopes: Iterable[Scope], position: int) -> None:
        """Take note of what this host has told the others, and where it stands."""
        self._own.add(position)
        self._note(scopes, position)

    def heard(self, messages: Iterable[tuple[int, Iterable[Scope]]]) -> list[Scope]:
        """Take note of what comes next in the log. Returns what others have told."""
        others: list[Scope] = []
        for position, scopes in messages:
            self.read = position
            self.latest = max(self.latest, position)
            if position in self._own:
                self._own.discard(position)
            else:
                self._note(scopes, position)
                others.extend(scopes)
        return others

    def missed(self, position: int) -> None:
        """What stood in the log before a position may not have been heard."""
        self._floor = max(self._floor, position)

    def _note(self, scopes: Iterable[Scope], position: int) -> None:
        self.latest = max(self.latest, position)
        for scope in scopes:
            self._thrown_away.pop(scope, None)
            self._thrown_away[scope] = position
            if len(self._thrown_away) > KEEP:
                self.missed(self._thrown_away.pop(next(iter(self._thrown_away))))

    def refuses(self, key: Key, token: OpenIdToken, since: int) -> bool:
        """Whether a token has been thrown away that was asked for when the log had got so far."""
        if since < self._floor or not self._thrown_away:
            return since < self._floor
        scopes = scopes_of(key, token, self._provider)
        return any(self._thrown_away.get(scope, 0) > since for scope in scopes)
