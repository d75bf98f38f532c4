"""The lock of the shared store: one host calls Cognito, and the others wait for its token."""

from typing import Any

import pytest

from caching import Crew, asking, in_the_air
from cognito_devtoken import OpenIdToken, TokenRequest
from cognito_devtoken._sharing.locks import LEASE
from cognito_devtoken._sharing.source import PATIENCE
from cognito_devtoken.exceptions import (
    InternalServiceError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from hosts import Hosts, digest_of, source_of, waits_of


def test_whoever_comes_second_waits_for_the_first(
    new_host: Hosts, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    crew = Crew()
    first, second = new_host(start_thread=crew.start), new_host()
    steps = first._leases.steps(asking(), None, None)
    next(steps)
    calls: list[Any] = []

    class Inner:
        def fetch(self, request: Any) -> Any:
            calls.append(second.get(asking()))
            return fetcher.fetch(request)

    source_of(first)._fetcher.fetch = Inner().fetch
    waits = waits_of(second, clock)
    land = in_the_air(first, crew)

    land()

    assert waits[:6] == pytest.approx([0.05, 0.075, 0.1125, 0.16875, 0.25, 0.25])
    assert LEASE <= sum(waits) <= LEASE + 0.25, "a lock is not waited for when its time is over"
    assert len(fetcher.calls) == 2


def test_a_lock_that_does_not_fall_free_is_waited_for_10_s_and_no_longer(
    new_host: Hosts, fetcher: FakeFetcher, clock: ManualClock, store: MemoryStore
) -> None:
    host = new_host()
    waits = waits_of(host, clock)
    store.claim = lambda name, owner, seconds: (False, None)  # type: ignore[method-assign]

    host.get(asking())

    assert sum(waits) == pytest.approx(PATIENCE) == 10
    assert len(fetcher.calls) == 1


def test_a_waiter_takes_what_the_first_one_brings(
    new_host: Hosts, fetcher: FakeFetcher, clock: ManualClock, store: MemoryStore
) -> None:
    first, second = new_host(), new_host()
    second.get(asking("other"))
    brought: list[Any] = []

    def wait(gate: object, seconds: float) -> bool:
        if not brought:
            locks.clear()
            brought.append(first.get(asking()))
        return False

    locks = store._locks
    source_of(second).wait = wait
    (name,) = store.keys.names(digest_of(asking()))
    assert store.claim(name, "somebody", 30.0)[0]

    token = second.get(asking())

    assert token == brought[0]
    assert len(fetcher.calls) == 2


def test_a_fetch_that_fails_gives_the_lock_back(
    new_host: Hosts, fetcher: FakeFetcher, store: MemoryStore
) -> None:
    fetcher.fail_next(InternalServiceError("Down."))
    with pytest.raises(InternalServiceError):
        new_host().get(asking())
    host = new_host()
    source_of(host).wait = lambda gate, seconds: pytest.fail("it waits")

    host.get(asking())


def test_a_token_that_is_thrown_away_before_it_has_arrived_is_not_stored(
    new_host: Hosts, fetcher: FakeFetcher, store: MemoryStore
) -> None:
    host = new_host()

    class Slow:
        def fetch(self, request: TokenRequest) -> OpenIdToken:
            host.forget("user-42")
            return fetcher.fetch(request)

    source_of(host)._fetcher.fetch = Slow().fetch

    host.get(asking())

    assert store.values == {}
    assert store._locks == {}, "it is given back all the same"


def test_a_token_that_has_expired_on_its_way_is_not_stored(
    new_host: Hosts, fetcher: FakeFetcher, store: MemoryStore, clock: ManualClock
) -> None:
    host = new_host()

    class TooSlow:
        def fetch(self, request: TokenRequest) -> OpenIdToken:
            token = fetcher.fetch(request)
            clock.advance(1000)
            return token

    source_of(host)._fetcher.fetch = TooSlow().fetch
    store.claim = lambda name, owner, seconds: (False, None)  # type: ignore[method-assign]

    with pytest.raises(TokenUnavailableError):
        host.get(asking())

    assert store.values == {}


def test_a_token_that_another_host_has_stored_meanwhile_is_taken_and_the_lock_given_back(
    new_host: Hosts, fetcher: FakeFetcher, store: MemoryStore
) -> None:
    read = store.read

    def nothing_yet(name: str) -> None:
        store.read = read  # type: ignore[method-assign]
        new_host().get(asking())

    host = new_host()
    store.read = nothing_yet  # type: ignore[method-assign]

    host.get(asking())

    assert len(fetcher.calls) == 1
    assert host.stats().store_hits == 1
    assert store._locks == {}


def test_a_throttled_fleet_is_slow_to_call_and_not_to_share(
    new_host: Hosts, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    host = new_host()
    waits = waits_of(host, clock)
    for number in range(4):
        new_host().get(asking(str(number)))
    fetcher.fail_next(TooManyRequestsError("Slowly."))
    with pytest.raises(TooManyRequestsError):
        host.get(asking("throttled"))

    for number in range(4):
        host.get(asking(str(number)))
    assert waits == []
    host.get(asking("new"))
    host.get(asking("newer"))

    assert waits
