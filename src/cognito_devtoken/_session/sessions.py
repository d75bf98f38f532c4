"""
The two sessions, to be opened and closed with a ``with`` statement.

Both are doors to the same kind of cache, and differ in how their callers wait.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self, Unpack

from .._cache.invalidation import Invalidation
from .._cache.waiting import wait_async, wait_blocking
from .._values.arguments import Seconds
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from .base import GetOptions, RefreshOptions, Session, keywords


class TokenSession(Session):
    """
    Tokens for the users of one identity pool, for code that runs in threads.

    ::

        with TokenSession(pool_id, developer_provider="login.example.com") as session:
            token = session.get_token("user-42")

    Open one for as long as the application runs, and share it: any number of threads may use
    it. Nothing runs before the first call. A forked child goes on with the tokens that there
    were, and makes connections and threads of its own.

    Args:
        identity_pool_id: The identity pool, ``REGION:GUID``.

        developer_provider: The developer provider name of the pool, 1 to 128 characters. A
            user id is presented under it. None if only :meth:`get` is used.

        token_duration: How long tokens are to live unless a call says otherwise: whole
            seconds or a timedelta, 1 s to 86,400 s (24 hours). None leaves it to Cognito,
            which takes 900 s.

        client: Gets the tokens; it stays yours. None makes a :class:`DevTokenClient`, which
            is closed with the session.

        policy: When tokens are refreshed; None takes the defaults.

        store: What tokens are shared in with other processes and hosts, such as a
            :class:`~cognito_devtoken.stores.redis.RedisStore`. It stays yours.

        max_entries: How many tokens to hold at most. 10,000 of them take about 15 MB.

        max_concurrent_fetches: How many calls to Cognito to make at once. Its default quota
            is 50 calls per second for an account and region.

        clock: What measures the age of tokens; None takes the clocks of this machine.

        on_event: Called with each :class:`~cognito_devtoken.events.Event`, outside every
            lock. What they raise is swallowed, and counted in :meth:`stats`.

    Raises:
        InvalidRequestError: If *identity_pool_id*, *developer_provider* or *token_duration*
            breaks a limit.

        ValueError: If *max_entries* or *max_concurrent_fetches* is less than 1.
    """

    @keywords(GetOptions)
    def get_token(self, user_id: str, **options: Unpack[GetOptions]) -> OpenIdToken:
        """
        Get a token for a user: the one at hand, or a new one.

        A token in its refresh window is returned, and another is fetched behind the caller's
        back. However many ask for the same at once, one call is made.

        Args:
            user_id: Your own id of the user, 1 to 50,000 characters.

            logins: Tokens of public providers by the providers' names, to be linked to the
                user's identity.

            identity_id: The identity to link the logins to.

            principal_tags: Tags for the AWS session that the token is traded for.

            token_duration: How long the token is to live; None takes the session's.

            min_remaining: How much life the token is to have left, in seconds or as a
                timedelta; if it has less, a new one is fetched. For this call it takes the
                place of the policy's grace period. If no new token can be had, one that is
                valid is returned all the same, unless the policy has ``strict_grace``.

            timeout: How long to wait at most, in seconds or as a timedelta. The call to
                Cognito goes on, for those who ask later.

        Raises:
            InvalidRequestError: If an argument breaks a limit of the operation.

            ServiceError: If Cognito says no.

            TokenUnavailableError: If there is no token now: Cognito cannot be reached, does
                not answer in time, or has failed just before.

            InvalidTokenResponseError: If the answer does not fit the request.

            ConfigurationError: If there are no AWS credentials, or the session has no
                *developer_provider*.

            SessionClosedError: If the session is closed.

            ValueError: If *min_remaining* is as long as the token lives, or negative.
        """
        if not options:
            try:
                token: OpenIdToken = self._tokens[user_id, self._plain]
            except (KeyError, TypeError):
                pass  # a miss, or no user id at all
            else:
                wall = self._time()
                if wall < token._due_wall and self._monotonic() - wall < token._ahead:
                    # No other thread comes between the parts of such an addition.
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
        Get a token for a request: the one at hand, or a new one.

        Args:
            request: What to ask for, of the session's identity pool. Nothing of it is
                replaced by what the session was opened with.

            min_remaining: As for :meth:`get_token`.

            timeout: As for :meth:`get_token`.

        Raises the same as :meth:`get_token`.
        """
        steps = self._get_steps(request, min_remaining, timeout)
        del request  # it may be a user id in the wrong place
        return wait_blocking(steps)

    @keywords(RefreshOptions)
    def refresh(self, user_id: str, **options: Unpack[RefreshOptions]) -> OpenIdToken:
        """
        Get a token for a user that is asked for from now on, whatever is at hand.

        Those who refresh the same at once share one call. It takes and raises the same as
        :meth:`get_token`, without *min_remaining*.
        """
        try:
            steps = self._steps(user_id, options, forced=True)
        finally:
            del user_id, options
        return wait_blocking(steps)

    def invalidate(self, token: OpenIdToken) -> None:
        """
        Throw a token away that somebody has refused.

        Only if it is the one at hand: when ten callers come with the same refused token, the
        first throws it away, and all of them get the next.
        """
        try:
            self._cache.invalidate(token)
        finally:
            del token  # it may be the text of one

    def forget(self, user_id: str) -> None:
        """Throw every token of a user away, whatever else was asked for with it."""
        try:
            invalidation = Invalidation.of_user(user_id, self._provider)
        finally:
            del user_id
        self._cache.discard(invalidation)

    def forget_identity(self, identity_id: str) -> None:
        """Throw every token of a Cognito identity away."""
        self._cache.forget_identity(identity_id)

    def clear(self) -> None:
        """Throw every token away."""
        self._cache.clear()

    def close(self) -> None:
        """
        Throw every token away, and close what the session has opened.

        Who waits gets a SessionClosedError; nothing is waited for. It may be called more than
        once, and from a signal handler.
        """
        self._close()

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncTokenSession(Session):
    """
    Tokens for the users of one identity pool, for code that runs in event loops.

    ::

        async with AsyncTokenSession(pool_id, developer_provider="login.example.com") as session:
            token = await session.get_token("user-42")

    Open one for as long as the application runs, and share it: any number of tasks, loops and
    threads may use it. Calls to Cognito are made on threads of its own, so that no loop waits
    for the network. A task that is cancelled takes no other one down with it.

    It takes the arguments of :class:`TokenSession`.
    """

    @keywords(GetOptions)
    async def get_token(self, user_id: str, **options: Unpack[GetOptions]) -> OpenIdToken:
        """Get a token for a user, as :meth:`TokenSession.get_token` does."""
        if not options:
            # As in TokenSession.get_token(): to share it would cost a sixth of a hit.
            try:
                token: OpenIdToken = self._tokens[user_id, self._plain]
            except (KeyError, TypeError):
                pass
            else:
                wall = self._time()
                if wall < token._due_wall and self._monotonic() - wall < token._ahead:
                    self._hits += 1
                    return token
        try:
            steps = self._steps(user_id, options)
        finally:
            del user_id, options
        return await wait_async(steps)

    async def get(
        self,
        request: TokenRequest,
        *,
        min_remaining: Seconds | None = None,
        timeout: Seconds | None = None,
    ) -> OpenIdToken:
        """Get a token for a request, as :meth:`TokenSession.get` does."""
        steps = self._get_steps(request, min_remaining, timeout)
        del request
        return await wait_async(steps)

    @keywords(RefreshOptions)
    async def refresh(self, user_id: str, **options: Unpack[RefreshOptions]) -> OpenIdToken:
        """Get a token that is asked for from now on, as :meth:`TokenSession.refresh` does."""
        try:
            steps = self._steps(user_id, options, forced=True)
        finally:
            del user_id, options
        return await wait_async(steps)

    async def invalidate(self, token: OpenIdToken) -> None:
        """Throw a refused token away, as :meth:`TokenSession.invalidate` does."""
        try:
            self._cache.invalidate(token)
        finally:
            del token  # it may be the text of one

    async def forget(self, user_id: str) -> None:
        """Throw every token of a user away, whatever else was asked for with it."""
        try:
            invalidation = Invalidation.of_user(user_id, self._provider)
        finally:
            del user_id
        self._cache.discard(invalidation)

    async def forget_identity(self, identity_id: str) -> None:
        """Throw every token of a Cognito identity away."""
        self._cache.forget_identity(identity_id)

    async def clear(self) -> None:
        """Throw every token away."""
        self._cache.clear()

    async def aclose(self) -> None:
        """
        Throw every token away, and close what the session has opened.

        Who waits gets a SessionClosedError; nothing is waited for.
        """
        self._close()

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
