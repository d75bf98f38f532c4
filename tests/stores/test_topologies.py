"""A store on servers that stand in for each other: a cluster, and one that Sentinel watches."""

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

from caching import PROVIDER, asking
from canary import find_leaks
from cognito_devtoken import TokenCache
from cognito_devtoken.exceptions import ConfigurationError
from cognito_devtoken.stores import StoreKeys
from cognito_devtoken.stores.redis import BOUNDED, RedisStore
from cognito_devtoken.testing import FakeFetcher
from hosts import log_of
from patience import PATIENCE
from redis_stores import patient
from servers import Server, free_port, impostor, require_server, running


# On a machine that may be busy.
PATIENT = {**BOUNDED, "socket_timeout": 1, "socket_connect_timeout": 1}


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
    raise AssertionError("it has not come to this")


def share(client: Any) -> None:
    """Two hosts share tokens, and what they throw away, by such a client."""
    fetcher, keys = FakeFetcher(), StoreKeys.generate()
    stores = [RedisStore(client=client, keys=keys) for _ in range(2)]
    caches = [
        TokenCache(fetcher, developer_provider=PROVIDER, store=patient(store)) for store in stores
    ]
    for user in ("ana", "bob", "eve"):
        assert len({cache.get(asking(user)) for cache in caches}) == 1
    assert len(fetcher.calls) == 3
    caches[0].forget("ana")
    wake = log_of(caches[1])._wake  # it need not wait for its next look
    wait_until(lambda: wake.put(None) or caches[1].stats().entries == 2)
    assert len({cache.get(asking("ana")) for cache in caches}) == 1
    assert len(fetcher.calls) == 4
    assert [cache.stats().store_errors for cache in caches] == [0, 0]
    for cache in caches:
        cache.close()


@pytest.mark.external
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


@pytest.mark.external
def test_one_that_sentinel_names() -> None:
    with TemporaryDirectory() as folder, running(Path(folder), port=free_port()) as server:
        with sentinel_of(server) as sentinel:
            client = sentinel.master_for("mymaster", **PATIENT)
            share(client)
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
def test_one_whose_sentinels_callers_would_wait_for_is_refused(
    arguments: dict[str, Any], message: str
) -> None:
    made: Any = Sentinel
    sentinel = made([("127.0.0.1", 1), ("127.0.0.1", 2)], **arguments)
    sentinel.sentinels[1].connection_pool.connection_kwargs["password"] = "canary-password"
    # The first one is not the only one that is asked.
    sentinel.sentinels[0] = redis.Redis(**BOUNDED)
    client = sentinel.master_for("mymaster", **BOUNDED)

    with pytest.raises(ConfigurationError, match=message) as caught:
        RedisStore(client=client, keys=StoreKeys.generate())

    assert find_leaks(caught.value, "canary-password") == []


@pytest.mark.external
def test_sentinels_that_do_not_answer_are_not_waited_for() -> None:
    asked: list[socket.socket] = []

    def silent(connection: socket.socket) -> None:
        asked.append(connection)
        while connection.recv(1000):
            pass

    with impostor(silent) as url:
        host, port = url.removeprefix("redis://").removesuffix("/0").split(":")
        made: Any = Sentinel
        sentinel = made([(host, int(port))], sentinel_kwargs=BOUNDED, **BOUNDED)
        client = sentinel.master_for("mymaster", **BOUNDED)
        store = RedisStore(client=client, keys=StoreKeys.generate())
        with pytest.raises(redis.ConnectionError, match="No master found"):
            store.read("a" * 64)
        for each in (client, *sentinel.sentinels):
            each.close()
    assert BOUNDED["socket_timeout"] == BOUNDED["socket_connect_timeout"] == 0.1
    assert len(asked) <= 1, "it is not asked again by itself"
