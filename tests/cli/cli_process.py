"""The command line in a process of its own, for tests whose subject is that process."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


# Ends a run that hangs, and is far above what a run takes on the busiest machine.
BACKSTOP = 300
COMMAND = [sys.executable, "-m", "cognito_devtoken"]


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return finished([*COMMAND, *arguments], **options)


def finished(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=BACKSTOP, **options)


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Kills the process if the test fails before it has ended."""
    with process:
        try:
            yield process
        finally:
            process.kill()
