"""How often processes that share a server call Cognito when they all start cold at once."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from caching import wait_until
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.stores import StoreKeys
from patience import PATIENCE
from pools import POOL
from servers import Server


pytestmark = pytest.mark.external

USERS = 50
OPERATION = "GetOpenIdTokenForDeveloperIdentity"
Process = subprocess.Popen[str]


class Fleet:
    """Starts ``fleet.py``, whose processes wait for a line before they begin."""

    def __init__(self, server: Server, emulator: Emulator, opened: ExitStack) -> None:
        self._opened = opened
        self._arguments = {
            "url": server.url,
            "endpoint": emulator.endpoint_url,
            "users": USERS,
            "pool": POOL.identity_pool_id,
            "provider": POOL.developer_provider,
            "keys": StoreKeys.generate(),
        }
        # A killed process would leave a truncated file of coverage data.
        self._environ = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}

    def start(self, processes: int, **options: object) -> Process:
        defaults = self._arguments | {
            "processes": processes,
            "max_concurrent_fetches": 8,
            "hang": False,
        }
        arguments = json.dumps(defaults | options)
        process = self._opened.enter_context(
            subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("fleet.py")), arguments],
                env=self._environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        self._opened.callback(kill, process)
        for _ in range(processes):
            assert read_line(process) == "ready"
        return process


@pytest.fixture
def fleet(redis_server: Server, emulator: Emulator) -> Iterator[Fleet]:
    with ExitStack() as opened:
        yield Fleet(redis_server, emulator, opened)


def kill(fleet: Process) -> None:
    """Kill all processes of the fleet at once."""
    if fleet.poll() is None:
        os.killpg(fleet.pid, signal.SIGKILL)


def begin(fleet: Process) -> None:
    assert fleet.stdin
    fleet.stdin.write("\n")
    fleet.stdin.flush()


def read_line(process: Process) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def totals(fleet: Process) -> Counter[str]:
    """Sum up the reports of the processes, without the values that are 0."""
    reports = fleet.communicate(timeout=PATIENCE)[0].splitlines()
    return sum((Counter(json.loads(report)) for report in reports), Counter())


def test_8_processes_make_one_call_for_each_of_50_users_while_no_lock_expires(
    fleet: Fleet, emulator: Emulator
) -> None:
    eight = fleet.start(8)
    begin(eight)

    assert totals(eight) == {"tokens": USERS * 8, "fetches_started": USERS, "store_hits": USERS * 7}
    assert emulator.calls[OPERATION] == USERS


def test_a_killed_holder_costs_one_more_call_for_each_lock_it_held(
    fleet: Fleet, redis_server: Server, emulator: Emulator
) -> None:
    holder, others = fleet.start(1, hang=True), fleet.start(3, max_concurrent_fetches=16)
    begin(holder)
    assert [read_line(holder) for _ in range(8)] == ["answered"] * 8
    kill(holder)
    with redis_server.client() as client:
        locks = client.keys("*:lock")
        assert len(locks) == 8
        begin(others)
        wait_until(lambda: len(client.keys("*}")) == USERS - 8)
        assert emulator.calls[OPERATION] == USERS, (
            "no other process has called for those 8 users yet"
        )

        for lock in locks:
            assert client.pexpire(lock, 1)  # so that the lock expires

        found = totals(others)
        assert client.keys("*:lock") == []
        assert len(client.keys("*}")) == USERS
    assert emulator.calls[OPERATION] == 8 + USERS
    assert found == {"tokens": USERS * 3, "fetches_started": USERS, "store_hits": USERS * 2}
