"""The lock of the shared store: one host calls Cognito, and the others wait for its token."""

from typing import Any

import pytest

from caching import ManualThreads, request_for, start_call
from cognito_devtoken import OpenIdToken, TokenRequest
from cognito_devtoken._sharing.locks import LOCK_SECONDS
from cognito_devtoken._sharing.source import LOCK_WAIT
from cognito_devtoken.exceptions import (
    InternalServiceError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from hosts import HostFactory, digest_of, during_fetch, record_waits, source_of


def test_the_second_host_waits_for_the_first_until_its_lock_expires(
    new_host: HostFactory, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    threads = ManualThreads()
    first, second = new_host(start_thread=threads.start), new_host()
    steps = first._leases.lookup.steps(request_for(), None, None)
    next(steps)
    during_fetch(first, lambda: second.get(request_for()))
    waits = record_waits(second, clock)
    respond = start_call(first, threads)

    respond()

    assert waits[:6] == pytest.approx([0.05, 0.075, 0.1125, 0.16875, 0.25, 0.25])
    assert LOCK_SECONDS <= sum(waits) <= LOCK_SECONDS + 0.25, "it does not wait beyond the lock"
    assert len(fetcher.calls) == 2


def test_a_host_waits_for_a_lock_for_10_s_at_most(
    new_host: HostFactory, fetcher: FakeFetcher, clock: ManualClock, store: MemoryStore
) -> None:
    host = new_host()
    waits = record_waits(host, clock)
    store.claim = lambda name, owner, seconds: (False, None)  # type: ignore[method-assign]

    host.get(request_for())

    assert sum(waits) == pytest.approx(LOCK_WAIT) == 10
    assert len(fetcher.calls) == 1


def test_a_waiting_host_adopts_the_token_of_the_first(
    new_host: HostFactory, fetcher: FakeFetcher, clock: ManualClock, store: MemoryStore
) -> None:
    first, second = new_host(), new_host()
    second.get(request_for("other"))
    adopted: list[Any] = []

    def wait(gate: object, seconds: float) -> bool:
        if not adopted:
            locks.clear()
            adopted.append(first.get(request_for()))
        return False

    locks = store._locks
    source_of(second).wait = wait
    (name,) = store.keys.names(digest_of(request_for()))
    assert store.claim(name, "another host", 30.0)[0]

    token = second.get(request_for())

    assert token == adopted[0]
    assert len(fetcher.calls) == 2


def test_a_failed_fetch_releases_the_lock(
    new_host: HostFactory, fetcher: FakeFetcher, store: MemoryStore
) -> None:
    fetcher.fail_next(InternalServiceError("Down."))
    with pytest.raises(InternalServiceError):
        new_host().get(request_for())
    host = new_host()
    source_of(host).wait = lambda gate, seconds: pytest.fail("it waits")

    host.get(request_for())


def test_a_token_invalidated_before_it_arrives_is_not_stored(
    new_host: HostFactory, store: MemoryStore
) -> None:
    host = new_host()
    during_fetch(host, lambda: host.forget("user-42"))

    host.get(request_for())

    assert store.values == {}
    assert store._locks == {}, "the lock is still released"


def test_a_token_that_expires_before_it_arrives_is_not_stored(
    new_host: HostFactory, fetcher: FakeFetcher, store: MemoryStore, clock: ManualClock
) -> None:
    host = new_host()

    def fetch_slowly(request: TokenRequest) -> OpenIdToken:
        token = fetcher.fetch(request)
        clock.advance(1000)
        return token

    source_of(host)._fetcher.fetch = fetch_slowly
    store.claim = lambda name, owner, seconds: (False, None)  # type: ignore[method-assign]

    with pytest.raises(TokenUnavailableError):
        host.get(request_for())

    assert store.values == {}


def test_a_token_stored_by_another_host_meanwhile_is_adopted_and_the_lock_released(
    new_host: HostFactory, fetcher: FakeFetcher, store: MemoryStore
) -> None:
    read = store.read

    def nothing_yet(name: str) -> None:
        store.read = read  # type: ignore[method-assign]
        new_host().get(request_for())

    host = new_host()
    store.read = nothing_yet  # type: ignore[method-assign]

    host.get(request_for())

    assert len(fetcher.calls) == 1
    assert host.stats().store_hits == 1
    assert store._locks == {}


def test_the_rate_limiter_delays_calls_and_not_adoptions(
    new_host: HostFactory, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    host = new_host()
    waits = record_waits(host, clock)
    for number in range(4):
        new_host().get(request_for(str(number)))
    fetcher.fail_next(TooManyRequestsError("Slowly."))
    with pytest.raises(TooManyRequestsError):
        host.get(request_for("throttled"))

    for number in range(4):
        host.get(request_for(str(number)))
    assert waits == []
    host.get(request_for("new"))
    host.get(request_for("newer"))

    assert waits
