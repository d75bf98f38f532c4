"""
What a shared store costs, against a real Redis or Valkey on this machine.

First, reading one token through the store is compared with a bare GET of as many bytes, with the
same library over the same kind of connection. Then a warm start: a new session reads the tokens of
5,000 users from the store, and the server counts the commands.
"""

import time
from collections.abc import Callable
from functools import partial

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cognito_devtoken import OpenIdToken, TokenRequest, TokenSession
from cognito_devtoken._cache.flights import Flight
from cognito_devtoken._sharing.source import SharedSource, _StoreLookup, digest_of
from cognito_devtoken._values.key import Key
from cognito_devtoken.cli.demo.local_redis import local_redis
from cognito_devtoken.events import Reason
from cognito_devtoken.stores import StoreKeys
from cognito_devtoken.stores.redis import RedisStore
from cognito_devtoken.testing import FakeFetcher
from figures import Figure, ratios
from runner import interleaved, run, scaled


POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"
PROVIDER = "login.example.com"
ROUNDS, READS = scaled(300), 20
USERS = 5_000


def time_of(contender: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(READS):
        contender()
    return (time.perf_counter() - began) / READS


def read_one(url: str, keys: str) -> list[Figure]:
    store = RedisStore(url, keys=keys)
    bare = Redis.from_url(url, protocol=2, retry=Retry(NoBackoff(), 0))
    with TokenSession(
        POOL_ID, developer_provider=PROVIDER, client=FakeFetcher(), store=store
    ) as session:
        session.get_token("user-42")
        session.clear()
        state, source = session._cache._state, session._cache._leases.source
        assert isinstance(source, SharedSource)
        request = TokenRequest(POOL_ID, {PROVIDER: "user-42"})
        key = Key.of(request, PROVIDER)
        digest = digest_of(key)
        name = store.keys.names(digest)[0]
        session.get_token("user-42")
        stored = store.read(name)
        assert stored
        bare.set("bare", stored.value)

        def read_and_open(name: str, digest: bytes) -> None:
            found = store.read(name)
            assert found
            store.keys.open(found.value, digest)

        def read_and_cache() -> None:
            flight = Flight[TokenRequest, OpenIdToken](key, request, Reason.MISS, state.now())
            lookup = _StoreLookup(flight, digest, store.keys.names(digest_of(key)))
            state.entries.leases.clear()
            assert source._read(lookup)

        contenders: dict[str, Callable[[], object]] = {
            "redis.get(...), as many bytes": lambda: bare.get("bare"),
            "store.read(...), with its TTL": lambda: store.read(name),
            "store.read(...), and decrypted": lambda: read_and_open(name, digest),
            "token: read, decrypted, checked, cached": read_and_cache,
        }
        timed = {name: partial(time_of, each) for name, each in contenders.items()}
        rounds = interleaved(timed, ROUNDS)
    base, *others = contenders
    store.close()
    bare.close()
    return [
        *(ratios(rounds, name, base, called=name) for name in others),
        Figure.of(base, (each[base] * 1e6 for each in rounds), "µs", compared=False),
    ]


def warm_start(url: str, keys: str) -> list[Figure]:
    users = [f"user-{number}" for number in range(USERS)]
    fetcher = FakeFetcher()
    calls = 0
    found = []
    with Redis.from_url(url) as server:
        for cold in (True, False):
            store = RedisStore(url, keys=keys, timeout=1)
            with TokenSession(
                POOL_ID, developer_provider=PROVIDER, client=fetcher, store=store
            ) as session:
                server.config_resetstat()
                for user in users:
                    session.get_token(user)
                asked = server.info("commandstats")
            store.close()
            trips = sum(asked.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in SENT)
            what = "cold" if cold else "warm"
            asked_cognito = (len(fetcher.calls) - calls) / USERS
            found += [
                Figure.of(f"a {what} start, round trips per user", [trips / USERS], ""),
                Figure.of(f"a {what} start, calls to Cognito per user", [asked_cognito], ""),
            ]
            calls = len(fetcher.calls)
    return found


# Commands that a client sends, as opposed to those that run inside a script.
SENT = ("evalsha", "eval")


def figures() -> list[Figure]:
    keys = StoreKeys.generate()
    with local_redis() as url:
        return [*read_one(url, keys), *warm_start(url, keys)]


if __name__ == "__main__":
    run("store", figures)
