"""Stores on a Redis Cluster and behind Redis Sentinel."""

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import redis
from redis.cluster import RedisCluster
from redis.sentinel import Sentinel

from caching import PROVIDER, request_for
from canary import find_leaks
from cognito_devtoken import TokenCache
from cognito_devtoken.exceptions import ConfigurationError
from cognito_devtoken.stores import StoreKeys
from cognito_devtoken.stores.redis import BOUNDED, RedisStore
from cognito_devtoken.testing import FakeFetcher
from hosts import log_of
from patience import PATIENCE
from redis_stores import without_time_limits
from servers import Server, fake_server, free_port, require_server, running


# The machine may be busy.
LONG_TIMEOUTS = {**BOUNDED, "socket_timeout": 1, "socket_connect_timeout": 1}


def wait_until(holds: Any) -> None:
    pause = threading.Event()
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if holds():
                return
        except redis.RedisError:
            pass
        pause.wait(0.02)
    raise AssertionError("the condition did not become true")


def check_sharing(client: Any) -> None:
    """Check that two hosts with this client share tokens and invalidations."""
    fetcher, keys = FakeFetcher(), StoreKeys.generate()
    stores = [RedisStore(client=client, keys=keys) for _ in range(2)]
    caches = [
        TokenCache(fetcher, developer_provider=PROVIDER, store=without_time_limits(store))
        for store in stores
    ]
    stores[0].mark("a" * 64, "ab", 1, 600)
    assert stores[1].marks(["a" * 64, "b" * 64]) == [("ab", 1), None]
    for user in ("ana", "bob", "eve"):
        assert len({cache.get(request_for(user)) for cache in caches}) == 1
    assert len(fetcher.calls) == 3
    caches[0].forget("ana")
    wake = log_of(caches[1]).thread.wake  # so that it reads the log now
    wait_until(lambda: wake.put(None) or caches[1].stats().entries == 2)
    assert len({cache.get(request_for("ana")) for cache in caches}) == 1
    assert len(fetcher.calls) == 4
    assert [cache.stats().store_errors for cache in caches] == [0, 0]
    for cache in caches:
        cache.close()


@pytest.mark.external
def test_hosts_share_tokens_through_a_cluster() -> None:
    # The second port of a cluster node is its first plus 10,000.
    port = next(p for p in iter(free_port, 0) if p < 50_000)
    options = ["--cluster-enabled", "yes"]
    with TemporaryDirectory() as folder, running(Path(folder), *options, port=port) as server:
        with server.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTS", *range(16384))
            wait_until(lambda: "ok" in str(client.execute_command("CLUSTER", "INFO"))[:40])
        with RedisCluster(host="127.0.0.1", port=port, **LONG_TIMEOUTS) as cluster:
            check_sharing(cluster)


@contextmanager
def sentinel_of(server: Server) -> Iterator[Any]:
    port = free_port()
    with TemporaryDirectory() as folder:
        configuration = Path(folder) / "sentinel.conf"
        configuration.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor mymaster 127.0.0.1 {server.port} 1\n"
        )
        process = subprocess.Popen(
            [require_server(), str(configuration), "--sentinel"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            make_sentinel: Any = Sentinel  # it has no types
            sentinel = make_sentinel(
                [("127.0.0.1", port)], sentinel_kwargs=LONG_TIMEOUTS, **LONG_TIMEOUTS
            )
            wait_until(lambda: sentinel.discover_master("mymaster"))
            yield sentinel
            for client in sentinel.sentinels:
                client.close()
        finally:
            process.kill()
            process.wait()


@pytest.mark.external
def test_hosts_share_tokens_through_a_master_named_by_sentinel() -> None:
    with TemporaryDirectory() as folder, running(Path(folder), port=free_port()) as server:
        with sentinel_of(server) as sentinel:
            client = sentinel.master_for("mymaster", **LONG_TIMEOUTS)
            check_sharing(client)
            client.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"socket_timeout": None},
            "Sentinel of the client of a RedisStore must have a socket_timeout .* not None",
        ),
        (
            {"sentinel_kwargs": {}, **BOUNDED},
            "Sentinel of the client of a RedisStore must have a socket_t",
        ),
        (
            {"sentinel_kwargs": {**BOUNDED, "socket_connect_timeout": 3}},
            "socket_connect_timeout of at most 1 s, not 3",
        ),
    ],
)
def test_a_client_whose_sentinels_have_long_timeouts_is_refused(
    arguments: dict[str, Any], message: str
) -> None:
    make_sentinel: Any = Sentinel
    sentinel = make_sentinel([("127.0.0.1", 1), ("127.0.0.1", 2)], **arguments)
    sentinel.sentinels[1].connection_pool.connection_kwargs["password"] = "canary-password"
    # The check covers every Sentinel, not only the first.
    sentinel.sentinels[0] = redis.Redis(**BOUNDED)
    client = sentinel.master_for("mymaster", **BOUNDED)

    with pytest.raises(ConfigurationError, match=message) as caught:
        RedisStore(client=client, keys=StoreKeys.generate())

    assert find_leaks(caught.value, "canary-password") == []


@pytest.mark.external
def test_a_store_does_not_wait_for_sentinels_that_do_not_respond() -> None:
    connections: list[socket.socket] = []

    def never_responds(connection: socket.socket) -> None:
        connections.append(connection)
        while connection.recv(1000):
            pass

    with fake_server(never_responds) as url:
        host, port = url.removeprefix("redis://").removesuffix("/0").split(":")
        make_sentinel: Any = Sentinel
        sentinel = make_sentinel([(host, int(port))], sentinel_kwargs=BOUNDED, **BOUNDED)
        client = sentinel.master_for("mymaster", **BOUNDED)
        store = RedisStore(client=client, keys=StoreKeys.generate())
        with pytest.raises(redis.ConnectionError, match="No master found"):
            store.read("a" * 64)
        for each in (client, *sentinel.sentinels):
            each.close()
    assert BOUNDED["socket_timeout"] == BOUNDED["socket_connect_timeout"] == 0.1
    assert len(connections) <= 1, "the client does not retry on its own"
