"""A misconfigured client, or one without AWS credentials, reports what is wrong."""

from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import NoCredentialsError
from pytest_httpserver import HTTPServer

from calling import boto3_client
from cognito_devtoken import DevTokenClient, TokenRequest
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    ConfigurationError,
    InternalServiceError,
    ServiceError,
    TokenUnavailableError,
    TooManyRequestsError,
)


ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})


def fail_to_configure(request: TokenRequest, **arguments: Any) -> ConfigurationError:
    with DevTokenClient(**arguments) as client, pytest.raises(ConfigurationError) as caught:
        client.fetch(request)
    return caught.value


def test_missing_aws_credentials_are_a_configuration_error(
    request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    error = fail_to_configure(request_, endpoint_url="http://127.0.0.1:1")

    assert str(error) == "NoCredentialsError: Unable to locate credentials"
    assert "Set AWS_ACCESS_KEY_ID" in error.__notes__[0]
    assert isinstance(error.__cause__, NoCredentialsError)


def test_a_missing_profile_is_named(request_: TokenRequest) -> None:
    error = fail_to_configure(request_, profile_name="nobody")

    assert str(error) == "ProfileNotFound: The config profile (nobody) could not be found"


def test_a_bad_endpoint_url_is_named(request_: TokenRequest) -> None:
    assert "Invalid endpoint: nowhere" in str(fail_to_configure(request_, endpoint_url="nowhere"))


def test_a_password_in_a_url_is_not_shown(request_: TokenRequest) -> None:
    client = DevTokenClient(endpoint_url="http://user:pass@127.0.0.1:1", config=ONE_ATTEMPT)

    with client, pytest.raises(TokenUnavailableError) as caught:
        client.fetch(request_)

    assert "http://<hidden>@127.0.0.1:1/" in str(caught.value)
    assert "pass" not in str(caught.value) + repr(caught.value.__cause__)
    error = fail_to_configure(request_, endpoint_url="user:pass@host")
    assert str(error) == "botocore's configuration is wrong: Invalid endpoint: <hidden>@host."


@pytest.mark.parametrize(
    "arguments", [{"config": {}}, {"endpoint_url": 5}, {"region_name": 5}, {"endpoint_url": "//"}]
)
def test_arguments_of_the_wrong_type_are_a_configuration_error(
    arguments: dict[str, Any], request_: TokenRequest
) -> None:
    assert str(fail_to_configure(request_, **arguments))


def test_a_missing_file_is_named(request_: TokenRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/token")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/backend")

    error = fail_to_configure(request_, endpoint_url="http://127.0.0.1:1")

    assert str(error) == "FileNotFoundError: No such file or directory: /nonexistent/token."


def test_an_mfa_prompt_without_a_terminal_is_a_configuration_error(
    emulator: Emulator, request_: TokenRequest
) -> None:
    def prompt_for_code(**kwargs: Any) -> None:
        raise EOFError  # as getpass does without a terminal

    own = boto3_client(emulator.endpoint_url)
    own.meta.events.register("before-sign.cognito-identity.*", prompt_for_code)

    with pytest.raises(ConfigurationError, match="there is no terminal"):
        DevTokenClient(boto_client=own).fetch(request_)


def test_an_error_in_a_profile_is_reported(profile: Any, request_: TokenRequest) -> None:
    profile("[profile role]\nrole_arn = arn:aws:iam::1:role/a\nsource_profile = gone\n")

    error = fail_to_configure(request_, profile_name="role")

    assert "gone" in str(error)


def test_a_bad_number_in_the_environment_is_refused(
    request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "many")

    assert "'many'" in str(fail_to_configure(request_))


def test_a_pool_id_without_a_valid_region_is_refused(request_: TokenRequest) -> None:
    error = fail_to_configure(TokenRequest("us_east_1:0", request_.logins))

    assert str(error).startswith("InvalidRegionError: Provided region_name 'us_east_1'")


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ValidationError", 400, CallerDeniedError),
        ("Throttling", 400, TooManyRequestsError),
        ("ServiceUnavailable", 503, InternalServiceError),
    ],
)
def test_a_failure_to_assume_a_role_is_translated_by_its_code(
    code: str,
    status: int,
    error: type[ServiceError],
    profile: Any,
    httpserver: HTTPServer,
    request_: TokenRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    httpserver.expect_request("/").respond_with_data(
        f"<ErrorResponse><Error><Code>{code}</Code><Message>No role.</Message></Error>"
        "<RequestId>1</RequestId></ErrorResponse>",
        status,
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", httpserver.url_for(""))
    profile(
        """\
        [profile base]
        aws_access_key_id = AKIA
        aws_secret_access_key = secret
        [profile role]
        role_arn = arn:aws:iam::123456789012:role/backend
        source_profile = base
        region = us-east-1
        """
    )

    with DevTokenClient(profile_name="role") as client, pytest.raises(error) as caught:
        client.fetch(request_)

    assert type(caught.value) is error
    assert str(caught.value) == f"{code}: AssumeRole returned no AWS credentials: No role."
