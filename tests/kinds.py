"""
The kinds of lease that the cache is tested with: OpenID tokens, AWS credentials and badges.

A badge is the smallest possible lease. It proves that the cache knows nothing about tokens.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import attrs

from calling import ROLE
from cognito_devtoken import OpenIdToken, RefreshPolicy, TokenCache, TokenRequest
from cognito_devtoken._cache.cache import LeaseCache
from cognito_devtoken._cache.invalidation import Invalidation
from cognito_devtoken._cache.recorder import StatsRecorder
from cognito_devtoken._cache.source import FetcherSource
from cognito_devtoken._cache.stats import Stats
from cognito_devtoken._values.credentials import SEPARATOR, AwsCredentials
from cognito_devtoken._values.key import Key
from cognito_devtoken._values.lease import Lease
from cognito_devtoken._values.secret import Secret
from cognito_devtoken._values.trade import CredentialsRequest
from cognito_devtoken.testing._tokens import identity_for, token_for
from cognito_devtoken.typing import Clock, EventHook, Instant


POOL = "eu-central-1:01234567-89ab-4cde-8f01-23456789abcd"
PROVIDER = "login.example.com"


@attrs.frozen
class Kind:
    """
    A kind of lease.

    Attributes:
        name: The name of the kind.

        requests: Four requests: one for each of two users, and two more for the first user.

        key_of: Returns the key of a request.

        open_cache: Makes a cache from a fetcher and the arguments of TokenCache.

        issue: Makes a lease from a request, a lifetime in seconds and a serial number.
    """

    name: str
    requests: Sequence[Any]
    key_of: Callable[[Any], Key]
    open_cache: Callable[..., Any]
    issue: Callable[[Any, float, int, Clock], Lease]


def tokens(lifetime: int) -> Kind:
    """Return the kind whose leases are OpenID tokens."""
    return Kind(
        "tokens",
        [
            TokenRequest(POOL, {PROVIDER: "ann"}, token_duration=lifetime),
            TokenRequest(POOL, {PROVIDER: "bob"}, token_duration=lifetime),
            TokenRequest(
                POOL, {PROVIDER: "ann"}, token_duration=lifetime, principal_tags={"a": "b"}
            ),
            TokenRequest(POOL, {PROVIDER: "ann", "idp": "x"}, token_duration=lifetime),
        ],
        lambda request: Key.of(request, PROVIDER),
        partial(TokenCache, developer_provider=PROVIDER),
        _token,
    )


def _token(request: TokenRequest, lifetime: float, serial: int, clock: Clock) -> OpenIdToken:
    if lifetime != request.token_duration:
        return token_for(request, lifetime, clock, serial, identity_for(request))
    identity_id = f"eu-central-1:{sum(Key.of(request, PROVIDER)[1]):x}"
    response = {"IdentityId": identity_id, "Token": f"token {serial}"}
    return OpenIdToken.from_response(response, request, clock=clock)


def badges(lifetime: int) -> Kind:
    """Return the kind whose leases are badges, keyed by user and floor."""
    requests = [BadgeRequest(*each) for each in (("ann", 1), ("bob", 1), ("ann", 2), ("ann", 3))]
    open_cache = partial(SmallCache, Badge, _key_of_badge, lifetime)
    return Kind("badges", requests, _key_of_badge, open_cache, _badge)


def credentials(lifetime: int) -> Kind:
    """Return the kind whose leases are AWS credentials, for each request for a token and role."""
    ann, bob, tagged, linked = tokens(lifetime).requests
    requests = [CredentialsRequest(*each) for each in ((ann,), (bob,), (tagged,), (linked, ROLE))]
    open_cache = partial(SmallCache, AwsCredentials, _key_of_credentials, lifetime)
    return Kind("credentials", requests, _key_of_credentials, open_cache, _credentials)


def _key_of_credentials(request: CredentialsRequest) -> Key:
    return request.key(PROVIDER)


def _credentials(
    request: CredentialsRequest, lifetime: float, serial: int, clock: Clock
) -> AwsCredentials:
    now = Instant.now(clock)
    return AwsCredentials._make(
        f"eu-central-1:{sum(_key_of_credentials(request)[1]):x}",
        Secret(f"key {serial}{SEPARATOR}session token"),
        lifetime,
        now,
        clock,
        access_key_id=f"ASIA{serial}",
        expiration=datetime.fromtimestamp(now.wall + lifetime, UTC),
    )


@attrs.frozen
class BadgeRequest:
    """A request for one user's badge for one floor."""

    user_id: str
    floor: int


@attrs.frozen(kw_only=True, repr=False, eq=False, weakref_slot=False)
class Badge(Lease):
    """The smallest possible lease with a field of its own."""

    floor: int


def _key_of_badge(request: BadgeRequest) -> Key:
    return Key((request.user_id, bytes([request.floor])))


def _badge(request: BadgeRequest, lifetime: float, serial: int, clock: Clock) -> Badge:
    identity_id = f"{request.user_id} {request.floor}"
    secret = Secret(f"badge {serial}")
    return Badge._make(
        identity_id, secret, lifetime, Instant.now(clock), clock, floor=request.floor
    )


class SmallCache:
    """A cache of another kind of lease, as TokenCache is a cache of tokens."""

    def __init__(
        self,
        kind: type[Any],
        key_of: Callable[[Any], Key],
        lifetime: float,
        fetcher: Any,
        *,
        max_entries: int = 100,
        max_concurrent_fetches: int = 8,
        clock: Clock,
        on_event: Iterable[EventHook] = (),
    ) -> None:
        self._leases: LeaseCache[Any, Any] = LeaseCache(
            lambda request: (key_of(request), lifetime),
            lambda state: FetcherSource(state, fetcher.fetch, kind),
            policy=RefreshPolicy(),
            clock=clock,
            recorder=StatsRecorder(on_event),
            max_entries=max_entries,
            max_concurrent=max_concurrent_fetches,
        )
        self._state = self._leases.state

    def invalidate(self, lease: Any) -> None:
        self._leases.invalidate(lease)

    def forget(self, user_id: str) -> None:
        self._leases.discard(Invalidation.of_user(user_id, PROVIDER))

    def forget_identity(self, identity_id: str) -> None:
        self._leases.discard(Invalidation.of_identity(identity_id))

    def clear(self) -> None:
        self._leases.discard(Invalidation.of_everything())

    def stats(self) -> Stats:
        return self._leases.stats()

    def close(self) -> None:
        self._leases.close()
