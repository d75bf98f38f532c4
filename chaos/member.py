"""
One process of the run.

It reads its settings from standard input as a line of JSON, because arguments would expose the
key; then ``recover TIME`` and ``stop``. It writes records to standard output. It ends when its
standard input does.
"""

import json
import logging
import os
import select
import signal
import socket
import stat
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, NoReturn

from .callers import Host, Recovery
from .checker import LONGEST_WAIT, RECOVERY
from .records import Ready, Recovered, Sample


# How many seconds a process gives its callers to end, and its forked children.
_PATIENCE = LONGEST_WAIT + 10.0
# When a process that has not recovered reports it, in seconds after the last trouble.
_GIVES_UP_AFTER = RECOVERY + 10.0
# Seconds between two forks, and between two times a session is closed, on average.
_FORK_EVERY, _REOPEN_EVERY = 8.0, 15.0
_CHILD_THREADS, _CHILD_LOOPS, _CHILD_SECONDS = 2, 1, (0.5, 5.0)
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Member:
    """The main thread of a process: it forks, reopens sessions, and measures."""

    def __init__(self, settings: dict[str, Any]) -> None:
        users = [f"user-{number}" for number in range(settings["users"])]
        at = {name: settings[name] for name in ("endpoint", "store", "keys")}
        self._host = Host(settings["name"], settings["seed"], users, **at)
        self._random = Random(f"{settings['seed']}/{settings['name']}")
        self._threads, self._loops = settings["threads"], settings["loops"]
        self._children: dict[int, float] = {}
        self._forks = 0
        self._reported = False

    def run(self) -> None:
        """Run until told to stop."""
        host = self._host
        # What goes to stderr counts as an error; the warnings of sessions are expected.
        logging.getLogger("cognito_devtoken").addHandler(logging.NullHandler())
        threading.excepthook = lambda args: host.complain(
            "undocumented error", "".join(traceback.format_exception(args.exc_value))
        )
        host.report(Ready(host.name))
        sys.stdin.readline()
        host.start(self._threads, self._loops)
        fork_at, reopen_at, sample_at = (time.monotonic() + each for each in (2.0, 5.0, 0.5))
        while True:
            if select.select([sys.stdin], [], [], 0.1)[0]:
                command, _, argument = sys.stdin.readline().partition(" ")
                if command == "recover":
                    host.recovery = Recovery(float(argument), host.users)
                else:
                    break
            now = time.monotonic()
            if now >= sample_at:
                host.report(self._sample())
                sample_at = now + 1.0
            if host.recovery:
                self._report_recovery(host.recovery)
            else:
                if now >= fork_at:
                    self._fork()
                    fork_at = now + self._random.expovariate(1 / _FORK_EVERY)
                if now >= reopen_at:
                    host.reopen(self._random.choice(list(host.sessions)))
                    reopen_at = now + self._random.expovariate(1 / _REOPEN_EVERY)
            self._reap()
        host.stop(_PATIENCE)
        while self._children:
            time.sleep(0.05)
            self._reap()

    def _report_recovery(self, recovery: Recovery) -> None:
        host = self._host
        took, missing = time.time() - recovery.since, recovery.missing(host.users)
        if not self._reported and (took > _GIVES_UP_AFTER or not missing):
            self._reported = True
            host.report(Recovered(host.name, took, missing))

    def _sample(self) -> Sample:
        now = time.monotonic()
        waits = [
            now - call.began
            for call in list(self._host.pending.values())
            if "timeout" not in call.step.options
        ]
        return Sample(
            self._host.name,
            time.time(),
            threading.active_count(),
            self._threads + self._loops + 1,
            self._host.caches(),
            len(list(Path("/proc/self/fd").iterdir())),
            int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE,
            max(waits, default=0.0),
        )

    # Forked children

    def _fork(self) -> None:
        self._forks += 1
        seconds = self._random.uniform(*_CHILD_SECONDS)
        if child := os.fork():
            self._children[child] = time.monotonic()
            return
        self._be_child(seconds)

    def _be_child(self, seconds: float) -> NoReturn:
        """Use the sessions of the parent for a while."""
        host = self._host
        try:
            let_go_of_connections()
            host.become(f"{host.name}f{self._forks}")
            host.start(_CHILD_THREADS, _CHILD_LOOPS)
            host.stopping.wait(seconds)
            host.stop(_PATIENCE)
        except BaseException:  # noqa: BLE001  # whatever it is, it is undocumented
            host.complain("undocumented error", traceback.format_exc())
        finally:
            os._exit(0)

    def _reap(self) -> None:
        for child, since in list(self._children.items()):
            if os.waitpid(child, os.WNOHANG)[0]:
                del self._children[child]
            elif time.monotonic() - since > 2 * _PATIENCE:
                self._host.complain("caller never returned", "a forked child hangs")
                os.kill(child, signal.SIGKILL)


def let_go_of_connections() -> None:
    """
    Replace the inherited connections to the upstream by nothing.

    A connection that the parent closes would stay open as long as this process has it, and the
    upstream could not tell that the parent has given the call up.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        with suppress(OSError):  # the descriptor of the folder is closed by now
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            with socket.socket(fileno=os.dup(descriptor)) as found:
                internet = found.family == socket.AF_INET
            if internet:
                os.dup2(null, descriptor)


def main() -> None:
    """Run a process of the run."""
    Member(json.loads(sys.stdin.readline())).run()
    # Threads whose callers never returned must not keep the process.
    os._exit(0)


if __name__ == "__main__":
    main()
