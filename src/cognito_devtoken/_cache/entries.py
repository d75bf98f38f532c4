"""
What a cache holds: a token for each key, and what went wrong for it lately.

Law of this module: one key, one request. Every member that alters the answer is in the key,
each with its length before it, so that no two different requests share a token.

Nothing here takes a lock or reads a clock: the cache does both.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING

from .._values.clock import Instant
from .._values.request import TokenRequest
from .._values.secret import HIDDEN, NeverPickled
from .._values.token import OpenIdToken, hold
from .failures import Trouble


if TYPE_CHECKING:
    from cachetools import TLRUCache

# For how many seconds after its back-off a failure still counts as the one before.
_LINGER = 60.0
_MIN_TROUBLES = 1000
# What rounding may make of nothing, in seconds.
_MOMENT = 1e-5


class Key(NeverPickled, tuple[str | None, bytes]):
    """
    The developer's user id, and a digest of everything else that is asked for.

    The user id stands in the clear, so that a hit digests nothing: it is the caller's own
    string, and no repr shows it. A provider's token enters by the digest only.
    """

    __slots__ = ()

    @classmethod
    def of(cls, request: TokenRequest, developer_provider: str | None) -> Key:
        """The key of a request, by the provider whose login is the user id."""
        user_id = request.logins.get(developer_provider) if developer_provider else None
        hidden = blake2b(digest_size=16)
        for text in _members(request, developer_provider):
            data = text.encode()
            hidden.update(len(data).to_bytes(4, "big"))
            hidden.update(data)
        return cls((user_id, hidden.digest()))

    @property
    def digest(self) -> str:
        """What names the key in an event."""
        user_id, rest = self
        named = b"" if user_id is None else user_id.encode()
        return blake2b(named, key=rest, digest_size=8).hexdigest()

    def __repr__(self) -> str:
        return f"<Key {HIDDEN}>"


def _members(request: TokenRequest, developer_provider: str | None) -> Iterator[str]:
    """Every member but the user id, each map with its size and in the order of its names."""
    yield request.identity_pool_id
    yield request.identity_id or ""
    yield str(request.token_duration or "")
    for members in (request.logins, request.principal_tags or {}):
        yield str(len(members))
        for name in sorted(members):
            yield name
            # Its size in the clear tells this one from an empty login, which there is none of.
            yield "" if members is request.logins and name == developer_provider else members[name]


class Entries:
    """
    Tokens and troubles by key, each within the same bound.

    *tokens* is a plain dictionary, which a hit reads without a lock and without a change.
    cachetools decides beside it which of them have to go: the expired, then those that were
    stored longest ago. A refresh stores anew, so tokens in use outlive those that are not.
    """

    def __init__(self, max_entries: int) -> None:
        from cachetools import TLRUCache

        self.tokens: dict[Key, OpenIdToken] = {}
        self._now = 0.0
        self._expiry: TLRUCache[Key, float] = TLRUCache(max_entries, _by_value, self._time)
        # Fewer would not hold those who fail at once off.
        self._troubles: TLRUCache[Key, tuple[Trouble, float]] = TLRUCache(
            max(max_entries, _MIN_TROUBLES), _by_second, self._time
        )

    def _time(self) -> float:
        return self._now

    def sweep(self, now: Instant) -> int:
        """Throw the expired away, whoever asks for what. Returns how many there were."""
        self._now = now.monotonic
        expired = list(self._expiry.expire())
        for key, _ in expired:
            self.tokens.pop(key, None)
        return len(expired)

    def store(self, key: Key, token: OpenIdToken) -> tuple[Key, OpenIdToken] | None:
        """Keep a token. Returns what had to make room for it."""
        evicted = None
        if key not in self.tokens and len(self._expiry) >= self._expiry.maxsize:
            victim, _ = self._expiry.popitem()
            evicted = victim, self.tokens.pop(victim)
        # By the monotonic hand: a token that the other one says is dead is not served either.
        self._expiry[key] = token._sent.monotonic + token._seconds
        if key in self._expiry:  # which takes nothing that has expired by its own clock
            self.tokens[key] = token
        return evicted

    def drop(self, key: Key) -> None:
        """Throw a token away."""
        self._expiry.pop(key, None)
        self.tokens.pop(key, None)

    def find(self, token: OpenIdToken, *, shared: bool = False) -> Key | None:
        """
        Under which key exactly this token is held; None if another one is, or none.

        Args:
            token: The token.

            shared: Whether the same token may have come twice, from a store.
        """
        key: Key | None = getattr(token, "_key", None)
        if key is None:  # it is no cache's, and may have been given to this one all the same
            return next((key for key, held in self.tokens.items() if held == token), None)
        held = self.tokens.get(key)
        # Two fetches of the same second bring the same text. The second has not been refused.
        same = held == token and (shared or getattr(held, "_monotonic", None) == token._monotonic)
        return key if same else None

    def hurry(self, key: Key) -> None:
        """Have a token looked at before it is returned, however fresh it is."""
        token = self.tokens[key]
        self.tokens[key] = hold(token, key, token._sent, token._clock, due=0.0)

    def hurried(self, token: OpenIdToken) -> bool:
        """Whether a token is to be looked at before it is returned."""
        return token._due_wall <= token._sent.wall + _MOMENT

    def clear(self) -> None:
        """Throw everything away."""
        self.tokens.clear()
        self._expiry.clear()
        self._troubles.clear()

    def trouble(self, key: Key) -> Trouble | None:
        """What went wrong for a key lately."""
        found = self._troubles.get(key)
        return found[0] if found else None

    def failed(self, key: Key, trouble: Trouble) -> None:
        """Remember a failure."""
        self._troubles[key] = trouble, trouble.since.monotonic + trouble.wait + _LINGER

    def mended(self, key: Key) -> None:
        """Forget what went wrong for a key."""
        self._troubles.pop(key, None)


def _by_value(key: Key, value: float, now: float) -> float:
    return value


def _by_second(key: Key, value: tuple[Trouble, float], now: float) -> float:
    return value[1]
