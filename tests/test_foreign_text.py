"""What a server says is shown cut to size, without secrets and without control characters."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from calling import ONE_ATTEMPT
from cognito_devtoken import DevTokenClient, TokenRequest
from cognito_devtoken._values.text import LOOKED_AT, MAX_SHOWN, one_line, printable
from cognito_devtoken.exceptions import (
    ConfigurationError,
    DevTokenError,
    InternalServiceError,
    InvalidTokenResponseError,
    ServiceError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from control_characters import controls


# Half of a token, as in a response whose end is missing.
HALF = '{"IdentityId": "us-east-1:0", "Token": "eyJraWQiOiJldS1jZW50cmFsLTE4'


def texts_of(error: BaseException) -> Iterator[str]:
    yield str(error)
    yield from getattr(error, "__notes__", ())
    for name in ("code", "request_id"):
        yield str(getattr(error, name, None))
    if error.__cause__:
        yield from texts_of(error.__cause__)
        yield str(getattr(error.__cause__, "response", None))


def failure(
    httpserver: HTTPServer,
    request: TokenRequest,
    body: bytes | str,
    status: int,
    headers: dict[str, str] | None = None,
) -> DevTokenError:
    """Return the error for a response."""
    httpserver.expect_request("/").respond_with_data(body, status, headers)
    with DevTokenClient(endpoint_url=httpserver.url_for(""), config=ONE_ATTEMPT) as client:
        with pytest.raises(DevTokenError) as caught:
            client.fetch(request)
    return caught.value


@controls
def test_an_error_of_the_service_shows_no_control_character(
    control: str, httpserver: HTTPServer, request_: TokenRequest
) -> None:
    body = json.dumps({"__type": f"Odd{control}Exception", "message": f"a {control}b"})

    error = failure(httpserver, request_, body, 400, {"x-amzn-RequestId": "id\x1b"})

    assert all(text.isprintable() for text in texts_of(error))
    assert "Odd" in str(error)


@pytest.mark.parametrize("status", [400, 500, 502, 503, 520])
def test_a_body_is_not_shown_as_a_message(
    status: int, httpserver: HTTPServer, request_: TokenRequest
) -> None:
    error = failure(httpserver, request_, HALF, status)

    assert type(error) is (ServiceError if status == 400 else InternalServiceError)
    assert not any("eyJ" in text for text in texts_of(error))
    assert f"{len(HALF)} characters" in str(error)
    assert str(error).startswith(f"{status}: ")


def test_a_response_without_a_body_is_named_by_its_status(
    httpserver: HTTPServer, request_: TokenRequest
) -> None:
    error = failure(httpserver, request_, "", 503)

    assert str(error) == "503: Service Unavailable"


THROTTLED = '{"__type":"TooManyRequestsException'
ERROR_TYPE = {"x-amzn-ErrorType": "TooManyRequestsException:http://internal.amazon.com/"}


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (400, THROTTLED, {}),
        (400, THROTTLED + '","message":"Rate exce', {}),
        (400, '{"__type" : "com.amazon#TooManyRequestsException:x", "', {}),
        (400, "", ERROR_TYPE),
        (400, "<html>", ERROR_TYPE),
        (400, b"\xff", ERROR_TYPE),
        (429, b"", {}),
        (429, b"<html>", {}),
        (429, b"\xff\xfe", {}),
        (429, b"[]", {}),
        (429, b'{"__type": 5}', {}),
        (429, b"[" * 100_000, {}),
        (429, b'{"__type": "SlowDown"}', {}),
    ],
)
def test_throttling_is_recognised_in_a_response_that_is_cut_or_invalid(
    status: int,
    body: bytes | str,
    headers: dict[str, str],
    httpserver: HTTPServer,
    request_: TokenRequest,
) -> None:
    error = failure(httpserver, request_, body, status, headers)

    assert type(error) is TooManyRequestsError
    assert error.status == status


@pytest.mark.parametrize("body", [b"\xff", b"[" * 100_000])
def test_a_successful_response_that_cannot_be_read_is_invalid(
    body: bytes, httpserver: HTTPServer, request_: TokenRequest
) -> None:
    error = failure(httpserver, request_, body, 200)

    assert type(error) is InvalidTokenResponseError
    assert str(error) == f"The response cannot be read ({len(body)} bytes)."


def test_an_unknown_status_has_no_phrase(httpserver: HTTPServer, request_: TokenRequest) -> None:
    assert str(failure(httpserver, request_, "x", 599)).startswith("599: unknown status (")


@pytest.mark.parametrize("character", ["x", ":", "@", " ", "/", "\x1b"])
def test_a_message_of_a_megabyte_is_cut_before_it_is_looked_at(
    character: str, httpserver: HTTPServer, request_: TokenRequest
) -> None:
    message = character * 1_000_000
    body = json.dumps({"__type": "NotAuthorizedException", "message": message})[:1_000_000] + '"}'

    error = failure(httpserver, request_, body, 400)

    assert len(str(error)) <= len("NotAuthorizedException: ") + MAX_SHOWN


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:password@host/path", "http://<hidden>@host/path"),
        ("redis://:password@host", "redis://<hidden>@host"),
        ("a@b:c@d", "<hidden>@d"),
        ("user@host", "user@host"),
        ("see a:b and c@d", "see a:b and c@d"),
        ("two\nlines \t and\r\nmore", "two lines and more"),
        ("x" * 5000, "x" * MAX_SHOWN),
        ("x " + " " * 5000, "x"),
        ("\x1b[31m" * 500, "\\x1b[31m" * (MAX_SHOWN // 8) + "\\x1b"),
        # The "@" after the password is beyond what is looked at.
        ("x http://user:" + "p" * LOOKED_AT + "@host", "x http://<hidden>"),
    ],
)
def test_one_line_is_short_and_hides_the_password_of_a_url(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_printable_keeps_the_characters_that_it_is_told_to() -> None:
    assert printable("a\nb\x1b", keep="\n") == "a\nb\\x1b"
    assert printable("ä 字 😀") == "ä 字 😀"


def test_a_file_that_cannot_be_read_is_named_without_control_characters(
    profile: Any, request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    profile(
        "[default]\nregion = us-east-1\nweb_identity_token_file = /nowhere/\u202e\n"
        "role_arn = arn:aws:iam::1:role/x\n"
    )

    with DevTokenClient() as client, pytest.raises(ConfigurationError, match="nowhere") as caught:
        client.fetch(request_)

    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(5, "canary"), "The call failed with OSError EIO: Input/output error."),
        (OSError("canary"), "The call failed with OSError, raised in "),
    ],
)
def test_an_error_of_the_operating_system_is_named_without_its_own_text(
    error: OSError, text: str, request_: TokenRequest, client: DevTokenClient
) -> None:
    def fail(**_: Any) -> None:
        raise error

    boto: Any = client._client_for(request_.region)
    boto.meta.events.register("before-call.*", fail)

    with pytest.raises(TokenUnavailableError) as caught:
        client.fetch(request_)

    assert text in str(caught.value)
    assert "canary" not in str(caught.value)
