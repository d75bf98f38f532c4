"""
AWS clients of your users, for boto3. Needs the extra ``boto3``.

:func:`session_for` makes a boto3 session for one user. :class:`UserClients` makes clients for any
number of users, each in microseconds. Both get the users' credentials from a
:class:`~cognito_devtoken.TokenSession`, which refreshes them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from ._clients.bound import PROBED_SERVICE, Template, check, discovers_endpoints
from ._clients.credentials import NoUser, UserCredentials
from ._clients.sessions import (
    BOTOCORE,
    SharedSession,
    Unshared,
    UserSession,
    discovery_setting,
    with_larger_pool,
)
from ._clients.warning import warn
from ._runtime.fork import watch
from ._session.sessions import TokenSession
from ._values.trade import check_role
from .exceptions import ConfigurationError, SessionClosedError


try:
    import boto3
except ModuleNotFoundError as _error:
    raise ConfigurationError(
        f"Clients of users need {str(_error.name).partition('.')[0]}, which is not installed.",
        hint="Install the extra: pip install 'cognito-devtoken[boto3]'",
    ) from None

if TYPE_CHECKING:
    from botocore.config import Config

    from ._values.role import AssumeRole


__all__ = ["UserClients", "session_for"]


def session_for(
    session: TokenSession,
    user_id: str,
    *,
    role: str | AssumeRole | None = None,
    region_name: str | None = None,
) -> boto3.Session:
    """
    Make a boto3 session that acts as a user.

    Everything made from the boto3 session acts as the user, too: clients, resources, paginators,
    waiters, presigned URLs and transfers. They ask *session* for the user's credentials at each
    request, so they never sign with expired credentials. This function makes no call to AWS.

    A boto3 session and its first client take tens of milliseconds of CPU time and more than ten
    megabytes of memory. If you serve many users, use :class:`UserClients`.

    Args:
        session: Provides the user's credentials. Once it is closed, the boto3 session cannot sign
            requests.

        user_id: Your own id for the user, 1 to 50,000 characters.

        role: The role to assume, as for
            :meth:`~cognito_devtoken.TokenSession.get_credentials`.

        region_name: The region to call; None uses the region of the AWS configuration, or else the
            region of the identity pool.

    Raises:
        InvalidRequestError: If *role* violates a limit.

        TypeError: If *session* is not a :class:`~cognito_devtoken.TokenSession`.
    """
    credentials = UserCredentials(session, user_id, role)
    del user_id  # a traceback shows the locals of its frames
    _check(session, role)
    return boto3.Session(
        botocore_session=UserSession(credentials, region_name, session._plain.region)
    )


class UserClients:
    """
    Clients for many users, each made in microseconds.

    ::

        clients = UserClients(session)
        s3 = clients.client("s3", "user-42")

    All clients of a service share one model, one configuration and one connection pool. Every
    request is signed with the credentials of its user. A client is a boto3 client like any other,
    except that closing it does nothing, that it has no event handlers of its own, and that its
    transfers do not use the CRT.

    If sharing does not work with the installed botocore, each user gets a separate client, which
    takes 1,000 times as long to make, and the session emits
    :class:`~cognito_devtoken.events.ClientsNotShared`. Clients of services with endpoint discovery,
    such as Amazon Timestream, are never shared.

    Make one instance, and share it between any number of threads. A forked child makes its own
    connections.

    Args:
        session: Provides the credentials of the users.

        role: The role that all users assume, as for
            :meth:`~cognito_devtoken.TokenSession.get_credentials`.

        region_name: The region to call; None uses the region of the AWS configuration, or else the
            region of the identity pool.

        boto3_session: The boto3 session whose configuration, models and event handlers the clients
            use. Its credentials and any bearer token are ignored. None makes a session from the
            environment.

        config: Settings of all clients. ``max_pool_connections`` is 50 unless you set it.

    Raises:
        InvalidRequestError: If *role* violates a limit.

        TypeError: If *session* is not a :class:`~cognito_devtoken.TokenSession`.
    """

    def __init__(
        self,
        session: TokenSession,
        *,
        role: str | AssumeRole | None = None,
        region_name: str | None = None,
        boto3_session: boto3.Session | None = None,
        config: Config | None = None,
    ) -> None:
        _check(session, role)
        self._session, self._role = session, role
        given: Any = (boto3_session or boto3.Session())._session
        self._shared = SharedSession(given)
        self._config = with_larger_pool(given, config)
        self._region = region_name or given.get_config_variable("region") or session._plain.region
        self._endpoint_discovery = discovery_setting(given, self._config)
        self._templates: dict[str, Template | Unshared] = {}
        self._binds: bool | None = None  # until it is checked
        self._closed = False
        self._lock = threading.Lock()
        watch(self)

    def client(self, service_name: str, user_id: str) -> Any:
        """
        Make a client that acts as a user.

        This method makes no call to AWS. The client's requests also raise the errors of
        :meth:`~cognito_devtoken.TokenSession.get_credentials`. Making the first client of a service
        takes as long as making a client with boto3.

        If a user's client accesses S3 Express directory buckets, keep it for later requests: it
        caches the credentials for these buckets.

        Args:
            service_name: The service, as boto3 calls it, such as ``"s3"``.

            user_id: Your own id for the user, 1 to 50,000 characters.

        Raises:
            SessionClosedError: If these clients are closed.
        """
        credentials = UserCredentials(self._session, user_id, self._role)
        del user_id  # a traceback shows the locals of its frames
        template = self._templates.get(service_name) or self._make_template(service_name)
        return template.bind(credentials)

    def _make_template(self, service: str) -> Template | Unshared:
        with self._lock:
            if self._closed:
                raise SessionClosedError("These UserClients are closed.")
            # Another thread may have made the template while this one waited for the lock.
            if service not in self._templates:
                self._templates[service] = self._new_template(service)
            return self._templates[service]

    def _new_template(self, service: str) -> Template | Unshared:
        if self._binds is None:
            self._binds = self._check_binding()
        if self._binds:
            client = self._make_client(NoUser(self._role), service)
            if not discovers_endpoints(client, self._endpoint_discovery):
                return Template(client)
            client.close()
        return Unshared(lambda credentials: self._make_own_client(credentials, service))

    def _check_binding(self) -> bool:
        client = self._shared.make_client(
            NoUser(None), PROBED_SERVICE, region_name=self._session._plain.region
        )
        try:
            check(client)
        except Exception as error:  # noqa: BLE001  # whatever has changed in botocore
            warn(self._session, BOTOCORE, error)
            return False
        finally:
            client.close()
        return True

    def _make_own_client(self, credentials: Any, service: str) -> Any:
        with self._lock:
            return self._make_client(credentials, service)

    def _make_client(self, credentials: Any, service: str) -> Any:
        return self._shared.make_client(
            credentials, service, region_name=self._region, config=self._config
        )

    def close(self) -> None:
        """Close the shared connections. The session stays open."""
        with self._lock:
            self._closed = True
            templates, self._templates = self._templates, {}
        for template in templates.values():
            template.close()

    def _before_fork(self) -> None:
        """Do nothing: a forked child makes its own lock and connections."""

    def _after_fork(self, *, in_child: bool) -> None:
        if not in_child:
            return
        self._lock = threading.Lock()
        for service, template in self._templates.items():
            template.renew_connections(self._renewer(service))

    def _renewer(self, service: str) -> Callable[[], Any]:
        return lambda: self._make_own_client(NoUser(self._role), service)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _check(session: object, role: object) -> None:
    if not isinstance(session, TokenSession):
        error = TypeError(f"session must be a TokenSession, not {type(session).__name__}.")
        error.add_note("For an AsyncTokenSession, use cognito_devtoken.aioboto3.")
        raise error
    check_role(role)
