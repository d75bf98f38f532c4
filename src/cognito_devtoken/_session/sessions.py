"""
The two sessions, one for threads and one for event loops.

Both use the same kind of cache, and differ only in how their callers wait. The one for event loops
is in ``asynchronous``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, Unpack

from .._cache.waiting import wait_blocking
from .._values.arguments import Seconds
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from .asynchronous import AsyncTokenSession
from .base import Session
from .options import CredentialsOptions, GetOptions, RefreshOptions, keywords


if TYPE_CHECKING:
    from .._values.credentials import AwsCredentials


__all__ = ["AsyncTokenSession", "TokenSession"]


class TokenSession(Session):
    """
    Tokens for the users of one identity pool, for code that runs in threads.

    ::

        with TokenSession(pool_id, developer_provider="login.example.com") as session:
            token = session.get_token("user-42")

    Open one for as long as the application runs, and share it between any number of threads.
    Nothing runs before the first call. A forked child keeps the tokens of its parent, and makes
    its own connections and threads.

    Args:
        identity_pool_id: The identity pool, ``REGION:GUID``.

        developer_provider: The pool's developer provider name, 1 to 128 characters, to which
            user ids belong. None if only :meth:`get` is used.

        token_duration: How long tokens live unless a call says otherwise: whole seconds or a
            timedelta, 1 s to 86,400 s (24 hours). None uses Cognito's default of 900 s.

        client: Gets the tokens, and exchanges them for credentials if it can
            (:class:`~cognito_devtoken.typing.CredentialsFetcher`). The session does not close it.
            None makes a :class:`DevTokenClient`, which is closed with the session.

        policy: When tokens are refreshed; None uses the defaults.

        store: Shares tokens with other processes and hosts, such as a
            :class:`~cognito_devtoken.stores.redis.RedisStore`. The session does not close it.

        max_entries: How many tokens to hold at most, and how many credentials. 10,000 tokens take
            about 15 MB.

        max_concurrent_fetches: How many calls to Cognito to make at once, and how many exchanges
            of tokens for credentials. Cognito's default quota is 50 calls for a token per second
            for an account and region.

        clock: Measures the age of tokens; None uses this machine's clocks.

        on_event: Hooks, called with each :class:`~cognito_devtoken.events.Event`, outside every
            lock. Exceptions that they raise are swallowed, and counted in :meth:`stats`.

    Raises:
        InvalidRequestError: If *identity_pool_id*, *developer_provider* or *token_duration*
            violates a limit.

        ValueError: If *max_entries* or *max_concurrent_fetches* is less than 1.
    """

    @keywords(GetOptions)
    def get_token(self, user_id: str, **options: Unpack[GetOptions]) -> OpenIdToken:
        """
        Get a token for a user: the cached one, or a new one.

        A token in its refresh window is returned, and refreshed in the background. Concurrent
        requests for the same token share one call.

        Args:
            user_id: Your own id of the user, 1 to 50,000 characters.

            logins: Tokens of public providers by the providers' names, to be linked to the
                user's identity.

            identity_id: The identity to link the logins to.

            principal_tags: Tags for the AWS session that the token is exchanged for.

            token_duration: How long the token lives; None uses the session's.

            min_remaining: How much life the token must have left, in seconds or as a
                timedelta; if it has less, a new one is fetched. For this call it replaces the
                policy's grace period. If no new token is available, a valid one is returned
                anyway, unless the policy has ``strict_grace``.

            timeout: How long to wait at most, in seconds or as a timedelta; None waits for
                30 s. The call to Cognito continues for later callers.

        Raises:
            InvalidRequestError: If an argument violates a limit of the operation.

            ServiceError: If Cognito returns an error.

            TokenUnavailableError: If no token is available right now: Cognito cannot be reached,
                does not answer in time, or failed just before.

            InvalidTokenResponseError: If the response does not fit the request.

            ConfigurationError: If there are no AWS credentials, or the session has no
                *developer_provider*.

            SessionClosedError: If the session is closed.

            ValueError: If *min_remaining* is as long as the token lives, or negative.
        """
        if not options:
            try:
                token: OpenIdToken = self._tokens[user_id, self._default_digest]
            except (KeyError, TypeError):
                pass  # a miss, or not a user id
            else:
                wall = self._time()
                if wall < token._due_wall and self._monotonic() - wall < token._ahead:
                    # Without a lock: no other thread interrupts such an addition.
                    self._hits += 1
                    return token
        try:
            steps = self._steps(user_id, options)
        finally:
            del user_id, options  # a traceback shows the locals of its frames
        return wait_blocking(steps)

    def get(
        self,
        request: TokenRequest,
        *,
        min_remaining: Seconds | None = None,
        timeout: Seconds | None = None,
    ) -> OpenIdToken:
        """
        Get a token for a request: the cached one, or a new one.

        Args:
            request: What to request, from the session's identity pool. The session's own
                settings do not change it.

            min_remaining: As for :meth:`get_token`.

            timeout: As for :meth:`get_token`.

        It raises the same errors as :meth:`get_token`.
        """
        steps = self._get_steps(request, min_remaining, timeout)
        del request  # it may be a user id in the wrong place
        return wait_blocking(steps)

    @keywords(RefreshOptions)
    def refresh(self, user_id: str, **options: Unpack[RefreshOptions]) -> OpenIdToken:
        """
        Get a new token for a user, whatever is cached.

        Concurrent refreshes of the same token share one call, which starts after each of them
        was called. It takes and raises the same as :meth:`get_token`, except *min_remaining*.
        """
        try:
            steps = self._steps(user_id, options, forced=True)
        finally:
            del user_id, options
        return wait_blocking(steps)

    @keywords(CredentialsOptions)
    def get_credentials(
        self, user_id: str, **options: Unpack[CredentialsOptions]
    ) -> AwsCredentials:
        """
        Get AWS credentials for a user: the cached ones, or new ones.

        They are cached and refreshed as tokens are. New ones are exchanged for the user's token,
        which is requested only then. If AWS no longer accepts the token, the session discards it
        and tries once more with a new one.

        Args:
            user_id: Your own id of the user, 1 to 50,000 characters.

            role: None assumes the role of the identity pool. An ARN is another role that the
                pool's rules allow the user. An
                :class:`~cognito_devtoken.credentials.AssumeRole` is any role that trusts the pool.

            logins: As for :meth:`get_token`.

            identity_id: As for :meth:`get_token`.

            principal_tags: Tags for the AWS session.

            min_remaining: As for :meth:`get_token`, of the credentials.

            timeout: As for :meth:`get_token`.

        It raises the same errors as :meth:`get_token`, and those of the exchange:

        Raises:
            IdentityPoolRolesError: If the identity pool has no role that the user may assume.

            RoleDeniedError: If the role does not trust the identity pool.

            SessionPolicyError: If AWS refuses the policy of *role*.

            StaleTokenError: If AWS accepts neither the token nor a new one.
        """
        if not options:
            # As in get_token(): sharing it would make a hit a sixth slower.
            try:
                found: AwsCredentials = self._credentials[user_id, self._credentials_digest]
            except (KeyError, TypeError):
                pass
            else:
                wall = self._time()
                if wall < found._due_wall and self._monotonic() - wall < found._ahead:
                    self._credential_hits += 1
                    return found
        elif hit := self._credentials_hit(user_id, options):
            return hit
        try:
            steps = self._credentials_steps(user_id, options)
        finally:
            del user_id, options
        return wait_blocking(steps)

    def check(self) -> None:
        """
        Call Cognito once, to prove that pool, developer provider and AWS credentials are right.

        The call bypasses the cache, and takes as long as the client lets it: with a
        :class:`DevTokenClient`, two attempts of at most 7 s. Cognito refuses it and creates
        nothing, because it asks for an identity that does not exist; an emulator that returns a
        token all the same may create the user ``cognito-devtoken-check``. :meth:`health` reports
        the outcome.

        Raises:
            DeveloperProviderError: If the pool does not know the developer provider.

            ResourceNotFoundError: If the pool does not exist in this account and region.

            CallerDeniedError: If AWS does not accept the AWS credentials, or they lack the
                permission.

            ConfigurationError: If there are no AWS credentials, or no *developer_provider*.

            TokenUnavailableError: If Cognito cannot be reached, or does not answer in time.

            SessionClosedError: If the session is closed.
        """
        self._check()

    def invalidate(self, token: OpenIdToken | AwsCredentials) -> None:
        """
        Discard a token, or credentials, that a service rejected.

        Only the cached ones are discarded: when ten callers report the same rejected token, the
        first discards it, and all of them get the next one.

        AWS goes on accepting both, and credentials exchanged for the token, until they expire.
        """
        try:
            self._invalidate(token)
        finally:
            del token  # it may be the text of one

    def forget(self, user_id: str) -> None:
        """
        Discard every token and all credentials of a user, whatever else was requested.

        AWS goes on accepting them until they expire.
        """
        try:
            self._forget(user_id)
        finally:
            del user_id

    def forget_identity(self, identity_id: str) -> None:
        """
        Discard every token and all credentials of a Cognito identity.

        AWS goes on accepting them until they expire.
        """
        try:
            self._forget_identity(identity_id)
        finally:
            del identity_id  # it may be a user id in the wrong place

    def clear(self) -> None:
        """Discard every token and all credentials. AWS goes on accepting them until they expire."""
        self._clear()

    def close(self) -> None:
        """
        Discard every token, and close what the session opened.

        Waiting callers get a SessionClosedError, and calls to Cognito are not waited for. It may
        be called more than once, and from a signal handler.
        """
        self._close()

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
