"""Every failed call raises an error of this library, with a hint on what to do."""

from collections.abc import Iterator
from functools import cache

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.loaders import Loader
from pytest_httpserver import HTTPServer

from cognito_devtoken import DevTokenClient, TokenRequest, exceptions
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    ConfigurationError,
    DeveloperProviderError,
    DevTokenError,
    InternalServiceError,
    InvalidParameterError,
    InvalidTokenResponseError,
    NotAuthorizedError,
    ResourceNotFoundError,
    ServiceError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from patience import PATIENCE
from pools import POOL


OPERATION = "GetOpenIdTokenForDeveloperIdentity"
ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})


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


@pytest.fixture(scope="module")
def single_attempt_client(running_emulator: Emulator) -> Iterator[DevTokenClient]:
    """A client that does not retry."""
    url = running_emulator.endpoint_url
    with DevTokenClient(endpoint_url=url, config=ONE_ATTEMPT) as client:
        yield client


@cache
def modeled_errors() -> set[str]:
    """The service's errors that botocore has classes for."""
    shapes = Loader().load_service_model("cognito-identity", "service-2")["shapes"]
    return {name for name, shape in shapes.items() if shape.get("exception")}


@pytest.mark.parametrize(("code", "name"), CODES.items())
@pytest.mark.parametrize("status", [400, 403, 409])
def test_the_code_and_not_the_status_decides_the_error(
    code: str,
    name: str,
    status: int,
    emulator: Emulator,
    single_attempt_client: DevTokenClient,
    request_: TokenRequest,
) -> None:
    emulator.fail_next(code, "As it is.", status=status)

    with pytest.raises(ServiceError) as caught:
        single_attempt_client.fetch(request_)

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


def test_every_modeled_error_is_tested_above() -> None:
    model = Loader().load_service_model("cognito-identity", "service-2")
    of_operation = {error["shape"] for error in model["operations"][OPERATION]["errors"]}

    assert of_operation <= modeled_errors() & CODES.keys()


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("AccessDeniedException", "cognito-identity:GetOpenIdTokenForDeveloperIdentity on this"),
        ("ExpiredTokenException", "Check that your AWS credentials"),
    ],
)
def test_invalid_credentials_and_missing_permissions_have_different_hints(
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
            "The identity id belongs to another user",
        ),
        ("Token is not from a supported provider of this identity pool.", "Add the provider"),
        ("Invalid login token. Issuer doesn't match providerName", "after the issuer of its token"),
        ("Please provide a valid public provider", "after the issuer of its token"),
        ("Invalid login token. Can't pass in a Cognito token.", "only accepted by GetCredentials"),
        ("Access to Identity 'us-east-1:0' is forbidden.", "The identity is disabled"),
    ],
)
def test_common_messages_have_a_hint(
    message: str, hint: str, emulator: Emulator, client: DevTokenClient, request_: TokenRequest
) -> None:
    emulator.fail_next("NotAuthorizedException", message)

    with pytest.raises(NotAuthorizedError) as caught:
        client.fetch(request_)

    assert hint in caught.value.__notes__[0]


@pytest.mark.parametrize("code", ["NotAuthorizedException", "InvalidParameterException"])
@pytest.mark.parametrize(
    "message",
    [
        "This identity pool does not support the specified developer provider",
        "Identity pool - us-east-1:0 does not have identity providers configured.",
    ],
)
def test_an_unknown_developer_provider_is_a_mistake_in_the_configuration(
    code: str,
    message: str,
    emulator: Emulator,
    client: DevTokenClient,
    request_: TokenRequest,
) -> None:
    emulator.fail_next(code, message)

    with pytest.raises(ConfigurationError) as caught:
        client.fetch(request_)

    error = caught.value
    assert isinstance(error, DeveloperProviderError)
    assert (str(error), error.code, error.retryable) == (f"{code}: {message}", code, False)
    assert "COGNITO_DEVTOKEN_DEVELOPER_PROVIDER" in error.__notes__[0]


def test_a_user_id_that_quotes_a_message_of_cognito_does_not_change_the_error(
    emulator: Emulator, client: DevTokenClient
) -> None:
    user_id = "does not support the specified developer provider"
    emulator.fail_next("ValidationException", f"Value '{user_id}' at 'logins' failed.")

    with pytest.raises(InvalidParameterError):
        client.fetch(TokenRequest(POOL.identity_pool_id, {POOL.developer_provider: user_id}))


def test_an_identity_that_no_longer_exists_hints_at_omitting_its_id(
    emulator: Emulator, client: DevTokenClient, request_: TokenRequest
) -> None:
    identity_id = client.fetch(request_).identity_id
    emulator.clear()

    with pytest.raises(ResourceNotFoundError, match=rf"Identity '{identity_id}' not") as caught:
        client.fetch(TokenRequest(POOL.identity_pool_id, request_.logins, identity_id))

    assert "omit the identity id" in caught.value.__notes__[0]
    assert client.fetch(request_).identity_id == identity_id


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
def test_a_response_from_something_else_is_one_clear_error(
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
def test_an_error_with_unexpected_types_is_still_translated(
    odd: object, httpserver: HTTPServer, request_: TokenRequest
) -> None:
    answer = {"__type": "ValidationException", "message": odd}
    httpserver.expect_request("/").respond_with_json(answer, 400, {"x-amzn-RequestId": "a b"})

    with DevTokenClient(endpoint_url=httpserver.url_for("")) as client:
        with pytest.raises(InvalidParameterError, match="ValidationException: ") as caught:
            client.fetch(request_)

    assert caught.value.request_id is None


def test_an_empty_message_is_said_to_be_missing_but_stays_empty_in_the_cause(
    emulator: Emulator, client: DevTokenClient, request_: TokenRequest
) -> None:
    emulator.fail_next("NotAuthorizedException", "")

    with pytest.raises(NotAuthorizedError) as caught:
        client.fetch(request_)

    assert str(caught.value) == "NotAuthorizedException: no message"
    assert isinstance(caught.value.__cause__, ClientError)
    assert caught.value.__cause__.response["Error"]["Message"] == ""


def test_a_message_of_several_lines_is_shown_whole(
    emulator: Emulator, client: DevTokenClient, request_: TokenRequest
) -> None:
    emulator.fail_next("ValidationException", "2 errors:\n  one\r\n\ttwo\n")

    with pytest.raises(InvalidParameterError) as caught:
        client.fetch(request_)

    assert str(caught.value) == "ValidationException: 2 errors: one two"


def test_a_long_message_is_truncated(
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
def test_a_user_id_that_resembles_an_error_code_does_not_change_the_error(
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


def test_a_refused_connection_is_a_token_unavailable_error(request_: TokenRequest) -> None:
    client = DevTokenClient(endpoint_url="http://127.0.0.1:1", config=ONE_ATTEMPT)

    with client, pytest.raises(TokenUnavailableError, match="EndpointConnectionError") as caught:
        client.fetch(request_)

    assert isinstance(caught.value.last_error, EndpointConnectionError)
    assert caught.value.last_error is caught.value.__cause__
    assert caught.value.retry_at is None


@pytest.mark.external
def test_a_read_timeout_is_a_token_unavailable_error(request_: TokenRequest) -> None:
    config = Config(read_timeout=0.05, retries={"total_max_attempts": 1})
    with Emulator(POOL, latency=PATIENCE) as emulator:  # stopping does not wait for it
        client = DevTokenClient(endpoint_url=emulator.endpoint_url, config=config)

        with client, pytest.raises(TokenUnavailableError, match="ReadTimeoutError"):
            client.fetch(request_)


def test_a_dropped_connection_is_a_token_unavailable_error(
    emulator: Emulator, client: DevTokenClient, request_: TokenRequest
) -> None:
    emulator.drop_next(times=9)

    with pytest.raises(TokenUnavailableError, match="ConnectionClosedError"):
        client.fetch(request_)


def test_a_truncated_response_is_refused(
    emulator: Emulator, client: DevTokenClient, request_: TokenRequest
) -> None:
    emulator.cut_next(times=9)

    with pytest.raises((InvalidTokenResponseError, TokenUnavailableError)):
        client.fetch(request_)


def test_one_dropped_connection_is_retried(
    emulator: Emulator, client: DevTokenClient, request_: TokenRequest
) -> None:
    emulator.drop_next()

    client.fetch(request_)

    assert emulator.calls[OPERATION] == 2
