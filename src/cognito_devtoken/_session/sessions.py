"""
The two sessions, one for threads and one for event loops.

Both use the same kind of cache, and differ only in how callers wait. The session for event loops is
in ``asynchronous``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self, Unpack

from .._cache.waiting import wait_blocking
from .._values.arguments import Seconds
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from .administration import Administration
from .asynchronous import AsyncTokenSession
from .options import CredentialsOptions, GetOptions, RefreshOptions, keywords


if TYPE_CHECKING:
    from .._values.credentials import AwsCredentials


__all__ = ["AsyncTokenSession", "TokenSession"]


class TokenSession(Administration):
    """
    Tokens for the users of one identity pool, for code that runs in threads.

    ::

        with TokenSession(pool_id, developer_provider="login.example.com") as session:
            token = session.get_token("user-42")

    Open one session for as long as the application runs, and share it between any number of
    threads. No thread runs before the first call. A forked child keeps the tokens of its parent,
    and makes its own connections and threads.

    Args:
        identity_pool_id: The identity pool, ``REGION:GUID``.

        developer_provider: The developer provider name of the pool, 1 to 128 characters. User ids
            are logins of this provider. You may pass None if you only use :meth:`get`.

        token_duration: How long tokens live unless a call says otherwise: whole seconds or a
            timedelta, 1 s to 86,400 s (24 hours). None uses Cognito's default of 900 s.

        client: Gets the tokens. If it is a :class:`~cognito_devtoken.typing.CredentialsFetcher`, it
            also exchanges them for credentials. The session does not close it. None makes a
            :class:`DevTokenClient`, which is closed with the session.

        policy: When tokens are refreshed; None uses the defaults.

        store: Shares tokens with other processes and hosts, such as a
            :class:`~cognito_devtoken.stores.redis.RedisStore`. The session does not close it.

        max_entries: How many tokens to hold at most. The limit applies separately to credentials.
            10,000 tokens take about 15 MB.

        max_concurrent_fetches: How many calls for tokens to make at once. The limit applies
            separately to exchanges of tokens for credentials. Cognito's default quota is 50 calls
            for tokens per second, for each account and region.

        clock: Measures the age of tokens; None uses this machine's clocks.

        on_event: Hooks, which are called with each :class:`~cognito_devtoken.events.Event`, outside
            every lock. Exceptions that they raise are swallowed, and counted in :meth:`stats`.

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
            user_id: Your own id for the user, 1 to 50,000 characters.

            logins: Tokens of public providers, by the names of the providers. Cognito links these
                logins to the user's identity.

            identity_id: The identity to link the logins to.

            principal_tags: Tags for the AWS session that the token is exchanged for.

            token_duration: How long the token lives; None uses the session's *token_duration*.

            min_remaining: How much life the token must have left, in seconds or as a timedelta. If
                the cached token has less, a new one is fetched. For this call, this value replaces
                the policy's grace period. If no new token is available, a cached token that is
                still valid is returned anyway, unless the policy has ``strict_grace``.

            timeout: How long to wait at most, in seconds or as a timedelta; None waits for 30 s.
                After a time-out, the call to Cognito continues for later callers.

        Raises:
            InvalidRequestError: If an argument violates a limit of the operation.

            ServiceError: If Cognito returns an error.

            TokenUnavailableError: If no token is available right now, because Cognito cannot be
                reached or does not answer in time, or because a call has just failed.

            InvalidTokenResponseError: If the response does not fit the request.

            ConfigurationError: If there are no AWS credentials, or the session has no
                *developer_provider*.

            SessionClosedError: If the session is closed.

            ValueError: If *min_remaining* is negative, or not less than the life of the token.
        """
        if not options:
            try:
                token: OpenIdToken = self._tokens[user_id]
            except (KeyError, TypeError):
                pass  # a miss, or the argument is not a user id
            else:
                wall = self._time()
                if wall < token._due_wall and self._monotonic() - wall < token._ahead:
                    # This needs no lock, because no other thread interrupts such an addition.
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
            request: What to request. The request must name the session's identity pool. Other
                settings of the session, such as *token_duration*, do not apply.

            min_remaining: As for :meth:`get_token`.

            timeout: As for :meth:`get_token`.

        This method raises the same errors as :meth:`get_token`.
        """
        steps = self._get_steps(request, min_remaining, timeout)
        del request  # it may be a user id in the wrong place
        return wait_blocking(steps)

    @keywords(RefreshOptions)
    def refresh(self, user_id: str, **options: Unpack[RefreshOptions]) -> OpenIdToken:
        """
        Get a new token for a user, whatever is cached.

        Concurrent refreshes of the same token share a call to Cognito, but never one that started
        before the refresh was requested. This method takes the same arguments as :meth:`get_token`,
        except *min_remaining*, and raises the same errors.
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

        Credentials are cached and refreshed as tokens are. To get new credentials, the session gets
        the user's token and exchanges it. If AWS no longer accepts the token, the session discards
        it and tries once more with a new one.

        Args:
            user_id: Your own id for the user, 1 to 50,000 characters.

            role: The role to assume: None for the role of the identity pool; an ARN for another
                role that the pool's rules allow the user; or an
                :class:`~cognito_devtoken.credentials.AssumeRole` for any role that trusts the pool.

            logins: As for :meth:`get_token`.

            identity_id: As for :meth:`get_token`.

            principal_tags: Tags for the AWS session.

            min_remaining: As for :meth:`get_token`, but for the credentials.

            timeout: As for :meth:`get_token`.

        This method raises the same errors as :meth:`get_token`, and the errors of an exchange:

        Raises:
            IdentityPoolRolesError: If the identity pool has no role that the user may assume.

            RoleDeniedError: If the role does not trust the identity pool.

            SessionPolicyError: If AWS refuses the policy of *role*.

            StaleTokenError: If AWS accepts neither the cached token nor a new one.
        """
        if not options:
            # The same code as in get_token(): calling shared code would make a hit a sixth slower.
            try:
                found: AwsCredentials = self._credentials[user_id]
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

    def assertion(self, user_id: str, *, min_remaining: Seconds | None = None) -> Callable[[], str]:
        """
        Return a function that returns the user's token, as an OIDC client assertion.

        Pass the function to a library that accepts one, such as azure-identity or msal. Each call
        of the function gets a token as :meth:`get_token` does, and raises the same errors.

        Args:
            user_id: Your own id for the user, 1 to 50,000 characters.

            min_remaining: As for :meth:`get_token`.

        Raises:
            InvalidRequestError: If *user_id* violates a limit of the operation.

            ConfigurationError: If the session has no *developer_provider*.

            SessionClosedError: If the session is closed.

            ValueError: If *min_remaining* is negative, or not less than the life of the token.
        """
        from .assertion import WaitingAssertion

        try:
            return WaitingAssertion(self, user_id, min_remaining)
        finally:
            del user_id

    def check(self) -> None:
        """
        Call Cognito once, to prove that pool, developer provider and AWS credentials are right.

        The call bypasses the cache, and only the client limits its time: a
        :class:`DevTokenClient` makes two attempts of at most 7 s. The call asks for an identity
        that does not exist, so Cognito refuses it and creates nothing. An emulator that accepts the
        call may create the user ``cognito-devtoken-check``. :meth:`health` reports the outcome.

        Raises:
            DeveloperProviderError: If the pool does not know the developer provider.

            ResourceNotFoundError: If the pool does not exist in this account and region.

            CallerDeniedError: If AWS does not accept the AWS credentials, or if they lack the
                permission to make the call.

            ConfigurationError: If there are no AWS credentials, or no *developer_provider*.

            TokenUnavailableError: If Cognito cannot be reached, or does not answer in time.

            SessionClosedError: If the session is closed.
        """
        self._check()

    def invalidate(self, token: OpenIdToken | AwsCredentials) -> None:
        """
        Discard a token, or credentials, that a service rejected.

        A token is discarded only if it is the cached one. So if ten callers report the same
        rejected token, the first discards it, and all of them get the same new token. Credentials
        are handled in the same way.

        AWS accepts discarded tokens and credentials, and credentials for which a discarded token
        was exchanged, until they expire. That is also true after :meth:`forget`,
        :meth:`forget_identity` and :meth:`clear`.
        """
        try:
            self._invalidate(token)
        finally:
            del token  # it may be the text of a token

    def forget(self, user_id: str) -> None:
        """
        Discard all tokens and credentials of a user, whatever else their requests contained.

        AWS accepts them until they expire.
        """
        try:
            self._forget(user_id)
        finally:
            del user_id

    def forget_identity(self, identity_id: str) -> None:
        """
        Discard every token and all credentials of a Cognito identity.

        AWS accepts them until they expire.
        """
        try:
            self._forget_identity(identity_id)
        finally:
            del identity_id  # it may be a user id in the wrong place

    def clear(self) -> None:
        """Discard every token and all credentials. AWS accepts them until they expire."""
        self._clear()

    def close(self) -> None:
        """
        Discard every token, and close what the session opened.

        Waiting callers get a SessionClosedError. Closing does not wait for calls to Cognito. You
        may call this method more than once, and from a signal handler.
        """
        self._close()

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


# repr(), help() and tracebacks then show the module from which users import this class.
TokenSession.__module__ = "cognito_devtoken"
