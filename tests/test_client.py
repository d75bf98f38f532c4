"""One call through botocore, configured as boto is, with every failure told in our own terms."""

import json
import re
import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.loaders import Loader
from moto.server import ThreadedMotoServer
from pytest_httpserver import HTTPServer
from werkzeug import Request

from cognito_devtoken import DevTokenClient, TokenRequest, exceptions
from cognito_devtoken.emulator import Behavior, Emulator
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    ConfigurationError,
    DevTokenError,
    InternalServiceError,
    InvalidParameterError,
    InvalidTokenResponseError,
    NotAuthorizedError,
    ResourceNotFoundError,
    ServiceError,
    SessionClosedError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from pools import OTHER_POOL, POOL


OPERATION = "GetOpenIdTokenForDeveloperIdentity"
APP_ID: Any = {"user_agent_appid": "shop"}  # the stubs lack it
ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes the AWS config file."""

    def write(text: str) -> None:
        path = tmp_path / "config"
        path.write_text(text)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(path))

    return write


@pytest.fixture
def recorder(httpserver: HTTPServer) -> HTTPServer:
    """Answers every call with a token that is no JWT, and keeps the requests."""
    httpserver.expect_request("/").respond_with_json(
        {"IdentityId": "eu-central-1:0", "Token": "opaque"}
    )
    return httpserver


def last_request(server: HTTPServer) -> Request:
    return server.log[-1][0]


def signed_region(server: HTTPServer) -> str:
    return last_request(server).headers["Authorization"].split("/")[2]


def test_a_token_comes_back_for_the_request(client: DevTokenClient) -> None:
    request = TokenRequest(
        POOL.identity_pool_id,
        {POOL.developer_provider: "user-42"},
        principal_tags={"team": "blue"},
        token_duration=60,
    )

    token = client.fetch(request)

    assert token.lifetime == timedelta(seconds=60)
    assert timedelta(0) < token.expires_in() <= timedelta(seconds=60)
    assert token.claims["aud"] == POOL.identity_pool_id
    assert token.claims["https://aws.amazon.com/tags"]["principal_tags"] == {"team": ("blue",)}


def test_what_goes_over_the_wire_is_the_request_and_nothing_else(
    recorder: HTTPServer, request_: TokenRequest
) -> None:
    with DevTokenClient(endpoint_url=recorder.url_for("")) as client:
        client.fetch(request_)

    sent = last_request(recorder)
    assert sent.headers["X-Amz-Target"] == f"AWSCognitoIdentityService.{OPERATION}"
    assert json.loads(sent.data) == request_.to_params()


def test_the_region_is_the_pools_whatever_the_default_of_the_environment(
    recorder: HTTPServer, request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")

    with DevTokenClient(endpoint_url=recorder.url_for("")) as client:
        for pool in (POOL, OTHER_POOL):
            client.fetch(TokenRequest(pool.identity_pool_id, request_.logins))
            assert signed_region(recorder) == pool.region


@pytest.mark.parametrize(
    "how", [{"region_name": "sa-east-1"}, {"config": Config(region_name="sa-east-1")}]
)
def test_a_region_that_is_given_wins(
    how: dict[str, Any], recorder: HTTPServer, request_: TokenRequest
) -> None:
    with DevTokenClient(endpoint_url=recorder.url_for(""), **how) as client:
        client.fetch(request_)

    assert signed_region(recorder) == "sa-east-1"


def test_the_endpoint_of_the_environment_is_honoured(
    emulator: Emulator, request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", emulator.endpoint_url)

    with DevTokenClient() as client:
        client.fetch(request_)

    assert emulator.calls[OPERATION] == 1


def test_a_profile_is_honoured(
    profile: Any, recorder: HTTPServer, request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    profile(
        f"""\
        [profile backend]
        aws_access_key_id = AKIAPROFILE
        aws_secret_access_key = secret
        endpoint_url = {recorder.url_for("")}
        """
    )

    with DevTokenClient(profile_name="backend") as client:
        client.fetch(request_)

    assert "Credential=AKIAPROFILE/" in last_request(recorder).headers["Authorization"]


class _Proxy(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.server.asked = self.rfile.readline().decode()  # type: ignore[attr-defined]
        self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")


@contextmanager
def proxy() -> Iterator[Any]:
    """An HTTP proxy that notes where a connection is wanted to, and refuses it."""
    with socketserver.TCPServer(("127.0.0.1", 0), _Proxy) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("fips", "host"), [("", "cognito-identity"), ("true", "cognito-identity-fips")]
)
def test_the_endpoint_is_awss_fips_or_not_and_proxies_are_honoured(
    fips: str, host: str, request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", fips)
    with proxy() as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.server_address[1]}")
        client = DevTokenClient(config=ONE_ATTEMPT)

        with client, pytest.raises(TokenUnavailableError, match="ProxyConnectionError"):
            client.fetch(request_)

    assert server.asked.split()[:2] == ["CONNECT", f"{host}.eu-central-1.amazonaws.com:443"]


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
def test_throttling_is_retried_unless_told_otherwise(
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

    assert emulator.calls[OPERATION] == attempts


def test_the_retry_mode_of_a_profile_is_honoured(
    profile: Any, emulator: Emulator, request_: TokenRequest
) -> None:
    profile("[default]\nretry_mode = legacy\n")
    emulator.fail_next("TooManyRequestsException", times=9)
    client = DevTokenClient(endpoint_url=emulator.endpoint_url)

    with client, pytest.raises(TooManyRequestsError):
        client.fetch(request_)

    assert emulator.calls[OPERATION] == 1


def test_time_outs_are_short() -> None:
    with DevTokenClient() as client:
        config = client._client_for("us-east-1").meta.config  # type: ignore[attr-defined]

    assert (config.connect_timeout, config.read_timeout) == (2, 5)
    assert config.max_pool_connections == 50
    assert config.retries == {"mode": "standard", "total_max_attempts": 2}


def test_botocores_validation_is_off(emulator: Emulator, client: DevTokenClient) -> None:
    boto = client._client_for(POOL.region)

    with pytest.raises(ClientError, match="Value null at 'identityPoolId'"):  # the emulator's
        boto.get_open_id_token_for_developer_identity()


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
def test_the_user_agent_names_us_and_what_the_user_wants(
    environment: dict[str, str],
    config: Config | None,
    wanted: str,
    recorder: HTTPServer,
    request_: TokenRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with DevTokenClient(endpoint_url=recorder.url_for(""), config=config) as client:
        client.fetch(request_)

    assert re.fullmatch(wanted, last_request(recorder).headers["User-Agent"])


def boto3_client(endpoint_url: str, **options: Any) -> Any:
    return boto3.client(
        "cognito-identity", region_name=POOL.region, endpoint_url=endpoint_url, **options
    )


def test_a_client_of_the_users_own_is_used_and_left_open(
    emulator: Emulator, request_: TokenRequest
) -> None:
    own = boto3_client(emulator.endpoint_url)

    with DevTokenClient(boto_client=own) as client:
        token = client.fetch(request_)

    assert own.get_credentials_for_identity(IdentityId=token.identity_id, Logins=token.to_logins())
    own.close()


def test_a_client_of_the_users_own_comes_alone() -> None:
    own = boto3_client("http://127.0.0.1:9")

    with pytest.raises(ConfigurationError, match="none of them goes with it"):
        DevTokenClient("us-east-1", boto_client=own)


def test_a_client_for_user_pools_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="must be a client for cognito-identity"):
        DevTokenClient(boto_client=boto3.client("cognito-idp", region_name="us-east-1"))


@pytest.mark.parametrize("own", [True, False])
def test_a_closed_client_refuses(own: bool, emulator: Emulator, request_: TokenRequest) -> None:
    url = emulator.endpoint_url
    client = (
        DevTokenClient(boto_client=boto3_client(url)) if own else DevTokenClient(endpoint_url=url)
    )
    client.fetch(request_)

    client.close()
    client.close()

    with pytest.raises(SessionClosedError, match="closed"):
        client.fetch(request_)
    with pytest.raises(SessionClosedError, match="closed"), client:
        pass


@pytest.fixture
def created(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The clients that botocore makes, with the region of each."""
    clients = []
    create_client = botocore.session.Session.create_client

    def create_and_note(self: Any, *args: Any, **kwargs: Any) -> Any:
        clients.append(create_client(self, *args, **kwargs))
        return clients[-1]

    monkeypatch.setattr(botocore.session.Session, "create_client", create_and_note)
    return clients


def test_threads_share_one_botocore_client(
    created: list[Any], client: DevTokenClient, request_: TokenRequest
) -> None:
    start = threading.Barrier(8)

    def fetch(number: int) -> Any:
        start.wait()
        return client.fetch(request_)

    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(fetch, range(8)))

    assert len({token.identity_id for token in tokens}) == 1
    assert len(created) == 1


def test_a_given_region_has_one_botocore_client_for_all_pools(
    created: list[Any], recorder: HTTPServer, request_: TokenRequest
) -> None:
    with DevTokenClient("us-east-1", endpoint_url=recorder.url_for("")) as client:
        for pool in (POOL, OTHER_POOL):
            client.fetch(TokenRequest(pool.identity_pool_id, request_.logins))

    assert len(created) == 1


def test_closing_closes_the_connections_that_it_opened(
    created: list[Any], client: DevTokenClient, request_: TokenRequest
) -> None:
    client.fetch(request_)
    (boto,) = created
    pools = boto._endpoint.http_session._manager.pools
    assert len(pools) == 1

    client.close()

    assert len(pools) == 0


def test_a_tokens_age_counts_from_when_the_request_was_sent(request_: TokenRequest) -> None:
    with Emulator(POOL, latency=0.2) as emulator:
        with DevTokenClient(endpoint_url=emulator.endpoint_url) as client:
            token = client.fetch(request_)

    assert token.expires_in() <= token.lifetime - timedelta(seconds=0.2)


def test_only_a_request_can_be_fetched(client: DevTokenClient) -> None:
    with pytest.raises(TypeError, match="takes a TokenRequest, not dict"):
        client.fetch({"login.example.com": "user-42"})  # type: ignore[arg-type]


CODES = {
    "InvalidParameterException": "InvalidParameterError",
    "ValidationException": "InvalidParameterError",
    "ResourceNotFoundException": "ResourceNotFoundError",
    "NotAuthorizedException": "NotAuthorizedError",
    "ResourceConflictException": "ResourceConflictError",
    "DeveloperUserAlreadyRegisteredException": "DeveloperUserAlreadyRegisteredError",
    "TooManyRequestsException": "TooManyRequestsError",
    "ThrottlingException": "TooManyRequestsError",
    "Throttling": "TooManyRequestsError",
    "LimitExceededException": "TooManyRequestsError",
    "RequestLimitExceeded": "TooManyRequestsError",
    "InternalErrorException": "InternalServiceError",
    "InternalFailure": "InternalServiceError",
    "ServiceUnavailableException": "InternalServiceError",
    "AccessDeniedException": "CallerDeniedError",
    "AccessDenied": "CallerDeniedError",
    "UnrecognizedClientException": "CallerDeniedError",
    "InvalidClientTokenId": "CallerDeniedError",
    "ExpiredTokenException": "CallerDeniedError",
    "ExpiredToken": "CallerDeniedError",
    "InvalidSignatureException": "CallerDeniedError",
    "SignatureDoesNotMatch": "CallerDeniedError",
    "MissingAuthenticationTokenException": "CallerDeniedError",
    "MissingAuthenticationToken": "CallerDeniedError",
    "IncompleteSignatureException": "CallerDeniedError",
    "OptInRequired": "CallerDeniedError",
    "RequestExpired": "CallerDeniedError",
    "NeverHeardOfException": "ServiceError",
}


@cache
def modeled_errors() -> set[str]:
    """The errors of the service that botocore has classes for."""
    shapes = Loader().load_service_model("cognito-identity", "service-2")["shapes"]
    return {name for name, shape in shapes.items() if shape.get("exception")}


@pytest.mark.parametrize(("code", "name"), CODES.items())
@pytest.mark.parametrize("status", [400, 403, 409])
def test_the_code_and_not_the_status_decides_the_error(
    code: str, name: str, status: int, emulator: Emulator, request_: TokenRequest
) -> None:
    emulator.fail_next(code, "As it is.", status=status)
    client = DevTokenClient(endpoint_url=emulator.endpoint_url, config=ONE_ATTEMPT)

    with client, pytest.raises(ServiceError) as caught:
        client.fetch(request_)

    error = caught.value
    assert type(error) is getattr(exceptions, name)
    assert (error.code, error.status) == (code, status)
    assert str(error) == f"{code}: As it is."
    assert error.request_id
    assert error.retryable == (name in ("TooManyRequestsError", "InternalServiceError"))
    assert len(getattr(error, "__notes__", [])) == (name != "ServiceError")
    assert isinstance(error.__cause__, ClientError)
    assert (type(error.__cause__).__name__ == code) == (code in modeled_errors())
    assert error.__cause__.response["Error"]["Code"] == code


def test_every_error_of_the_model_is_tested_above() -> None:
    model = Loader().load_service_model("cognito-identity", "service-2")
    of_operation = {error["shape"] for error in model["operations"][OPERATION]["errors"]}

    assert of_operation <= modeled_errors() & CODES.keys()


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("AccessDeniedException", "need cognito-identity:GetOpenIdTokenForDeveloperIdentity"),
        ("ExpiredTokenException", "Use AWS credentials that are in force"),
    ],
)
def test_credentials_that_are_wrong_are_told_from_those_without_a_permission(
    code: str, hint: str, emulator: Emulator, client: DevTokenClient, request_: TokenRequest
) -> None:
    emulator.fail_next(code)

    with pytest.raises(CallerDeniedError) as caught:
        client.fetch(request_)

    assert hint in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        (
            "Logins don't match. Please include at least one valid login for this identity.",
            "The identity id belongs to someone else",
        ),
        ("Token is not from a supported provider of this identity pool.", "Add that provider"),
        ("Invalid login token. Can't pass in a Cognito token.", "only goes to GetCredentials"),
        (
            "This identity pool does not support the specified developer provider",
            "Use the developer provider name",
        ),
    ],
)
def test_messages_that_users_meet_most_have_a_hint(
    message: str, hint: str, emulator: Emulator, client: DevTokenClient, request_: TokenRequest
) -> None:
    emulator.fail_next("NotAuthorizedException", message)

    with pytest.raises(NotAuthorizedError) as caught:
        client.fetch(request_)

    assert hint in caught.value.__notes__[0]


def test_a_missing_pool_hints_at_the_region(client: DevTokenClient) -> None:
    with pytest.raises(ResourceNotFoundError) as caught:
        client.fetch(TokenRequest("us-west-2:0", {"login.example.com": "user-42"}))

    assert str(caught.value) == "ResourceNotFoundException: IdentityPool 'us-west-2:0' not found."
    assert "region" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("status", "body", "error", "text"),
    [
        (503, "", InternalServiceError, "503: "),
        (429, "<html></html>", TooManyRequestsError, "429: "),
        (400, '{"__type": "RequestTimeoutException"}', InternalServiceError, "RequestTimeout"),
        (404, "<html>\n<h1>Not Found</h1></html>", ServiceError, "404: "),
        (200, "<html></html>", InvalidTokenResponseError, "it has no Token"),
        (200, "{}", InvalidTokenResponseError, "it has no Token"),
        (
            400,
            '{"__type": "com.amazon.coral#ThrottlingException"}',
            TooManyRequestsError,
            "Throttl",
        ),
    ],
)
def test_whatever_answers_in_place_of_cognito_is_one_clear_error(
    status: int,
    body: str,
    error: type[DevTokenError],
    text: str,
    httpserver: HTTPServer,
    request_: TokenRequest,
) -> None:
    httpserver.expect_request("/").respond_with_data(body, status)
    client = DevTokenClient(endpoint_url=httpserver.url_for(""), config=ONE_ATTEMPT)

    with client, pytest.raises(error, match=text) as caught:
        client.fetch(request_)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("odd", [{"a": 1}, [1], 5, None, True])
def test_an_error_of_odd_types_is_an_error_of_ours_all_the_same(
    odd: object, httpserver: HTTPServer, request_: TokenRequest
) -> None:
    answer = {"__type": "ValidationException", "message": odd}
    httpserver.expect_request("/").respond_with_json(answer, 400, {"x-amzn-RequestId": "a b"})

    with DevTokenClient(endpoint_url=httpserver.url_for("")) as client:
        with pytest.raises(InvalidParameterError, match="ValidationException: ") as caught:
            client.fetch(request_)

    assert caught.value.request_id is None


def test_a_long_message_is_cut(
    emulator: Emulator, client: DevTokenClient, request_: TokenRequest
) -> None:
    emulator.fail_next("NotAuthorizedException", "x" * 5000)

    with pytest.raises(NotAuthorizedError) as caught:
        client.fetch(request_)

    assert str(caught.value) == "NotAuthorizedException: " + "x" * 500


@pytest.mark.parametrize(
    ("login", "code", "error"),
    [
        ("InternalUser-42", "InternalErrorException", InternalServiceError),
        ("TooManyRequests", "TooManyRequestsException", TooManyRequestsError),
    ],
)
def test_a_user_id_does_not_change_what_an_error_is(
    login: str,
    code: str,
    error: type[ServiceError],
    emulator: Emulator,
    client: DevTokenClient,
) -> None:
    emulator.fail_next(code, times=2)

    with pytest.raises(error) as caught:
        client.fetch(TokenRequest(POOL.identity_pool_id, {POOL.developer_provider: login}))

    assert caught.value.code == code


def test_nobody_listening_is_a_token_unavailable(request_: TokenRequest) -> None:
    client = DevTokenClient(endpoint_url="http://127.0.0.1:1", config=ONE_ATTEMPT)

    with client, pytest.raises(TokenUnavailableError, match="EndpointConnectionError") as caught:
        client.fetch(request_)

    assert isinstance(caught.value.last_error, EndpointConnectionError)
    assert caught.value.last_error is caught.value.__cause__
    assert caught.value.retry_at is None


def test_no_answer_in_time_is_a_token_unavailable(request_: TokenRequest) -> None:
    config = Config(read_timeout=0.05, retries={"total_max_attempts": 1})
    with Emulator(POOL, latency=30) as emulator:
        client = DevTokenClient(endpoint_url=emulator.endpoint_url, config=config)

        with client, pytest.raises(TokenUnavailableError, match="ReadTimeoutError"):
            client.fetch(request_)


def test_a_dropped_connection_is_a_token_unavailable(
    emulator: Emulator, client: DevTokenClient, request_: TokenRequest
) -> None:
    emulator.drop_next(times=9)

    with pytest.raises(TokenUnavailableError, match="ConnectionClosedError"):
        client.fetch(request_)


def test_half_an_answer_is_refused(
    emulator: Emulator, client: DevTokenClient, request_: TokenRequest
) -> None:
    emulator.cut_next(times=9)

    with pytest.raises((InvalidTokenResponseError, TokenUnavailableError)):
        client.fetch(request_)


def test_one_dropped_connection_is_made_up_for_by_the_retry(
    emulator: Emulator, client: DevTokenClient, request_: TokenRequest
) -> None:
    emulator.drop_next()

    client.fetch(request_)

    assert emulator.calls[OPERATION] == 2


def fail_to_configure(request: TokenRequest, **arguments: Any) -> ConfigurationError:
    with DevTokenClient(**arguments) as client, pytest.raises(ConfigurationError) as caught:
        client.fetch(request)
    return caught.value


def test_no_aws_credentials_are_a_matter_of_configuration(
    request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    error = fail_to_configure(request_, endpoint_url="http://127.0.0.1:1")

    assert str(error) == "NoCredentialsError: Unable to locate credentials"
    assert "aws sts get-caller-identity" in error.__notes__[0]
    assert isinstance(error.__cause__, NoCredentialsError)


def test_a_missing_profile_is_named(request_: TokenRequest) -> None:
    error = fail_to_configure(request_, profile_name="nobody")

    assert str(error) == "ProfileNotFound: The config profile (nobody) could not be found"


def test_a_bad_endpoint_url_is_named(request_: TokenRequest) -> None:
    assert "Invalid endpoint: nowhere" in str(fail_to_configure(request_, endpoint_url="nowhere"))


def test_a_password_in_an_address_is_not_shown(request_: TokenRequest) -> None:
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
def test_arguments_of_the_wrong_type_are_a_matter_of_configuration(
    arguments: dict[str, Any], request_: TokenRequest
) -> None:
    assert str(fail_to_configure(request_, **arguments))


def test_a_missing_file_is_named(request_: TokenRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/token")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/backend")

    error = fail_to_configure(request_, endpoint_url="http://127.0.0.1:1")

    assert str(error) == "FileNotFoundError: No such file or directory: /nonexistent/token."


def test_a_code_that_nobody_can_type_in_is_a_matter_of_configuration(
    emulator: Emulator, request_: TokenRequest
) -> None:
    def ask_for_a_code(**kwargs: Any) -> None:
        raise EOFError  # as getpass does without a terminal

    own = boto3_client(emulator.endpoint_url)
    own.meta.events.register("before-sign.cognito-identity.*", ask_for_a_code)

    with pytest.raises(ConfigurationError, match="there is no terminal"):
        DevTokenClient(boto_client=own).fetch(request_)


def test_what_is_wrong_in_a_profile_is_told(profile: Any, request_: TokenRequest) -> None:
    profile("[profile role]\nrole_arn = arn:aws:iam::1:role/a\nsource_profile = gone\n")

    error = fail_to_configure(request_, profile_name="role")

    assert "gone" in str(error)


def test_a_bad_number_in_the_environment_is_refused(
    request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "many")

    assert "'many'" in str(fail_to_configure(request_))


def test_a_pool_id_that_begins_with_no_region_is_refused(request_: TokenRequest) -> None:
    error = fail_to_configure(TokenRequest("us_east_1:0", request_.logins))

    assert str(error).startswith("InvalidRegionError: Provided region_name 'us_east_1'")


def test_what_a_credential_process_says_stays_with_it(
    profile: Any, request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    profile("[default]\ncredential_process = sh -c 'echo the-secret >&2; exit 1'\n")

    error = fail_to_configure(request_)

    assert str(error).startswith("CredentialRetrievalError: ")
    assert "the-secret" not in str(error) + repr(error.__cause__)


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ValidationError", 400, CallerDeniedError),
        ("Throttling", 400, TooManyRequestsError),
        ("ServiceUnavailable", 503, InternalServiceError),
    ],
)
def test_a_role_that_cannot_be_assumed_is_our_credentials_fault_or_passes(
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
    assert str(caught.value) == f"{code}: AssumeRole gave no AWS credentials: No role."


def test_signatures_are_what_aws_expects(request_: TokenRequest) -> None:
    known = {"AKIATEST": "test-secret"}
    with Emulator(POOL, credentials=known) as emulator:
        with DevTokenClient(endpoint_url=emulator.endpoint_url) as client:
            client.fetch(request_)


def test_moto_works_too(request_: TokenRequest) -> None:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        pool_id = boto3_client(url).create_identity_pool(
            IdentityPoolName="pool", AllowUnauthenticatedIdentities=False
        )["IdentityPoolId"]
        with DevTokenClient(endpoint_url=url) as client:
            token = client.fetch(TokenRequest(pool_id, request_.logins, token_duration=120))
    finally:
        server.stop()

    assert token.identity_id.startswith(f"{POOL.region}:")
    assert token.token
    assert token.claims == {}
    assert token.lifetime == timedelta(seconds=120)


def test_a_throttled_answer_at_429_is_retried_too(request_: TokenRequest) -> None:
    with Emulator(
        POOL,
        behavior=Behavior(throttled_status=429),
        calls_per_second=1,
        clock=lambda: 1_700_000_000.0,
    ) as emulator:
        with DevTokenClient(endpoint_url=emulator.endpoint_url) as client:
            client.fetch(request_)
            with pytest.raises(TooManyRequestsError) as caught:
                client.fetch(request_)

        assert caught.value.status == 429
        assert emulator.calls[OPERATION] == 3
