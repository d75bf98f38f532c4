"""The public keys of Cognito's tokens, found and fetched with botocore's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSRequest
from botocore.config import Config

from .._values.partition import KEYS_PATH, cognito_names
from ..exceptions import TokenUnavailableError
from .client_factory import make_client


if TYPE_CHECKING:
    from botocore.session import Session


_OK = 200
_AT_AWS: Any = {"ignore_configured_endpoint_urls": True}  # the stubs lack it


def keys_url(session: Session, region: str, endpoint_url: str | None, config: Config) -> str:
    """
    Return the URL of the public keys: at the endpoint if one is configured, else at AWS.

    Args:
        session: Provides the configuration.

        region: The region of the tokens.

        endpoint_url: The endpoint; None leaves it to the environment and the profile.

        config: Overrides our defaults. It must be unsigned, so that botocore does not look for AWS
            credentials.

    Raises:
        ConfigurationError: If botocore's configuration is wrong.
    """
    if endpoint_url is None:
        # Only botocore knows whether the environment or the profile sets an endpoint. So compare
        # the URL that it calls with the URL that it calls when it ignores both.
        at_aws = config.merge(Config(**_AT_AWS))
        default, endpoint_url = (
            make_client(session, region, config=each).meta.endpoint_url for each in (at_aws, config)
        )
        if endpoint_url == default:
            return cognito_names(region).keys_url
    return endpoint_url.rstrip("/") + KEYS_PATH


def get(
    session: Session, region: str, url: str, config: Config, *, verify: bool | str | None = None
) -> bytes:
    """
    Fetch a document with botocore's settings: proxies, CA certificates and time limits.

    Makes one attempt, and follows no redirect.

    Args:
        session: Provides the configuration.

        region: Any region: botocore does not work without one.

        url: The document's address.

        config: As for :func:`keys_url`.

        verify: False accepts any certificate; a path names the CA certificates to verify with.

    Raises:
        TokenUnavailableError: If the response does not have the status 200.

        BotoCoreError: If there is no response.
    """
    client: Any = make_client(session, region, endpoint_url=url, config=config, verify=verify)
    agent = {"User-Agent": client.meta.config.user_agent}
    try:
        request = AWSRequest("GET", url, headers=agent).prepare()
        # botocore has no public way to use its connections for anything but an AWS operation.
        response = client._endpoint.http_session.send(request)
    finally:
        client.close()
    if response.status_code != _OK:
        raise TokenUnavailableError(f"the response has the HTTP status {response.status_code}.")
    content: bytes = response.content
    return content
