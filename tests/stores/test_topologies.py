"""A store on servers that stand in for each other: a cluster, and one that Sentinel watches."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import redis
from redis.cluster import RedisCluster
from redis.sentinel import Sentinel

from caching import PROVIDER, asking
from cognito_devtoken import TokenCache
from cognito_devtoken.stores import StoreKeys
from cognito_devtoken.stores.redis import BOUNDED, RedisStore
from cognito_devtoken.testing import FakeFetcher
from servers import PATIENCE, Server, free_port, require_server, running


# On a machine that may be busy.
PATIENT = {**BOUNDED, "socket_timeout": 1, "socket_connect_timeout": 1}


def wait_until(holds: Any) -> None:
    pause = threading.Event()
    for _ in range(PATIENCE * 50):
        try:
            if holds():
                return
        except redis.RedisError:
            pass
        pause.wait(0.02)
    raise AssertionError("it has not come to this")


def share(client: Any) -> None:
    """Two hosts share tokens, and what they throw away, by such a client."""
    fetcher, keys = FakeFetcher(), StoreKeys.generate()
    caches = [
        TokenCache(fetcher, developer_provider=PROVIDER, store=RedisStore(client=client, keys=keys))
        for _ in range(2)
    ]
    for user in ("ana", "bob", "eve"):
        assert len({cache.get(asking(user)) for cache in caches}) == 1
    assert len(fetcher.calls) == 3
    caches[0].forget("ana")
    wait_until(lambda: caches[1].stats().entries == 2)
    assert len({cache.get(asking("ana")) for cache in caches}) == 1
    assert len(fetcher.calls) == 4
    assert [cache.stats().store_errors for cache in caches] == [0, 0]
    for cache in caches:
        cache.close()


def test_a_cluster() -> None:
    # Its second port is 10,000 above the first.
    port = next(p for p in iter(free_port, 0) if p < 50_000)
    options = ["--cluster-enabled", "yes"]
    with TemporaryDirectory() as folder, running(Path(folder), *options, port=port) as server:
        with server.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTS", *range(16384))
            wait_until(lambda: "ok" in str(client.execute_command("CLUSTER", "INFO"))[:40])
        with RedisCluster(host="127.0.0.1", port=port, **PATIENT) as cluster:
            share(cluster)


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
            made: Any = Sentinel  # which has no types
            sentinel = made([("127.0.0.1", port)], sentinel_kwargs=PATIENT, **PATIENT)
            wait_until(lambda: sentinel.discover_master("mymaster"))
            yield sentinel
            for client in sentinel.sentinels:
                client.close()
        finally:
            process.kill()
            process.wait()


def test_one_that_sentinel_names() -> None:
    with TemporaryDirectory() as folder, running(Path(folder), port=free_port()) as server:
        with sentinel_of(server) as sentinel:
            client = sentinel.master_for("mymaster", **PATIENT)
            share(client)
            client.close()
