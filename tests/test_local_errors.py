"""What botocore raises before it sends anything becomes an error that says what to correct."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions as boto
from botocore.credentials import ContainerProvider
from botocore.session import Session
from pytest_httpserver import HTTPServer

from calling import ONE_ATTEMPT, boto3_client
from canary import find_leaks
from cognito_devtoken import DevTokenClient, TokenRequest
from cognito_devtoken._aws.errors import translate
from cognito_devtoken._aws.local_errors import from_botocore
from cognito_devtoken._aws.sources import flaw_in, log_in_hint
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    ConfigurationError,
    DevTokenError,
    ServiceError,
    TokenUnavailableError,
)


NOWHERE = "http://127.0.0.1:1"
CANARY = "canary"
AKIA = "aws_access_key_id = AKIA\naws_secret_access_key = s\n"
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
ROLE = "role_arn = arn:aws:iam::123456789012:role/x\n"


@pytest.fixture
def failure(request_: TokenRequest) -> Callable[..., DevTokenError]:
    """A function that makes a call which fails, and returns the error."""

    def fail(**arguments: Any) -> DevTokenError:
        given: dict[str, Any] = {"endpoint_url": NOWHERE, "config": ONE_ATTEMPT} | arguments
        with DevTokenClient(**given) as client, pytest.raises(DevTokenError) as caught:
            client.fetch(request_)
        assert find_leaks(caught.value, CANARY) == []
        return caught.value

    return fail


@pytest.fixture
def _without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name)


def hint_of(error: DevTokenError) -> str:
    return " ".join(error.__notes__)


@pytest.mark.parametrize(
    ("name", "value", "flaw"),
    [
        ("AWS_ACCESS_KEY_ID", f"{CANARY}\n", "ends with a line end"),
        ("AWS_ACCESS_KEY_ID", f"{CANARY}\r\n", "ends with a line end"),
        ("AWS_ACCESS_KEY_ID", f"{CANARY}\nx", "contains a line end"),
        ("AWS_ACCESS_KEY_ID", f"{CANARY}\udcfc", "contains a character that is not printable"),
        ("AWS_SECRET_ACCESS_KEY", f"{CANARY}\udcfc", "contains a character that is not printable"),
        ("AWS_SESSION_TOKEN", f"{CANARY}\n", "ends with a line end"),
    ],
)
def test_a_key_that_no_request_can_carry_is_a_configuration_error_that_names_the_variable(
    name: str,
    value: str,
    flaw: str,
    failure: Callable[..., DevTokenError],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(name, value)

    error = failure()

    assert type(error) is ConfigurationError
    assert str(error).startswith(f"{name} {flaw}")
    assert hint_of(error)


def test_a_given_client_with_a_bad_key_is_told_so_too(
    request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", f"{CANARY}\n")
    own = boto3_client(NOWHERE)

    with pytest.raises(ConfigurationError, match="ends with a line end"):
        DevTokenClient(boto_client=own).fetch(request_)


@pytest.mark.usefixtures("_without_keys")
def test_a_bad_key_that_assumes_a_role_is_named(
    profile: Any, failure: Callable[..., DevTokenError], monkeypatch: pytest.MonkeyPatch
) -> None:
    profile(f"[profile p]\nregion = us-east-1\n{ROLE}credential_source = Environment\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", NOWHERE)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", f"{CANARY}\n")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)

    assert str(failure(profile_name="p")) == "AWS_ACCESS_KEY_ID ends with a line end."


class Held:
    """AWS credentials as botocore holds them."""

    def __init__(self, method: object = "env", **held: object) -> None:
        self.method = method
        self.__dict__ |= held


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        (None, None),
        (Held(access_key="AKIA", secret_key="a/b+c=", token=None), None),
        (Held("explicit", access_key='"AKIA"'), "The access key id is in quotes"),
        (Held(access_key=" AKIA"), "The access key id from env contains a space"),
        (Held("config-file", secret_key="a "), "aws_secret_access_key in the AWS config file ends"),
        (Held("iam-role", _token="a\n", _access_key="a"), "The session token from iam-role ends"),
    ],
)
def test_flaws_of_credentials_are_found_without_renewing_them(
    credentials: object, expected: str | None
) -> None:
    found = flaw_in(credentials)

    assert (found or "").startswith(expected or "")
    assert bool(found) is bool(expected)


def test_a_refused_key_in_quotes_is_hinted_at(
    httpserver: HTTPServer, failure: Callable[..., DevTokenError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", f"'{CANARY}'")
    refusal = {"__type": "UnrecognizedClientException", "message": "The token is invalid."}
    httpserver.expect_request("/").respond_with_json(refusal, 400)

    error = failure(endpoint_url=httpserver.url_for(""))

    assert isinstance(error, CallerDeniedError)
    assert hint_of(error).startswith("AWS_ACCESS_KEY_ID is in quotes. Check that your AWS")


def test_a_header_that_cannot_be_sent_is_named(
    failure: Callable[..., DevTokenError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EXECUTION_ENV", "a\nb")

    error = failure()

    assert type(error) is ConfigurationError
    assert str(error) == "The header User-Agent contains a character that cannot be sent."
    assert "AWS_EXECUTION_ENV" in hint_of(error)


def test_another_header_that_cannot_be_sent_is_named(request_: TokenRequest) -> None:
    own = boto3_client(NOWHERE)

    def add_header(request: Any, **kwargs: Any) -> None:
        request.headers["X-Own"] = f"{CANARY}\n"

    own.meta.events.register("before-send.cognito-identity.*", add_header)

    with pytest.raises(ConfigurationError, match="The header X-Own contains") as caught:
        DevTokenClient(boto_client=own).fetch(request_)

    assert find_leaks(caught.value, CANARY) == []


CONTAINER = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"


@pytest.mark.usefixtures("_without_keys")
@pytest.mark.skipif(
    not hasattr(ContainerProvider, "ENV_VAR_AUTH_TOKEN_FILE"),
    reason="this botocore reads no AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
)
@pytest.mark.parametrize(
    ("variable", "content", "expected"),
    [
        (f"{CONTAINER}_FILE", b"canary\n", "of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE contains a"),
        (f"{CONTAINER}_FILE", b"canary\xff", "of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE is not"),
        (f"{CONTAINER}_FILE", None, "FileNotFoundError: No such file or directory: "),
        (CONTAINER, b"canary\n", "AWS_CONTAINER_AUTHORIZATION_TOKEN contains a line end"),
    ],
)
def test_a_bad_container_token_names_its_variable_or_file(
    variable: str,
    content: bytes | None,
    expected: str,
    tmp_path: Path,
    failure: Callable[..., DevTokenError],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    is_file = variable.endswith("_FILE")
    monkeypatch.setenv(URI, NOWHERE)
    monkeypatch.setenv(variable, str(path) if is_file else (content or b"").decode())

    error = failure()

    assert type(error) is ConfigurationError
    assert expected in str(error)
    assert (str(path) in str(error)) is is_file
    assert hint_of(error)


@pytest.mark.usefixtures("_without_keys")
def test_a_container_address_that_is_not_allowed_is_named(
    failure: Callable[..., DevTokenError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URI, f"http://user:{CANARY}@example.com/x")

    assert f"{URI}=http://<hidden>@example.com/x" in str(failure())


@pytest.mark.usefixtures("_without_keys")
def test_a_metadata_service_that_answers_with_something_else_is_not_quoted_from_its_json(
    httpserver: HTTPServer, failure: Callable[..., DevTokenError], monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/x").respond_with_data(f'{{"SecretAccessKey": "{CANARY}', 403)
    monkeypatch.setenv(URI, httpserver.url_for("/x"))
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)

    assert "Received non 200 response 403 from container metadata:" in str(failure())


@pytest.mark.usefixtures("_without_keys")
def test_a_web_identity_token_that_is_not_text_names_its_file(
    tmp_path: Path, failure: Callable[..., DevTokenError], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"\xff\xfe")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(path))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/x")

    error = failure()

    assert str(error) == f"The web identity token file {path} is not text."
    path.unlink()
    path.mkdir()
    assert str(failure()) == f"IsADirectoryError: Is a directory: {path}."


@pytest.mark.usefixtures("_without_keys")
def test_an_answer_without_credentials_names_their_source(
    profile: Any,
    httpserver: HTTPServer,
    failure: Callable[..., DevTokenError],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    profile(f"[profile p]\nregion = us-east-1\n{ROLE}source_profile = q\n[profile q]\n{AKIA}")
    answer = "<AssumeRoleResponse><AssumeRoleResult/></AssumeRoleResponse>"
    httpserver.expect_request("/").respond_with_data(answer)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", httpserver.url_for(""))

    error = failure(profile_name="p")

    assert type(error) is ConfigurationError
    assert str(error).startswith("The AWS credentials cannot be read from their source assume-role")


def test_an_error_of_botocore_that_nobody_has_looked_at_shows_no_field() -> None:
    error = from_botocore(boto.DataNotFoundError(data_path=CANARY), None)

    assert str(error) == "DataNotFoundError: Unable to load data for: <hidden>"


def test_an_error_from_nowhere_is_still_translated(request_: TokenRequest) -> None:
    error = translate(ValueError(CANARY), request_)

    assert str(error) == "The call failed with ValueError."


class LoginError(boto.BotoCoreError):
    """As in botocore since 1.41."""


def test_a_profile_of_aws_login_says_how_to_log_in(profile: Any) -> None:
    profile("[profile p]\nsource_profile = q\n[profile q]\nsource_profile = p\n")
    session = Session(profile="p")

    assert log_in_hint(LoginError(), None) == "Log in: aws login"
    assert log_in_hint(LoginError(), session) == "Log in: aws login --profile p"
    profile("[profile p]\nlogin_session = x\n")
    assert log_in_hint(LoginError(), Session(profile="p")) == "Log in: aws login --profile p"


SSO = "sso_account_id = 123456789012\nsso_role_name = Dev\n"
SSO_SESSION = (
    "[sso-session corp]\nsso_start_url = https://corp.example.com/start\nsso_region = us-east-1\n"
)


@pytest.mark.usefixtures("_without_keys")
@pytest.mark.parametrize(
    ("config", "log_in"),
    [
        (f"[profile p]\nsso_session = corp\n{SSO}{SSO_SESSION}", "p"),
        (
            "[profile p]\nsso_start_url = https://corp.example.com/start\n"
            f"sso_region = us-east-1\n{SSO}",
            "p",
        ),
        (
            f"[profile p]\nregion = us-east-1\n{ROLE}source_profile = q\n"
            f"[profile q]\nsso_session = corp\n{SSO}{SSO_SESSION}",
            "q",
        ),
    ],
)
def test_a_profile_that_is_not_logged_in_says_how_to_log_in(
    config: str,
    log_in: str,
    profile: Any,
    failure: Callable[..., DevTokenError],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    profile(config)

    error = failure(profile_name="p")

    assert isinstance(error, ConfigurationError)
    assert "does not exist" in str(error)
    assert hint_of(error) == f"Log in: aws sso login --profile {log_in}"


def process(profile: Any, command: str) -> None:
    profile(f"[profile p]\ncredential_process = {command}\n")


@pytest.mark.external
@pytest.mark.usefixtures("_without_keys")
@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "echo 'Please log in: corp-login' >&2; exit 3",
            "Please log in: corp-login (profile p, exit code 3)",
        ),
        ("echo; echo first >&2; echo canary >&2; exit 1", "first (profile p, exit code 1)"),
        ("exit 2", "no message (profile p, exit code 2)"),
        ("echo 'password: canary' >&2; exit 1", "password: <hidden> (profile p, exit code 1)"),
        ("echo '{}'", "Unsupported version '<Version key not provided>' for credential process"),
        (
            "echo canary",
            "The credential_process of the profile p printed something other than JSON",
        ),
    ],
)
def test_a_credential_process_that_fails_says_why(
    script: str, message: str, profile: Any, failure: Callable[..., DevTokenError]
) -> None:
    process(profile, f'sh -c "{script}"')

    error = failure(profile_name="p")

    assert isinstance(error, ConfigurationError)
    assert message in str(error)
    assert "by hand" in hint_of(error)


@pytest.mark.external
@pytest.mark.usefixtures("_without_keys")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"AccessKeyId": "canary\n"}, "The access key id from custom-process ends with a line"),
        (
            {"Expiration": "2020-01-01T00:00:00Z"},
            "The AWS credentials from custom-process have expired, and no newer ones",
        ),
        ({"Expiration": "canary"}, "profile p printed something that cannot be used (ParserError)"),
    ],
)
def test_what_a_credential_process_printed_is_described(
    changes: dict[str, str],
    message: str,
    profile: Any,
    failure: Callable[..., DevTokenError],
    tmp_path: Path,
) -> None:
    found = {"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "s", "SessionToken": "t"}
    path = tmp_path / "found"
    path.write_text(json.dumps(found | changes))
    process(profile, f"cat {path}")

    assert message in str(failure(profile_name="p"))


@pytest.mark.usefixtures("_without_keys")
@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("'unclosed", "The credential_process of the profile p has a quote that is not closed."),
        ("", "The credential_process of the profile p is empty."),
    ],
)
def test_a_credential_process_that_is_no_command_is_described(
    command: str, message: str, profile: Any, failure: Callable[..., DevTokenError]
) -> None:
    process(profile, command)

    assert str(failure(profile_name="p")) == message


@pytest.mark.external
@pytest.mark.usefixtures("_without_keys")
def test_a_credential_process_that_does_not_exist_is_named_with_its_profile(
    profile: Any, failure: Callable[..., DevTokenError]
) -> None:
    process(profile, "/nonexistent/vend")

    assert str(failure(profile_name="p")) == (
        "FileNotFoundError: No such file or directory: /nonexistent/vend "
        "(credential_process of the profile p)."
    )


@pytest.mark.external
@pytest.mark.usefixtures("_without_keys")
def test_a_credential_process_that_refers_to_its_own_profile_is_told_so(
    profile: Any, failure: Callable[..., DevTokenError]
) -> None:
    process(
        profile,
        f"{sys.executable} -m cognito_devtoken credentials --profile p "
        f"--identity-pool-id us-east-1:0 --logins a={CANARY} --endpoint-url {NOWHERE}",
    )

    error = failure(profile_name="p")

    assert "This credential_process refers to its own profile." in str(error)
    assert "Pass --profile with a profile that is allowed" in hint_of(error)


@pytest.mark.parametrize(
    "url",
    ["ftp://x", "http://x:abc", "http://127.0.0.1:99999", "http://127.0.0.1:0", "http://["],
)
def test_an_endpoint_that_cannot_be_called_is_a_configuration_error(
    url: str, failure: Callable[..., DevTokenError]
) -> None:
    error = failure(endpoint_url=url)

    assert type(error) is ConfigurationError
    assert str(error).startswith("botocore's configuration is wrong: Invalid ")
    assert "http://HOST:PORT" in hint_of(error)


@pytest.fixture
def _with_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://user:{CANARY}@127.0.0.1:1")


@pytest.mark.usefixtures("_with_proxy")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_proxy_in_front_of_this_machine_hints_at_no_proxy(
    host: str, failure: Callable[..., DevTokenError], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = failure(endpoint_url=f"http://{host}:1")

    assert isinstance(error, TokenUnavailableError)
    assert f"Set NO_PROXY={host.strip('[]')}." in hint_of(error)


@pytest.mark.usefixtures("_with_proxy")
def test_a_proxy_that_does_not_answer_is_hinted_at(failure: Callable[..., DevTokenError]) -> None:
    assert "Check that the proxy is running" in hint_of(failure(endpoint_url="http://a.example:1"))


@pytest.mark.usefixtures("_with_proxy")
def test_an_answer_of_a_proxy_in_front_of_this_machine_hints_at_no_proxy(
    httpserver: HTTPServer, failure: Callable[..., DevTokenError], monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/").respond_with_data("<html>", 403)
    monkeypatch.setenv("http_proxy", httpserver.url_for(""))

    error = failure(endpoint_url="http://127.0.0.1:1")

    assert isinstance(error, ServiceError)
    assert "Set NO_PROXY=127.0.0.1." in hint_of(error)


@pytest.mark.usefixtures("_with_proxy")
@pytest.mark.parametrize(
    "proxy",
    [
        "http://127.0.0.1:abc",
        f"http://a:{CANARY}@127.0.0.1:abc",
        f"http://a:{CANARY}@x@y@[",
        "http://[",
    ],
)
def test_a_proxy_that_is_not_a_url_is_a_configuration_error(
    proxy: str, failure: Callable[..., DevTokenError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy)

    error = failure(endpoint_url="http://a.example")

    assert type(error) is ConfigurationError
    assert str(error).startswith("The call cannot be sent through the proxy: ")
    assert "HTTP_PROXY" in hint_of(error)
