"""What a client of one of many users costs: CPU and memory, beside what boto3 offers for it."""

import gc
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import boto3
import botocore.session

from cognito_devtoken import TokenSession
from cognito_devtoken.boto3 import UserClients, session_for
from cognito_devtoken.testing import FakeFetcher
from figures import Figure, ratios
from runner import interleaved, run, scaled, use_fake_credentials
from server import POOL_ID


COUNT, ROUNDS = 10_000, scaled(10)
PROVIDER = "login.example.com"
KEYS: Any = {"aws_access_key_id": "AKIAFAKE", "aws_secret_access_key": "fake"}
SERVICE = "s3"

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


def figures() -> list[Figure]:
    use_fake_credentials()
    with TokenSession(POOL_ID, developer_provider=PROVIDER, client=FakeFetcher()) as session:
        ways = makers(session)
        rounds = interleaved(
            {name: partial(seconds, make, number) for name, (number, make) in ways.items()}, ROUNDS
        )
        memory = {name: used_bytes(make, number) for name, (number, make) in ways.items()}
        all_bytes = used_bytes(ways[BOUND][1], COUNT) * COUNT
    others = [name for name in ways if name != BOUND]
    return [
        Figure.of(f"{BOUND}, CPU", (each[BOUND] * 1e6 for each in rounds), "µs", bar=20),
        Figure.of(f"{BOUND}, memory", [memory[BOUND]], "bytes", bar=1000),
        Figure.of(f"{COUNT:,} bound clients", [all_bytes / 1e6], "MB", bar=20),
        *(ratios(rounds, name, BOUND, called=f"{name}, CPU", compared=False) for name in others),
        *(
            Figure.of(f"{name}, memory", [memory[name] / memory[BOUND]], compared=False)
            for name in others
        ),
    ]


if __name__ == "__main__":
    run("user_clients", figures)
