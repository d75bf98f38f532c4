"""
What a client of one of many users costs: CPU and memory, beside what boto3 offers for it.

``bench_user_clients.py COUNT`` makes this many bound clients instead of 10,000.
"""

import gc
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import boto3
import botocore
import botocore.session

from cognito_devtoken import TokenSession
from cognito_devtoken.boto3 import UserClients, session_for
from cognito_devtoken.testing import FakeFetcher


COUNT = 10_000
ROUNDS = 7
POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"
PROVIDER = "login.example.com"
KEYS: Any = {"aws_access_key_id": "AKIAFAKE", "aws_secret_access_key": "fake"}
SERVICE = "s3"
# What a bound client may cost.
MAX_MICROSECONDS, MAX_BYTES, MAX_MEGABYTES = 20, 1000, 20

# Made with keys, and as a user.
BOUND = "UserClients(…).client(…)"
CREATED = "one botocore session, create_client(…)"
SESSION = "boto3.Session(keys).client(…)"
OURS = "session_for(…).client(…)"


def makers(session: TokenSession) -> dict[str, tuple[int, Callable[[str], Any]]]:
    """Return the ways to make a client, and how many to make in one round."""
    clients = UserClients(session)
    shared: Any = botocore.session.Session()

    def created(user: str) -> Any:
        return shared.create_client(SERVICE, region_name="us-east-1", **KEYS)

    def of_session(user: str) -> Any:
        made: Any = boto3.Session(region_name="us-east-1", **KEYS)
        return made.client(SERVICE)

    def ours(user: str) -> Any:
        made: Any = session_for(session, user)
        return made.client(SERVICE)

    return {
        BOUND: (5000, lambda user: clients.client(SERVICE, user)),
        CREATED: (20, created),
        SESSION: (2, of_session),
        OURS: (2, ours),
    }


def seconds(make: Callable[[str], Any], count: int) -> float:
    """Return the CPU time of one client. The clients live until the end of the round."""
    made = []
    gc.collect()
    began = time.process_time()
    for number in range(count):
        made.append(make(f"user-{number:05}"))  # noqa: PERF401  # as a program does
    return (time.process_time() - began) / count


def used_bytes(make: Callable[[str], Any], count: int) -> float:
    """Return the memory of one client, by tracemalloc."""
    users = [f"user-{number:05}" for number in range(count)]
    make("the first user, who pays the one-time costs")
    gc.collect()
    tracemalloc.start()
    made = [make(user) for user in users]
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] / count
    tracemalloc.stop()
    assert len(made) == count
    return used


def shown(size: float) -> str:
    return f"{size:.0f} B" if size < 10_000 else f"{size / 1000:.0f} kB"


def main(count: int) -> None:
    os.environ |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
    with TokenSession(POOL_ID, developer_provider=PROVIDER, client=FakeFetcher()) as session:
        ways = makers(session)
        for _, make in ways.values():
            make("the first user")
        rounds = [
            {name: seconds(make, number) for name, (number, make) in ways.items()}
            for _ in range(ROUNDS)
        ]
        memory = {name: used_bytes(make, number) for name, (number, make) in ways.items()}
        all_bytes = used_bytes(ways[BOUND][1], count) * count
    print(f"A client for S3, {ROUNDS} rounds, botocore {botocore.__version__}, {sys.version[:7]}")
    for name in ways:
        cpu = statistics.median(each[name] for each in rounds)
        ratio = statistics.median(each[name] / each[BOUND] for each in rounds)
        size = memory[name]
        print(
            f"  {name:<40}{cpu * 1e6:10,.1f} µs  x {ratio:9,.0f}"
            f"{shown(size):>10}  x {size / memory[BOUND]:8,.0f}"
        )
    bound = statistics.median(each[BOUND] for each in rounds)
    print(f"{count:,} bound clients: {all_bytes / 1e6:.1f} MB, {bound * count * 1000:.0f} ms")
    assert bound * 1e6 <= MAX_MICROSECONDS
    assert memory[BOUND] <= MAX_BYTES
    assert all_bytes / 1e6 <= MAX_MEGABYTES


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
