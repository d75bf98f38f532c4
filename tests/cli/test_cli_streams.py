"""The command as a process: streams that are closed or full, signals, what is not installed."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from asking_cli import ASK, PLAIN
from cli_process import BACKSTOP, COMMAND, ended, finished

from cognito_devtoken.emulator import Emulator


pytestmark = pytest.mark.external

NO_SPACE = "\ncognito-devtoken: [ERROR]: [Errno 28] No space left on device\n"
WITHOUT = """
import sys
from cognito_devtoken.cli import main
sys.modules[{module!r}] = None
for arguments in {lines!r}:
    print(main(arguments))
    print("--", file=sys.stderr)
"""


@pytest.fixture(autouse=True)
def _endpoint(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", emulator.endpoint_url)


def in_shell(words: str) -> subprocess.CompletedProcess[str]:
    return finished(["sh", "-c", f"exec {' '.join(COMMAND)} {words}"])


def test_a_closed_standard_output_is_quiet() -> None:
    done = in_shell(f"{' '.join(ASK)} >&-")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_standard_error_is_quiet() -> None:
    done = in_shell(f"{' '.join(PLAIN)} --profile nobody 2>&-")

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
    words: str, code: int, err: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)

    done = in_shell(words)

    assert (done.returncode, done.stdout, done.stderr) == (code, "", err)


def test_ctrl_c_is_quiet() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(BACKSTOP)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = [*COMMAND, *PLAIN, "--endpoint-url", url]
        with ended(subprocess.Popen(command, stderr=subprocess.PIPE, text=True)) as process:
            connection, _ = silent.accept()
            with connection:
                assert connection.recv(1).startswith(b"P")  # POST: it waits for the answer
                process.send_signal(signal.SIGINT)
                _, err = process.communicate(timeout=BACKSTOP)

    assert (process.returncode, err) == (130, "")


def without(module: str, *lines: list[str]) -> tuple[list[str], list[str]]:
    """What runs print in a process that has no such module, and what they tell of errors."""
    done = finished([sys.executable, "-c", WITHOUT.format(module=module, lines=lines)])
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr.split("--\n")[:-1]


def test_without_the_extra_the_demo_says_which_one() -> None:
    (*_, code), (err,) = without("starlette", ["demo"])

    assert code == "253"
    assert err == (
        "\ncognito-devtoken: [ERROR]: An error occurred (Configuration): The emulator needs "
        "starlette, which is not installed.\n"
        "Install the extra: pip install 'cognito-devtoken[emulator]'\n"
    )


def test_without_the_extra_only_yaml_is_missing() -> None:
    quiet = [*ASK, "--output", "off"]

    codes, told = without("yaml", quiet, [*ASK, "--output", "yaml"], [*ASK, "--cli-input-yaml={}"])

    missing = (
        "\ncognito-devtoken: [ERROR]: An error occurred (Configuration): YAML needs "
        "PyYAML, which is not installed.\n"
        "Install the extra: pip install 'cognito-devtoken[cli]'\n"
    )
    assert codes == ["0", "253", "253"]
    assert told == ["", missing, missing]


def test_a_reader_who_has_enough_is_no_error() -> None:
    with subprocess.Popen(
        [*COMMAND, *ASK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert (process.wait(BACKSTOP), process.stderr.read()) == (0, "")


def test_two_at_once_do_not_meet(tmp_path: Path) -> None:
    command = [*COMMAND, *ASK, "--output-file", str(tmp_path / "token")]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in started:
        with ended(process):
            _, err = process.communicate(timeout=BACKSTOP)
            assert (process.returncode, err) == (0, "")

    assert json.loads((tmp_path / "token").read_text()).keys() == {"IdentityId", "Token"}
