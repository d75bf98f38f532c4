"""
AWS clients of your users, for aioboto3 and aiobotocore.

Needs either of the two packages; the extra ``aioboto3`` installs both.

:func:`session_for` makes an aioboto3 session for one user. :func:`aiobotocore_session_for` makes an
aiobotocore session, which s3fs and other packages accept. :class:`AsyncUserClients` makes clients
for any number of users, each in microseconds. All of them get the users' credentials from an
:class:`~cognito_devtoken.AsyncTokenSession`, which refreshes them.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

from ._session.sessions import AsyncTokenSession
from ._values.trade import check_role
from .exceptions import ConfigurationError, SessionClosedError


try:
    from aiobotocore.config import AioConfig
    from aiobotocore.session import AioSession
except ModuleNotFoundError as _error:
    raise ConfigurationError(
        f"Clients of users need {str(_error.name).partition('.')[0]}, which is not installed.",
        hint="Install the extra: pip install 'cognito-devtoken[aioboto3]'",
    ) from None

from ._clients.asynchronous import (
    AIOBOTOCORE,
    AsyncNoUser,
    AsyncSharedSession,
    AsyncTemplate,
    AsyncUserCredentials,
    AsyncUserSession,
    Opening,
    check,
)
from ._clients.bound import PROBED_SERVICE, discovers_endpoints
from ._clients.sessions import discovery_setting, with_larger_pool
from ._clients.warning import warn


if TYPE_CHECKING:
    import aioboto3
    from botocore.config import Config

    from ._values.role import AssumeRole


__all__ = ["AsyncUserClients", "aiobotocore_session_for", "session_for"]


def session_for(
    session: AsyncTokenSession,
    user_id: str,
    *,
    role: str | AssumeRole | None = None,
    region_name: str | None = None,
) -> aioboto3.Session:
    """
    Make an aioboto3 session that acts as a user.

    Everything made from the aioboto3 session acts as the user, too. This function takes the same
    arguments as :func:`cognito_devtoken.boto3.session_for`, except that *session* is an
    :class:`~cognito_devtoken.AsyncTokenSession`.

    Raises:
        ConfigurationError: If aioboto3 is not installed.

        InvalidRequestError: If *role* violates a limit.

        TypeError: If *session* is not an :class:`~cognito_devtoken.AsyncTokenSession`.
    """
    try:
        inner = aiobotocore_session_for(session, user_id, role=role, region_name=region_name)
    finally:
        del user_id  # a traceback shows the locals of its frames
    try:
        import aioboto3
    except ModuleNotFoundError:
        raise ConfigurationError(
            "session_for() needs aioboto3, which is not installed.",
            hint="Install the extra: pip install 'cognito-devtoken[aioboto3]'. With aiobotocore "
            "alone, use aiobotocore_session_for().",
        ) from None
    return aioboto3.Session(botocore_session=inner)


def aiobotocore_session_for(
    session: AsyncTokenSession,
    user_id: str,
    *,
    role: str | AssumeRole | None = None,
    region_name: str | None = None,
) -> AioSession:
    """
    Make an aiobotocore session that acts as a user, for example for s3fs.

    This function takes the same arguments and raises the same errors as :func:`session_for`, but
    does not need aioboto3.
    """
    credentials = AsyncUserCredentials(session, user_id, role)
    del user_id
    _check(session, role)
    return AsyncUserSession(credentials, region_name, session._plain.region)


class AsyncUserClients:
    """
    Clients for many users, each made in microseconds, for use in one event loop.

    ::

        async with AsyncUserClients(session) as clients:
            async with clients.client("s3", "user-42") as s3:
                ...

    This class works like :class:`cognito_devtoken.boto3.UserClients`, but its clients are
    aiobotocore clients.

    Args:
        session: Provides the credentials of the users.

        role: The role that all users assume, as for
            :meth:`~cognito_devtoken.TokenSession.get_credentials`.

        region_name: The region to call; None uses the region of the AWS configuration, or else the
            region of the identity pool.

        boto3_session: The aioboto3 or aiobotocore session whose configuration, models and event
            handlers the clients use. Its credentials and any bearer token are ignored. None makes
            a session from the environment, with aioboto3 if it is installed.

        config: Settings of all clients. ``max_pool_connections`` is 50 unless you set it.

    Raises:
        InvalidRequestError: If *role* violates a limit.

        TypeError: If *session* is not an :class:`~cognito_devtoken.AsyncTokenSession`.
    """

    def __init__(
        self,
        session: AsyncTokenSession,
        *,
        role: str | AssumeRole | None = None,
        region_name: str | None = None,
        boto3_session: aioboto3.Session | AioSession | None = None,
        config: Config | None = None,
    ) -> None:
        _check(session, role)
        self._session, self._role = session, role
        given = _botocore_session(boto3_session)
        self._shared = AsyncSharedSession(given)
        self._config = with_larger_pool(given, config, AioConfig)
        self._endpoint_discovery = discovery_setting(given, self._config)
        self._region = region_name or given.get_config_variable("region") or session._plain.region
        # By service; None if the users' clients are not made from a template.
        self._templates: dict[str, AsyncTemplate | None] = {}
        self._binds: bool | None = None  # until it is checked
        self._closed = False
        self._lock = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opened = AsyncExitStack()

    def client(self, service_name: str, user_id: str) -> Opening:
        """
        Make a client that acts as a user. Use the result with ``async with``, or await it.

        The client's requests also raise the errors of
        :meth:`~cognito_devtoken.TokenSession.get_credentials`. Leaving the ``async with`` block
        does not close a shared client, so you may still use it afterwards.

        Args:
            service_name: The service, as boto3 calls it, such as ``"s3"``.

            user_id: Your own id for the user, 1 to 50,000 characters.

        These errors are raised when the client is opened, not by this call:

        Raises:
            SessionClosedError: If these clients are closed.

            RuntimeError: If these clients were first used in another event loop.
        """
        credentials = AsyncUserCredentials(self._session, user_id, self._role)
        return Opening(self._open(service_name, credentials))

    async def _open(self, service: str, credentials: AsyncUserCredentials) -> Any:
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        self._check_open()
        if self._loop is not loop:
            raise RuntimeError("These AsyncUserClients belong to another event loop.")
        if service not in self._templates:
            async with self._lock:
                self._check_open()
                await self._make_template(service)
        template = self._templates[service]
        if template is not None:
            return template.bind(credentials)
        async with self._lock:
            self._check_open()
            return await self._make_client(credentials, service).__aenter__()

    def _check_open(self) -> None:
        """Check once more after each wait for the lock, because aclose() may have run meanwhile."""
        if self._closed:
            raise SessionClosedError("These AsyncUserClients are closed.")

    async def _make_template(self, service: str) -> None:
        # Another task may have made the template while this one waited for the lock.
        if service not in self._templates:
            self._templates[service] = await self._new_template(service)

    async def _new_template(self, service: str) -> AsyncTemplate | None:
        if self._binds is None:
            self._binds = await self._check_binding()
        if not self._binds:
            return None
        async with AsyncExitStack() as opened:
            making = self._make_client(AsyncNoUser(self._role), service)
            client = await opened.enter_async_context(making)
            if discovers_endpoints(client, self._endpoint_discovery):
                return None
            template = AsyncTemplate(client)
            self._opened.push_async_exit(opened.pop_all())
        return template

    async def _check_binding(self) -> bool:
        region = self._session._plain.region
        making = self._shared.make_client(AsyncNoUser(None), PROBED_SERVICE, region_name=region)
        async with making as client:
            try:
                await check(client)
            except Exception as error:  # noqa: BLE001  # whatever has changed in botocore
                warn(self._session, AIOBOTOCORE, error)
                return False
            return True

    def _make_client(self, credentials: Any, service: str) -> Any:
        return self._shared.make_client(
            credentials, service, region_name=self._region, config=self._config
        )

    async def aclose(self) -> None:
        """Close the shared connections. The session stays open."""
        self._closed = True
        # Wait for a task that is making a client, which would otherwise stay open.
        async with self._lock:
            self._templates = {}
            await self._opened.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


def _botocore_session(given: Any) -> AioSession:
    """Return the botocore session of an aioboto3 session, or of a new one."""
    if given is None:
        try:
            import aioboto3
        except ModuleNotFoundError:
            return AioSession()
        given = aioboto3.Session()
    inner: AioSession = getattr(given, "_session", given)
    return inner


def _check(session: object, role: object) -> None:
    if not isinstance(session, AsyncTokenSession):
        error = TypeError(f"session must be an AsyncTokenSession, not {type(session).__name__}.")
        error.add_note("For a TokenSession, use cognito_devtoken.boto3.")
        raise error
    check_role(role)
