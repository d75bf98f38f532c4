"""
Makes botocore clients for Cognito's identity pools and for STS, with this library's defaults.

botocore is imported when the first client is made.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .._version import __version__
from ..exceptions import ConfigurationError
from .made_clients import COGNITO


if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.config import Config
    from botocore.session import Session


# In seconds. They apply to the call to Cognito, and to calls that botocore makes to get AWS
# credentials.
TIME_LIMITS: Any = {"connect_timeout": 2, "read_timeout": 5}
_ENDPOINT_HINT = (
    "It must be of the form http://HOST:PORT or https://HOST:PORT. It comes from endpoint_url, "
    "AWS_ENDPOINT_URL_COGNITO_IDENTITY, AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL or the profile."
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

        region: The region to call; None uses the session's.

        service: The service to call.

        is_signed: Whether calls are signed. If not, botocore does not look for AWS credentials.

        endpoint_url: Where to send calls instead of AWS.

        config: Overrides our defaults.

        verify: False accepts any certificate; a path names the CA certificates to verify with.

        attempts: How many attempts to make per call, unless *config*, the environment or the
            profile says otherwise.

    Raises:
        ConfigurationError: If botocore cannot make a client from these.
    """
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    from .._values.text import one_line
    from .log_filter import guard_loggers
    from .sources import unusable

    guard_loggers()
    try:
        # Any, because the stubs lack some of its members.
        merged: Any = Config(
            **TIME_LIMITS,
            # With botocore's default of 10, more calls at once would discard connections and log
            # a warning.
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
        raise  # some of them are ValueErrors; translate() handles them
    except (AttributeError, TypeError, ValueError) as error:
        if found := unusable(error):
            raise found from None
        # An argument of the wrong type, a bad endpoint_url, a bad number in the environment.
        # Any other text may contain a secret.
        text = one_line(str(error))
        address = text.startswith(("Invalid endpoint:", "Invalid IPv6 URL"))
        known = address or text.startswith("invalid literal for int")
        raise ConfigurationError(
            f"botocore's configuration is wrong: {text if known else type(error).__name__}.",
            hint=_ENDPOINT_HINT if address else None,
        ) from None
    guard_loggers()  # making the client may have added loggers
    _check_endpoint(client.meta.endpoint_url)
    return client


def _check_endpoint(url: str) -> None:
    """Refuse a URL that no call can be sent to: otherwise, botocore would fail at each call."""
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
    """Return *given*, with our defaults for what it, the environment and the profile do not set."""
    retries: dict[str, Any] = dict(given or {})
    if (
        not {"max_attempts", "total_max_attempts"} & retries.keys()
        and session.get_config_variable("max_attempts") is None
    ):
        retries["total_max_attempts"] = attempts
    # botocore's own default makes its config variable look set, so read the sources.
    if not (os.environ.get("AWS_RETRY_MODE") or session.get_scoped_config().get("retry_mode")):
        retries.setdefault("mode", "standard")
    return retries


def prefer_regional_sts(session: Session) -> None:
    """Have STS called in the region of the client, unless the AWS configuration says otherwise."""
    name = "sts_regional_endpoints"
    # Older versions of botocore have "legacy" as their default, so read the sources.
    if not (os.environ.get("AWS_STS_REGIONAL_ENDPOINTS") or session.get_scoped_config().get(name)):
        session.set_config_variable(name, "regional")


def _user_agent(session: Session, config: Config | None) -> str | None:
    """
    Return botocore's user agent with our name in front.

    It is made once. botocore would make it twice for each call, in a tenth of the call's CPU time.
    """
    given = getattr(config, "user_agent_appid", None)
    if given or session.get_config_variable("user_agent_appid"):
        return None  # botocore adds the application id itself, which our string would lack
    return f"cognito-devtoken/{__version__} {session.user_agent()}"
