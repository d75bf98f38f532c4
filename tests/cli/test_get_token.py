"""Asking for a token: where settings and secrets come from, and where the answer goes."""

import io
import json
import os
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pytest_httpserver import HTTPServer

from cognito_devtoken.cli import main
from cognito_devtoken.cli._formats import OUTPUTS, rendered
from cognito_devtoken.emulator import Emulator
from pools import POOL


POOL_ID = POOL.identity_pool_id
LOGIN = "canary-login"
ASK = [
    "get-token",
    *("--identity-pool-id", POOL_ID),
    *("--logins", f"{POOL.developer_provider}={LOGIN}"),
]
ANSWER = {"IdentityId": "us-east-1:0", "Token": "opaque"}


@pytest.fixture(autouse=True)
def _endpoint(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", emulator.endpoint_url)


@pytest.fixture
def recorder(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    """Answers everything, and keeps what has come."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", httpserver.url_for("/"))
    httpserver.expect_request("/").respond_with_json(ANSWER)
    return httpserver


def sent(recorder: HTTPServer) -> Any:
    return json.loads(recorder.log[-1][0].data)


class TestParameters:
    def test_arguments_win_over_input_member_by_member(self, recorder: HTTPServer) -> None:
        given = {"IdentityPoolId": "a:0", "Logins": {"b": "c"}, "TokenDuration": 5}

        assert main([*ASK, "--cli-input-json", json.dumps(given)]) == 0

        assert sent(recorder) == {
            "IdentityPoolId": POOL_ID,
            "Logins": {POOL.developer_provider: LOGIN},
            "TokenDuration": 5,
        }

    def test_yaml_and_json_are_good_for_yaml_input(
        self, recorder: HTTPServer, tmp_path: Path
    ) -> None:
        (tmp_path / "yaml").write_text("IdentityPoolId: us-east-1:0\nLogins:\n  a: b\n")
        for text in (
            f"file://{tmp_path}/yaml",
            '{"IdentityPoolId": "us-east-1:0", "Logins": {"a": "b"}}',
        ):
            assert main(["get-token", "--cli-input-yaml", text]) == 0

            assert sent(recorder) == {"IdentityPoolId": "us-east-1:0", "Logins": {"a": "b"}}

    def test_secrets_come_from_standard_input(
        self, recorder: HTTPServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("a=secret\n"))
        assert main([*ASK, "--logins", "-"]) == 0
        assert sent(recorder)["Logins"] == {"a": "secret"}

        monkeypatch.setattr(sys, "stdin", io.StringIO('{"Logins": {"a": "b"}}\r\n'))
        assert main(["get-token", "--identity-pool-id", POOL_ID, "--cli-input-json", "-"]) == 0
        assert sent(recorder)["Logins"] == {"a": "b"}

    def test_they_come_from_files(self, recorder: HTTPServer, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("of a file")

        assert main([*ASK, "--logins", f"a@=file://{tmp_path}/secret,b=c"]) == 0

        assert sent(recorder)["Logins"] == {"a": "of a file", "b": "c"}

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

    def test_standard_input_that_is_no_text_is_told(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff"), "utf-8"))
        assert main([*ASK, "--logins", "-"]) == 252
        assert "Standard input cannot be decoded" in capsys.readouterr().err

        monkeypatch.setattr(sys, "stdin", None)
        assert main([*ASK, "--logins", "-"]) == 252
        assert "There is nothing on standard input" in capsys.readouterr().err

    def test_what_breaks_a_limit_is_sent_as_the_aws_cli_sends_it(
        self, recorder: HTTPServer
    ) -> None:
        assert main([*ASK, "--token-duration", "99999999999999999999"]) == 0
        assert sent(recorder)["TokenDuration"] == 99999999999999999999
        assert main([*ASK, "--logins", "{}"]) == 0
        assert sent(recorder)["Logins"] == {}


class TestSkeletons:
    """To the letter of what AWS CLI v2 prints, 2.36.7."""

    INPUT = """\
{
    "IdentityPoolId": "",
    "IdentityId": "",
    "Logins": {
        "KeyName": ""
    },
    "PrincipalTags": {
        "KeyName": ""
    },
    "TokenDuration": 0
}
"""
    YAML_INPUT = """\
IdentityPoolId: ''  # [REQUIRED] An identity pool ID in the format REGION.
IdentityId: '' # A unique identifier in the format REGION.
Logins: # [REQUIRED] A set of optional name-value pairs that map provider names to provider tokens.
  KeyName: ''
PrincipalTags: # Use this operation to configure attribute mappings for custom providers.
  KeyName: ''
TokenDuration: 0 # The expiration time of the token, in seconds.
"""
    OUTPUT = '{\n    "IdentityId": "IdentityId",\n    "Token": "Token"\n}\n'

    @pytest.mark.parametrize(
        ("arguments", "wanted"),
        [
            (["get-token", "--generate-cli-skeleton"], INPUT),
            (["get-token", "--generate-cli-skeleton", "input"], INPUT),
            (["get-token", "--generate-cli-skeleton", "yaml-input"], YAML_INPUT),
            ([*ASK, "--generate-cli-skeleton", "output"], OUTPUT),
        ],
    )
    def test_one_is_printed_and_nothing_sent(
        self,
        arguments: list[str],
        wanted: str,
        emulator: Emulator,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert main(arguments) == 0
        assert capsys.readouterr() == (wanted, "")
        assert emulator.calls == {}

    def test_that_of_the_output_needs_good_parameters(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["get-token", "--generate-cli-skeleton", "output"]) == 252
        assert "the following arguments are required" in capsys.readouterr().err
        assert main([*ASK, "--token-duration", "0", "--generate-cli-skeleton", "output"]) == 252
        assert "TokenDuration must be" in capsys.readouterr().err


class TestSettings:
    def test_the_format_is_that_of_argument_then_environment_then_profile(
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

    def test_an_unknown_format_is_found_before_anything_is_sent(
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
    def test_the_region_is_that_of_argument_then_pool_then_environment(
        self,
        arguments: list[str],
        environ: dict[str, str],
        region: str,
        recorder: HTTPServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)

        assert main([*ASK, *arguments]) == 0
        assert f"/{region}/cognito-identity/" in recorder.log[-1][0].headers["Authorization"]

    def test_the_request_is_signed_unless_told_otherwise(self, recorder: HTTPServer) -> None:
        assert main([*ASK, "--no-sign-request"]) == 0

        assert "Authorization" not in recorder.log[-1][0].headers
        assert "cognito-devtoken/" in recorder.log[-1][0].headers["User-Agent"]

    def test_waiting_is_bounded_as_told(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            code = main([*ASK, "--endpoint-url", url, "--cli-read-timeout", "1"])

        assert code == 255
        assert "Read timeout on endpoint URL" in capsys.readouterr().err

    def test_three_attempts_are_made_and_told(
        self,
        emulator: Emulator,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr("time.sleep", lambda seconds: None)  # botocore's, between two attempts
        emulator.fail_next("TooManyRequestsException", "Rate exceeded", times=9)

        assert main([*ASK, "--cli-connect-timeout", "0", "--cli-error-format", "legacy"]) == 254

        assert capsys.readouterr().err.startswith(
            "\ncognito-devtoken: [ERROR]: An error occurred (TooManyRequestsException) when "
            "calling the GetOpenIdTokenForDeveloperIdentity operation (reached max retries: 2): "
            "Rate exceeded\nCache tokens"
        )
        assert emulator.calls == {"GetOpenIdTokenForDeveloperIdentity": 3}

    def test_a_missing_credential_is_told(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

        assert main(ASK) == 253
        err = capsys.readouterr().err
        assert "An error occurred (NoCredentials): Unable to locate credentials.\nUse AWS" in err


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate that nobody trusts, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    pem, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "cert").write_bytes(made.public_bytes(pem))
    (folder / "key").write_bytes(key.private_bytes(pem, private, serialization.NoEncryption()))
    return folder / "cert", folder / "key"


@pytest.fixture
def secure(certificate: tuple[Path, Path]) -> Iterator[HTTPServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with HTTPServer("127.0.0.1", ssl_context=context) as server:
        server.expect_request("/").respond_with_json(ANSWER)
        yield server


class TestCertificates:
    def run(self, server: HTTPServer, *arguments: str) -> subprocess.CompletedProcess[str]:
        environ = os.environ | {"AWS_MAX_ATTEMPTS": "1", "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, "-m", "cognito_devtoken", *ASK, "--endpoint-url"]
        return subprocess.run(
            [*command, server.url_for("/"), *arguments],
            capture_output=True,
            text=True,
            env=environ,
            timeout=60,
        )

    def test_one_is_verified_unless_told_otherwise(
        self, secure: HTTPServer, certificate: tuple[Path, Path]
    ) -> None:
        refused = self.run(secure)
        assert refused.returncode == 255
        assert "SSL validation failed" in refused.stderr

        for option in (["--no-verify-ssl"], ["--ca-bundle", str(certificate[0])]):
            done = self.run(secure, *option)
            assert (done.returncode, json.loads(done.stdout)) == (0, ANSWER), done.stderr


class TestErrorFormats:
    UNKNOWN = ("get-token", "--identity-pool-id", "us-east-1:0", "--logins", "a=b")

    def told(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
        assert main([*self.UNKNOWN, *arguments]) == 254
        return capsys.readouterr().err

    def test_json_has_what_v2_shows_and_the_hint(self, capsys: pytest.CaptureFixture[str]) -> None:
        told = json.loads(self.told(capsys, "--cli-error-format", "json"))

        assert list(told) == ["Message", "Code", "message", "Hint"]
        assert told["Message"] == told["message"] == "IdentityPool 'us-east-1:0' not found."
        assert told["Code"] == "ResourceNotFoundException"
        assert told["Hint"].startswith("The pool is looked for")

    def test_without_the_extra_it_is_told_as_text(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setitem(sys.modules, "yaml", None)

        told = self.told(capsys, "--cli-error-format", "yaml")

        assert told.startswith("\ncognito-devtoken: [ERROR]: An error occurred (ResourceNotFound")

    def test_the_environment_sets_it(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("AWS_CLI_ERROR_FORMAT", "YAML")
        assert self.told(capsys).startswith("Code: ResourceNotFoundException\nHint: ")
        monkeypatch.setenv("AWS_CLI_ERROR_FORMAT", "nonsense")
        assert self.told(capsys).startswith("\ncognito-devtoken: [ERROR]: An error occurred (Res")

    def test_text_and_table_are_text_and_table(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.told(capsys, "--cli-error-format", "text").startswith("ResourceNotFoundExc")
        assert self.told(capsys, "--cli-error-format", "table").startswith("-----")

    def test_legacy_says_less_of_what_is_no_answer(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["get-token", "--cli-error-format", "legacy"]) == 252
        assert "[ERROR]: the following arguments are required" in capsys.readouterr().err


class TestOutputs:
    def test_yaml_is_yaml(self, recorder: HTTPServer, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([*ASK, "--output", "yaml"]) == 0
        assert capsys.readouterr().out == "IdentityId: us-east-1:0\nToken: opaque\n"
        assert main([*ASK, "--output", "yaml-stream"]) == 0
        assert capsys.readouterr().out == "- IdentityId: us-east-1:0\n  Token: opaque\n"
        assert main([*ASK, "--output", "yaml", "--query", "Token"]) == 0
        assert capsys.readouterr().out == '"opaque"\n'

    def test_a_query_that_does_not_fit_is_told(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([*ASK, "--query", "sum(Token)"]) == 255
        assert "In function sum()" in capsys.readouterr().err

    @pytest.mark.parametrize("output", ["text", "table"])
    def test_a_shape_that_cannot_be_shown_is_told(
        self, output: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([*ASK, "--output", output, "--query", "[{a: `1`}, `2`]"]) == 255
        assert f"--output {output} cannot show" in capsys.readouterr().err

    def test_nothing_is_printed_of_nothing(self) -> None:
        for output in OUTPUTS:
            assert rendered("title", {}, output) == ""

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
        recorder: HTTPServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        shown = io.StringIO()
        monkeypatch.setattr(shown, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdout", shown)

        assert main([*ASK, "--output", "table", *arguments]) == 0

        assert ("\x1b[1m\x1b[34mopaque\x1b[0m" in shown.getvalue()) is is_colored

    def test_an_empty_answer_prints_nothing(
        self, recorder: HTTPServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        recorder.clear()
        recorder.expect_request("/").respond_with_json({})

        assert main(ASK) == 0
        assert capsys.readouterr() == ("", "")

    def test_without_the_extra_only_yaml_is_missing(self) -> None:
        script = "import sys; sys.modules['yaml'] = None; from cognito_devtoken.cli import main; "
        for arguments, code in (
            ([], 0),
            (["--output", "yaml"], 253),
            (["--cli-input-yaml={}"], 253),
        ):
            done = subprocess.run(
                [sys.executable, "-c", f"{script}sys.exit(main({[*ASK, *arguments]!r}))"],
                capture_output=True,
                text=True,
            )
            assert done.returncode == code
            if code:
                assert done.stderr == (
                    "\ncognito-devtoken: [ERROR]: An error occurred (Configuration): YAML needs "
                    "PyYAML, which is not installed.\n"
                    "Install the extra: pip install 'cognito-devtoken[cli]'\n"
                )


class TestOutputFile:
    def test_it_is_for_its_owner_only(
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

    def test_nothing_is_asked_for_what_could_not_be_kept(
        self, tmp_path: Path, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "target").write_text("kept")
        (tmp_path / "link").symlink_to(tmp_path / "target")
        for path, why in (
            (tmp_path / "link", "it is a link, which is not followed"),
            (tmp_path, "it is no regular file"),
            (Path("/dev/null"), "it is no regular file"),
            (tmp_path / "nowhere" / "token", "there is no folder"),
        ):
            assert main([*ASK, "--output-file", str(path)]) == 252
            assert why in capsys.readouterr().err

        assert emulator.calls == {}
        assert (tmp_path / "target").read_text() == "kept"

    def test_a_failure_leaves_nothing_behind(
        self, recorder: HTTPServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "token"

        def make_folder(request: object) -> Any:
            from werkzeug import Response

            path.mkdir()  # after it has been looked at
            return Response(json.dumps(ANSWER))

        recorder.clear()
        recorder.expect_request("/").respond_with_handler(make_folder)

        assert main([*ASK, "--output-file", str(path)]) == 255
        assert "Is a directory" in capsys.readouterr().err
        assert [each.name for each in tmp_path.iterdir()] == ["token"]


class TestSecrets:
    def test_debugging_tells_what_happens_and_no_secret(
        self,
        recorder: HTTPServer,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-key")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "canary-session")
        recorder.clear()
        recorder.expect_request("/").respond_with_json(ANSWER | {"Token": "canary-token"})

        assert main([*ASK, "--debug", "--output", "off"]) == 0

        out, err = capsys.readouterr()
        assert "Found credentials in environment variables." in err
        assert "Region eu-central-1, endpoint http://" in err
        assert '"POST / HTTP/1.1" 200' in err
        assert "GetOpenIdTokenForDeveloperIdentity answered" in err
        assert "canary" not in out + err
        assert main([*ASK, "--output", "off"]) == 0
        assert capsys.readouterr().err == ""

    def test_an_address_is_told_without_its_password(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

        assert main([*ASK, "--debug", "--endpoint-url", "http://me:canary-word@127.0.0.1:1"]) == 255

        err = capsys.readouterr().err
        assert "endpoint http://<hidden>@127.0.0.1:1\n" in err
        assert "canary" not in err

    def test_what_the_service_quotes_of_a_login_is_hidden(
        self, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        emulator.fail_next("NotAuthorizedException", f"No such user: {LOGIN}")

        assert main(ASK) == 254

        assert "operation: No such user: <hidden>\n" in capsys.readouterr().err

    def test_two_at_once_do_not_meet(self, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "cognito_devtoken", *ASK, "--output-file"]
        started = [
            subprocess.Popen([*command, str(tmp_path / "token")], stderr=subprocess.PIPE)
            for _ in range(2)
        ]
        for process in started:
            with process:
                _, err = process.communicate(timeout=60)
                assert err == b""
                assert process.returncode == 0

        assert json.loads((tmp_path / "token").read_text()).keys() == {"IdentityId", "Token"}

    def test_a_reader_who_has_enough_is_no_error(self) -> None:
        command = [sys.executable, "-m", "cognito_devtoken", *ASK]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert (process.wait(60), process.stderr.read()) == (0, b"")
