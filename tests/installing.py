"""Install what tests need from elsewhere, or skip them."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from patience import PATIENCE


_NPM = ["npm", "ci", "--engine-strict", "--ignore-scripts", "--prefer-offline"]
_NPM += ["--no-audit", "--no-fund"]
_OFFLINE = re.compile(r"code (ENOTFOUND|EAI_AGAIN|ECONN\w+|ETIMEDOUT|ENETUNREACH)")
_ANOTHER_NODE = re.compile(r"EBADENGINE(?:.*\n)*?.*(Required: .*)")


def with_packages(project: Path, folder: Path, cache: pytest.Cache) -> Path:
    """
    Copy a Node.js project into a folder, with its packages, or skip the test.

    The packages are cached by lock file.
    """
    if missing := [name for name in ("node", "npm") if not shutil.which(name)]:
        pytest.skip(f"needs Node.js: no {' and no '.join(missing)}")
    copy = folder / project.name
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("dist", "node_modules", "__*"))
    (copy / "node_modules").symlink_to(_packages(project, cache))
    return copy


def _packages(project: Path, cache: pytest.Cache) -> Path:
    lock = (project / "package-lock.json").read_bytes()
    folder = cache.mkdir(f"node-modules-{hashlib.sha256(lock).hexdigest()[:16]}")
    kept = folder / "node_modules"
    # One process installs them; the others wait for it.
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not kept.is_dir():
            _install(project, kept)
    return kept


def _install(project: Path, kept: Path) -> None:
    # In a folder beside, because an installation that is killed is incomplete.
    with TemporaryDirectory(dir=kept.parent) as beside:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(project / name, beside)
        done = run(_NPM, Path(beside))
        if why := _OFFLINE.search(done.stderr):
            pytest.skip(f"needs the npm registry: {why[1]}")
        if why := _ANOTHER_NODE.search(done.stderr):
            pytest.skip(f"needs another Node.js: {why[1]}")
        assert not done.returncode, done.stderr
        Path(beside, "node_modules").rename(kept)


def run(command: list[str], folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a command, or skip the test if it does not end."""
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{command[0]} did not end within {PATIENCE} s")


def last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]
