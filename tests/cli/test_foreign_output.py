"""The command line shows no control character of a response, a token or a file."""

from typing import Any

import pytest
from cli_arguments import ASK
from pytest_httpserver import HTTPServer

from calling import jwt
from cognito_devtoken.cli import main
from cognito_devtoken.cli._output.formats import rendered
from control_characters import controls


@controls
def test_the_command_line_shows_no_control_character_of_the_service(
    control: str, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {"__type": f"Odd{control}Exception", "message": f"a {control}b"}
    httpserver.expect_request("/").respond_with_json(body, 400)
    command = [*ASK, "--endpoint-url", httpserver.url_for("/")]

    for style in ("enhanced", "table"):
        assert main([*command, "--cli-error-format", style]) == 254
        assert control not in capsys.readouterr().err.removeprefix("\n")


@controls
def test_a_table_shows_no_control_character(
    control: str, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    httpserver.expect_request("/").respond_with_json({"IdentityId": "i", "Token": f"t{control}"})
    command = [*ASK, "--endpoint-url", httpserver.url_for("/"), "--output", "table"]

    assert main(command) == 0

    assert all(line.isprintable() for line in capsys.readouterr().out.split("\n"))


@controls
def test_names_in_a_table_have_no_control_character(control: str) -> None:
    name = f"name{control}"
    data = {name: [{name: 1}, {name: 2, f"{name}2": {name: [3]}}]}

    out = rendered(f"title{control}", data, "table")

    assert "name" in out
    assert all(line.isprintable() for line in out.split("\n"))


@controls
def test_inspect_shows_no_control_character_of_a_claim_or_its_name(
    control: str, capsys: pytest.CaptureFixture[str]
) -> None:
    claims: dict[str, Any] = {f"name{control}": f"value{control}", "amr": [f"a{control}"]}
    claims |= {"sub": control, "aud": control, "iss": control, "iat": control, "exp": control}

    assert main(["inspect", jwt(**claims)]) == 0

    assert all(line.isprintable() for line in capsys.readouterr().out.split("\n"))


@pytest.mark.parametrize("control", ["\x1b", "\x7f", "\x9b"])
def test_the_debug_log_shows_no_control_character(
    control: str, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = {"IdentityId": "us-east-1:0", "Token": "opaque"}
    headers = {"x-amzn-RequestId": f"id{control}"}
    httpserver.expect_request("/").respond_with_json(answer, headers=headers)

    assert main([*ASK, "--endpoint-url", httpserver.url_for("/"), "--debug"]) == 0

    err = capsys.readouterr().err
    assert "request id id" in err
    assert all(line.isprintable() for line in err.split("\n"))


@controls
def test_an_error_about_a_file_shows_no_control_character(
    control: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", f"file:///nowhere/{control}"]) == 252

    assert all(line.isprintable() for line in capsys.readouterr().err.split("\n"))


@pytest.mark.parametrize("control", ["\x1b", "\x9b", "\r", "\u202e", "\u200b"])
def test_a_program_that_cannot_be_run_is_named_without_control_characters(
    control: str, recording_server: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["exec", *ASK[1:], "--", f"nothing{control}"]) == 127

    assert all(line.isprintable() for line in capsys.readouterr().err.split("\n"))
