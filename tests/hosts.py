"""Caches that share a store like caches on different hosts, without threads."""

from collections.abc import Callable
from typing import Any

from caching import PROVIDER
from cognito_devtoken import OpenIdToken, TokenCache, TokenRequest
from cognito_devtoken._sharing.source import SharedSource
from cognito_devtoken._sharing.source import digest_of as digest_of_key
from cognito_devtoken._values.key import Key
from cognito_devtoken.testing import ManualClock


HostFactory = Callable[..., TokenCache]


def source_of(cache: TokenCache) -> SharedSource:
    source = cache._leases.source
    assert isinstance(source, SharedSource)
    return source


def log_of(cache: TokenCache) -> Any:
    return source_of(cache).log


def locks_of(cache: TokenCache) -> Any:
    return source_of(cache).locks


def listen(*caches: TokenCache) -> None:
    """Have each cache read the invalidation log once, as it does every 2 s."""
    for cache in caches:
        log_of(cache).listen_once()


def during_fetch(cache: TokenCache, act: Callable[[], object]) -> None:
    """Have something happen each time a cache calls Cognito, before the token is made."""
    fetcher = source_of(cache)._fetcher
    fetch = fetcher.fetch

    def act_and_fetch(request: TokenRequest) -> OpenIdToken:
        act()
        return fetch(request)

    fetcher.fetch = act_and_fetch


def do_nothing() -> None:
    """Stand in for a killed host, which renews no lock."""


def record_waits(
    cache: TokenCache, clock: ManualClock, meanwhile: Callable[[], object] = do_nothing
) -> list[float]:
    """Record how long a cache waits, by a manual clock, while other hosts act."""
    waits: list[float] = []

    def wait(gate: object, seconds: float) -> bool:
        waits.append(seconds)
        clock.advance(seconds)
        meanwhile()
        return False

    source_of(cache).wait = wait
    return waits


def digest_of(request: TokenRequest) -> bytes:
    """Return the digest under which a store names the token for a request."""
    return digest_of_key(Key.of(request, PROVIDER))
