"""
Invalidate one token, all tokens of a user or an identity, or all tokens.

Law of this module: no repr and no traceback shows whose tokens are invalidated.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from .._values.clock import Instant
from .._values.key import Key
from .._values.lease import Lease
from .._values.request import AS_TEXT, MAX_ID, MAX_LOGIN_VALUE, text_violations
from .._values.secret import HIDDEN, NeverPickled
from ..exceptions import ConfigurationError, InvalidRequestError
from .flights import Flight, NotNeededError
from .scopes import (
    BY_TOKEN,
    EVERYTHING,
    InvalidationScope,
    Matches,
    identity_scope,
    token_scope,
    user_scope,
    user_scopes,
)
from .state import CacheState


R = TypeVar("R")
L = TypeVar("L", bound=Lease)

# How many invalidations are noted for one flight. If there are more, its token is not kept.
_MOST_NOTED = 1000


class Invalidation(NeverPickled):
    """
    An invalidation: which leases to remove, and what to announce.

    Attributes:
        matches: Returns whether the invalidation affects a key and its token. If the key has no
            token yet, returns whether the invalidation might affect the token being fetched.

        scope: The scope to announce to other hosts.

        key: The only key that the invalidation affects; None if there may be several.
    """

    __slots__ = ("key", "matches", "scope")

    def __init__(self, matches: Matches, scope: InvalidationScope, key: Key | None = None) -> None:
        self.matches: Matches = matches
        self.scope: InvalidationScope = scope
        self.key: Key | None = key

    @classmethod
    def of_everything(cls) -> Invalidation:
        """Return the invalidation of every token."""
        return cls(lambda _key, _token: True, EVERYTHING)

    @classmethod
    def of_token(cls, token: Lease, key: Key) -> Invalidation:
        """Return the invalidation of one token, which is held under *key*."""
        return cls(lambda other, _: other == key, token_scope(token), key)

    @classmethod
    def of_identity(cls, identity_id: str) -> Invalidation:
        """
        Return the invalidation of every token of a Cognito identity.

        Raises:
            TypeError: If *identity_id* is not a string, but for example a token.

            InvalidRequestError: If *identity_id* is empty, or longer than any identity id.
        """
        if not isinstance(identity_id, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            kind = type(identity_id).__name__
            del identity_id
            raise TypeError(f"identity_id must be a string, not {kind}.")
        if violations := text_violations("identity_id", identity_id, MAX_ID):
            del identity_id
            raise InvalidRequestError(violations)
        return cls(
            lambda _, token: token is None or token.identity_id == identity_id,
            identity_scope(identity_id),
        )

    @classmethod
    def of_user(cls, user_id: str, developer_provider: str | None) -> Invalidation:
        """
        Return the invalidation of all tokens of the user with this login of the developer provider.

        Raises:
            ConfigurationError: If there is no *developer_provider*.

            TypeError: If *user_id* is not a string.

            InvalidRequestError: If *user_id* is empty, or longer than any login.
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
        if violations := text_violations("user_id", user_id, MAX_LOGIN_VALUE):
            del user_id, whose
            raise InvalidRequestError(violations)
        return cls(lambda key, _: key[:1] == whose, user_scope(user_id, developer_provider))

    def __repr__(self) -> str:
        return f"<Invalidation {HIDDEN}>"


def invalidate(
    state: CacheState[R, L],
    scopes: Iterable[InvalidationScope],
    matches: Matches,
    only: Key | None = None,
) -> int:
    """
    Remove invalid leases, and keep flights that were sent before now from storing such leases.

    A queued refresh of such a lease is not sent if no caller waits for it. If the refresh were
    sent, it would bring back a forgotten lease, or create a new identity for an erased user. Call
    this function under the cache's lock.

    Args:
        state: The state of the cache.

        scopes: What is invalid.

        matches: Returns whether *scopes* affect a key and its lease.

        only: The only key that may match, so that only its entry is checked; None checks all
            entries.

    Returns:
        How many leases were removed.
    """
    leases = state.entries.leases
    for flight in state.flights.in_the_air():
        lease = leases.get(flight.key)
        flight.stale |= matches(flight.key, lease)
        flight.obsolete |= _affects(matches, flight.key, lease)
    keep_out(state, scopes)
    for flight in state.flights.queued_refreshes(only):
        if _affects(matches, flight.key, leases.get(flight.key)):
            end_unneeded(state, flight, flight.asked)
    candidates = list(leases) if only is None else [only]
    keys = [key for key in candidates if key in leases and matches(key, leases[key])]
    for key in keys:
        state.entries.drop(key)
    return len(keys)


class _NoLease:
    """Stands in for a missing lease. It has no identity, and no token that can be rejected."""

    identity_id = _secret = ""


_NO_LEASE: Any = _NoLease()


def _affects(matches: Matches, key: Key, lease: Lease | None) -> bool:
    """Tell whether an invalidation certainly affects a key. The key may have no lease."""
    return matches(key, _NO_LEASE if lease is None else lease)


def end_unneeded(state: CacheState[R, L], flight: Flight[R, L], now: Instant) -> None:
    """End a refresh that no caller waits for, without a call. Called under the cache's lock."""
    state.flights.remove(flight, now)
    state.settle(flight, error=NotNeededError())


def keep_out(state: CacheState[R, L], scopes: Iterable[InvalidationScope]) -> None:
    """Tell the flights that were sent before now which tokens they must not keep."""
    by_token = [scope for scope in scopes if scope[0] in BY_TOKEN]
    for flight in state.flights.in_the_air():
        flight.forgotten.update(by_token)
        if len(flight.forgotten) > _MOST_NOTED:
            flight.stale = True
            flight.forgotten.clear()


def matching(scopes: Iterable[InvalidationScope], developer_provider: str | None) -> Matches:
    """Return a function that tells whether any of these scopes affects a key and its token."""
    wanted = set(scopes)
    kinds = {kind for kind, _ in wanted}

    def matches(key: Key, token: Lease | None) -> bool:
        if EVERYTHING in wanted:
            return True
        if "user" in kinds and not wanted.isdisjoint(user_scopes(key, developer_provider)):
            return True
        if token is None:
            return "identity" in kinds  # the token being fetched may belong to such an identity
        if "identity" in kinds and identity_scope(token.identity_id) in wanted:
            return True
        return "token" in kinds and token_scope(token) in wanted

    return matches
