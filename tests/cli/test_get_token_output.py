"""What get-token prints: formats of responses and errors, files, and no secret."""

import io
import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_arguments import ASK, LOGIN
from pytest_httpserver import HTTPServer

from calling import OPAQUE
from cognito_devtoken.cli import main
from cognito_devtoken.emulator import Emulator


pytestmark = [
    pytest.mark.external,
    pytest.mark.usefixtures("emulator_in_environment"),
]


class TestErrorFormats:
    UNKNOWN = ("get-token", "--identity-pool-id", "us-east-1:0", "--logins", "a=b")

    def told(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
        assert main([*self.UNKNOWN, *arguments]) == 254
        return capsys.readouterr().err

    def test_json_has_the_fields_of_v2_and_the_hint(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        told = json.loads(self.told(capsys, "--cli-error-format", "json"))

        assert list(told) == ["Message", "Code", "message", "Hint"]
        assert told["Message"] == told["message"] == "IdentityPool 'us-east-1:0' not found."
        assert told["Code"] == "ResourceNotFoundException"
        assert told["Hint"].startswith("Check the identity pool id, the account of")

    def test_an_empty_message_stays_empty_in_json(
        self, capsys: pytest.CaptureFixture[str], emulator: Emulator
    ) -> None:
        emulator.fail_next("NotAuthorizedException", "")

        told = json.loads(self.told(capsys, "--cli-error-format", "json"))

        assert told["Message"] == told["message"] == ""

    def test_without_the_extra_the_error_is_plain_text(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setitem(sys.modules, "ruamel.yaml", None)

        told = self.told(capsys, "--cli-error-format", "yaml")

        assert told.startswith("\ncognito-devtoken: [ERROR]: An error occurred (ResourceNotFound")

    def test_the_environment_sets_the_format(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("AWS_CLI_ERROR_FORMAT", "YAML")
        assert self.told(capsys).startswith("Code: ResourceNotFoundException\nHint: ")
        monkeypatch.setenv("AWS_CLI_ERROR_FORMAT", "nonsense")
        assert self.told(capsys).startswith("\ncognito-devtoken: [ERROR]: An error occurred (Res")

    def test_text_and_table_formats_are_supported(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.told(capsys, "--cli-error-format", "text").startswith("ResourceNotFoundExc")
        assert self.told(capsys, "--cli-error-format", "table").startswith("-----")

    def test_legacy_omits_the_code_of_a_local_error(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["get-token", "--cli-error-format", "legacy"]) == 252
        assert "[ERROR]: the following arguments are required" in capsys.readouterr().err


class TestOutputs:
    def test_yaml_and_yaml_stream_are_supported(
        self, recording_server: HTTPServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([*ASK, "--output", "yaml"]) == 0
        assert capsys.readouterr().out == "IdentityId: us-east-1:0\nToken: opaque\n"
        assert main([*ASK, "--output", "yaml-stream"]) == 0
        assert capsys.readouterr().out == "- IdentityId: us-east-1:0\n  Token: opaque\n"
        assert main([*ASK, "--output", "yaml", "--query", "Token"]) == 0
        assert capsys.readouterr().out == '"opaque"\n'

    @pytest.mark.parametrize(
        ("query", "why"),
        [
            ("abs(Token)", "In function abs(), invalid type for value: <hidden>, expected one of:"),
            ("sum(@)", "In function sum(), invalid type for value: <hidden>, expected one of:"),
            ("map(&abs(@), [Token])", "In function abs(), invalid type for value: <hidden>"),
            ("sort_by([@, {Token: `1`}], &Token)", "In function sort_by(), invalid type"),
            ("nope(Token)", "Unknown function: nope()"),
            ("contains(Token, `1`)", "The query cannot be applied to the response: TypeError"),
            ("to_array(Token)[::0]", "The query cannot be applied to the response: ValueError"),
            ("ceil(`1e999`)", "The query cannot be applied to the response: OverflowError"),
        ],
    )
    def test_a_query_that_fails_is_reported_without_the_token(
        self, query: str, why: str, recording_server: HTTPServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([*ASK, "--query", query]) == 255

        out, err = capsys.readouterr()
        assert why in err
        assert OPAQUE["Token"] not in out + err

    @pytest.mark.parametrize("output", ["text", "table"])
    def test_a_shape_the_format_cannot_show_is_reported(
        self, output: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([*ASK, "--output", output, "--query", "[{a: `1`}, `2`]"]) == 255
        assert f"--output {output} cannot show" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("arguments", "environ", "is_colored"),
        [
            ([], {}, True),
            ([], {"NO_COLOR": "1"}, False),
            (["--color", "off"], {}, False),
            (["--color", "on"], {"NO_COLOR": "1"}, True),
        ],
    )
    def test_a_table_on_a_terminal_has_colours(
        self,
        arguments: list[str],
        environ: dict[str, str],
        is_colored: bool,
        recording_server: HTTPServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        shown = io.StringIO()
        monkeypatch.setattr(shown, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdout", shown)

        assert main([*ASK, "--output", "table", *arguments]) == 0

        assert ("\x1b[1m\x1b[34mopaque\x1b[0m" in shown.getvalue()) is is_colored

    def test_an_empty_response_prints_nothing(
        self, recording_server: HTTPServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        recording_server.clear()
        recording_server.expect_request("/").respond_with_json({})

        assert main(ASK) == 0
        assert capsys.readouterr() == ("", "")


class TestOutputFile:
    def test_it_is_readable_by_its_owner_only(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "token"
        path.write_text("old")
        path.chmod(0o644)
        with path.open() as old:
            assert main([*ASK, "--output-file", str(path)]) == 0
            assert old.read() == "old"

        assert capsys.readouterr() == ("", "")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert json.loads(path.read_text()).keys() == {"IdentityId", "Token"}
        assert [each.name for each in tmp_path.iterdir()] == ["token"]

    @pytest.mark.parametrize(
        ("query", "text"),
        [
            ("Token", "opaque"),
            ("IdentityId", "us-east-1:0"),
            ("[[Token], [Token]]", "opaque\n" * 2),
        ],
    )
    def test_a_single_value_as_text_has_no_line_end_which_sdks_would_send(
        self,
        query: str,
        text: str,
        recording_server: HTTPServer,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        path = tmp_path / "token"
        words = [*ASK, "--query", query, "--output", "text"]

        assert main([*words, "--output-file", str(path)]) == 0
        assert main(words) == 0

        assert path.read_bytes() == text.encode()
        assert capsys.readouterr().out == text.removesuffix("\n") + "\n"

    def test_an_unusable_path_is_refused_before_anything_is_sent(
        self, tmp_path: Path, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "target").write_text("kept")
        (tmp_path / "link").symlink_to(tmp_path / "target")
        for path, why in (
            (tmp_path / "link", "it is a symbolic link"),
            (tmp_path, "it is not a regular file"),
            (Path("/dev/null"), "it is not a regular file"),
            (tmp_path / "nowhere" / "token", "nowhere does not exist"),
            # A folder in which not even root can make a file.
            (Path("/proc/token"), "cannot write in folder /proc: "),
        ):
            assert main([*ASK, "--output-file", str(path)]) == 252
            assert why in capsys.readouterr().err

        assert emulator.calls == {}
        assert (tmp_path / "target").read_text() == "kept"
        assert sorted(each.name for each in tmp_path.iterdir()) == ["link", "target"]

    def test_a_failure_leaves_nothing_behind(
        self, recording_server: HTTPServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "token"

        def make_folder(request: object) -> Any:
            from werkzeug import Response

            path.mkdir()  # after the command has checked it
            return Response(json.dumps(OPAQUE))

        recording_server.clear()
        recording_server.expect_request("/").respond_with_handler(make_folder)

        assert main([*ASK, "--output-file", str(path)]) == 255
        assert capsys.readouterr().err.endswith(f"[ERROR]: Cannot write {path}: Is a directory\n")
        assert [each.name for each in tmp_path.iterdir()] == ["token"]


class TestSecrets:
    def test_debug_output_shows_what_happens_and_no_secret(
        self,
        recording_server: HTTPServer,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-key")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "canary-session")
        recording_server.clear()
        recording_server.expect_request("/").respond_with_json(OPAQUE | {"Token": "canary-token"})

        assert main([*ASK, "--debug", "--output", "off"]) == 0

        out, err = capsys.readouterr()
        assert "Found credentials in environment variables." in err
        assert "Region eu-central-1, endpoint http://" in err
        assert '"POST / HTTP/1.1" 200' in err
        assert "GetOpenIdTokenForDeveloperIdentity answered" in err
        assert "canary" not in out + err
        assert main([*ASK, "--output", "off"]) == 0
        assert capsys.readouterr().err == ""

    def test_a_url_is_shown_without_its_password(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

        assert main([*ASK, "--debug", "--endpoint-url", "http://me:canary-word@127.0.0.1:1"]) == 255

        err = capsys.readouterr().err
        assert "endpoint http://<hidden>@127.0.0.1:1\n" in err
        assert "canary" not in err

    def test_a_login_quoted_by_the_service_is_hidden(
        self, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        emulator.fail_next("NotAuthorizedException", f"No such user: {LOGIN}")

        assert main(ASK) == 254

        assert "operation: No such user: <hidden>\n" in capsys.readouterr().err
