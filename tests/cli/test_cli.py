"""The command line: what it prints, what it exits with, and what it keeps to itself."""

import gc
import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from cognito_devtoken.cli import COMMANDS, main
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.stores import StoreKeys
from pools import POOL


GET_TOKEN = "get-open-id-token-for-developer-identity"
POOL_ID = POOL.identity_pool_id
CANARY = "canary-login"
NO_SPACE = "\ncognito-devtoken: [ERROR]: [Errno 28] No space left on device\n"
PLAIN = ["get-token", "--identity-pool-id", POOL_ID, "--logins=a=b"]


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """In a process of its own, as a user does."""
    command = [sys.executable, "-m", "cognito_devtoken", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """However the test ends."""
    with process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def endpoint(emulator: Emulator) -> str:
    return emulator.endpoint_url


class TestGetToken:
    @pytest.mark.parametrize("name", [GET_TOKEN, "get-token"])
    def test_it_prints_what_the_operation_answers(
        self, name: str, endpoint: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        logins = f"{POOL.developer_provider}=user-42"

        code = main(
            [name, "--identity-pool-id", POOL_ID, "--logins", logins, "--endpoint-url", endpoint]
        )

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

    @pytest.mark.parametrize(
        ("arguments", "code", "text"),
        [
            ([], 252, "(ParamValidation): the following arguments are required: COMMAND"),
            (["nonsense"], 252, "argument COMMAND: Found invalid choice 'nonsense'"),
            ([f"--logins=a={CANARY}", "get-token"], 252, "required: --identity-pool-id"),
            ([f"a={CANARY}", "get-token"], 252, "argument COMMAND: Found invalid choice\n"),
            (["--logins", f'{{"a":"{CANARY}"}}', "get-token"], 252, "Found invalid choice\n"),
            ([f"eyJhIjoxfQ.eyJiIjoyfQ.{CANARY}"], 252, "Found invalid choice\n"),
            (["get-token"], 252, "arguments are required: --identity-pool-id, --logins"),
            (["get-token", "--logins", CANARY], 252, "required: --identity-pool-id\n"),
            ([*PLAIN, "--logins", CANARY], 252, "parameter '--logins': Expected '=' at character"),
            ([*PLAIN, "--logins", f"a={CANARY},b="], 252, "Logins['b'] must have 1 to 50000"),
            ([*PLAIN, "--logins", f'{{"a": ["{CANARY}"]}}'], 252, "Logins['a'] must be a string"),
            (
                [*PLAIN, "--cli-input-yaml", f"PrincipalTags: {{team:{CANARY}}}"],
                252,
                "PrincipalTags[<hidden>] must be a string of 1 to 256 characters, not None\n",
            ),
            (
                [*PLAIN, "--principal-tags", f'{{"x:\\"{CANARY}\\"\'\\n": ""}}'],
                252,
                "PrincipalTags[<hidden>] must have 1 to 256 characters, not 0\n",
            ),
            (
                [*PLAIN, "--logins", "arn:aws:iam::1:saml-provider/x="],
                252,
                "Logins['arn:aws:iam::1:saml-provider/x'] must have 1 to 50000",
            ),
            ([*PLAIN, "--logins", f"a=b,{CANARY}=1,{CANARY}=1"], 252, "of a key at character 20"),
            ([*PLAIN, "--logins", f'{{"{CANARY}"}}'], 252, "parameter '--logins': Invalid JSON\n"),
            ([*PLAIN, "--logins", f'["{CANARY}"]'], 252, "Invalid JSON: a list in place of a map"),
            ([*PLAIN, "--principal-tags", f"a={CANARY},b"], 252, "A second value at character"),
            ([*PLAIN, f"b={CANARY}"], 252, "Unknown options: 1 argument\n"),
            (
                [*PLAIN, f"--secret={CANARY}", "--other", CANARY, "x\ny"],
                252,
                "Unknown options: --secret, --other, 2 arguments\n",
            ),
            ([*PLAIN, "--", CANARY], 252, "Unknown options: --\n"),
            ([*PLAIN, f"--identity={CANARY}\nx"], 252, "ambiguous option: --identity could match"),
            ([*PLAIN, f"--token-duration={CANARY}"], 252, "--token-duration: invalid int value\n"),
            ([*PLAIN, f"--debug={CANARY}"], 252, "--debug: ignored explicit argument\n"),
            ([*PLAIN, "--output", "x"], 252, "--output: Found invalid choice 'x', which is none"),
            ([*PLAIN, "--output", f"a={CANARY}"], 252, "--output: Found invalid choice, which is"),
            ([*PLAIN, "--generate-cli-skeleton", "foo"], 252, "Found invalid choice 'foo'"),
            ([*PLAIN, "--query", "["], 252, "Bad value for --query [: Invalid jmespath expression"),
            ([*PLAIN, "--endpoint-url", "x"], 252, "Bad value for --endpoint-url: the scheme"),
            ([*PLAIN, "--endpoint-url", "http://["], 252, "--endpoint-url: it is no URL. It must"),
            ([*PLAIN, "--cli-read-timeout", "-1"], 252, "--cli-read-timeout: it must be 0 to 2147"),
            ([*PLAIN, "--cli-connect-timeout", "9" * 20], 252, "--cli-connect-timeout: it must be"),
            ([*PLAIN, "--cli-input-json", "{"], 252, "'--cli-input-json': Invalid JSON received."),
            ([*PLAIN, "--cli-input-yaml", "["], 252, "'--cli-input-yaml': Invalid YAML received."),
            ([*PLAIN, "--cli-input-json", "[]"], 252, "expecting map, received <class 'list'>"),
            (
                [*PLAIN, "--cli-input-json={}", "--cli-input-yaml={}"],
                252,
                "Only one --cli-input- parameter may be specified.",
            ),
            (
                [*PLAIN, "--cli-input-json", '{"IdentityId": null, "x": 1}'],
                252,
                "x is none of IdentityPoolId, IdentityId, Logins, PrincipalTags, TokenDuration\n"
                "IdentityId must not be null\n",
            ),
            ([*PLAIN, "--logins", "file:///nowhere"], 252, "Unable to load paramfile file:///now"),
            ([*PLAIN, "--logins", "fileb:///x"], 252, "fileb:// is for what is binary"),
            ([*PLAIN, "--logins", "-"], 252, "There is nothing on standard input"),
            ([*PLAIN, "--cli-error-format", "x"], 252, "Found invalid choice 'x'"),
            ([*PLAIN, "--region", "@@"], 255, "Provided region_name '@@' doesn't match a"),
            ([*PLAIN, "--profile=nobody"], 255, "The config profile (nobody) could not be found\n"),
            (
                ["get-token", "--identity-pool-id", "x", "--logins=a=b"],
                253,
                "(NoRegion): You must specify a region.\nGive --region",
            ),
            (
                ["get-token", "--identity-pool-id", "us-east-1:0", "--logins=a=b"],
                254,
                "(ResourceNotFoundException) when calling the GetOpenIdTokenForDeveloperIdentity "
                "operation: IdentityPool 'us-east-1:0' not found.\nThe pool is looked for in",
            ),
            (
                [*PLAIN, "--token-duration", "86401"],
                254,
                "Member must have value less than or equal to 86400\n"
                "Limits that are broken: TokenDuration must be a whole number",
            ),
            (
                [*PLAIN, "--principal-tags", f"x:{CANARY}={'v' * 257}"],
                254,
                "Limits that are broken: PrincipalTags[<hidden>] must have 1 to 256 characters",
            ),
            (
                ["get-token", *PLAIN[1:], f"--logins=a={CANARY}", "--endpoint-url=http://[::1]:1"],
                255,
                'Could not connect to the endpoint URL: "http://[::1]:1/"\n',
            ),
        ],
    )
    def test_an_error_is_told_as_aws_cli_v2_does_with_a_code_and_a_hint(
        self,
        arguments: list[str],
        code: int,
        text: str,
        endpoint: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", endpoint)
        monkeypatch.setattr(sys, "stdin", io.StringIO())

        got = main(arguments)

        out, err = capsys.readouterr()
        assert (got, out) == (code, "")
        assert err.startswith("\ncognito-devtoken: [ERROR]: ")
        assert text in err
        assert CANARY not in err


class TestEmulator:
    def start(self, *arguments: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "cognito_devtoken", "emulator", "--port=0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        while not process.stdout.readline().startswith("sends boto3"):
            pass
        return process, url

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_it_answers_until_it_is_told_to_stop(
        self, number: signal.Signals, capsys: pytest.CaptureFixture[str]
    ) -> None:
        process, url = self.start("--identity-pool-id", "eu-west-3:0", "--developer-provider", "me")

        with ended(process):
            arguments = ["--identity-pool-id", "eu-west-3:0", "--logins", f"me={CANARY}"]
            assert main(["get-token", *arguments, "--endpoint-url", url]) == 0
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(url, b"Action=a%0Aforged%C3%A9")
            process.send_signal(number)
            out, err = process.communicate(timeout=30)

        identity_id = json.loads(capsys.readouterr().out)["IdentityId"]
        assert (process.returncode, err) == (0, "")
        assert f"GetOpenIdTokenForDeveloperIdentity {identity_id}\n" in out
        assert "'a\\nforged\\xe9' InvalidAction\n" in out
        assert CANARY not in out

    def test_nobody_reading_any_more_ends_it(self) -> None:
        process, url = self.start()

        with ended(process):
            assert process.stdout is not None
            process.stdout.close()
            main(["get-token", "--identity-pool-id", "a:0", "--logins=a=b", "--endpoint-url", url])
            assert process.wait(30) == 0
            assert process.stderr is not None
            assert process.stderr.read() == ""

    @pytest.mark.parametrize(
        ("arguments", "code", "text"),
        [
            (["--identity-pool-id", "nonsense"], 252, "identity_pool_id must be REGION:GUID"),
            (["--port", "99999"], 252, "port is out of range: 99999."),
            (["--port", "x"], 252, "invalid int value"),
            (["--host", ""], 252, "host must not be empty."),
            (["--host", "é..x"], 252, "host"),
            (["--developer-provider", ""], 252, "developer_provider must be 1 to 128"),
            (["--latency", "-1"], 252, "latency is out of range: -1.0."),
            (["--latency", "nan"], 252, "latency is out of range: nan."),
            (["--calls-per-second", "0"], 252, "calls_per_second is out of range: 0.0."),
        ],
    )
    def test_bad_input_is_told(self, arguments: list[str], code: int, text: str) -> None:
        done = run("emulator", *arguments)

        assert done.returncode == code
        assert text in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_port_in_use_is_told(self, endpoint: str) -> None:
        done = run("emulator", "--port", endpoint.rpartition(":")[2])

        assert done.returncode == 255
        assert "in use" in done.stderr
        assert done.stderr.count("\n") == 2


class TestProcess:
    def test_help_is_a_word_too(self, capsys: pytest.CaptureFixture[str]) -> None:
        shown = []
        for words in (["help"], ["--help"], ["get-token", "help"], ["get-token", "--help"]):
            with pytest.raises(SystemExit, match="0"):
                main(words)
            shown.append(capsys.readouterr().out)

        assert shown[0] == shown[1]
        assert shown[2] == shown[3]

    @pytest.mark.parametrize("is_enabled", [True, False])
    def test_garbage_is_collected_afterwards_as_before(self, is_enabled: bool) -> None:
        before = gc.isenabled()
        (gc.enable if is_enabled else gc.disable)()
        try:
            for arguments in ([*PLAIN, "--nonsense"], ["completion", "bash"]):
                main(arguments)
                assert gc.isenabled() is is_enabled
        finally:
            (gc.enable if before else gc.disable)()

    def test_version(self) -> None:
        assert run("--version").stdout == f"cognito-devtoken {version('cognito-devtoken')}\n"

    def test_a_store_key_is_a_key_and_another_each_time(self) -> None:
        one, other = (run("store-key").stdout for _ in range(2))

        assert len(set(StoreKeys([one, other]).ids)) == 2

    def test_a_store_key_goes_to_a_file_of_its_owner(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "store-keys"
        path.touch(0o644)

        assert main(["store-key", "--output-file", str(path)]) == 0

        assert capsys.readouterr() == ("", "")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len(StoreKeys(path).ids) == 1
        assert main(["store-key", "--output-file", str(tmp_path)]) == 252

    @pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
    def test_help_fits_80_columns(self, command: list[str]) -> None:
        done = run(*command, "--help", env=os.environ | {"COLUMNS": "80"})

        assert done.returncode == 0
        assert max(map(len, done.stdout.splitlines())) <= 80

    def test_a_closed_standard_output_is_quiet(self, endpoint: str) -> None:
        logins = f"--logins {POOL.developer_provider}=a --endpoint-url {endpoint}"
        shell = f"{sys.executable} -m cognito_devtoken {' '.join(PLAIN[:3])} {logins}"
        done = subprocess.run(
            ["sh", "-c", f"{shell} >&-"], capture_output=True, text=True, timeout=60
        )

        assert (done.returncode, done.stderr) == (0, "")

    def test_a_closed_standard_error_is_quiet(self) -> None:
        shell = f"{sys.executable} -m cognito_devtoken get-token {' '.join(PLAIN[1:])} 2>&-"
        done = subprocess.run(
            ["sh", "-c", f"{shell} --profile nobody"], capture_output=True, text=True, timeout=60
        )

        assert (done.returncode, done.stdout) == (255, "")

    @pytest.mark.parametrize(
        ("words", "code", "err"),
        [
            ("--version >/dev/full", 255, NO_SPACE),
            ("--help >/dev/full", 255, NO_SPACE),
            ("store-key >/dev/full", 255, NO_SPACE),
            ("nonsense 2>/dev/full", 252, ""),
        ],
    )
    def test_what_cannot_be_written_is_told_once_if_at_all(
        self, words: str, code: int, err: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
        shell = f"exec {sys.executable} -m cognito_devtoken {words}"

        done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=60)

        assert (done.returncode, done.stdout, done.stderr) == (code, "", err)

    def test_an_error_that_nobody_reads_has_its_exit_code(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        nobody = os.fdopen(writing, "w", buffering=1)
        monkeypatch.setattr(sys, "stderr", nobody)

        assert main(["get-token"]) == 252

        with pytest.raises(BrokenPipeError):
            nobody.close()

    def test_no_standard_error_at_all_is_no_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stderr", None)

        assert main(["get-token"]) == 252

    def test_one_word_of_a_script_changes(self, endpoint: str) -> None:
        words = (
            f"cognito-identity {GET_TOKEN} --identity-pool-id {POOL_ID} --endpoint-url {endpoint}"
        )
        script = (
            f"COMMAND {words} --logins {POOL.developer_provider}=a --query IdentityId --output off"
        )

        done = run(*script.split()[1:])

        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_ctrl_c_is_quiet(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            command = [sys.executable, "-m", "cognito_devtoken", "get-token", "--logins=a=b"]
            command += ["--identity-pool-id", POOL_ID, "--endpoint-url", url]
            with ended(subprocess.Popen(command, stderr=subprocess.PIPE, text=True)) as process:
                connection, _ = silent.accept()
                with connection:
                    assert connection.recv(1).startswith(b"P")  # POST: it waits for the answer
                    process.send_signal(signal.SIGINT)
                    _, err = process.communicate(timeout=30)

        assert (process.returncode, err) == (130, "")

    def test_without_the_extra_it_says_which_one(self) -> None:
        code = "import sys; sys.modules['starlette'] = None; from cognito_devtoken.cli import main"
        script = f"{code}; sys.exit(main(['demo']))"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

        assert done.returncode == 253
        assert done.stderr == (
            "\ncognito-devtoken: [ERROR]: An error occurred (Configuration): The emulator needs "
            "starlette, which is not installed.\n"
            "Install the extra: pip install 'cognito-devtoken[emulator]'\n"
        )
