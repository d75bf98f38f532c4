"""The exchange of a token for credentials through botocore: what is sent, and what errors mean."""

import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore.config import Config
from botocore.loaders import Loader
from pytest_httpserver import HTTPServer

from calling import ROLE, Clock, boto3_client, last_request
from canary import find_leaks
from cognito_devtoken import DevTokenClient, OpenIdToken, TokenRequest, exceptions
from cognito_devtoken.credentials import AssumeRole
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.exceptions import (
    ConfigurationError,
    InvalidRequestError,
    InvalidTokenResponseError,
    ServiceError,
    SessionClosedError,
    TokenUnavailableError,
)
from cognito_devtoken.testing import make_token
from pools import POOL


ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})
POLICY = '{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "canary-policy"}}'
BASIC = AssumeRole(ROLE, policy=POLICY, duration=900)
ROLES = [None, ROLE, BASIC]
TOKEN = make_token()


@pytest.fixture
def token(client: DevTokenClient, request_: TokenRequest) -> OpenIdToken:
    return client.fetch(request_)


@pytest.fixture
def trader(
    token: OpenIdToken, emulator_in_environment: Emulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DevTokenClient]:
    """A client without AWS credentials, which finds the emulator through the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", emulator_in_environment.endpoint_url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with DevTokenClient(config=ONE_ATTEMPT) as client:
        yield client


@pytest.mark.parametrize(("role", "seconds"), [(None, 3600), (ROLE, 3600), (BASIC, 900)])
def test_a_token_is_exchanged_for_credentials_without_aws_credentials(
    role: Any, seconds: int, trader: DevTokenClient, token: OpenIdToken
) -> None:
    credentials = trader.fetch_credentials(token, role)

    assert credentials.identity_id == token.identity_id
    assert credentials.access_key_id.startswith("ASIA")
    assert credentials.secret_access_key
    assert credentials.session_token
    assert timedelta(seconds=seconds - 30) < credentials.expires_in()
    assert credentials.expires_in() <= timedelta(seconds=seconds)


def test_an_unsigned_request_has_the_members_of_the_enhanced_flow(
    recording_server: HTTPServer,
) -> None:
    with DevTokenClient() as client, pytest.raises(InvalidTokenResponseError):
        client.fetch_credentials(TOKEN, ROLE)

    sent = last_request(recording_server)
    assert "Authorization" not in sent.headers
    assert sent.headers["X-Amz-Target"].endswith(".GetCredentialsForIdentity")
    assert json.loads(sent.data) == {
        "IdentityId": TOKEN.identity_id,
        "Logins": TOKEN.to_logins(),
        "CustomRoleArn": ROLE,
    }


def test_an_unsigned_request_has_the_members_of_the_basic_flow(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", httpserver.url_for(""))
    httpserver.expect_request("/").respond_with_data(
        "<AssumeRoleWithWebIdentityResponse/>", content_type="text/xml"
    )
    role = AssumeRole(ROLE, session_name="app", policy=POLICY, policy_arns=[ROLE, ROLE + "2"])

    with DevTokenClient() as client, pytest.raises(InvalidTokenResponseError):
        client.fetch_credentials(TOKEN, role)

    sent = last_request(httpserver)
    assert "Authorization" not in sent.headers
    assert {name: texts[0] for name, texts in parse_qs(sent.get_data(as_text=True)).items()} == {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": ROLE,
        "RoleSessionName": "app",
        "WebIdentityToken": TOKEN.token,
        "DurationSeconds": "3600",
        "Policy": POLICY,
        "PolicyArns.member.1.arn": ROLE,
        "PolicyArns.member.2.arn": ROLE + "2",
    }


def test_the_lifetime_is_that_of_the_servers_dates(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", httpserver.url_for(""))
    expires = int(time.time()) + 900
    found = {"AccessKeyId": "A", "SecretKey": "s", "SessionToken": "t", "Expiration": expires}
    httpserver.expect_request("/").respond_with_json({"Credentials": found})

    with DevTokenClient() as client:
        credentials = client.fetch_credentials(TOKEN)

    assert credentials.expiration == datetime.fromtimestamp(expires, UTC)
    # By the local time, it would be a fraction of a second longer.
    assert timedelta(seconds=800) < credentials.expires_in() <= timedelta(seconds=899)


@pytest.mark.parametrize(
    ("region", "configured", "host"),
    [
        ("us-east-1", {}, "sts.us-east-1.amazonaws.com"),
        ("eu-west-1", {}, "sts.eu-west-1.amazonaws.com"),
        ("cn-north-1", {}, "sts.cn-north-1.amazonaws.com.cn"),
        ("us-east-1", {"AWS_STS_REGIONAL_ENDPOINTS": "legacy"}, "sts.amazonaws.com"),
        ("us-east-1", {"AWS_ENDPOINT_URL_STS": "https://sts.example"}, "sts.example"),
        ("us-east-1", {"AWS_USE_FIPS_ENDPOINT": "true"}, "sts-fips.us-east-1.amazonaws.com"),
    ],
)
def test_sts_is_called_in_the_region_of_the_pool_unless_configured_otherwise(
    region: str, configured: dict[str, str], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in configured.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    asked: list[str] = []

    def getaddrinfo(name: str, *args: Any) -> Any:
        asked.append(name)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    token = make_token(identity_pool_id=f"{region}:0")

    with DevTokenClient(endpoint_url="http://127.0.0.1:1", config=ONE_ATTEMPT) as client:
        with pytest.raises(TokenUnavailableError):
            client.fetch_credentials(token, AssumeRole(ROLE))

    assert {str(name) for name in asked} == {host}


def test_a_profile_may_choose_the_global_endpoint_of_sts(
    profile: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile("[default]\nsts_regional_endpoints = legacy\n")
    with DevTokenClient() as client:
        sts = client._client_for("us-east-1", "sts", False)

    assert sts.meta.endpoint_url == "https://sts.amazonaws.com"


def test_a_boto_client_from_the_user_makes_the_exchange_of_the_enhanced_flow(
    emulator: Emulator, token: OpenIdToken
) -> None:
    with DevTokenClient(boto_client=boto3_client(emulator.endpoint_url)) as client:
        assert client.fetch_credentials(token).identity_id == token.identity_id


def test_a_boto_client_from_the_user_does_not_call_sts(
    emulator: Emulator, token: OpenIdToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", emulator.endpoint_url)

    with DevTokenClient(boto_client=boto3_client(emulator.endpoint_url)) as client:
        credentials = client.fetch_credentials(token, BASIC)

    assert credentials.identity_id == token.identity_id
    assert emulator.calls["AssumeRoleWithWebIdentity"] == 1


def test_a_closed_client_exchanges_no_token() -> None:
    client = DevTokenClient()
    client.close()

    with pytest.raises(SessionClosedError):
        client.fetch_credentials(TOKEN)


@pytest.mark.parametrize(
    ("token", "role", "error"),
    [
        ("canary-of-a-token", None, TypeError),
        (TOKEN, "canary-of-a-role\n\x00", InvalidRequestError),
        (TOKEN, 7, InvalidRequestError),
    ],
)
def test_wrong_arguments_are_refused(token: Any, role: Any, error: type[Exception]) -> None:
    with DevTokenClient() as client, pytest.raises(error) as caught:
        client.fetch_credentials(token, role)

    assert not find_leaks(caught.value, *(each for each in (token, role) if type(each) is str))


# By flow (enhanced, basic), code and message: the error.
STALE = "Invalid login token. Token expired: 1762950000 >= 1762949000"
UNSIGNED = "Invalid login token. Couldn't verify signed token."
MISMATCH = "Logins don't match. Please include at least one valid login for this identity."
ERRORS = [
    ("enhanced", "NotAuthorizedException", STALE, "StaleTokenError"),
    ("enhanced", "NotAuthorizedException", UNSIGNED, "StaleTokenError"),
    ("enhanced", "NotAuthorizedException", MISMATCH, "NotAuthorizedError"),
    ("enhanced", "InvalidIdentityPoolConfigurationException", "x", "IdentityPoolRolesError"),
    ("enhanced", "ExternalServiceException", "x", "InternalServiceError"),
    ("enhanced", "InternalErrorException", "x", "InternalServiceError"),
    ("enhanced", "InvalidParameterException", "x", "InvalidParameterError"),
    ("enhanced", "ResourceNotFoundException", "x", "ResourceNotFoundError"),
    ("enhanced", "ResourceConflictException", "x", "ResourceConflictError"),
    ("enhanced", "TooManyRequestsException", "x", "TooManyRequestsError"),
    ("basic", "ExpiredTokenException", "Token expired: …", "StaleTokenError"),
    ("basic", "AccessDenied", "Not authorized to perform sts:…", "RoleDeniedError"),
    ("basic", "IDPCommunicationError", "x", "InternalServiceError"),
    ("basic", "IDPRejectedClaim", "x", "NotAuthorizedError"),
    ("basic", "InvalidIdentityToken", "x", "NotAuthorizedError"),
    ("basic", "MalformedPolicyDocument", "x", "SessionPolicyError"),
    ("basic", "PackedPolicyTooLarge", "x", "SessionPolicyError"),
    ("basic", "RegionDisabledException", "x", "RegionDisabledError"),
    ("basic", "ValidationError", "x", "InvalidParameterError"),
    ("basic", "Throttling", "Rate exceeded", "TooManyRequestsError"),
]


@pytest.mark.parametrize(("flow", "code", "said", "name"), ERRORS)
def test_the_code_decides_the_error(
    flow: str,
    code: str,
    said: str,
    name: str,
    emulator: Emulator,
    trader: DevTokenClient,
) -> None:
    status = 403 if code in ("AccessDenied", "IDPRejectedClaim", "RegionDisabledException") else 400
    emulator.fail_next(code, said, status=status, times=2)  # botocore may try once more

    with pytest.raises(ServiceError) as caught:
        trader.fetch_credentials(TOKEN, BASIC if flow == "basic" else None)

    error = caught.value
    assert type(error) is getattr(exceptions, name)
    assert error.code == code
    assert len(error.__notes__) == 1
    assert "GetOpenIdTokenForDeveloperIdentity" not in error.__notes__[0]
    assert not find_leaks(error, TOKEN.token, POLICY)
    wrong_settings = ("IdentityPoolRolesError", "RoleDeniedError", "RegionDisabledError")
    assert isinstance(error, ConfigurationError) == (name in wrong_settings)


def test_every_modeled_error_of_both_operations_is_tested_above() -> None:
    tested = {code for _, code, _, _ in ERRORS}
    for service, operation in (
        ("cognito-identity", "GetCredentialsForIdentity"),
        ("sts", "AssumeRoleWithWebIdentity"),
    ):
        model = Loader().load_service_model(service, "service-2")
        for error in model["operations"][operation]["errors"]:
            shape = model["shapes"][error["shape"]]
            assert shape.get("error", {}).get("code", error["shape"]) in tested


def test_a_duration_beyond_the_roles_maximum_has_a_hint(
    emulator: Emulator, trader: DevTokenClient
) -> None:
    said = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    emulator.fail_next("ValidationError", said)

    with pytest.raises(exceptions.InvalidParameterError) as caught:
        trader.fetch_credentials(TOKEN, BASIC)

    assert caught.value.__notes__[0].startswith("Use a shorter duration")


@pytest.mark.external
@pytest.mark.parametrize("role", ROLES)
def test_an_expired_token_is_stale_in_both_flows(
    role: Any, request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    with (
        Emulator(POOL, clock=clock) as emulator,
        DevTokenClient(endpoint_url=emulator.endpoint_url) as client,
    ):
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", emulator.endpoint_url)
        token = client.fetch(request_)
        clock.at += 900

        with pytest.raises(exceptions.StaleTokenError):
            client.fetch_credentials(token, role)


@pytest.mark.parametrize("role", ROLES)
def test_a_message_that_quotes_a_secret_does_not_show_it(
    role: Any, emulator: Emulator, trader: DevTokenClient
) -> None:
    code = "ValidationError" if role is BASIC else "ValidationException"
    emulator.fail_next(code, f"Value '{TOKEN.token}' or '{POLICY}' at 'webIdentityToken' is wrong")

    with pytest.raises(exceptions.InvalidParameterError) as caught:
        trader.fetch_credentials(TOKEN, role)

    assert not find_leaks(caught.value, TOKEN.token, *([POLICY] if role is BASIC else []))


@pytest.mark.parametrize("role", [None, BASIC])
def test_a_response_that_is_not_credentials_is_refused(
    role: Any, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL_COGNITO_IDENTITY", "AWS_ENDPOINT_URL_STS"):
        monkeypatch.setenv(name, httpserver.url_for(""))
    text = "<html>canary" if role else '{"Credentials": "canary"'
    httpserver.expect_request("/").respond_with_data(text)

    with DevTokenClient(config=ONE_ATTEMPT) as client:
        with pytest.raises(exceptions.DevTokenError) as caught:
            client.fetch_credentials(TOKEN, role)

    assert not find_leaks(caught.value, "canary")


@pytest.mark.external
def test_a_token_of_moto_can_be_exchanged_in_both_flows(
    request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        pool_id = boto3_client(url).create_identity_pool(
            IdentityPoolName="pool", AllowUnauthenticatedIdentities=False
        )["IdentityPoolId"]
        with DevTokenClient(endpoint_url=url) as client:
            token = client.fetch(TokenRequest(pool_id, request_.logins))
            found = [client.fetch_credentials(token, role) for role in ROLES]
    finally:
        server.stop()

    assert {each.identity_id for each in found} == {token.identity_id}
    assert found[0].expires_in() > timedelta(seconds=60)  # moto's live for 90 s
    assert found[2].expires_in() > timedelta(seconds=870)
