"""
What a shared store costs, against a real Redis or Valkey on this machine.

First, reading one token through the store is compared with a bare GET of as many bytes, with the
same library over the same kind of connection. The contenders take turns, so a ratio compares two
neighbouring runs; the median of the ratios is printed. Then a warm start: a new session reads the
tokens of 5,000 users from the store, and the server counts the commands.
"""

import statistics
import sys
import time
from collections.abc import Callable

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


POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"
PROVIDER = "login.example.com"
ROUNDS, READS = 300, 20
USERS = 5_000


def time_of(contender: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(READS):
        contender()
    return (time.perf_counter() - began) / READS


def read_one(url: str, keys: str) -> None:
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
        for contender in contenders.values():
            time_of(contender)  # warm up
        rounds = [
            {name: time_of(contender) for name, contender in contenders.items()}
            for _ in range(ROUNDS)
        ]
    print(
        f"Reading {len(stored.value):,} bytes, {ROUNDS} rounds of {READS}, "
        f"Python {sys.version.split()[0]}"
    )
    base = next(iter(contenders))
    for what in contenders:
        ratios = statistics.quantiles((r[what] / r[base] for r in rounds), n=4)
        median = statistics.median(r[what] for r in rounds)
        print(
            f"  {what:<40}{median * 1e6:6.0f} µs   x {ratios[1]:.2f}"
            f"   (middle half: {ratios[0]:.2f} to {ratios[2]:.2f})"
        )
    store.close()
    bare.close()


def warm_start(url: str, keys: str) -> None:
    users = [f"user-{number}" for number in range(USERS)]
    fetcher = FakeFetcher()
    calls = 0
    with Redis.from_url(url) as server:
        for cold in (True, False):
            store = RedisStore(url, keys=keys, timeout=1)
            with TokenSession(
                POOL_ID, developer_provider=PROVIDER, client=fetcher, store=store
            ) as session:
                server.config_resetstat()
                began = time.perf_counter()
                for user in users:
                    session.get_token(user)
                took = time.perf_counter() - began
                asked = server.info("commandstats")
                stats = session.stats()
            store.close()
            trips = sum(asked.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in SENT)
            what = "cold" if cold else "warm"
            print(
                f"A {what} start of {USERS:,} users: {took:.1f} s, {trips / USERS:.3f} round trips "
                f"per user, {stats.store_hits:,} from the store, {len(fetcher.calls) - calls:,} "
                "calls to Cognito"
            )
            calls = len(fetcher.calls)


# Commands that a client sends, as opposed to those that run inside a script.
SENT = ("evalsha", "eval")


def main() -> None:
    keys = StoreKeys.generate()
    with local_redis() as url:
        read_one(url, keys)
        warm_start(url, keys)


if __name__ == "__main__":
    main()
