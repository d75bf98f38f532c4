"""
Make botocore clients for Cognito's identity pools and for STS, with this library's defaults.

This module imports botocore, so it is only imported when the first :class:`DevTokenClient` is made.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .._version import __version__
from ..exceptions import ConfigurationError
from .made_clients import COGNITO, STS, MadeClients
from .service_data import load_quickly


if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.config import Config
    from botocore.session import Session


# In seconds. These limits apply to the call to Cognito, and to calls that botocore makes to get AWS
# credentials.
TIME_LIMITS: Any = {"connect_timeout": 2, "read_timeout": 5}
_ENDPOINT_HINT = (
    "Correct the endpoint, which must have the form http://HOST:PORT or https://HOST:PORT, in "
    "endpoint_url, AWS_ENDPOINT_URL_COGNITO_IDENTITY, AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL "
    "or the profile."
)


def make_client(
    session: Session,
    region: str | None,
    *,
    service: str = COGNITO,
    is_signed: bool = True,
    endpoint_url: str | None = None,
    config: Config | None = None,
    verify: bool | str | None = None,
    attempts: int = 2,
) -> BaseClient:
    """
    Make a botocore client for Cognito's identity pools, or for another service.

    Args:
        session: Provides the configuration.

        region: The region to call; None uses the session's region.

        service: The service to call.

        is_signed: Whether calls are signed. If not, botocore does not look for AWS credentials.

        endpoint_url: Where to send calls instead of AWS.

        config: Overrides our defaults.

        verify: False accepts any certificate; a path names the CA certificates to verify with.

        attempts: How many attempts to make per call, unless *config*, the environment or the
            profile says otherwise.

    Raises:
        ConfigurationError: If botocore cannot make a client from these arguments.
    """
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    from .._values.text import one_line
    from .log_filter import guard_loggers
    from .sources import unusable

    guard_loggers()
    try:
        load_quickly(session)
        # Any, because the stubs lack some of its members.
        merged: Any = Config(
            **TIME_LIMITS,
            # With botocore's default of 10, more than 10 calls at once would discard connections
            # and log a warning.
            max_pool_connections=50,
            # TokenRequest and AssumeRole have checked more than botocore would.
            parameter_validation=False,
            user_agent=_user_agent(session, config),
        )
        if config is not None:
            merged = merged.merge(config)
        merged = merged.merge(Config(retries=_retries(session, merged.retries, attempts)))
        if not is_signed:
            merged = merged.merge(Config(signature_version=UNSIGNED))
        client = session.create_client(
            service,
            region_name=region,
            endpoint_url=endpoint_url,
            verify=verify,
            config=merged,
        )
    except BotoCoreError:
        raise  # some are ValueErrors, too; translate() handles them
    except (AttributeError, TypeError, ValueError) as error:
        if found := unusable(error):
            raise found from None
        # The cause is an argument of the wrong type, a bad endpoint_url or a bad number in the
        # environment. Only the texts that start as below are shown: others may contain a secret.
        text = one_line(str(error))
        address = text.startswith(("Invalid endpoint:", "Invalid IPv6 URL"))
        known = address or text.startswith("invalid literal for int")
        raise ConfigurationError(
            f"botocore's configuration is wrong: {text if known else type(error).__name__}.",
            hint=_ENDPOINT_HINT if address else None,
        ) from None
    guard_loggers()  # making the client may have added loggers
    _resolve_once(client)
    client.meta.events.register("before-call", _set_host)
    if merged.user_agent is not None:
        _name_once(client)
    _check_endpoint(client.meta.endpoint_url)
    return client


def _resolve_once(client: Any) -> None:
    """
    Make a client resolve the endpoint of each operation once.

    botocore does it for each call, because the parameters of some services change the endpoint.
    Neither Cognito nor STS has such parameters.
    """
    # If another version of botocore has other internals, it resolves the endpoint for each call.
    with suppress(AttributeError):
        resolver = client._ruleset_resolver
        resolve = resolver.construct_endpoint
        resolved: dict[str, Any] = {}

        def construct_endpoint(operation_model: Any, *args: Any, **kwargs: Any) -> Any:
            name = operation_model.name
            if name not in resolved:
                resolved[name] = resolve(operation_model, *args, **kwargs)
            return resolved[name]

        resolver.construct_endpoint = construct_endpoint


def _name_once(client: Any) -> None:
    """Keep botocore from making the user agent anew for each call."""
    # If another version of botocore has other internals, it makes the same string each time.
    with suppress(AttributeError):
        event = f"request-created.{client.meta.service_model.service_id.hyphenize()}"
        creator = client._user_agent_creator
        client.meta.events.unregister(event, creator.rebuild_and_replace_user_agent_handler)


def _set_host(params: dict[str, Any], **_: Any) -> None:
    """
    Set the header ``Host``, which is signed.

    Without it, botocore would derive it twice from the URL, and urllib3 would do so once more.
    """
    params["headers"]["Host"] = host_of(params["url"])


@lru_cache(maxsize=16)  # a client calls one or two URLs
def host_of(url: str) -> str:
    """Return the host of a URL, and its port unless that is the default of the scheme."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    return host.removesuffix({"http": ":80", "https": ":443"}[parts.scheme]).removesuffix(":")


def _check_endpoint(url: str) -> None:
    """Refuse a URL to which no call can be sent. Otherwise, botocore would fail at each call."""
    from .._values.text import one_line

    try:
        address = urlsplit(url)
        is_valid = address.scheme in ("http", "https") and address.port != 0
    except ValueError:  # the port is not a number, or too large
        is_valid = False
    if not is_valid:
        raise ConfigurationError(
            f"botocore's configuration is wrong: Invalid endpoint: {one_line(url)}.",
            hint=_ENDPOINT_HINT,
        )


def _retries(session: Session, given: Any, attempts: int) -> Any:
    """Return the retry settings of *given*, with our defaults for what no other source sets."""
    retries: dict[str, Any] = dict(given or {})
    if (
        not {"max_attempts", "total_max_attempts"} & retries.keys()
        and session.get_config_variable("max_attempts") is None
    ):
        retries["total_max_attempts"] = attempts
    # botocore's default for retry_mode makes the variable look set, so read its sources.
    if not (os.environ.get("AWS_RETRY_MODE") or session.get_scoped_config().get("retry_mode")):
        retries.setdefault("mode", "standard")
    return retries


def session_for(made: MadeClients, service: str, profile_name: str | None) -> Session:
    """Make the botocore session whose clients call a service, and note it in *made*."""
    from botocore.config import Config

    from .connections import BoundedSession

    session = made.sessions[service] = BoundedSession(profile=profile_name)
    session.set_default_client_config(Config(**TIME_LIMITS))
    if service == STS:
        # This does not apply to the session for Cognito, which may call STS for AWS credentials.
        prefer_regional_sts(session)
    return session


def prefer_regional_sts(session: Session) -> None:
    """Make clients call STS in their own region, unless the AWS configuration says otherwise."""
    name = "sts_regional_endpoints"
    # Older versions of botocore default to "legacy", which looks set, so read the sources.
    if not (os.environ.get("AWS_STS_REGIONAL_ENDPOINTS") or session.get_scoped_config().get(name)):
        session.set_config_variable(name, "regional")


def _user_agent(session: Session, config: Config | None) -> str | None:
    """
    Return botocore's user agent with our name in front.

    The string is made only once. botocore would make it twice per call, which would take a tenth of
    the CPU time. See :func:`_name_once`.
    """
    given = getattr(config, "user_agent_appid", None)
    if given or session.get_config_variable("user_agent_appid"):
        return None  # our string would lack the application id, which botocore adds
    return f"cognito-devtoken/{__version__} {session.user_agent()}"


def check_given(boto_client: BaseClient, others: Iterable[object]) -> None:
    """
    Check a client that the user of this library has made.

    Args:
        boto_client: The client.

        others: The other settings of the connection, each None if it is not given.

    Raises:
        ConfigurationError: If the client is for another service or is asynchronous, or if another
            setting is also given.
    """
    known = hasattr(boto_client, "get_open_id_token_for_developer_identity")
    kind = type(boto_client)
    # The object with __aenter__ is what aiobotocore returns before its client is entered.
    if iscoroutinefunction(getattr(kind, "_make_api_call", None)) or (
        not known and hasattr(kind, "__aenter__")
    ):
        raise ConfigurationError(
            "boto_client must be a client of botocore or boto3, not of aiobotocore or "
            "aioboto3, whose calls must be awaited.",
            hint="Leave boto_client out. An AsyncTokenSession does not block the event loop, "
            "because it calls Cognito on threads of its own.",
        )
    if not known:
        raise ConfigurationError(
            "boto_client must be a client for cognito-identity (identity pools), not for "
            "another service such as cognito-idp (user pools)."
        )
    if any(each is not None for each in others):
        raise ConfigurationError(
            "boto_client cannot be combined with region_name, endpoint_url, profile_name or "
            "config.",
            hint="Configure the boto_client itself.",
        )
