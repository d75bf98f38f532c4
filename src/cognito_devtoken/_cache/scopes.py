"""
What an invalidation affects, as hosts announce it to each other: everything, a user, an identity or
a token.

Law of this module: a scope contains a digest, so it is short even if the id or token is long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b

from .._values.key import Key
from .._values.lease import Lease


# The form in which hosts announce an invalidation: its kind, and a digest of the id or the token.
InvalidationScope = tuple[str, str]
# Returns whether an invalidation affects a key and its token. If the key has no token yet, returns
# whether the invalidation might affect the token being fetched.
Matches = Callable[[Key, Lease | None], bool]
EVERYTHING: InvalidationScope = ("all", "")
# The token's key alone does not tell whether a scope of these kinds includes the token.
BY_TOKEN = frozenset({"identity", "token"})


def scopes_of(
    key: Key, token: Lease, developer_provider: str | None
) -> Iterable[InvalidationScope]:
    """Return all scopes that include the token."""
    of_user = user_scopes(key, developer_provider)
    return EVERYTHING, *of_user, identity_scope(token.identity_id), token_scope(token)


def user_scopes(key: Key, developer_provider: str | None) -> Iterable[InvalidationScope]:
    """Return the scope of the user that a key names, if it names one."""
    if key.user_id is None or developer_provider is None:
        return ()
    return (user_scope(key.user_id, developer_provider),)


def user_scope(user_id: str, developer_provider: str) -> InvalidationScope:
    """Return the scope of the user with this login of the developer provider."""
    return "user", _digest(developer_provider, user_id)


def identity_scope(identity_id: str) -> InvalidationScope:
    """Return the scope of a Cognito identity."""
    return "identity", _digest(identity_id)


def token_scope(token: Lease) -> InvalidationScope:
    """Return the scope of a single token."""
    return "token", _digest(token._secret)


def _digest(*texts: str) -> str:
    """Return a digest of 32 hex digits. Different lists of texts have different digests."""
    digest = blake2b(digest_size=16)
    for text in texts:
        data = text.encode()
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()
