"""Caches as on different hosts, which share a store, without a thread."""

from collections.abc import Callable
from typing import Any

from caching import PROVIDER
from cognito_devtoken import TokenCache, TokenRequest
from cognito_devtoken._cache.entries import Key
from cognito_devtoken._sharing.source import _digest
from cognito_devtoken.testing import ManualClock


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


def killed() -> None:
    """What a host does that was killed: it renews nothing."""


def waits_of(
    cache: TokenCache, clock: ManualClock, meanwhile: Callable[[], object] = killed
) -> list[float]:
    """How long a cache waits, by a manual clock, while other hosts do something."""
    waits: list[float] = []

    def wait(gate: object, seconds: float) -> bool:
        waits.append(seconds)
        clock.advance(seconds)
        meanwhile()
        return False

    cache._engine.wait = wait
    return waits


def digest_of(request: TokenRequest) -> bytes:
    """What a store names the token for a request by."""
    return _digest(Key.of(request, PROVIDER))
