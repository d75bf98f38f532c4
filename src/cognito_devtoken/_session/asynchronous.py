"""The session for event loops, which differs from the session for threads in how callers wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self, Unpack

from .._cache.waiting import wait_async
from .._runtime.threads import in_thread
from .._values.arguments import Seconds
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from .administration import AsyncAdministration
from .options import CredentialsOptions, GetOptions, RefreshOptions, keywords


if TYPE_CHECKING:
    from .._values.credentials import AwsCredentials


class AsyncTokenSession(AsyncAdministration):
    """
    Tokens for the users of one identity pool, for code that runs in event loops.

    ::

        async with AsyncTokenSession(pool_id, developer_provider="login.example.com") as session:
            token = await session.get_token("user-42")

    Open one session for as long as the application runs, and share it between any number of tasks,
    loops and threads. The session calls Cognito in its own threads, so the network blocks no event
    loop. Cancelling a task does not affect other tasks that wait for the same token.

    This class takes the same arguments as :class:`TokenSession`.
    """

    @keywords(GetOptions)
    async def get_token(self, user_id: str, **options: Unpack[GetOptions]) -> OpenIdToken:
        """Get a token for a user, as :meth:`TokenSession.get_token` does."""
        if not options:
            # The same code as in TokenSession.get_token(): a call to shared code would make a hit a
            # sixth slower.
            try:
                token: OpenIdToken = self._tokens[user_id]
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
        """Get a new token for a user, as :meth:`TokenSession.refresh` does."""
        try:
            steps = self._steps(user_id, options, forced=True)
        finally:
            del user_id, options
        return await wait_async(steps)

    @keywords(CredentialsOptions)
    async def get_credentials(
        self, user_id: str, **options: Unpack[CredentialsOptions]
    ) -> AwsCredentials:
        """Get AWS credentials for a user, as :meth:`TokenSession.get_credentials` does."""
        if not options:
            # The same code as in TokenSession.get_credentials(), because shared code is slower.
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
        return await wait_async(steps)

    def assertion(self, user_id: str, *, min_remaining: Seconds | None = None) -> Callable[[], str]:
        """
        Return a function that returns the user's token, as :meth:`TokenSession.assertion` does.

        The returned function never waits, because libraries call it on the event loop. It returns
        the cached token, and refreshes the token in the background when it is due. If no usable
        token is cached, it starts to fetch one in the background, and raises a
        :class:`~cognito_devtoken.exceptions.TokenUnavailableError`. So await :meth:`get_token`
        first. You may call the function in any thread.
        """
        from .assertion import ImmediateAssertion

        try:
            return ImmediateAssertion(self, user_id, min_remaining)
        finally:
            del user_id

    async def check(self) -> None:
        """Call Cognito once, as :meth:`TokenSession.check` does."""
        await in_thread(self._check)

    async def invalidate(self, token: OpenIdToken | AwsCredentials) -> None:
        """Discard what a service rejected, as :meth:`TokenSession.invalidate` does."""
        try:
            self._invalidate(token)
        finally:
            del token  # it may be the text of a token

    async def forget(self, user_id: str) -> None:
        """Discard what is cached for a user, as :meth:`TokenSession.forget` does."""
        try:
            self._forget(user_id)
        finally:
            del user_id

    async def forget_identity(self, identity_id: str) -> None:
        """Discard what is cached for an identity, as :meth:`TokenSession.forget_identity` does."""
        try:
            self._forget_identity(identity_id)
        finally:
            del identity_id  # it may be a user id in the wrong place

    async def clear(self) -> None:
        """Discard everything that is cached, as :meth:`TokenSession.clear` does."""
        self._clear()

    async def aclose(self) -> None:
        """
        Discard every token, and close what the session opened.

        Waiting tasks get a SessionClosedError. Closing does not wait for calls to Cognito.
        """
        self._close()

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


# repr(), help() and tracebacks then show the module from which users import this class.
AsyncTokenSession.__module__ = "cognito_devtoken"
