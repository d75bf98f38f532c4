"""What a store writes to a real server, and how long the server keeps it."""

import time

import pytest
import redis
import redis.asyncio

from caching import request_for
from cognito_devtoken.testing import FakeFetcher, ManualClock
from hosts import HostFactory
from redis_stores import NAME, StoreOpener
from servers import Server


pytestmark = pytest.mark.external


def test_stores_with_another_prefix_share_nothing(
    redis_server: Server, open_store: StoreOpener
) -> None:
    one, other = (open_store(redis_server.url, prefix=prefix) for prefix in "ab")
    one.write(NAME, b"value", lambda: 600, None)
    one.claim(NAME, "me", 600)
    log, position = one.publish(b"message", 600, 10)
    one.mark(NAME, log, position, 600)

    assert other.claim(NAME, "you", 600) == (True, None)
    assert other.published(None, 600).messages == []
    assert other.published(None, 600).log != log
    assert other.marks([NAME]) == [None]


def test_neither_monitor_nor_a_dump_shows_a_secret_or_an_id(
    redis_server: Server, open_store: StoreOpener, new_host: HostFactory
) -> None:
    canaries = ["canary-user", "canary-provider-token", "canary-tag"]
    cache, other = (new_host(store=open_store(redis_server.url)) for _ in "ab")
    request = request_for(
        "canary-user",
        logins={"idp.example": "canary-provider-token"},
        principal_tags={"tag": "canary-tag"},
    )
    with redis_server.monitored() as seen:
        token = cache.get(request)
        assert other.get(request) == token
        canaries += [token.token, token.token[:40], token.identity_id]
        dumps = [redis_server.dump()]
        cache.invalidate(token)
        cache.forget("canary-user")
        cache.forget_identity(token.identity_id)
        newer = cache.get(request)
        canaries.append(newer.token)
        dumps.append(redis_server.dump())

    assert any("EVALSHA" in command.upper() for command in seen)
    assert len(dumps[1]) > 1000
    shown = "\n".join(seen).encode() + b"".join(dumps)
    assert [canary for canary in canaries if canary.encode() in shown] == []


def test_a_value_lives_as_long_as_its_token(
    redis_server: Server, open_store: StoreOpener, new_host: HostFactory
) -> None:
    new_host(store=open_store(redis_server.url)).get(request_for(token_duration=86_400))

    with redis_server.client() as client:
        (name,) = client.keys("*}")
        assert 85_000_000 < client.pttl(name) <= 86_400_000
        assert client.ttl(f"{name}:lock") == -2


def test_a_value_without_an_expiry_is_not_adopted(
    redis_server: Server, open_store: StoreOpener, new_host: HostFactory, fetcher: FakeFetcher
) -> None:
    store = open_store(redis_server.url)
    new_host(store=store).get(request_for())
    with redis_server.client() as client:
        client.persist(client.keys("*}")[0])

    new_host(store=store).get(request_for())

    assert len(fetcher.calls) == 2


def test_a_delayed_write_does_not_extend_the_life_of_a_token(
    redis_server: Server, open_store: StoreOpener
) -> None:
    store = open_store(redis_server.url)
    store.read(NAME)
    store._timeout = 0.5
    with redis_server.paused():
        # The server receives the command but executes it only after the value has expired.
        with pytest.raises(redis.TimeoutError):
            store.write(NAME, b"value", lambda: 0.45, None)

    with redis_server.client() as client:
        assert client.dbsize() == 0


def test_the_servers_clock_is_read_again_for_another_name_or_after_a_long_time(
    redis_server: Server, open_store: StoreOpener
) -> None:
    store = open_store(redis_server.url)
    store.read("b" * 64)
    store.write(NAME, b"value", lambda: 600, None)
    assert store._look.name == NAME
    store._look.clock = store._look.clock._replace(read_at=store._look.clock.read_at - 3600)
    store.write(NAME, b"value", lambda: 600, None)

    found = store.read(NAME)
    assert found
    assert 500 < found.remaining <= 600


def test_hosts_with_clocks_ten_minutes_apart_share_tokens_by_the_servers_clock(
    redis_server: Server, open_store: StoreOpener, new_host: HostFactory
) -> None:
    class ShiftedClock(ManualClock):
        """The real time, shifted by some seconds."""

        def __init__(self, seconds: float) -> None:
            super().__init__()
            self._shift = seconds

        def monotonic(self) -> float:
            return time.monotonic() + self._shift

        def time(self) -> float:
            return time.time() + self._shift

    fetcher = FakeFetcher()
    caches = [
        new_host(store=open_store(redis_server.url), fetcher=fetcher, clock=ShiftedClock(seconds))
        for seconds in (0, 600, -600)
    ]

    tokens = [cache.get(request_for(token_duration=3600)) for cache in caches]

    assert len(set(tokens)) == 1
    left = [token.expires_in().total_seconds() for token in tokens]
    assert max(left) <= 3600
    assert max(left) - min(left) < 300, "less than half the difference between the clocks"
