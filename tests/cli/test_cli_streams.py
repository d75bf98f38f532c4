"""The command as a process: closed or full streams, signals, missing extras."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from cli_arguments import ASK, PLAIN
from cli_process import COMMAND, ended, finished

from patience import PATIENCE


pytestmark = [
    pytest.mark.external,
    pytest.mark.usefixtures("emulator_in_environment"),
]

NO_SPACE = "\ncognito-devtoken: [ERROR]: [Errno 28] No space left on device\n"
WITHOUT = """
import sys
from cognito_devtoken.cli import main
sys.modules[{module!r}] = None
for arguments in {lines!r}:
    print(main(arguments))
    print("--", file=sys.stderr)
"""


def in_shell(words: str) -> subprocess.CompletedProcess[str]:
    return finished(["sh", "-c", f"exec {' '.join(COMMAND)} {words}"])


def test_a_closed_standard_output_causes_no_message() -> None:
    done = in_shell(f"{' '.join(ASK)} >&-")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_standard_error_causes_no_output() -> None:
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
def test_a_write_error_is_reported_at_most_once(
    words: str, code: int, err: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)

    done = in_shell(words)

    assert (done.returncode, done.stdout, done.stderr) == (code, "", err)


def test_ctrl_c_prints_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = [*COMMAND, *PLAIN, "--endpoint-url", url]
        with ended(subprocess.Popen(command, stderr=subprocess.PIPE, text=True)) as process:
            connection, _ = silent.accept()
            with connection:
                assert connection.recv(1).startswith(
                    b"P"
                )  # POST: the process waits for the response
                process.send_signal(signal.SIGINT)
                _, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, err) == (130, "")


def without(module: str, *lines: list[str]) -> tuple[list[str], list[str]]:
    """Run commands in a process without this module; return its output and error lines."""
    done = finished([sys.executable, "-c", WITHOUT.format(module=module, lines=lines)])
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr.split("--\n")[:-1]


def test_the_demo_names_its_missing_extra() -> None:
    (*_, code), (err,) = without("starlette", ["demo"])

    assert code == "253"
    assert err == (
        "\ncognito-devtoken: [ERROR]: An error occurred (Configuration): The emulator needs "
        "starlette, which is not installed.\n"
        "Install the extra: pip install 'cognito-devtoken[emulator]'\n"
    )


def test_without_the_extra_only_yaml_fails() -> None:
    quiet = [*ASK, "--output", "off"]

    codes, told = without(
        "ruamel.yaml", quiet, [*ASK, "--output", "yaml"], [*ASK, "--cli-input-yaml={}"]
    )

    missing = (
        "\ncognito-devtoken: [ERROR]: An error occurred (Configuration): YAML needs "
        "ruamel.yaml, which is not installed.\n"
        "Install the extra: pip install 'cognito-devtoken[cli]'\n"
    )
    assert codes == ["0", "253", "253"]
    assert told == ["", missing, missing]


def test_a_reader_that_closes_the_pipe_causes_no_error() -> None:
    with subprocess.Popen(
        [*COMMAND, *ASK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert (process.wait(PATIENCE), process.stderr.read()) == (0, "")


def test_two_concurrent_runs_write_the_same_file_safely(tmp_path: Path) -> None:
    command = [*COMMAND, *ASK, "--output-file", str(tmp_path / "token")]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in started:
        with ended(process):
            _, err = process.communicate(timeout=PATIENCE)
            assert (process.returncode, err) == (0, "")

    assert json.loads((tmp_path / "token").read_text()).keys() == {"IdentityId", "Token"}
