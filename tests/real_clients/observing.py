"""Run a client for Node.js against emulators, with tokens good and bad."""

import base64
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from installing import with_packages
from patience import PATIENCE


PROJECT = Path(__file__).parent / "javascript"


class LateClock:
    """A clock that is late by some seconds."""

    def __init__(self, late: float = 0) -> None:
        self.late = late

    def __call__(self) -> float:
        return time.time() - self.late


def altered(token: str, part: int, **members: Any) -> str:
    """Return a token whose header (0) or claims (1) were changed after it was signed."""
    parts = token.split(".")
    read = json.loads(base64.urlsafe_b64decode(parts[part] + "=="))
    parts[part] = base64.urlsafe_b64encode(json.dumps(read | members).encode()).decode().rstrip("=")
    return ".".join(parts)


def observed(
    script: str, given: dict[str, Any], request: pytest.FixtureRequest, **environ: str
) -> dict[str, Any]:
    """
    Run a script in a process of its own, or skip the test if Node.js or a package is missing.

    Args:
        script: The name of its file, without the suffix.

        given: What it reads from its standard input.

        request: Has the folder for it, and the cache of packages.

        environ: Additional variables of its environment.

    Returns:
        What it prints: its observations by their names. If one failed, it is the text of the error.
    """
    assert request.config.cache is not None
    factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    project = with_packages(PROJECT, factory.mktemp("node"), request.config.cache)
    done = subprocess.run(
        ["node", f"{script}.mjs"],
        cwd=project,
        env=os.environ | environ,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert not done.returncode, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
