"""
What was invalidated, on this host and others, so that it is not adopted from the store.

Law of this module: a token is refused if its invalidation comes after it in the log. No clock is
read: a host notes the position of the log before it fetches a token.
"""

from __future__ import annotations

from collections.abc import Iterable

from .._cache.invalidation import InvalidationScope, scopes_of
from .._values.key import Key
from .._values.token import OpenIdToken


# Beyond this many, the oldest are forgotten, and every token that they may concern is refused.
KEEP = 10_000


class InvalidationIndex:
    """Invalidations by their position in the log. Use it under a lock."""

    def __init__(self, developer_provider: str | None) -> None:
        self.read = 0  # the position up to which the log has been read
        self.latest = 0  # the last known position
        self._floor = 0
        self._invalidated: dict[InvalidationScope, int] = {}
        self._own: set[int] = set()
        self._provider = developer_provider

    def announced(self, scopes: Iterable[InvalidationScope], position: int) -> None:
        """Note what this host has announced, and at which position."""
        self._own.add(position)
        self._note(scopes, position)

    def read_messages(
        self, messages: Iterable[tuple[int, Iterable[InvalidationScope]]]
    ) -> list[InvalidationScope]:
        """Note what comes next in the log. Returns what other hosts have announced."""
        others: list[InvalidationScope] = []
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
        """Note that what came before a position may not have been read."""
        self._floor = max(self._floor, position)

    def _note(self, scopes: Iterable[InvalidationScope], position: int) -> None:
        self.latest = max(self.latest, position)
        for scope in scopes:
            self._invalidated.pop(scope, None)
            self._invalidated[scope] = position
            if len(self._invalidated) > KEEP:
                self.missed(self._invalidated.pop(next(iter(self._invalidated))))

    def refuses(self, key: Key, token: OpenIdToken, since: int) -> bool:
        """Tell whether a token that was requested at a position of the log has been invalidated."""
        if since < self._floor or not self._invalidated:
            return since < self._floor
        scopes = scopes_of(key, token, self._provider)
        return any(self._invalidated.get(scope, 0) > since for scope in scopes)
