"""
Compare the CPU time of a miss with that of the same call through boto3, and the engine by itself
with handing a call to a thread of a pool.

A miss goes through one of the session's own threads, and the CPU time of all threads counts. On
one core the hand-off is cheap; between two, both processor caches are filled, which costs more
than the work. So both cases are measured.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import Any

import boto3

from cognito_devtoken import (
    AsyncTokenSession,
    DevTokenClient,
    OpenIdToken,
    TokenRequest,
    TokenSession,
)
from figures import Figure, ratios
from runner import (
    cpu_of,
    in_processes,
    interleaved,
    on_one_core,
    run,
    scaled,
    server,
    use_fake_credentials,
)
from server import IDENTITY_ID, POOL_ID


PROCESSES, ROUNDS, CALLS = scaled(6), scaled(15), 50
PROVIDER = "login.example.com"
LIFE = 86_400  # the lifetime of the server's token
DIRECT, MISS = "boto3.client(...), called directly", "session.get_token"
POOLED = "boto3.client(...), called on a thread of a pool"
AROUND, AWAITED = "session.get_token, around that boto3 client", "await session.get_token"
POOL, ENGINE = "ThreadPoolExecutor(1).submit(f).result()", "session.get_token, free fetcher"

Contender = Callable[[list[str]], object]


class FreeFetcher:
    """A fetcher that costs nothing: it returns the same token to everybody."""

    def __init__(self) -> None:
        request = TokenRequest(POOL_ID, {PROVIDER: "any"}, token_duration=LIFE)
        answer = {"IdentityId": IDENTITY_ID, "Token": "no JWT"}
        self._token = OpenIdToken.from_response(answer, request)

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        return self._token


def open_session(client: Any) -> TokenSession:
    return TokenSession(POOL_ID, developer_provider=PROVIDER, token_duration=LIFE, client=client)


def missing(session: TokenSession) -> Contender:
    return lambda users: [session.get_token(user_id) for user_id in users]


def taking_turns(contenders: dict[str, Contender]) -> list[dict[str, float]]:
    serial = count()

    def cost(contender: Contender) -> float:
        users = [f"user-{next(serial)}" for _ in range(CALLS)]
        return cpu_of(lambda: contender(users)) / CALLS

    return interleaved({name: partial(cost, each) for name, each in contenders.items()}, ROUNDS)


def misses(url: str) -> list[dict[str, float]]:
    boto: Any = boto3.client("cognito-identity", region_name="us-east-1", endpoint_url=url)

    def direct(users: list[str]) -> None:
        for user_id in users:
            boto.get_open_id_token_for_developer_identity(
                IdentityPoolId=POOL_ID, Logins={PROVIDER: user_id}, TokenDuration=LIFE
            )

    with (
        ThreadPoolExecutor(1) as pool,
        asyncio.Runner() as runner,
        DevTokenClient(endpoint_url=url) as own,
        DevTokenClient(boto_client=boto) as around,
        open_session(own) as session,
        open_session(around) as session_around,
    ):
        awaited = AsyncTokenSession(
            POOL_ID, developer_provider=PROVIDER, token_duration=LIFE, client=own
        )

        async def missing_awaited(users: list[str]) -> None:
            for user_id in users:
                await awaited.get_token(user_id)

        rounds = taking_turns(
            {
                DIRECT: direct,
                POOLED: lambda users: [pool.submit(direct, [each]).result() for each in users],
                MISS: missing(session),
                AROUND: missing(session_around),
                AWAITED: lambda users: runner.run(missing_awaited(users)),
            }
        )
        assert session.stats().hits == session_around.stats().hits == 0
        runner.run(awaited.aclose())
    return rounds


def engine() -> list[dict[str, float]]:
    fetcher = FreeFetcher()
    with ThreadPoolExecutor(1) as pool, open_session(fetcher) as session:
        request = TokenRequest(POOL_ID, {PROVIDER: "any"})

        def submit(users: list[str]) -> None:
            for _ in users:
                pool.submit(fetcher.fetch, request).result()

        return taking_turns({POOL: submit, ENGINE: missing(session)})


def figures() -> list[Figure]:
    use_fake_credentials()
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    found = []
    with server() as url:
        rounds = in_processes(__file__, PROCESSES, url)
        found += [
            ratios(rounds, name, DIRECT, called=f"{name}, all cores", compared=name != POOLED)
            for name in (POOLED, MISS, AWAITED, AROUND)
        ]
        if on_one_core():  # the processes that this one starts inherit it
            rounds = in_processes(__file__, PROCESSES, url)
            found += [
                ratios(
                    rounds,
                    name,
                    DIRECT,
                    called=f"{name}, one core",
                    bar=bar,
                    compared=name != POOLED,
                )
                for name, bar in ((POOLED, None), (MISS, 1.1), (AWAITED, 1.2), (AROUND, None))
            ]
    rounds = in_processes(__file__, PROCESSES)
    found += [
        ratios(rounds, ENGINE, POOL, bar=3),
        Figure.of(f"{ENGINE}, CPU", (each[ENGINE] * 1e6 for each in rounds), "µs"),
    ]
    if cores is not None:
        os.sched_setaffinity(0, cores)
    return found


if __name__ == "__main__":
    if "--worker" in sys.argv:
        # The argument of the misses is the URL of the server. The engine calls no server.
        print(json.dumps(misses(*sys.argv[2:]) if sys.argv[2:] else engine()))
    else:
        run("miss", figures)
