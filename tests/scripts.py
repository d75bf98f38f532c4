"""Run Python in a separate process, to see what a fresh interpreter does."""

import subprocess
import sys

from patience import PATIENCE


def run_script(script: str) -> str:
    """Run a script that must succeed, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
