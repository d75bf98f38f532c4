"""
Compare the CPU time of a miss and of the same call through boto3.

A miss goes through one of the session's own threads, and the CPU time of all threads counts. On
one core the hand-off is cheap; between two, both processor caches are filled, which costs more
than the work. So both cases are measured.

The server costs nothing. The contenders take turns in one process, so a ratio compares two
neighbouring runs; the median of the ratios is printed.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import boto3
from bench_fetch import server
from server import POOL_ID

from cognito_devtoken import AsyncTokenSession, DevTokenClient, TokenSession


ROUNDS, CALLS = 60, 50
PROVIDER = "login.example.com"
LIFE = 86_400  # the lifetime of the server's token

Contender = Callable[[list[str]], object]


def cpu_of(contender: Contender, users: list[str]) -> float:
    began = time.process_time()
    contender(users)
    return (time.process_time() - began) / len(users)


def measure(where: str, url: str) -> None:
    serial = count()
    with asyncio.Runner() as runner:
        boto: Any = boto3.client("cognito-identity", region_name="us-east-1", endpoint_url=url)
        own, around = DevTokenClient(endpoint_url=url), DevTokenClient(boto_client=boto)
        session, session_around = (
            TokenSession(POOL_ID, developer_provider=PROVIDER, token_duration=LIFE, client=client)
            for client in (own, around)
        )
        awaited = AsyncTokenSession(
            POOL_ID, developer_provider=PROVIDER, token_duration=LIFE, client=own
        )

        def direct(users: list[str]) -> None:
            for user_id in users:
                boto.get_open_id_token_for_developer_identity(
                    IdentityPoolId=POOL_ID, Logins={PROVIDER: user_id}, TokenDuration=LIFE
                )

        def missing(session: TokenSession) -> Contender:
            return lambda users: [session.get_token(user_id) for user_id in users]

        async def missing_awaited(users: list[str]) -> None:
            for user_id in users:
                await awaited.get_token(user_id)

        contenders: dict[str, Contender] = {
            "boto3.client(...), called directly": direct,
            "session.get_token": missing(session),
            "session.get_token, around that boto3 client": missing(session_around),
            "await session.get_token": lambda users: runner.run(missing_awaited(users)),
        }

        def users() -> list[str]:
            return [f"user-{next(serial)}" for _ in range(CALLS)]

        for contender in contenders.values():
            contender(users())  # warm up
        rounds = [
            {name: cpu_of(contender, users()) for name, contender in contenders.items()}
            for _ in range(ROUNDS)
        ]
        for each in (session, session_around):
            assert each.stats().hits == 0
            each.close()
        runner.run(awaited.aclose())
        own.close()

    base = next(iter(contenders))
    print(
        f"CPU per miss {where}, {ROUNDS} rounds of {CALLS} misses each, "
        f"Python {sys.version.split()[0]}"
    )
    for name in contenders:
        ratios = statistics.quantiles((r[name] / r[base] for r in rounds), n=4)
        cpu = statistics.median(r[name] for r in rounds)
        print(
            f"  {name:<44}{cpu * 1e6:6.0f} µs   x {ratios[1]:.2f}"
            f"   (middle half: {ratios[0]:.2f} to {ratios[2]:.2f})"
        )


def main() -> None:
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "AKIABENCH",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with server() as url:
        measure("on all cores", url)
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # later threads inherit it
            measure("on one core", url)


if __name__ == "__main__":
    main()
