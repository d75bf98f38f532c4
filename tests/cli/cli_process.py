"""Run the command line in a separate process, for tests about that process."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from patience import PATIENCE


COMMAND = [sys.executable, "-m", "cognito_devtoken"]


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return finished([*COMMAND, *arguments], **options)


def finished(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, **options)


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Kill the process if the test fails before it ends."""
    with process:
        try:
            yield process
        finally:
            process.kill()
