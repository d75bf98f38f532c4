"""``cognito-devtoken emulator``: how long it runs, what it prints, and what it refuses."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

import jwt
import pytest
from cli_process import COMMAND, ended

from cognito_devtoken.cli import main
from cognito_devtoken.emulator import Emulator
from patience import PATIENCE


CANARY = "canary-login"


NONSENSE = b"Action=a%0Aforged%C3%A9"


def read_announcement(output: IO[str]) -> str:
    """Return the URL that the command announces, once the announcement is complete."""
    url = output.readline().split()[-1]
    assert any(line.startswith("With that, boto3") for line in output)
    return url


@pytest.mark.external
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_until_a_signal_stops_it(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = ["--identity-pool-id", "eu-west-3:0"]
    process = subprocess.Popen(
        [*COMMAND, "emulator", "--port=0", *pool, "--developer-provider", "me"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    with ended(process):
        assert process.stdout is not None
        url = read_announcement(process.stdout)
        arguments = [*pool, "--logins", f"me={CANARY}", "--endpoint-url", url]
        assert main(["get-token", *arguments]) == 0
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(url, NONSENSE, PATIENCE)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)

    identity_id = json.loads(capsys.readouterr().out)["IdentityId"]
    assert (process.returncode, err) == (0, "")
    assert f"GetOpenIdTokenForDeveloperIdentity {identity_id}\n" in out
    assert "'a\\nforged\\xe9' InvalidAction\n" in out
    assert CANARY not in out


@pytest.mark.external
def test_it_says_that_a_proxy_is_in_front_of_it() -> None:
    environ = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
    process = subprocess.Popen(
        [*COMMAND, "emulator", "--port=0"],
        env=environ | {"http_proxy": "http://proxy.example.com:3128"},
        stdout=subprocess.PIPE,
        text=True,
    )

    with ended(process):
        assert process.stdout is not None
        read_announcement(process.stdout)
        lines = [process.stdout.readline() for _ in range(2)]
        process.terminate()

    assert lines == [
        "\n",
        "Calls to this machine go through the proxy that HTTP_PROXY names. "
        "Set NO_PROXY=127.0.0.1.\n",
    ]


@pytest.mark.external
def test_it_serves_https_as_its_own_issuer_and_checks_signatures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--port=0", "--tls", "--issuer", "self", "--check-signatures"]
    environ = os.environ | {"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "right"}
    process = subprocess.Popen(
        [*COMMAND, "emulator", *options], env=environ, stdout=subprocess.PIPE, text=True
    )
    pool = ["--identity-pool-id", "us-east-1:00000000-0000-4000-8000-000000000000"]

    with ended(process):
        assert process.stdout is not None
        lines = list(iter(process.stdout.readline, "\n"))
        found = dict(re.split(r"  +", line.strip(), maxsplit=1) for line in lines)
        exports = [process.stdout.readline().split() for _ in range(2)]
        ending = process.stdout.readline()
        url, bundle = found["endpoint url"], found["CA bundle"]
        arguments = ["get-token", *pool, "--logins", "login.example.com=ana"]
        arguments += ["--endpoint-url", url, "--ca-bundle", bundle]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        refused = main(arguments)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "right")
        accepted = main([*arguments, "--query", "Token", "--output", "text"])
        process.terminate()
        process.communicate(timeout=PATIENCE)

    assert url.startswith("https://127.0.0.1:")
    assert found["issuer"] == url
    assert exports == [
        ["export", f"AWS_ENDPOINT_URL_COGNITO_IDENTITY={url}"],
        ["export", f"AWS_CA_BUNDLE={bundle}"],
    ]
    assert ending.endswith(f" Stop it with Ctrl-C, or kill {process.pid}.\n")
    assert (refused, accepted, process.returncode) == (254, 0, 0)
    out, err = capsys.readouterr()
    assert "InvalidSignatureException" in err
    assert jwt.decode(out.strip(), options={"verify_signature": False})["iss"] == url


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_it_cannot_check_signatures_without_credentials(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv(missing)

    assert main(["emulator", "--check-signatures"]) == 252

    assert f"--check-signatures needs {missing}, which is not set." in capsys.readouterr().err


@pytest.fixture
def this_process() -> Iterator[None]:
    """Restore what the command changes in its process: a signal handler and descriptor 1."""
    handler, kept = signal.getsignal(signal.SIGTERM), os.dup(1)
    yield
    signal.signal(signal.SIGTERM, handler)
    os.dup2(kept, 1)
    os.close(kept)


@pytest.mark.external
@pytest.mark.usefixtures("this_process")
def test_ctrl_c_right_after_the_announcement_is_a_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted(io.StringIO):
        def write(self, text: str) -> int:
            if "Stop it with Ctrl-C" in text:
                raise KeyboardInterrupt
            return super().write(text)

    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Interrupted())
        assert main(["emulator", "--port=0"]) == 0

    assert capsys.readouterr() == ("", "")


@pytest.mark.external
@pytest.mark.usefixtures("this_process")
def test_it_ends_when_its_output_is_no_longer_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()

    def read_only_the_beginning() -> None:
        with os.fdopen(reading) as output:
            url = read_announcement(output)
        # The emulator may end before it answers.
        with suppress(OSError):
            urllib.request.urlopen(url, NONSENSE, PATIENCE)

    reader = threading.Thread(target=read_only_the_beginning)
    pipe = os.fdopen(writing, "w")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", pipe)
        reader.start()
        code = main(["emulator", "--port=0"])
    reader.join()

    assert code == 0
    assert capsys.readouterr().err == ""
    with suppress(BrokenPipeError):
        pipe.close()


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--identity-pool-id", "nonsense"], 252, "--identity-pool-id must be REGION:GUID"),
        (["--port", "99999"], 252, "--port must be 0 to 65535, not 99999."),
        (["--port", "x"], 252, "invalid int value"),
        (["--host", ""], 252, "--host must not be empty."),
        (["--host", "é..x"], 252, "--host is not a host name."),
        (["--developer-provider", ""], 252, "--developer-provider must be 1 to 128"),
        (["--latency", "-1"], 252, "--latency must be 0 s or more, and finite, not -1.0."),
        (["--latency", "nan"], 252, "--latency must be 0 s or more, and finite, not nan."),
        (["--calls-per-second", "0"], 252, "--calls-per-second must be more than 0, not 0.0."),
        (["--issuer", "me"], 252, "--issuer must be a URL, or self, not 'me'."),
    ],
)
def test_bad_input_is_reported(
    arguments: list[str], code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["emulator", *arguments]) == code

    out, err = capsys.readouterr()
    assert out == ""
    assert text in err
    assert "Traceback" not in err


def test_a_port_in_use_is_reported(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    port = emulator.endpoint_url.rpartition(":")[2]

    assert main(["emulator", "--port", port]) == 255

    assert capsys.readouterr().err == (
        f"\ncognito-devtoken: [ERROR]: Port {port} of 127.0.0.1 is in use.\n"
        "If another emulator is running, use it, or stop it. "
        "Or choose another port with --port; 0 picks a free one.\n"
    )


@pytest.mark.external
def test_an_address_of_another_machine_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emulator", "--host", "192.0.2.1", "--port", "0"]) == 255

    assert "192.0.2.1" in capsys.readouterr().err
