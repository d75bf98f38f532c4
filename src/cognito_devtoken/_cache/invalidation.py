"""
What is thrown away: a token, a user's tokens, an identity's, or all; here and on other hosts.

Law of this module: who that is shows in no repr and in no traceback.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, cast

from .._values.secret import HIDDEN
from .._values.token import OpenIdToken
from ..exceptions import ConfigurationError
from .entries import Key


Matches = Callable[[Key, OpenIdToken | None], bool]

# What other hosts are told: a word for the kind, and who is meant.
Scope = tuple[str, ...]
EVERYTHING: Scope = ("all",)


class Removal:
    """
    What is thrown away.

    Attributes:
        matches: Tells by key and token what is meant; for a key without a token, whether it
            may be.

        scope: The same, to be told to other hosts.

        key: The only key that is meant; None if there may be several.
    """

    __slots__ = ("key", "matches", "scope")

    def __init__(self, matches: Matches, scope: Scope, key: Key | None = None) -> None:
        self.matches: Matches = matches
        self.scope: Scope = scope
        self.key: Key | None = key

    @classmethod
    def of_everything(cls) -> Removal:
        """Every token."""
        return cls(lambda _key, _token: True, EVERYTHING)

    @classmethod
    def of_token(cls, token: OpenIdToken, key: Key) -> Removal:
        """One token, under the key that it is held by."""
        return cls(lambda other, _: other == key, _token_scope(token), key)

    @classmethod
    def of_identity(cls, identity_id: str) -> Removal:
        """Every token of a Cognito identity."""
        return cls(
            lambda _, token: token is None or token.identity_id == identity_id,
            _identity_scope(identity_id),
        )

    @classmethod
    def of_user(cls, user_id: str, developer_provider: str | None) -> Removal:
        """
        Every token of a user, by the login of the developer provider.

        Raises:
            ConfigurationError: If there is no *developer_provider*.

            TypeError: If *user_id* is no string.
        """
        whose = (user_id,)
        if not isinstance(user_id, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            kind = type(user_id).__name__
            del user_id, whose
            raise TypeError(f"user_id must be a string, not {kind}.")
        if developer_provider is None:
            del user_id, whose
            raise ConfigurationError("To forget a user needs the developer_provider.")
        return cls(lambda key, _: key[:1] == whose, _user_scope(user_id, developer_provider))

    def __repr__(self) -> str:
        return f"<Removal {HIDDEN}>"


def to_message(scopes: Sequence[Scope]) -> bytes:
    """What other hosts are told. It is for their eyes only: it may name a user."""
    return json.dumps(scopes).encode()


def from_message(message: bytes) -> list[Scope]:
    """What a host has told; nothing of what this version does not understand."""
    try:
        told: Any = json.loads(message)
    except (ValueError, RecursionError):  # the latter of what is nested too deeply
        return []
    if not isinstance(told, list):
        return []
    return [
        tuple(map(str, cast("list[object]", scope)))
        for scope in cast("list[object]", told)
        if isinstance(scope, list)
    ]


def scopes_of(key: Key, token: OpenIdToken, developer_provider: str | None) -> Iterable[Scope]:
    """Everything that throws a token away."""
    return (*_scopes(key, token, developer_provider), _token_scope(token))


def matching(scopes: Iterable[Scope], developer_provider: str | None) -> Matches:
    """What any of these throws away: one look at each token, however many they are."""
    wanted = set(scopes)
    kinds = {kind for kind, *_ in wanted}

    def matches(key: Key, token: OpenIdToken | None) -> bool:
        if not wanted.isdisjoint(_scopes(key, token, developer_provider)):
            return True
        if token is None:
            return "identity" in kinds  # it may be
        return "token" in kinds and _token_scope(token) in wanted

    return matches


def _scopes(key: Key, token: OpenIdToken | None, developer_provider: str | None) -> Iterator[Scope]:
    """What throws a token away, but for its own: that takes longer to say."""
    yield EVERYTHING
    user_id, _ = key
    if user_id is not None and developer_provider is not None:
        yield _user_scope(user_id, developer_provider)
    if token is not None:
        yield _identity_scope(token.identity_id)


def _user_scope(user_id: str, developer_provider: str) -> Scope:
    return "user", developer_provider, user_id


def _identity_scope(identity_id: str) -> Scope:
    return "identity", identity_id


def _token_scope(token: OpenIdToken) -> Scope:
    return "token", sha256(token.token.encode()).hexdigest()
