"""
The key of a cache entry.

Law of this module: no two different requests share an entry. So the key contains every member that
alters the response, each preceded by its length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Never

from .request import TokenRequest
from .secret import HIDDEN, NeverPickled


class Key(NeverPickled, tuple[str | None, bytes]):
    """
    The user id (the developer provider's login), and a digest of everything else in the request.

    The user id is the caller's own string in clear text, so that a hit need not compute a digest. A
    public provider's token is not kept: it only goes into the digest.

    The key is a tuple, so that it equals the plain tuple that a hit looks up, and both are hashed
    and compared in C. But code that iterates over it, such as a crash reporter, finds it empty.
    Read its members by name.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[Never]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return True

    @classmethod
    def of(cls, request: TokenRequest, developer_provider: str | None) -> Key:
        """Return the key of a request, given the provider whose login is the user id."""
        user_id = request.logins.get(developer_provider) if developer_provider else None
        has_more = len(request.logins) > 1 or request.identity_id or request.principal_tags
        if developer_provider is None or user_id is None or has_more:
            return cls((user_id, digest_of(_members(request, developer_provider))))
        pool_id, duration = request.identity_pool_id, request.token_duration
        return cls((user_id, _rest_of_plain(pool_id, developer_provider, duration)))

    def and_more(self, texts: Iterable[str]) -> Key:
        """Return the key of the same request with additional members."""
        return Key((self.user_id, _rest_and_more(self.rest, *texts)))

    @property
    def user_id(self) -> str | None:
        """The login of the developer provider, if there is one."""
        return self[0]

    @property
    def rest(self) -> bytes:
        """The digest of everything but the user id."""
        return self[1]

    @property
    def digest(self) -> str:
        """The key as events show it: 16 hex digits."""
        named = b"" if self.user_id is None else self.user_id.encode()
        return blake2b(named, key=self.rest, digest_size=8).hexdigest()

    def __repr__(self) -> str:
        return f"<Key {HIDDEN}>"


def digest_of(texts: Iterable[str]) -> bytes:
    """Return a digest of a list of texts. Different lists of texts have different digests."""
    parts: list[bytes] = []
    for text in texts:
        data = text.encode()
        parts += (len(data).to_bytes(4, "big"), data)
    # In one step: updating the digest for each part would take as long as everything else here.
    return blake2b(b"".join(parts), digest_size=16).digest()


@lru_cache(maxsize=64)  # so that the keys of all users share one digest
def _rest_of_plain(pool_id: str, developer_provider: str, duration: int | None) -> bytes:
    """Return the digest in the keys of all requests that name a user and nothing else."""
    request = TokenRequest(pool_id, {developer_provider: "any"}, token_duration=duration)
    return digest_of(_members(request, developer_provider))


@lru_cache(maxsize=64)
def _rest_and_more(rest: bytes, *texts: str) -> bytes:
    return digest_of([rest.hex(), *texts])


def _members(request: TokenRequest, developer_provider: str | None) -> Iterator[str]:
    """Yield every member except the user id. A map yields its size, then its items by name."""
    yield request.identity_pool_id
    yield request.identity_id or ""
    yield str(request.token_duration or "")
    for members in (request.logins, request.principal_tags or {}):
        yield str(len(members))
        for name in sorted(members):
            yield name
            # An empty text replaces the user id. No login is empty, so the two cannot be confused.
            yield "" if members is request.logins and name == developer_provider else members[name]
