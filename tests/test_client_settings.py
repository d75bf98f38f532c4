"""A client is configured like boto3: by arguments, the environment and profiles."""

import re
from typing import Any

import pytest
from botocore.config import Config
from pytest_httpserver import HTTPServer

from calling import APP_ID, GET_TOKEN, ONE_ATTEMPT, last_request
from cognito_devtoken import DevTokenClient, TokenRequest
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.exceptions import (
    ConfigurationError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from pools import OTHER_POOL, POOL
from proxies import refusing_proxy


def signed_region(server: HTTPServer) -> str:
    return last_request(server).headers["Authorization"].split("/")[2]


def test_the_pools_region_wins_over_the_environments_default(
    recording_server: HTTPServer, request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")

    with DevTokenClient() as client:
        for pool in (POOL, OTHER_POOL):
            client.fetch(TokenRequest(pool.identity_pool_id, request_.logins))
            assert signed_region(recording_server) == pool.region


@pytest.mark.parametrize(
    "how", [{"region_name": "sa-east-1"}, {"config": Config(region_name="sa-east-1")}]
)
def test_an_explicit_region_wins(
    how: dict[str, Any], recording_server: HTTPServer, request_: TokenRequest
) -> None:
    with DevTokenClient(**how) as client:
        client.fetch(request_)

    assert signed_region(recording_server) == "sa-east-1"


def test_an_endpoint_from_the_environment_is_used(
    emulator: Emulator, request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", emulator.endpoint_url)

    with DevTokenClient() as client:
        client.fetch(request_)

    assert emulator.calls[GET_TOKEN] == 1


def test_a_profile_is_used(
    profile: Any,
    recording_server: HTTPServer,
    request_: TokenRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    profile(
        f"""\
        [profile backend]
        aws_access_key_id = AKIAPROFILE
        aws_secret_access_key = secret
        endpoint_url = {recording_server.url_for("")}
        """
    )

    with DevTokenClient(profile_name="backend") as client:
        client.fetch(request_)

    assert "Credential=AKIAPROFILE/" in last_request(recording_server).headers["Authorization"]


@pytest.mark.external
@pytest.mark.parametrize(
    ("fips", "host"), [("", "cognito-identity"), ("true", "cognito-identity-fips")]
)
def test_the_aws_endpoint_is_called_through_a_proxy_with_or_without_fips(
    fips: str, host: str, request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", fips)
    with refusing_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        client = DevTokenClient(config=ONE_ATTEMPT)

        with client, pytest.raises(TokenUnavailableError, match="ProxyConnectionError"):
            client.fetch(request_)

    assert proxy.asked.split()[:2] == ["CONNECT", f"{host}.eu-central-1.amazonaws.com:443"]


@pytest.mark.parametrize(
    ("environment", "config", "attempts"),
    [
        ({}, None, 2),
        ({"AWS_MAX_ATTEMPTS": "3"}, None, 3),
        ({"AWS_RETRY_MODE": "legacy"}, None, 1),
        ({}, Config(retries={"total_max_attempts": 3}), 3),
        ({}, Config(retries={"max_attempts": 2}), 3),
        ({}, Config(retries={"mode": "legacy"}), 1),
        ({}, ONE_ATTEMPT, 1),
    ],
)
def test_throttling_is_retried_as_configured(
    environment: dict[str, str],
    config: Config | None,
    attempts: int,
    emulator: Emulator,
    request_: TokenRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    emulator.fail_next("TooManyRequestsException", "Rate exceeded", times=9)
    client = DevTokenClient(endpoint_url=emulator.endpoint_url, config=config)

    with client, pytest.raises(TooManyRequestsError):
        client.fetch(request_)

    assert emulator.calls[GET_TOKEN] == attempts


def test_a_profiles_retry_mode_is_used(
    profile: Any, emulator: Emulator, request_: TokenRequest
) -> None:
    profile("[default]\nretry_mode = legacy\n")
    emulator.fail_next("TooManyRequestsException", times=9)
    client = DevTokenClient(endpoint_url=emulator.endpoint_url)

    with client, pytest.raises(TooManyRequestsError):
        client.fetch(request_)

    assert emulator.calls[GET_TOKEN] == 1


def test_default_timeouts_are_short() -> None:
    with DevTokenClient() as client:
        config = client._client_for("us-east-1").meta.config

    assert (config.connect_timeout, config.read_timeout) == (2, 5)
    assert config.max_pool_connections == 50
    assert config.retries == {"mode": "standard", "total_max_attempts": 2}


@pytest.mark.parametrize(
    ("environment", "config", "wanted"),
    [
        ({}, None, r"cognito-devtoken/\S+ Botocore/\S+ Python/.*"),
        ({}, Config(user_agent="mine"), "mine"),
        ({}, Config(user_agent_extra="extra"), r"cognito-devtoken/.* extra"),
        ({}, Config(**APP_ID), r"Botocore/.* app/shop"),
        ({"AWS_SDK_UA_APP_ID": "shop"}, None, r"Botocore/.* app/shop"),
    ],
)
def test_the_user_agent_names_the_library_unless_configured_otherwise(
    environment: dict[str, str],
    config: Config | None,
    wanted: str,
    recording_server: HTTPServer,
    request_: TokenRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with DevTokenClient(config=config) as client:
        client.fetch(request_)

    assert re.fullmatch(wanted, last_request(recording_server).headers["User-Agent"])


class _Aiobotocore:
    """Like a client of aiobotocore."""

    async def _make_api_call(self, name: str, params: Any) -> Any: ...

    def get_open_id_token_for_developer_identity(self, **params: Any) -> Any:
        return self._make_api_call("GetOpenIdTokenForDeveloperIdentity", params)


class _NotEntered:
    """Like what aiobotocore returns before its client is entered."""

    async def __aenter__(self) -> Any: ...


@pytest.mark.parametrize("client", [_Aiobotocore(), _NotEntered()])
def test_a_client_whose_calls_must_be_awaited_is_refused(client: Any) -> None:
    with pytest.raises(ConfigurationError, match="not of aiobotocore") as caught:
        DevTokenClient(boto_client=client)

    assert "AsyncTokenSession" in caught.value.__notes__[0]
