"""
The asyncio counterparts of ``credentials``, ``sessions`` and ``bound``, for aiobotocore.

An asynchronous session needs asynchronous credentials. With synchronous credentials, botocore would
block the event loop while it waits for the network.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Protocol

from aiobotocore import __version__
from aiobotocore.credentials import (
    AioCredentialResolver,
    AioCredentials,
    AioRefreshableCredentials,
)
from aiobotocore.session import AioSession
from botocore.credentials import Credentials, ReadOnlyCredentials

from ..exceptions import ConfigurationError
from .bound import (
    EXPRESS,
    PROBED_EVENT,
    PROBED_OPERATION,
    PROBES,
    Template,
    Unsent,
    do_not_send,
    session_metadata,
    verify,
)
from .credentials import HidesSecrets, NoUser, OneUserProvider, UserCredentials, frozen
from .sessions import SharedSession, UserSession


if TYPE_CHECKING:
    from .._values.credentials import AwsCredentials
    from .._values.role import AssumeRole


AIOBOTOCORE = f"aiobotocore {__version__}"


class AsyncCredentialsSource(Protocol):
    """A session for event loops that provides the credentials of users."""

    async def get_credentials(self, user_id: str, *, role: Any = ...) -> AwsCredentials: ...


class _HidesSecrets(HidesSecrets, AioCredentials):
    """Credentials for aiobotocore that store no secret and show none in their repr."""

    __slots__ = ()

    @property
    def access_key(self) -> NoReturn:  # type: ignore[override]
        """Raise an error: getting the keys may need an await, and an attribute cannot await."""
        raise ConfigurationError(
            "The credentials of an asynchronous session have no keys as attributes.",
            hint="Write: await credentials.get_frozen_credentials().",
        )

    secret_key = token = access_key  # pyright: ignore[reportAssignmentType]


class AsyncUserCredentials(_HidesSecrets, UserCredentials):
    """The credentials of one user, which are looked up in the session at each use."""

    __slots__ = ()
    _session: AsyncCredentialsSource  # type: ignore[assignment]

    if TYPE_CHECKING:

        def __init__(
            self, session: AsyncCredentialsSource, user_id: str, role: str | AssumeRole | None
        ) -> None: ...

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:  # type: ignore[override]
        """Return the credentials with which to sign one request."""
        role = self._role
        if role is None:  # a hit is faster without options
            return frozen(await self._session.get_credentials(self._user_id), None)
        return frozen(await self._session.get_credentials(self._user_id, role=role), role)


class AsyncNoUser(_HidesSecrets, NoUser):
    """Credentials that cannot sign anything, for a client that belongs to no user."""

    __slots__ = ()

    async def get_frozen_credentials(self) -> NoReturn:  # type: ignore[override]
        """Raise a ConfigurationError."""
        NoUser.get_frozen_credentials(self)


class _OneUserProvider(OneUserProvider):
    async def load(self) -> Credentials:  # type: ignore[override]
        return super().load()


class AsyncUserSession(UserSession, AioSession):
    """An aiobotocore session with the environment's configuration and one user's credentials."""

    def _resolver(self, credentials: Credentials) -> Any:
        providers: Any = [_OneUserProvider(credentials)]
        return AioCredentialResolver(providers)


class AsyncSharedSession(SharedSession, AioSession):
    """
    An aiobotocore session with the settings of another session.

    Its clients use the credentials that the caller passes to :meth:`make_client`.
    """

    async def get_credentials(self) -> Any:  # type: ignore[override]  # asynchronous in aiobotocore
        """Return the credentials for the client that is being made."""
        return self._next


class AsyncExpressSessions:
    """
    The S3 Express credentials of one user, by bucket.

    Args:
        client: The user's client.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._sessions: dict[str, Any] = {}

    async def get_credentials(self, bucket: str) -> Any:
        """Return the credentials for a bucket."""
        found = self._sessions.get(bucket)
        if found is None:

            async def create() -> dict[str, Any]:
                return session_metadata(await self._client.create_session(Bucket=bucket))

            refreshable: Any = AioRefreshableCredentials
            found = refreshable.create_from_metadata(
                metadata=await create(), refresh_using=create, **EXPRESS
            )
            self._sessions[bucket] = found
        return found


async def _stay_open(client: Any, *exc_info: object) -> None:
    """Do nothing, because the clients of other users use the same connections."""


async def _enter(client: Any) -> Any:
    return client


class AsyncTemplate(Template):
    """Makes clients for users by copying one aiobotocore client."""

    methods: ClassVar[Mapping[str, Any]] = {
        **Template.methods,
        "close": _stay_open,
        "__aenter__": _enter,
        "__aexit__": _stay_open,
    }
    sessions: ClassVar[type[Any]] = AsyncExpressSessions


async def check(client: Any) -> None:
    """Check that bound clients sign as their users; the counterpart of :func:`.bound.check`."""
    template = AsyncTemplate(client)
    template.events.register_first(PROBED_EVENT, do_not_send)
    for key_id in PROBES:
        bound = template.bind(AioCredentials(key_id, "none"))
        signatures = [await bound.generate_presigned_url(PROBED_OPERATION)]
        try:
            await getattr(bound, PROBED_OPERATION)()
        except Unsent as unsent:
            signatures.append(unsent.signature)
        verify(key_id, signatures)


class Opening:
    """
    A client that is not made yet. Await it, or use it with ``async with``.

    Args:
        opened: The coroutine that makes the client.
    """

    def __init__(self, opened: Coroutine[Any, Any, Any]) -> None:
        self._opened = opened
        self._client: Any = None

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._opened.__await__()

    async def __aenter__(self) -> Any:
        self._client = await self._opened
        return self._client

    async def __aexit__(self, *exc_info: object) -> None:
        await self._client.__aexit__(*exc_info)
