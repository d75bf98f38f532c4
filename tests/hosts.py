"""Caches as on different hosts, which share a store, without a thread."""

from collections.abc import Callable
from typing import Any

from cognito_devtoken import TokenCache


Hosts = Callable[..., TokenCache]


def exchange_of(cache: TokenCache) -> Any:
    assert cache._engine.shared
    return cache._engine.shared.exchange


def leases_of(cache: TokenCache) -> Any:
    assert cache._engine.shared
    return cache._engine.shared.leases


def listen(*caches: TokenCache) -> None:
    """Have them hear what there is to hear, as they do every 2 s."""
    for cache in caches:
        exchange_of(cache).listen_once()
