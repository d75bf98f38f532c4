"""The AWS credentials of a session: a second cache, which exchanges tokens for credentials."""

from __future__ import annotations

from typing import cast

from .._aws.client import DevTokenClient
from .._cache.cache import LeaseCache
from .._cache.flights import DEADLINE, Flight, NotNeededError, Steps
from .._cache.invalidation import Invalidation
from .._cache.source import CallingSource
from .._cache.state import CacheState
from .._cache.waiting import wait_blocking
from .._values.arguments import Seconds
from .._values.clock import Instant
from .._values.credentials import AwsCredentials
from .._values.key import Key
from .._values.lease import remaining_of
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from .._values.trade import CredentialsRequest
from ..exceptions import StaleTokenError, TokenUnavailableError
from ..typing import CredentialsFetcher, TokenFetcher
from .cache import TokenCache


# How many more seconds a token must be valid when it is exchanged.
_LEAST = 60.0

_Flight = Flight[CredentialsRequest, AwsCredentials]
_State = CacheState[CredentialsRequest, AwsCredentials]


class CredentialsCache:
    """
    AWS credentials by request. Concurrent requests for the same credentials share one exchange.

    This cache works as the cache of tokens does, and has its own threads, entries and counts. It
    requests a token from the cache of tokens only when an exchange is due.

    Args:
        tokens: The cache of tokens.

        client: Exchanges the tokens if it has ``fetch_credentials()``. If not, this cache makes a
            DevTokenClient for that.

        developer_provider: The provider whose login is the user id.

        plain: A request that names a user and nothing else.
    """

    def __init__(
        self,
        tokens: TokenCache,
        client: TokenFetcher,
        developer_provider: str | None,
        plain: TokenRequest,
    ) -> None:
        self._tokens = tokens
        self._provider = developer_provider
        self._owned = None if hasattr(client, "fetch_credentials") else DevTokenClient()
        self._client = self._owned or cast("CredentialsFetcher", client)
        self.leases: LeaseCache[CredentialsRequest, AwsCredentials] = LeaseCache(
            lambda request: (request.key(developer_provider), request.longest_life),
            self._make_source,
            recorder=tokens._new_recorder("credentials"),
            **tokens._limits,
        )
        self.leases.state.entries.leases.set_plain(self.key(CredentialsRequest(plain)).rest)

    def _make_source(self, state: _State) -> CallingSource[CredentialsRequest, AwsCredentials]:
        self._source = CallingSource(state, self._fetch, AwsCredentials)
        return self._source

    def follow(self) -> None:
        """Start to remove credentials that other hosts invalidate."""
        self._tokens._state.followers.append(self.leases.follow)

    def steps(
        self,
        request: CredentialsRequest,
        min_remaining: Seconds | None,
        timeout: Seconds | None,
    ) -> Steps[CredentialsRequest, AwsCredentials]:
        """Return the steps of a caller that wants credentials."""
        return self.leases.lookup.steps(request, min_remaining, timeout)

    def key(self, request: CredentialsRequest) -> Key:
        """Return the key under which the credentials of a request are cached."""
        return request.key(self._provider)

    def _fetch(self, flight: _Flight) -> AwsCredentials:
        """Exchange a token. If AWS no longer accepts the token, try once more with a new one."""
        began, role = self.leases.state.now(), flight.request.role
        token = self._token(flight, began)
        self._source.record_call(flight, self.leases.state.now())
        try:
            return self._client.fetch_credentials(token, role)
        except StaleTokenError:
            self._tokens.invalidate(token)
        token = self._token(flight, began)
        return self._client.fetch_credentials(token, role)

    def _token(self, flight: _Flight, began: Instant) -> OpenIdToken:
        """Get a token that lives long enough, before the deadline of the flight that needs it."""
        token = self._wait(flight, None, began)
        least = min(_LEAST, token._seconds / 2)  # the token may live less than a minute
        if remaining_of(token, self.leases.state.now()) < least:
            token = self._wait(flight, least, began)
        return token

    def _wait(self, flight: _Flight, least: float | None, began: Instant) -> OpenIdToken:
        """
        Wait for a token.

        If no caller waits for the credentials, none waits for the token either. So if the user is
        forgotten before the token is requested, no token is requested.
        """
        request, lookup = flight.request.token_request, self._tokens._leases.lookup
        was_dropped = False
        while self._is_needed(flight, was_dropped=was_dropped):
            left = max(DEADLINE - began.age(self.leases.state.now()), 0.0)
            try:
                return wait_blocking(lookup.steps(request, least, left, awaited=flight.awaited))
            except NotNeededError:
                was_dropped = True
        raise TokenUnavailableError(
            "The token was invalidated, and no caller waits for a new one.",
            hint="There is nothing to do: the next caller gets new credentials.",
        )

    def _is_needed(self, flight: _Flight, *, was_dropped: bool) -> bool:
        """Return whether a token is needed. *was_dropped*: whether a request for it was dropped."""
        with self.leases.state.lock:
            # From now on, callers that want these credentials start a flight of their own.
            if was_dropped and not flight.awaited:
                flight.stale = flight.obsolete = True
            return flight.awaited or not flight.obsolete

    def forget(self, user_id: str) -> None:
        """Discard all credentials of a user."""
        try:
            invalidation = Invalidation.of_user(user_id, self._provider)
        finally:
            del user_id  # a traceback shows the locals of its frames
        self.leases.discard(invalidation)

    def forget_identity(self, identity_id: str) -> None:
        """Discard all credentials of a Cognito identity."""
        self.leases.discard(Invalidation.of_identity(identity_id))

    def clear(self) -> None:
        """Discard everything."""
        self.leases.discard(Invalidation.of_everything())

    def close(self) -> None:
        """Discard everything, and close what this cache has opened."""
        self.leases.close()
        if self._owned is not None:
            self._owned.close()
