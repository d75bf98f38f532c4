"""Stores on a real server, without time limits, so that a slow machine fails no test."""

from collections.abc import Callable
from typing import Any

from redis.cluster import RedisCluster

from cognito_devtoken.stores.redis import RedisStore
from patience import PATIENCE


NAME = "a" * 64
StoreOpener = Callable[..., RedisStore]


def without_time_limits(store: RedisStore) -> RedisStore:
    """Remove the time limits of a store and its client, for tests of something else."""
    store._timeout = PATIENCE
    client: Any = store._client
    if isinstance(client, RedisCluster):
        nodes: Any = client.nodes_manager
        clients = [node.redis_connection for node in nodes.nodes_cache.values()]
    else:
        clients = [client]
    for each in clients:
        limits = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
        each.connection_pool.connection_kwargs.update(limits)
        each.connection_pool.disconnect()  # open connections keep their old limits
    return store
