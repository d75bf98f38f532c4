"""get-token: what it sends, and where its settings and secrets come from."""

import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_arguments import ASK, LOGIN, POOL_ID
from pytest_httpserver import HTTPServer
from terminals import piped

from cognito_devtoken.cli import main
from cognito_devtoken.emulator import Emulator
from pools import POOL


pytestmark = [
    pytest.mark.external,
    pytest.mark.usefixtures("emulator_in_environment"),
]

GET_TOKEN = "get-open-id-token-for-developer-identity"


def sent(recording_server: HTTPServer) -> Any:
    return json.loads(recording_server.log[-1][0].data)


class TestGetToken:
    @pytest.mark.parametrize("name", [GET_TOKEN, "get-token"])
    def test_it_prints_the_response_of_the_operation(
        self, name: str, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        logins = f"{POOL.developer_provider}=user-42"

        url = ["--endpoint-url", emulator.endpoint_url]

        code = main([name, "--identity-pool-id", POOL_ID, "--logins", logins, *url])

        out, err = capsys.readouterr()
        assert (code, err) == (0, "")
        assert out.startswith('{\n    "IdentityId": "eu-central-1:')
        assert json.loads(out).keys() == {"IdentityId", "Token"}

    def test_all_parameters_are_sent(
        self, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        answer = {"IdentityId": "us-east-1:0", "Token": "opaque"}
        httpserver.expect_request("/").respond_with_json(answer)

        code = main(
            [
                "get-token",
                *("--identity-pool-id", POOL_ID),
                *("--logins", '{"login.example.com": "user-42"}'),
                *("--identity-id", "us-east-1:0"),
                *("--principal-tags", "team=blue"),
                *("--token-dur", "60"),
                *("--region", "us-west-2"),
                *("--endpoint-url", httpserver.url_for("")),
            ]
        )

        assert (code, json.loads(capsys.readouterr().out)) == (0, answer)
        sent = httpserver.log[-1][0]
        assert "/us-west-2/cognito-identity/" in sent.headers["Authorization"]
        assert json.loads(sent.data) == {
            "IdentityPoolId": POOL_ID,
            "Logins": {"login.example.com": "user-42"},
            "IdentityId": "us-east-1:0",
            "PrincipalTags": {"team": "blue"},
            "TokenDuration": 60,
        }

    def test_an_aws_cli_script_works_with_one_word_changed(
        self, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = f"cognito-identity {GET_TOKEN} --identity-pool-id {POOL_ID}"
        script = (
            f"COMMAND {words} --logins {POOL.developer_provider}=a --query IdentityId --output text"
        )

        assert main(script.split()[1:]) == 0

        out, err = capsys.readouterr()
        assert out.startswith("eu-central-1:")
        assert err == ""

    def test_a_separator_with_nothing_after_it_is_accepted(
        self, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([*ASK, "--"]) == 0
        assert json.loads(capsys.readouterr().out).keys() == {"IdentityId", "Token"}


class TestParameters:
    def test_arguments_win_over_input_member_by_member(self, recording_server: HTTPServer) -> None:
        given = {"IdentityPoolId": "a:0", "Logins": {"b": "c"}, "TokenDuration": 5}

        assert main([*ASK, "--cli-input-json", json.dumps(given)]) == 0

        assert sent(recording_server) == {
            "IdentityPoolId": POOL_ID,
            "Logins": {POOL.developer_provider: LOGIN},
            "TokenDuration": 5,
        }

    def test_yaml_input_accepts_yaml_and_json(
        self, recording_server: HTTPServer, tmp_path: Path
    ) -> None:
        (tmp_path / "yaml").write_text("IdentityPoolId: us-east-1:0\nLogins:\n  a: b\n")
        for text in (
            f"file://{tmp_path}/yaml",
            '{"IdentityPoolId": "us-east-1:0", "Logins": {"a": "b"}}',
        ):
            assert main(["get-token", "--cli-input-yaml", text]) == 0

            assert sent(recording_server) == {"IdentityPoolId": "us-east-1:0", "Logins": {"a": "b"}}

    @pytest.mark.parametrize("option", ["--cli-input-json", "--cli-input-yaml"])
    def test_a_document_comes_from_a_file_named_as_binary_as_in_the_aws_cli(
        self, option: str, recording_server: HTTPServer, tmp_path: Path
    ) -> None:
        (tmp_path / "input").write_text('{"IdentityPoolId": "us-east-1:0", "Logins": {"a": "b"}}')

        assert main(["get-token", option, f"fileb://{tmp_path}/input"]) == 0

        assert sent(recording_server) == {"IdentityPoolId": "us-east-1:0", "Logins": {"a": "b"}}

    def test_a_profile_can_turn_validation_off(
        self, recording_server: HTTPServer, profile: Callable[[str], None]
    ) -> None:
        profile("[default]\nparameter_validation = false")

        assert main([*ASK, "--logins", '{"a": 1}']) == 0
        assert sent(recording_server)["Logins"] == {"a": 1}
        assert main([*ASK, "--cli-input-yaml", "PrincipalTags: &a {b: *a}"]) == 252

    def test_secrets_come_from_standard_input(
        self, recording_server: HTTPServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdin", piped("a=secret\n"))
        assert main([*ASK, "--logins", "-"]) == 0
        assert sent(recording_server)["Logins"] == {"a": "secret"}

        monkeypatch.setattr(sys, "stdin", piped('{"Logins": {"a": "b"}}\r\n'))
        assert main(["get-token", "--identity-pool-id", POOL_ID, "--cli-input-json", "-"]) == 0
        assert sent(recording_server)["Logins"] == {"a": "b"}

    def test_parameters_come_from_files(self, recording_server: HTTPServer, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("of a file")

        assert main([*ASK, "--logins", f"a@=file://{tmp_path}/secret,b=c"]) == 0

        assert sent(recording_server)["Logins"] == {"a": "of a file", "b": "c"}

    @pytest.mark.parametrize(
        ("content", "environ", "why"),
        [
            (b"\xff", {}, "it cannot be decoded"),
            (b"a", {"AWS_CLI_FILE_ENCODING": "nonsense"}, "unknown encoding: nonsense"),
        ],
    )
    def test_a_file_that_cannot_be_read_is_named(
        self,
        content: bytes,
        environ: dict[str, str],
        why: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        (tmp_path / "map").write_bytes(content)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)

        assert main([*ASK, "--logins", f"file://{tmp_path}/map"]) == 252
        assert f"Unable to load paramfile file://{tmp_path}/map: {why}" in capsys.readouterr().err

    def test_undecodable_or_empty_standard_input_is_reported(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "stdin", piped(b"\xff"))
        assert main([*ASK, "--logins", "-"]) == 252
        assert "Standard input cannot be decoded" in capsys.readouterr().err

        monkeypatch.setattr(sys, "stdin", None)
        assert main([*ASK, "--logins", "-"]) == 252
        assert "Standard input is empty" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("--logins", "login.example.com=M\udcfcller"),
            ("--logins", r'{"login.example.com": "M\udcfcller"}'),
            ("--principal-tags", "team=bl\udce9"),
            ("--identity-id", "us-east-1:\udce9"),
        ],
    )
    @pytest.mark.parametrize("command", ["get-token", "credentials"])
    def test_an_argument_that_is_not_utf_8_is_refused_before_anything_is_sent(
        self,
        command: str,
        option: str,
        value: str,
        emulator: Emulator,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert main([command, *ASK[1:], option, value]) == 252

        err = capsys.readouterr().err
        assert "must be valid Unicode" in err or "IdentityId must be" in err
        assert "ller" not in err
        assert emulator.calls == {}

    def test_a_value_beyond_a_limit_is_sent_as_the_aws_cli_sends_it(
        self, recording_server: HTTPServer
    ) -> None:
        assert main([*ASK, "--token-duration", "99999999999999999999"]) == 0
        assert sent(recording_server)["TokenDuration"] == 99999999999999999999
        assert main([*ASK, "--logins", "{}"]) == 0
        assert sent(recording_server)["Logins"] == {}


class TestSettings:
    def test_an_empty_profile_is_the_default_one(
        self,
        profile: Callable[[str], None],
        recording_server: HTTPServer,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        profile("[default]\noutput = text")

        assert main([*ASK, "--profile", ""]) == 0
        assert capsys.readouterr().out == "us-east-1:0\topaque\n"

    def test_the_format_comes_from_argument_then_environment_then_profile(
        self,
        profile: Callable[[str], None],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def printed(*arguments: str) -> str:
            assert main([*ASK, "--query", "IdentityId", *arguments]) == 0
            return capsys.readouterr().out

        assert printed().startswith('"eu-central-1:')
        profile("[default]\noutput = off")
        assert printed() == ""
        monkeypatch.setenv("AWS_DEFAULT_OUTPUT", "text")
        assert printed().startswith("eu-central-1:")
        assert printed("--output", "table").startswith("----")

    def test_an_unknown_format_is_refused_before_anything_is_sent(
        self,
        emulator: Emulator,
        profile: Callable[[str], None],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        profile("[profile odd]\noutput = nonsense")

        assert main([*ASK, "--profile", "odd"]) == 252
        assert "Unknown output type: nonsense" in capsys.readouterr().err
        assert emulator.calls == {}

    @pytest.mark.parametrize(
        ("arguments", "environ", "region"),
        [
            ([], {"AWS_REGION": "us-west-1"}, "eu-central-1"),
            (["--region", "us-west-2"], {}, "us-west-2"),
            (["--identity-pool-id", "x"], {"AWS_REGION": "us-west-1"}, "us-west-1"),
            (["--identity-pool-id", "x"], {"AWS_DEFAULT_REGION": "us-east-2"}, "us-east-2"),
            (["--identity-pool-id", "4:0"], {"AWS_REGION": "us-west-1"}, "us-west-1"),
        ],
    )
    def test_the_region_comes_from_argument_then_pool_then_environment(
        self,
        arguments: list[str],
        environ: dict[str, str],
        region: str,
        recording_server: HTTPServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)

        assert main([*ASK, *arguments]) == 0
        assert (
            f"/{region}/cognito-identity/" in recording_server.log[-1][0].headers["Authorization"]
        )

    def test_an_option_leaves_the_request_unsigned(self, recording_server: HTTPServer) -> None:
        assert main([*ASK, "--no-sign-request"]) == 0

        assert "Authorization" not in recording_server.log[-1][0].headers
        assert "cognito-devtoken/" in recording_server.log[-1][0].headers["User-Agent"]

    def test_the_read_timeout_option_limits_the_wait(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            code = main([*ASK, "--endpoint-url", url, "--cli-read-timeout", "1"])

        assert code == 255
        assert "Read timeout on endpoint URL" in capsys.readouterr().err

    def test_three_attempts_are_made_and_reported(
        self,
        emulator: Emulator,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr("time.sleep", lambda seconds: None)  # botocore sleeps between attempts
        emulator.fail_next("TooManyRequestsException", "Rate exceeded", times=9)

        assert main([*ASK, "--cli-connect-timeout", "0", "--cli-error-format", "legacy"]) == 254

        assert capsys.readouterr().err.startswith(
            "\ncognito-devtoken: [ERROR]: An error occurred (TooManyRequestsException) when "
            "calling the GetOpenIdTokenForDeveloperIdentity operation (reached max retries: 2): "
            "Rate exceeded\nCache tokens"
        )
        assert emulator.calls == {"GetOpenIdTokenForDeveloperIdentity": 3}

    def test_missing_credentials_are_reported(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

        assert main(ASK) == 253
        err = capsys.readouterr().err
        assert (
            "An error occurred (NoCredentials): Unable to locate credentials.\nSet AWS_ACCESS"
            in err
        )
