"""
Find and erase the identity of a user.

Law of this module: cached tokens and credentials are discarded on every host before the identity is
deleted, and again afterwards. So no cache keeps a token that was requested during the deletion.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, cast

from .._runtime.threads import in_thread
from .._values.providers import developer_user
from .._values.request import TokenRequest
from ..exceptions import ConfigurationError, IncompleteEraseError, SessionClosedError
from .base import Session
from .request import request_of


if TYPE_CHECKING:
    from .._values.erased import ErasedUser
    from ..typing import IdentityAdministrator


class _Administration(Session):
    def _user(self, user_id: str) -> TokenRequest:
        """Return a request that names a user."""
        # Import this here, not in the thread that makes the calls of an AsyncTokenSession: if the
        # process forked during the import, the child would have a half-imported module.
        import_module(".._aws.identities", __package__)

        try:
            self._check_open()
            request = request_of(user_id, self._plain, self._provider)
        finally:
            del user_id  # a traceback shows the locals of its frames
        developer_user(request, cast("str", self._provider))  # checks the length of the user id
        return request

    def _administrator(self) -> tuple[IdentityAdministrator, str]:
        """
        Return the client and the developer provider.

        A client that cannot find and erase identities is refused.
        """
        client: object = self._client
        for name in ("find_identity", "erase_identity"):
            if not callable(getattr(client, name, None)):
                raise ConfigurationError(
                    f"The client of this session, of type {type(client).__name__}, has no method "
                    f"{name}().",
                    hint="Open the session with a DevTokenClient, or with a client of your own "
                    "that implements IdentityAdministrator of cognito_devtoken.typing.",
                )
        return cast("IdentityAdministrator", client), cast("str", self._provider)

    def _find_identity(self, user: TokenRequest) -> str | None:
        client, provider = self._administrator()
        return client.find_identity(user, provider)

    def _erase(self, user: TokenRequest) -> ErasedUser:
        client, provider = self._administrator()
        self._forget_everywhere(user)
        deleted: Iterable[str] = ()
        try:
            erased = client.erase_identity(user, provider)
            deleted = erased.identity_ids
        except IncompleteEraseError as error:
            deleted = error.deleted
            raise
        finally:
            # If the session has been closed in the meantime, nothing is cached any more.
            with suppress(SessionClosedError):
                self._forget_everywhere(user, deleted)
        return erased

    def _forget_everywhere(self, user: TokenRequest, identity_ids: Iterable[str] = ()) -> None:
        """Discard everything cached for the user and the identities, here and on other hosts."""
        self._forget(user.logins[cast("str", self._provider)])
        for identity_id in identity_ids:
            self._forget_identity(identity_id)
        self._cache._announce_now()


class Administration(_Administration):
    """The methods of TokenSession that find and erase an identity."""

    def find_identity(self, user_id: str) -> str | None:
        """
        Look up the Cognito identity of a user, without creating one.

        This method always calls AWS (``LookupDeveloperIdentity``, which has a low quota). So do not
        call it for every request. The token that :meth:`get_token` returns contains the identity
        id, too; if the user has no identity, :meth:`get_token` creates one.

        Args:
            user_id: Your own id for the user, 1 to 1024 characters.

        Returns:
            The identity id; None if the user has no identity.

        Raises:
            InvalidRequestError: If *user_id* violates a limit.

            ServiceError: If Cognito returns an error.

            TokenUnavailableError: If Cognito cannot be reached, or does not answer in time.

            ConfigurationError: If there are no AWS credentials, if the session has no
                *developer_provider*, or if its *client* is not an
                :class:`~cognito_devtoken.typing.IdentityAdministrator`.

            SessionClosedError: If the session is closed.
        """
        try:
            user = self._user(user_id)
        finally:
            del user_id
        return self._find_identity(user)

    def erase(self, user_id: str) -> ErasedUser:
        """
        Delete the Cognito identity of a user, and everything cached for the user on any host.

        This method unlinks all user ids and all logins of public providers from the identity. If
        the user has no identity, nothing is deleted.

        The next request for a token gives the user a new identity. So first make sure that nothing
        requests tokens for the user. If a call on another host creates a new identity while this
        method runs, that identity is deleted, too. But if such a call reaches Cognito after this
        method has returned, the user has an identity again. To find out, call :meth:`find_identity`
        15 s later.

        AWS accepts the tokens and credentials of the user until they expire.

        Args:
            user_id: Your own id for the user, 1 to 1024 characters.

        Returns:
            What was deleted and unlinked.

        Raises:
            IncompleteEraseError: If this method fails after it may have changed something. The
                error says what is left. Call this method again: it continues where it stopped.

        Before it changes anything, this method also raises the errors that :meth:`find_identity`
        raises.
        """
        try:
            user = self._user(user_id)
        finally:
            del user_id
        return self._erase(user)


class AsyncAdministration(_Administration):
    """The methods of AsyncTokenSession that find and erase an identity."""

    async def find_identity(self, user_id: str) -> str | None:
        """Look up the identity of a user, as :meth:`TokenSession.find_identity` does."""
        try:
            user = self._user(user_id)
        finally:
            del user_id
        return await in_thread(partial(self._find_identity, user))

    async def erase(self, user_id: str) -> ErasedUser:
        """
        Delete the identity of a user, as :meth:`TokenSession.erase` does.

        If the task is cancelled, the identity is deleted anyway.
        """
        try:
            user = self._user(user_id)
        finally:
            del user_id
        return await in_thread(partial(self._erase, user))
