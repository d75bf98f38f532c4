"""
Run everything on this machine, with fake AWS credentials, whatever the environment.

The examples in README and docs are tests that run against an emulator.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


# A shell makes its background processes, and their children, ignore SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)

ONLY_LOOPBACK = Path(__file__).parent / "tests" / "only_loopback"
sys.path.insert(0, str(ONLY_LOOPBACK))
sys.modules.pop("sitecustomize", None)
import sitecustomize  # noqa: E402, F401  # refuses other connections from here on


for name in list(os.environ):
    if name.startswith("AWS_") or name.lower().endswith("_proxy"):
        del os.environ[name]
os.environ |= {
    "AWS_ACCESS_KEY_ID": "AKIATEST",
    "AWS_SECRET_ACCESS_KEY": "test-secret",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "PYTHONPATH": str(ONLY_LOOPBACK),
    # The command of the package under test comes first, whatever else is installed.
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
}

from hypothesis import HealthCheck, settings  # noqa: E402
from sybil import Example, Sybil  # noqa: E402
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser  # noqa: E402

from cognito_devtoken.emulator import Emulator, Pool  # noqa: E402


# No deadline: how long an example takes depends on the machine.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def run_console(example: Example) -> None:
    """
    Run the commands of a console block and compare their output.

    "…" matches anything. A command that must fail is followed by "# exit CODE".
    """
    commands = re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]
    assert commands, "no command in this block"
    for text in commands:
        command, _, wanted = re.sub(r"\\\n\s*", "", text).partition("\n")
        command, _, code = command.partition("  # exit ")
        done = subprocess.run(  # noqa: S603
            shlex.split(command), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == int(code or 0), done.stderr
        pattern = ".*".join(map(re.escape, wanted.strip().split("…")))
        printed = (done.stdout + done.stderr).strip()
        assert re.fullmatch(pattern, printed, re.DOTALL), printed


@pytest.fixture(scope="module")
def documented_emulator() -> Iterator[None]:
    """The emulator that the examples reach through the environment."""
    pool = Pool(public_providers=["accounts.google.com"], allow_unauthenticated=True)
    with Emulator(pool) as emulator, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", emulator.endpoint_url)
        yield


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser("console", run_console)],
    patterns=["README.md", "docs/*.md"],
    fixtures=["documented_emulator"],
).pytest()
