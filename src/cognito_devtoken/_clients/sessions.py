"""The botocore sessions whose clients act as users, and never as the backend."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from botocore import __version__
from botocore.config import Config
from botocore.credentials import CredentialResolver, Credentials
from botocore.session import Session

from .credentials import OneUserProvider
from .log_filter import hide_session_tokens


# By default, botocore keeps 10 connections, and discards any others that concurrent requests open.
POOL_SIZE = 50
BOTOCORE = f"botocore {__version__}"


class _NeverAsBackend(Session):
    """A botocore session whose requests never carry the identity of the backend."""

    def get_auth_token(self, **kwargs: Any) -> Any:
        """Return None: a bearer token in the environment is the backend's."""


class UserSession(_NeverAsBackend):
    """
    A botocore session with the environment's configuration and one user's credentials.

    Args:
        credentials: The credentials of the user.

        region: The region of the session's clients; None uses the region of the AWS configuration.

        default_region: The region to use if *region* is None and the AWS configuration has none.
    """

    def __init__(self, credentials: Credentials, region: str | None, default_region: str) -> None:
        super().__init__()
        act_as_user(self)
        self.register_component("credential_provider", self._resolver(credentials))
        use_region(self, region, default_region)

    def _resolver(self, credentials: Credentials) -> Any:
        return CredentialResolver([OneUserProvider(credentials)])


class SharedSession(_NeverAsBackend):
    """
    A botocore session with the settings of another session.

    Its clients use the credentials that the caller passes to :meth:`make_client`.

    Args:
        given: The other session, whose event handlers, configuration and models are used. It is
            not changed.
    """

    def __init__(self, given: Session) -> None:
        handlers: Any = given.get_component("event_emitter")
        super().__init__(event_hooks=copy.copy(handlers), include_builtin_handlers=False)
        lend_settings(given, self)
        act_as_user(self)
        self._next: Credentials | None = None

    def make_client(self, credentials: Credentials, service: str, **arguments: Any) -> Any:
        """Make a client with these credentials. The caller must hold a lock."""
        self._next = credentials
        return self.create_client(service, **arguments)

    def get_credentials(self) -> Any:
        """Return the credentials for the client that is being made."""
        return self._next


def use_region(session: Session, region: str | None, default_region: str) -> None:
    """Set a session's region to *region*, or to *default_region* if nothing else sets one."""
    if region or not session.get_config_variable("region"):
        session.set_config_variable("region", region or default_region)


def act_as_user(session: Session) -> None:
    """Prevent a botocore session from using bearer tokens or logging the secrets of users."""
    hide_session_tokens()
    handlers: Any = session.get_component("event_emitter")
    handlers.register_first("choose-signer", _no_bearer_token)


def _no_bearer_token(signature_version: str, context: Any, **kwargs: Any) -> str | None:
    """Keep the signature when a bearer token from the environment would replace it."""
    takes_bearer = "smithy.api#httpBearerAuth" in (context.get("auth_options") or ())
    return signature_version if takes_bearer else None


def lend_settings(given: Session, session: Session) -> None:
    """Make *session* use the configuration and the models of the session *given*."""
    for name in ("config_store", "data_loader"):
        session.register_component(name, given.get_component(name))
    session.user_agent_name = given.user_agent_name
    session.user_agent_version = given.user_agent_version
    session.user_agent_extra = given.user_agent_extra


def with_larger_pool(given: Session, config: Config | None, base: type[Any] = Config) -> Any:
    """Return the configuration, of class *base*, for a client that many users share."""
    default = given.get_default_client_config()
    configs: list[Any] = [each for each in (default, config) if each is not None]
    # Before aiobotocore 3, merge() loses the connector_args.
    arguments = [each.connector_args for each in configs if hasattr(each, "connector_args")][-1:]
    merged = base(*arguments, max_pool_connections=POOL_SIZE)
    for each in configs:
        merged = merged.merge(each)
    return merged


def discovery_setting(given: Session, config: Any) -> Any:
    """Return the setting that decides whether clients use endpoint discovery."""
    setting = config.endpoint_discovery_enabled
    name = "endpoint_discovery_enabled"
    return given.get_config_variable(name) if setting is None else setting


class Unshared:
    """
    Makes a separate client for each user. Used in place of a Template.

    Args:
        make: Makes a client that uses the credentials it gets.
    """

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self.bind = make

    def close(self) -> None:
        """Do nothing: the application closes clients that are not shared."""

    def renew_connections(self, make_client: Callable[[], Any]) -> None:
        """Do nothing: there are no shared connections to renew."""
