"""Eight processes, cold at once, before one real server: how often they call Cognito."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from caching import until
from cognito_devtoken._leases import LEASE as LOCK
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.stores import StoreKeys
from pools import POOL
from servers import PATIENCE, Server


PROCESSES, USERS = 8, 50
OPERATION = "GetOpenIdTokenForDeveloperIdentity"
Process = subprocess.Popen[str]


@contextmanager
def fleet(server: Server, emulator: Emulator) -> Iterator[list[Process]]:
    """Processes that begin when they are sent a line."""
    arguments = json.dumps(
        {
            "url": server.url,
            "endpoint": emulator.endpoint_url,
            "users": USERS,
            "pool": POOL.identity_pool_id,
            "provider": POOL.developer_provider,
            "keys": StoreKeys.generate(),
            # On a machine that is busy with all of them. What is tested is who calls.
            "timeout": 1,
        }
    )
    # What is killed is not to be measured: it would leave half a file.
    environ = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    command = [sys.executable, str(Path(__file__).with_name("fleet.py")), arguments]
    with ExitStack() as opened:
        processes = [
            opened.enter_context(
                subprocess.Popen(
                    command,
                    env=environ,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(PROCESSES)
        ]
        try:
            for process in processes:
                assert process.stdout
                assert process.stdout.readline() == "ready\n"
            yield processes
        finally:
            for process in processes:
                process.kill()


def begin(processes: list[Process]) -> None:
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()


def reports(processes: list[Process]) -> list[Any]:
    return [json.loads(process.communicate(timeout=6 * PATIENCE)[0]) for process in processes]


def test_8_processes_and_50_users_make_50_calls(redis_server: Server, emulator: Emulator) -> None:
    emulator.latency = 0.05
    for _ in range(3):
        with fleet(redis_server, emulator) as processes:
            begin(processes)
            found = reports(processes)
        if max(longest for *_, longest in found) < LOCK / 2:
            break
        # The machine was so busy that a lock may have fallen free under its holder: once more.
        emulator.clear()
        with redis_server.client() as client:
            client.flushall()

    assert emulator.calls[OPERATION] == USERS
    assert [errors for _, errors, *_ in found] == [[]] * PROCESSES
    assert sum(fetches for _, _, fetches, *_ in found) == USERS
    assert sum(hits for *_, hits, _ in found) == USERS * (PROCESSES - 1)


def test_a_killed_holder_of_a_lock_costs_one_call_and_nobody_waits_for_5_s(
    redis_server: Server, emulator: Emulator
) -> None:
    with fleet(redis_server, emulator) as processes:
        holder, *others = processes
        emulator.latency = 1
        begin([holder])
        with redis_server.client() as client:
            until(lambda: client.dbsize() == 8)  # its locks: it calls for as many users at once
        holder.kill()
        emulator.latency = 0.05
        begin(others)
        found = reports(others)

    with redis_server.client() as client:
        assert client.dbsize() == USERS
    assert [errors for _, errors, *_ in found] == [[]] * (PROCESSES - 1)
    assert max(slowest for slowest, *_ in found) < 5
    assert emulator.calls[OPERATION] <= USERS + 8, "one for each lock whose holder was killed"
    assert sum(fetches for _, _, fetches, *_ in found) == USERS
