"""No token, login or AWS secret appears in a log, in an error, or in its frames."""

import json
import logging
import socket
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pytest_httpserver import HTTPServer

from calling import boto3_client
from cognito_devtoken import DevTokenClient, TokenRequest
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.exceptions import DevTokenError, TokenUnavailableError
from pools import POOL
from servers import raw_server


LOGIN = "canary-login-of-the-user"
PROVIDER_TOKEN = "canary.provider.token" * 20
SECRET_KEY = "canary-secret-access-key"
SESSION_TOKEN = "canary-session-token"
TOKEN = "canary-open-id-token"
CANARIES = (LOGIN, PROVIDER_TOKEN[:20], SECRET_KEY, SESSION_TOKEN, TOKEN)

Leaks = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION_TOKEN)


@pytest.fixture
def secret_request() -> TokenRequest:
    return TokenRequest(
        POOL.identity_pool_id,
        {POOL.developer_provider: LOGIN, "idp.example": PROVIDER_TOKEN, "short": "42"},
    )


@pytest.fixture(autouse=True)
def _unfiltered_loggers() -> None:
    """Remove the filters that other tests have installed."""
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.filters.clear()


class _Everything(logging.Handler):
    def __init__(self) -> None:
        super().__init__(level=0)
        self.text = ""
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.text += self.format(record) + "\n" + repr(vars(record)) + "\n"


@pytest.fixture
def log() -> Iterator[_Everything]:
    """Everything that the loggers of this process emit, at any level."""
    handler = _Everything()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(1)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def server(httpserver: HTTPServer) -> HTTPServer:
    httpserver.expect_request("/").respond_with_json(
        {"IdentityId": "eu-central-1:0", "Token": TOKEN}
    )
    return httpserver


@pytest.mark.parametrize("own", [True, False])
def test_no_log_shows_a_secret(
    own: bool, server: HTTPServer, log: _Everything, secret_request: TokenRequest
) -> None:
    url = server.url_for("")
    boto = boto3_client(url) if own else None
    client = DevTokenClient(boto_client=boto) if boto else DevTokenClient(endpoint_url=url)

    with client:
        assert client.fetch(secret_request).token == TOKEN
        assert client.fetch(secret_request).token == TOKEN

    assert not [canary for canary in CANARIES if canary in log.text]


def test_the_same_call_through_boto3_alone_logs_them(
    server: HTTPServer, log: _Everything, secret_request: TokenRequest
) -> None:
    boto = boto3_client(server.url_for(""))
    DevTokenClient(boto_client=boto).fetch(secret_request)

    boto.get_open_id_token_for_developer_identity(**secret_request.to_params())

    assert {LOGIN, SESSION_TOKEN, TOKEN} <= {canary for canary in CANARIES if canary in log.text}


def test_every_botocore_logger_is_filtered(
    server: HTTPServer, log: _Everything, secret_request: TokenRequest
) -> None:
    with DevTokenClient(endpoint_url=server.url_for("")) as client:
        client.fetch(secret_request)

    loggers = [
        logger
        for name, logger in logging.root.manager.loggerDict.items()
        if name.startswith("botocore.") and isinstance(logger, logging.Logger)
    ]
    assert len(loggers) > 10
    for logger in loggers:
        filters = [type(each).__name__ for each in logger.filters]
        assert filters == ["_SecretFilter"], logger


def before_sending(boto: Any, hook: Callable[[], object]) -> None:
    boto.meta.events.register("before-send.cognito-identity.*", lambda **_: hook() and None)


def test_botocore_warnings_are_logged_without_their_arguments(
    server: HTTPServer, log: _Everything, secret_request: TokenRequest
) -> None:
    def warn() -> None:
        for name in ("botocore.credentials", "urllib3.connection"):
            error = ValueError(SESSION_TOKEN)
            logger = logging.getLogger(name)
            logger.warning("%s says %s", name, error, exc_info=error)
            record = logger.makeRecord(name, 30, "f", 1, "cached", (), None)
            record.exc_text = SESSION_TOKEN
            logger.handle(record)

    boto = boto3_client(server.url_for(""))
    before_sending(boto, warn)

    DevTokenClient(boto_client=boto).fetch(secret_request)

    assert "botocore.credentials WARNING %s says %s\n" in log.text
    assert "urllib3.connection" not in log.text
    assert SESSION_TOKEN not in log.text


def test_a_nested_call_leaves_the_outer_call_filtered(
    server: HTTPServer, log: _Everything, secret_request: TokenRequest
) -> None:
    boto = boto3_client(server.url_for(""))
    with DevTokenClient(endpoint_url=server.url_for("")) as inner:
        before_sending(boto, lambda: inner.fetch(secret_request))

        DevTokenClient(boto_client=boto).fetch(secret_request)

    assert not [canary for canary in CANARIES if canary in log.text]


def test_credential_lookup_is_filtered_from_the_first_call_on(
    httpserver: HTTPServer,
    log: _Everything,
    secret_request: TokenRequest,
    monkeypatch: pytest.MonkeyPatch,
    leaks: Leaks,
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    url = httpserver.url_for("/container")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
    httpserver.expect_request("/container").respond_with_data(f'{{"SecretAccessKey":"{SECRET_KEY}"')

    with DevTokenClient(endpoint_url="http://127.0.0.1:1") as client:
        with pytest.raises(DevTokenError) as caught:
            client.fetch(secret_request)

    assert httpserver.log
    assert SECRET_KEY not in log.text
    assert not leaks(caught.value, *CANARIES)


@pytest.mark.external
def test_a_header_that_urllib3_cannot_parse_is_not_logged(
    log: _Everything, secret_request: TokenRequest
) -> None:
    answer = f"HTTP/1.1 200 OK\r\nbroken header {TOKEN}\r\n\r\n{{}}".encode()

    def talk(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)

    with raw_server(talk) as address, DevTokenClient(endpoint_url=f"http://{address}") as client:
        with pytest.raises(DevTokenError):
            client.fetch(secret_request)

    assert TOKEN not in log.text


def service_error(server: HTTPServer) -> None:
    quoted = f"Value '{LOGIN}' or {PROVIDER_TOKEN!r} or {PROVIDER_TOKEN[:50]} or 42, not 427"
    canonical = f"\n\nThe Canonical String should have been\nx-amz-security-token:{SESSION_TOKEN}"
    answer = {"__type": "ValidationException", "message": quoted + canonical}
    headers = {"x-amzn-ErrorMessage": quoted}
    server.expect_request("/").respond_with_json(answer, 400, headers)


def wrong_answer(server: HTTPServer) -> None:
    server.expect_request("/").respond_with_json({"IdentityId": 1, "Token": TOKEN})


def wrong_identity(server: HTTPServer) -> None:
    header = "eyJhbGciOiJSUzUxMiJ9"
    server.expect_request("/").respond_with_json(
        {"IdentityId": "eu-central-1:0", "Token": f"{header}.{TOKEN}.{TOKEN}"}
    )


def echo(server: HTTPServer) -> None:
    server.expect_request("/").respond_with_data(json.dumps([TOKEN, LOGIN]), 500)


@pytest.mark.parametrize("answer", [service_error, wrong_answer, wrong_identity, echo])
def test_no_error_shows_a_secret(
    answer: Callable[[HTTPServer], None],
    httpserver: HTTPServer,
    secret_request: TokenRequest,
    leaks: Leaks,
) -> None:
    answer(httpserver)
    client = DevTokenClient(
        endpoint_url=httpserver.url_for(""), config=Config(retries={"total_max_attempts": 1})
    )

    with client, pytest.raises(DevTokenError) as caught:
        client.fetch(secret_request)

    assert not leaks(caught.value, *CANARIES)


def test_a_quoted_login_is_masked_and_the_rest_of_the_message_is_kept(
    httpserver: HTTPServer, secret_request: TokenRequest
) -> None:
    service_error(httpserver)

    with DevTokenClient(endpoint_url=httpserver.url_for("")) as client:
        with pytest.raises(DevTokenError) as caught:
            client.fetch(secret_request)

    assert str(caught.value) == (
        "ValidationException: Value '<hidden>' or '<hidden>' or <hidden> or <hidden>, not 427"
    )


class OwnClientError(ClientError):
    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__({"Error": {"Code": text, "Message": text}}, text)


class OwnBotoCoreError(BotoCoreError):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class BareClientError(ClientError):
    def __init__(self, text: str) -> None:
        self.text = text


@pytest.mark.parametrize(
    "raised", [OwnClientError(LOGIN), OwnBotoCoreError(LOGIN), BareClientError(LOGIN)]
)
def test_errors_with_a_custom_constructor_are_translated_too(
    raised: Exception, server: HTTPServer, secret_request: TokenRequest, leaks: Leaks
) -> None:
    boto = boto3_client(server.url_for(""))
    fails_with(raised)(boto)

    with pytest.raises(DevTokenError) as caught:
        DevTokenClient(boto_client=boto).fetch(secret_request)

    assert not leaks(caught.value, LOGIN)


def fails_with(error: BaseException) -> Callable[[Any], None]:
    def register(boto: Any) -> None:
        def hook(**kwargs: Any) -> None:
            raise error

        boto.meta.events.register("response-received.cognito-identity.*", hook)

    return register


@pytest.mark.parametrize(
    "raised", [RuntimeError(TOKEN), KeyError(LOGIN), TimeoutError(), ConnectionResetError(LOGIN)]
)
def test_an_error_from_a_hook_exposes_neither_its_text_nor_its_frames(
    raised: Exception, server: HTTPServer, secret_request: TokenRequest, leaks: Leaks
) -> None:
    boto = boto3_client(server.url_for(""))
    fails_with(raised)(boto)

    where = f"failed with {type(raised).__name__}, raised in .*test_secrets.py, line"
    with pytest.raises(TokenUnavailableError, match=where) as caught:
        DevTokenClient(boto_client=boto).fetch(secret_request)

    assert not leaks(caught.value, *CANARIES)


def test_ctrl_c_during_a_call_exposes_no_frames(
    server: HTTPServer, secret_request: TokenRequest, leaks: Leaks
) -> None:
    boto = boto3_client(server.url_for(""))
    fails_with(KeyboardInterrupt())(boto)

    with pytest.raises(KeyboardInterrupt) as caught:
        DevTokenClient(boto_client=boto).fetch(secret_request)

    assert not leaks(caught.value, *CANARIES)


@pytest.mark.parametrize("fault", ["drop_next", "cut_next"])
def test_a_broken_connection_exposes_no_secret(
    fault: str, emulator: Emulator, secret_request: TokenRequest, leaks: Leaks
) -> None:
    getattr(emulator, fault)(times=9)

    with DevTokenClient(endpoint_url=emulator.endpoint_url) as client:
        with pytest.raises(DevTokenError) as caught:
            client.fetch(secret_request)

    assert not leaks(caught.value, *CANARIES)


def test_a_header_that_cannot_be_sent_is_not_quoted(
    server: HTTPServer,
    secret_request: TokenRequest,
    monkeypatch: pytest.MonkeyPatch,
    leaks: Leaks,
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", f"{SESSION_TOKEN}\nnext line")

    with DevTokenClient(endpoint_url=server.url_for("")) as client:
        with pytest.raises(DevTokenError) as caught:
            client.fetch(secret_request)

    assert not leaks(caught.value, *CANARIES)


@pytest.mark.external
def test_the_leak_search_finds_leaks(leaks: Leaks, secret_request: TokenRequest) -> None:
    """The same call through boto3 leaks in the message, the attributes and the frames."""
    with Emulator(POOL) as emulator:
        emulator.fail_next("ValidationException", LOGIN)
        boto = boto3_client(emulator.endpoint_url)
        with pytest.raises(boto.exceptions.ClientError) as caught:
            boto.get_open_id_token_for_developer_identity(**secret_request.to_params())

    assert len(leaks(caught.value, LOGIN)) > 4


def test_no_warning_shows_a_secret(server: HTTPServer, secret_request: TokenRequest) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with DevTokenClient(endpoint_url=server.url_for("")) as client:
            client.fetch(secret_request)

    assert not [each for each in caught if any(c in str(each.message) for c in CANARIES)]
