"""
The key of a cache entry.

Law of this module: one key, one request. Every member that alters the response is in the key,
each preceded by its length, so that no two different requests share an entry.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from .request import TokenRequest
from .secret import HIDDEN, NeverPickled


class Key(NeverPickled, tuple[str | None, bytes]):
    """
    The developer's user id, and a digest of everything else in the request.

    The user id is kept in clear text, so that a hit computes no digest: it is the caller's own
    string, and no repr shows it. A public provider's token is only part of the digest.
    """

    __slots__ = ()

    @classmethod
    def of(cls, request: TokenRequest, developer_provider: str | None) -> Key:
        """Return the key of a request, given the provider whose login is the user id."""
        user_id = request.logins.get(developer_provider) if developer_provider else None
        rest = blake2b(digest_size=16)
        for text in _members(request, developer_provider):
            data = text.encode()
            rest.update(len(data).to_bytes(4, "big"))
            rest.update(data)
        return cls((user_id, rest.digest()))

    @property
    def digest(self) -> str:
        """The key as events show it: 16 hex digits."""
        user_id, rest = self
        named = b"" if user_id is None else user_id.encode()
        return blake2b(named, key=rest, digest_size=8).hexdigest()

    def __repr__(self) -> str:
        return f"<Key {HIDDEN}>"


def _members(request: TokenRequest, developer_provider: str | None) -> Iterator[str]:
    """Yield every member except the user id, each map with its size and sorted by name."""
    yield request.identity_pool_id
    yield request.identity_id or ""
    yield str(request.token_duration or "")
    for members in (request.logins, request.principal_tags or {}):
        yield str(len(members))
        for name in sorted(members):
            yield name
            # The empty text cannot be mistaken for a login, which has at least one character.
            yield "" if members is request.logins and name == developer_provider else members[name]
