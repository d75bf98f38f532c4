"""
What is invalidated: a token, a user's tokens, an identity's, or all; here and on other hosts.

Law of this module: no repr and no traceback shows whose tokens they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, TypeVar, cast

from .._values.key import Key
from .._values.lease import Lease
from .._values.request import AS_TEXT
from .._values.secret import HIDDEN, NeverPickled
from ..exceptions import ConfigurationError
from .state import CacheState


R = TypeVar("R")
L = TypeVar("L", bound=Lease)

Matches = Callable[[Key, Lease | None], bool]

# What is announced to other hosts: the kind of invalidation, and what it concerns.
InvalidationScope = tuple[str, ...]
EVERYTHING: InvalidationScope = ("all",)


class Invalidation(NeverPickled):
    """
    What is invalidated.

    Attributes:
        matches: Tells whether it concerns a key and its token; for a key without a token, whether
            it may.

        scope: What to announce to other hosts.

        key: The only key that it concerns; None if there may be several.
    """

    __slots__ = ("key", "matches", "scope")

    def __init__(self, matches: Matches, scope: InvalidationScope, key: Key | None = None) -> None:
        self.matches: Matches = matches
        self.scope: InvalidationScope = scope
        self.key: Key | None = key

    @classmethod
    def of_everything(cls) -> Invalidation:
        """Every token."""
        return cls(lambda _key, _token: True, EVERYTHING)

    @classmethod
    def of_token(cls, token: Lease, key: Key) -> Invalidation:
        """One token, and the key that it is held under."""
        return cls(lambda other, _: other == key, _token_scope(token), key)

    @classmethod
    def of_identity(cls, identity_id: str) -> Invalidation:
        """
        Every token of a Cognito identity.

        Raises:
            TypeError: If *identity_id* is not a string, such as a token.
        """
        if not isinstance(identity_id, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            kind = type(identity_id).__name__
            del identity_id
            raise TypeError(f"identity_id must be a string, not {kind}.")
        return cls(
            lambda _, token: token is None or token.identity_id == identity_id,
            _identity_scope(identity_id),
        )

    @classmethod
    def of_user(cls, user_id: str, developer_provider: str | None) -> Invalidation:
        """
        Every token of a user, by the login of the developer provider.

        Raises:
            ConfigurationError: If there is no *developer_provider*.

            TypeError: If *user_id* is not a string.
        """
        whose = (user_id,)
        if not isinstance(user_id, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            kind = type(user_id).__name__
            del user_id, whose
            refusal = TypeError(f"user_id must be a string, not {kind}.")
            refusal.add_note(AS_TEXT)
            raise refusal
        if developer_provider is None:
            del user_id, whose
            raise ConfigurationError(
                "forget() needs the developer_provider; this cache was made without one."
            )
        return cls(lambda key, _: key[:1] == whose, _user_scope(user_id, developer_provider))

    def __repr__(self) -> str:
        return f"<Invalidation {HIDDEN}>"


def invalidate(state: CacheState[R, L], matches: Matches, only: Key | None = None) -> int:
    """
    Remove leases, and keep flights that were sent before now from bringing them back.

    Called under the cache's lock.

    Args:
        state: The state of the cache.

        matches: Tells by key and lease what is invalid.

        only: The one key that may match, so that the other entries are not checked.

    Returns:
        How many leases were removed.
    """
    leases = state.entries.leases
    for flight in state.flights.in_the_air():
        flight.stale |= matches(flight.key, leases.get(flight.key))
    candidates = list(leases) if only is None else [only]
    keys = [key for key in candidates if key in leases and matches(key, leases[key])]
    for key in keys:
        state.entries.drop(key)
    return len(keys)


def to_message(scopes: Sequence[InvalidationScope]) -> bytes:
    """Write a message for other hosts. It may name a user, so it must be sealed."""
    return json.dumps(scopes).encode()


def from_message(message: bytes) -> list[InvalidationScope]:
    """Read a host's message, without what this version does not understand."""
    try:
        read: Any = json.loads(message)
    except (ValueError, RecursionError):  # the latter for what is nested too deeply
        return []
    if not isinstance(read, list):
        return []
    return [
        tuple(map(str, cast("list[object]", scope)))
        for scope in cast("list[object]", read)
        if isinstance(scope, list)
    ]


def scopes_of(
    key: Key, token: Lease, developer_provider: str | None
) -> Iterable[InvalidationScope]:
    """Return every scope that a token is in."""
    return (*_scopes(key, token, developer_provider), _token_scope(token))


def matching(scopes: Iterable[InvalidationScope], developer_provider: str | None) -> Matches:
    """Return a function that matches any of these scopes, in one pass over the tokens."""
    wanted = set(scopes)
    kinds = {kind for kind, *_ in wanted}

    def matches(key: Key, token: Lease | None) -> bool:
        if not wanted.isdisjoint(_scopes(key, token, developer_provider)):
            return True
        if token is None:
            return "identity" in kinds  # it may be one of these
        return "token" in kinds and _token_scope(token) in wanted

    return matches


def _scopes(
    key: Key, token: Lease | None, developer_provider: str | None
) -> Iterator[InvalidationScope]:
    """Yield the scopes that a token is in, except its own, which takes longer to compute."""
    yield EVERYTHING
    if key.user_id is not None and developer_provider is not None:
        yield _user_scope(key.user_id, developer_provider)
    if token is not None:
        yield _identity_scope(token.identity_id)


def _user_scope(user_id: str, developer_provider: str) -> InvalidationScope:
    return "user", developer_provider, user_id


def _identity_scope(identity_id: str) -> InvalidationScope:
    return "identity", identity_id


def _token_scope(token: Lease) -> InvalidationScope:
    return "token", sha256(token._secret.encode()).hexdigest()
