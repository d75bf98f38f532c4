"""``exec`` and ``credentials``: they put the token where a program expects it, and nowhere else."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from botocore.session import Session
from cli_process import COMMAND, run
from pytest_httpserver import HTTPServer

from calling import ROLE
from cognito_devtoken.cli import main
from cognito_devtoken.emulator import Emulator, Pool
from patience import PATIENCE
from pools import POOL


pytestmark = [
    pytest.mark.external,
    pytest.mark.usefixtures("emulator_in_environment"),
]

ASK = (
    *("--identity-pool-id", POOL.identity_pool_id),
    *("--logins", f"{POOL.developer_provider}=user-42"),
)
EXEC = ["exec", "--credentials", *ASK, "--", "echo", "run"]
SHOW = """
import json, os
print(json.dumps([dict(os.environ), open("/proc/self/cmdline").read()]))
"""


@pytest.fixture(scope="module")
def shown(running_emulator: Emulator) -> tuple[dict[str, str], str]:
    """The environment and the argument list that a command receives."""
    running_emulator.clear()  # of what other tests have left behind
    url = ("--endpoint-url", running_emulator.endpoint_url)
    done = run("exec", *ASK, *url, "--", sys.executable, "-c", SHOW)
    assert (done.returncode, done.stderr) == (0, "")
    environ, arguments = json.loads(done.stdout)
    return environ, arguments


class TestExec:
    def test_the_command_finds_the_token_in_its_environment(
        self, shown: tuple[dict[str, str], str]
    ) -> None:
        environ, _ = shown

        assert environ["COGNITO_IDENTITY_ID"].startswith("eu-central-1:")
        assert environ["COGNITO_IDENTITY_TOKEN"].count(".") == 2
        assert datetime.fromisoformat(environ["COGNITO_IDENTITY_TOKEN_EXPIRES_AT"]).tzinfo
        assert environ["AWS_ACCESS_KEY_ID"] == os.environ["AWS_ACCESS_KEY_ID"]

    def test_the_command_finds_the_users_credentials_in_place_of_ours(self, profile: Any) -> None:
        profile("[default]\nregion = us-east-1\n")
        misleading = {"AWS_SECURITY_TOKEN": "old", "AWS_DEFAULT_PROFILE": "default"}

        command = ("exec", "--credentials", *ASK, "--", sys.executable, "-c", SHOW)
        done = run(*command, env=os.environ | misleading)

        environ, _ = json.loads(done.stdout)
        assert environ["AWS_ACCESS_KEY_ID"].startswith("ASIA")
        assert environ["AWS_SECRET_ACCESS_KEY"] != os.environ["AWS_SECRET_ACCESS_KEY"]
        assert environ["AWS_SESSION_TOKEN"]
        assert datetime.fromisoformat(environ["AWS_CREDENTIAL_EXPIRATION"]).tzinfo
        assert not misleading.keys() & environ.keys()

    def test_no_secret_is_in_an_argument_list(self, shown: tuple[dict[str, str], str]) -> None:
        environ, arguments = shown

        assert arguments.startswith(sys.executable)
        assert environ["COGNITO_IDENTITY_TOKEN"] not in arguments
        assert "eyJ" not in arguments
        assert "--logins" not in arguments

    @pytest.mark.parametrize(
        ("command", "code"),
        [
            (["sh", "-c", "exit 7"], 7),
            (["sh", "-c", "kill -TERM $$"], -signal.SIGTERM),
            # Python ignores SIGPIPE and would pass that on.
            (["sh", "-c", "kill -PIPE $$"], -signal.SIGPIPE),
        ],
    )
    def test_it_ends_as_the_command_ends(self, command: list[str], code: int) -> None:
        assert run("exec", *ASK, "--", *command).returncode == code

    def test_the_command_replaces_the_process(self) -> None:
        with subprocess.Popen(
            [*COMMAND, "exec", *ASK, "--", "sh", "-c", "echo $$ $@", "name", "--", "a b"],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            out, _ = process.communicate(timeout=PATIENCE)

        assert out == f"{process.pid} -- a b\n"

    def test_a_command_that_cannot_be_run_is_reported_and_signals_are_restored(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = signal.getsignal(signal.SIGPIPE)

        assert main(["exec", *ASK, "--", "no-such-command"]) == 127
        assert capsys.readouterr().err == (
            "\ncognito-devtoken: [ERROR]: no-such-command: No such file or directory\n"
        )
        assert main(["exec", "--credentials", *ASK, "--", str(tmp_path)]) == 126
        assert capsys.readouterr().err.endswith(": Permission denied\n")

        assert signal.getsignal(signal.SIGPIPE) is before

    def test_a_missing_command_is_an_error(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["exec", *ASK]) == 252
        assert "No command to run.\nPut the command after '--'" in capsys.readouterr().err

    def test_a_refusal_runs_nothing(
        self, emulator: Emulator, capfd: pytest.CaptureFixture[str]
    ) -> None:
        emulator.fail_next("NotAuthorizedException", "no")

        assert main(["exec", *ASK, "--", "echo", "run"]) == 254

        assert "run" not in capfd.readouterr().out

    def test_a_refused_exchange_is_reported_without_the_token(
        self, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        token = {"IdentityId": "us-east-1:0", "Token": "canary-token"}
        refusal = {"__type": "NotAuthorizedException", "message": "No canary-token is good"}
        httpserver.expect_ordered_request("/").respond_with_json(token)
        httpserver.expect_ordered_request("/").respond_with_json(refusal, status=400)
        url = httpserver.url_for("/")

        assert main(["exec", "--credentials", *ASK, "--endpoint-url", url, "--", "true"]) == 254

        asked, exchanged = (request for request, _ in httpserver.log)
        assert "Authorization" in asked.headers
        assert "Authorization" not in exchanged.headers
        assert json.loads(exchanged.data) == {
            "IdentityId": "us-east-1:0",
            "Logins": {"cognito-identity.amazonaws.com": "canary-token"},
        }
        assert capsys.readouterr().err.startswith(
            "\ncognito-devtoken: [ERROR]: An error occurred (NotAuthorizedException) when "
            "calling the GetCredentialsForIdentity operation: No <hidden> is good\n"
        )

    def test_limits_are_checked_before_anything_is_sent(
        self, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["exec", *ASK, "--token-duration", "86401", "--", "true"]) == 252
        assert "TokenDuration must be" in capsys.readouterr().err
        assert emulator.calls == {}


class TestCredentials:
    def test_a_credential_process_can_print_them(
        self, profile: Any, monkeypatch: pytest.MonkeyPatch, emulator: Emulator
    ) -> None:
        command = " ".join([*COMMAND, "credentials", "--profile", "backend", *ASK])
        profile(
            "[profile backend]\naws_access_key_id = AKIABACKEND\naws_secret_access_key = s\n"
            f"[profile user-42]\ncredential_process = {command}\n"
        )
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

        found: Any = Session(profile="user-42").get_credentials()

        assert found.method == "custom-process"
        assert found.access_key.startswith("ASIA")
        assert found.token
        assert emulator.calls["GetCredentialsForIdentity"] == 1

    @pytest.mark.parametrize("command", [["credentials"], ["exec", "--credentials"]])
    def test_a_token_of_china_is_traded_under_its_name_there(self, command: list[str]) -> None:
        with Emulator(Pool("cn-north-1:0")) as emulator:
            arguments = ("--identity-pool-id", "cn-north-1:0", "--logins", "login.example.com=ana")
            url = ("--endpoint-url", emulator.endpoint_url)
            done = run(
                *command, *arguments, *url, *(["--", "true"] if command[0] == "exec" else [])
            )

        assert (done.returncode, done.stderr) == (0, "")
        assert emulator.calls["GetCredentialsForIdentity"] == 1

    def test_they_are_json_whatever_the_output(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("AWS_DEFAULT_OUTPUT", "text")

        assert main(["credentials", *ASK]) == 0

        assert list(json.loads(capsys.readouterr().out)) == [
            "Version",
            "AccessKeyId",
            "SecretAccessKey",
            "SessionToken",
            "Expiration",
        ]

    def test_a_profile_that_refers_to_itself_is_detected(
        self, profile: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        command = " ".join([*COMMAND, "credentials", *ASK])
        profile(f"[profile user-42]\ncredential_process = {command}\n")
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_PROFILE", "user-42")

        assert main(["credentials", *ASK]) == 255
        assert "retrieving credentials from custom-process" in capfd.readouterr().err

        # As set in the process that botocore starts.
        monkeypatch.setenv("_COGNITO_DEVTOKEN_IN_CREDENTIAL_PROCESS", "1")
        assert main(["credentials", *ASK]) == 253
        told = capfd.readouterr().err
        assert "refers to its own profile.\nPass --profile" in told

    @pytest.mark.parametrize(
        "answer",
        [
            {},
            {"Credentials": None},
            {"Credentials": {"AccessKeyId": "a", "SecretKey": "canary", "SessionToken": 1}},
        ],
    )
    @pytest.mark.parametrize("command", [["credentials", *ASK], EXEC])
    def test_an_incomplete_response_is_refused(
        self,
        answer: dict[str, Any],
        command: list[str],
        httpserver: HTTPServer,
        capfd: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        token = {"IdentityId": "us-east-1:0", "Token": "opaque"}
        httpserver.expect_ordered_request("/").respond_with_json(token)
        httpserver.expect_ordered_request("/").respond_with_json(answer)
        monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", httpserver.url_for("/"))

        assert main(command) == 255

        out, err = capfd.readouterr()
        assert out == ""
        assert err.startswith(
            "\ncognito-devtoken: [ERROR]: The credentials do not fit the token: they lack a member."
        )
        assert "canary" not in err

    def test_their_file_is_readable_by_its_owner_only(self, tmp_path: Path) -> None:
        path = tmp_path / "credentials"

        assert main(["credentials", *ASK, "--output-file", str(path)]) == 0

        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert json.loads(path.read_text())["Version"] == 1


POLICY = '{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "canary-policy"}}'
BASIC = ("--role-arn", ROLE, "--duration-seconds", "900", "--policy", POLICY)


class TestRole:
    @pytest.mark.parametrize(
        ("words", "operation", "seconds"),
        [
            ((), "GetCredentialsForIdentity", 3600),
            (("--custom-role-arn", ROLE), "GetCredentialsForIdentity", 3600),
            (BASIC, "AssumeRoleWithWebIdentity", 900),
        ],
    )
    @pytest.mark.parametrize("command", ["credentials", "exec"])
    def test_the_options_decide_the_exchange(
        self,
        words: Sequence[str],
        operation: str,
        seconds: int,
        command: str,
        emulator: Emulator,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", emulator.endpoint_url)
        if command == "credentials":
            done = run("credentials", *ASK, *words)
            expiration = json.loads(done.stdout)["Expiration"]
        else:
            done = run("exec", "--credentials", *ASK, *words, "--", sys.executable, "-c", SHOW)
            expiration = json.loads(done.stdout)[0]["AWS_CREDENTIAL_EXPIRATION"]

        assert (done.returncode, done.stderr) == (0, "")
        assert emulator.calls[operation] == 1
        left = datetime.fromisoformat(expiration) - datetime.now(UTC)
        assert timedelta(seconds=seconds - PATIENCE) < left <= timedelta(seconds=seconds)

    def test_sts_gets_the_role_unsigned_and_the_endpoint_of_cognito_does_not_apply(
        self,
        emulator: Emulator,
        httpserver: HTTPServer,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        refusal = (
            "<ErrorResponse><Error><Code>MalformedPolicyDocument</Code></Error></ErrorResponse>"
        )
        httpserver.expect_request("/").respond_with_data(refusal, 400, content_type="text/xml")
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", httpserver.url_for("/"))
        arns = ("--policy-arns", f"arn={ROLE}", f"arn={ROLE}2")
        words = (*BASIC, *arns, "--role-session-name", "app", "--debug")

        assert main(["credentials", *ASK, *words, "--endpoint-url", emulator.endpoint_url]) == 254

        ((sent, _),) = httpserver.log
        assert "Authorization" not in sent.headers
        members = dict(parse_qsl(sent.get_data(as_text=True)))
        token = members.pop("WebIdentityToken")
        assert members == {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": ROLE,
            "RoleSessionName": "app",
            "DurationSeconds": "900",
            "Policy": POLICY,
            "PolicyArns.member.1.arn": ROLE,
            "PolicyArns.member.2.arn": f"{ROLE}2",
        }
        err = capsys.readouterr().err
        assert "(MalformedPolicyDocument) when calling the AssumeRoleWithWebIdentity" in err
        for secret in (token, "canary-policy", os.environ["AWS_SECRET_ACCESS_KEY"]):
            assert secret not in err

    @pytest.mark.parametrize("command", [["credentials"], ["exec", "--credentials"]])
    def test_no_secret_is_in_the_debug_log(
        self,
        command: list[str],
        emulator: Emulator,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", emulator.endpoint_url)
        program = ("--", sys.executable, "-c", SHOW) if command[0] == "exec" else ()
        path = tmp_path / "policy"
        path.write_text(POLICY)
        words = (*BASIC[:-1], f"file://{path}", "--debug")

        done = run(*command, *ASK, *words, *program)

        found = json.loads(done.stdout)
        if program:
            environ, arguments = found
            secrets = [environ[name] for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")]
            secrets.append(environ["COGNITO_IDENTITY_TOKEN"])
        else:
            secrets, arguments = [found["SecretAccessKey"], found["SessionToken"]], ""
        assert "AssumeRoleWithWebIdentity answered" in done.stderr
        for secret in (*secrets, "canary-policy", "user-42"):
            assert secret not in done.stderr
            assert secret not in arguments
