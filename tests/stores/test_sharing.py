"""What caches share through a store, on a clock that stands still and without a thread."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from caching import PROVIDER, Crew, Recorder, asking, in_the_air
from cognito_devtoken import OpenIdToken, TokenCache, TokenRequest
from cognito_devtoken._leases import LEASE
from cognito_devtoken._shared import PATIENCE
from cognito_devtoken.events import (
    FetchStarted,
    FetchSucceeded,
    Reason,
    StoredValueRefused,
    StoreFailed,
    TokenAdopted,
)
from cognito_devtoken.exceptions import (
    InternalServiceError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from cognito_devtoken.stores import StoreKeys
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from doors import Door
from hosts import Hosts, exchange_of


def waits_of(cache: TokenCache, clock: ManualClock) -> list[float]:
    """How long a cache waits, which lets as much time pass."""
    waits: list[float] = []

    def wait(gate: object, seconds: float) -> bool:
        waits.append(seconds)
        clock.advance(seconds)
        return False

    cache._engine.wait = wait
    return waits


def test_one_host_calls_and_the_others_take_what_it_got(
    new_host: Hosts, fetcher: FakeFetcher, told: Recorder
) -> None:
    hosts = [new_host() for _ in range(5)]

    tokens = [host.get(asking()) for host in hosts]

    assert len(set(tokens)) == 1
    assert len(fetcher.calls) == 1
    assert [host.stats().store_hits for host in hosts] == [0, 1, 1, 1, 1]
    assert [host.stats().fetches_started for host in hosts] == [1, 0, 0, 0, 0]
    assert len(told.of(FetchStarted)) == len(told.of(FetchSucceeded)) == 1
    (adopted, *_) = told.of(TokenAdopted)
    assert adopted.reason is Reason.MISS
    assert adopted.fingerprint == tokens[0].fingerprint
    assert adopted.remaining == 900


def test_sessions_of_both_kinds_share(
    opened: Callable[..., Door], fetcher: FakeFetcher, store: MemoryStore
) -> None:
    one, other = opened(store=store), opened(store=store)

    assert one.get_token("user-42") == other.get_token("user-42")
    assert len(fetcher.calls) == 1
    assert other.stats().store_hits == 1
    one.close()
    other.close()


def test_a_hit_does_not_touch_the_store(new_host: Hosts, store: MemoryStore) -> None:
    host = new_host()
    host.get(asking())
    store.error = AssertionError("touched")

    host.get(asking())

    assert host.stats().hits == 1
    assert host.stats().store_errors == 0


def test_different_requests_share_nothing(new_host: Hosts, fetcher: FakeFetcher) -> None:
    new_host().get(asking())

    new_host().get(asking("another"))
    new_host().get(asking(token_duration=60))
    new_host().get(asking(principal_tags={"a": "b"}))

    assert len(fetcher.calls) == 4


def test_a_token_is_as_old_as_where_it_comes_from_whatever_the_clocks_show(
    new_host: Hosts, fetcher: FakeFetcher, store: MemoryStore, clock: ManualClock
) -> None:
    ahead = ManualClock(clock.time() + 600)
    new_host().get(asking())
    clock.advance(400)
    ahead.advance(400)

    here = new_host(clock=ahead)
    token = here.get(asking())

    assert len(fetcher.calls) == 1
    assert here._engine.entries.tokens
    assert token.expires_in().total_seconds() == pytest.approx(500)
    ahead.advance(500)
    clock.advance(500)
    assert here.get(asking()) != token, "it has expired"
    assert len(fetcher.calls) == 2


def test_a_refresh_takes_a_better_token_of_another_host(
    new_host: Hosts, fetcher: FakeFetcher, clock: ManualClock, told: Recorder
) -> None:
    early, late = new_host(draw=1.0), new_host()
    old = early.get(asking())
    assert late.get(asking()) == old
    clock.advance(550)

    early.get(asking())  # is due here, and refreshed
    new = early.get(asking())
    clock.advance(60)
    late.get(asking())

    assert late.get(asking()) == new != old
    assert len(fetcher.calls) == 2
    assert told.of(TokenAdopted)[-1].reason is Reason.DUE


def test_the_same_token_is_no_better_and_so_the_first_whose_it_is_due_fetches(
    new_host: Hosts, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    host = new_host()
    old = host.get(asking())
    clock.advance(650)

    assert host.get(asking()) == old
    assert host.get(asking()) != old
    assert len(fetcher.calls) == 2
    assert host.stats().store_misses == 2


@pytest.mark.parametrize(("age", "calls"), [(800, 1), (811, 2)])
def test_a_token_in_its_grace_period_is_not_taken(
    new_host: Hosts, fetcher: FakeFetcher, clock: ManualClock, age: float, calls: int
) -> None:
    new_host().get(asking())
    clock.advance(age)

    new_host().get(asking())

    assert len(fetcher.calls) == calls


@pytest.mark.parametrize(("least", "calls"), [(299, 1), (301, 2)])
def test_a_token_with_less_life_than_wanted_is_not_taken(
    new_host: Hosts, fetcher: FakeFetcher, clock: ManualClock, least: float, calls: int
) -> None:
    new_host().get(asking())
    clock.advance(600)

    token = new_host().get(asking(), min_remaining=least)

    assert len(fetcher.calls) == calls
    assert token.expires_in().total_seconds() >= least


def test_a_forced_refresh_takes_nothing_from_the_store_and_puts_into_it(
    new_host: Hosts, fetcher: FakeFetcher
) -> None:
    old = new_host().get(asking())

    new = new_host().refresh(asking())

    assert new != old
    assert new_host().get(asking()) == new
    assert len(fetcher.calls) == 2


def test_a_token_that_is_no_jwt_is_shared_too(
    new_host: Hosts, clock: ManualClock, told: Recorder
) -> None:
    class Opaque:
        calls = 0

        def fetch(self, request: TokenRequest) -> OpenIdToken:
            self.calls += 1
            answer = {"IdentityId": "us-east-1:0", "Token": f"opaque {self.calls}"}
            return OpenIdToken.from_response(answer, request, clock=clock)

    fetcher = Opaque()
    new_host(fetcher=fetcher).get(asking())
    clock.advance(100)

    token = new_host(fetcher=fetcher).get(asking())

    assert token.token == "opaque 1"
    assert token.expires_in().total_seconds() == 800


# The lock


def test_whoever_comes_second_waits_for_the_first(
    new_host: Hosts, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    crew = Crew()
    first, second = new_host(start_thread=crew.start), new_host()
    steps = first._callers.steps(asking(), None, None)
    next(steps)
    calls: list[Any] = []

    class Inner:
        def fetch(self, request: Any) -> Any:
            calls.append(second.get(asking()))
            return fetcher.fetch(request)

    first._engine._fetcher = Inner()
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
    second._engine.wait = wait
    (name,) = store.keys.names(digest_of(second))
    assert store.claim(name, "somebody", 30.0)[0]

    token = second.get(asking())

    assert token == brought[0]
    assert len(fetcher.calls) == 2


def digest_of(cache: TokenCache) -> bytes:
    from cognito_devtoken._entries import Key
    from cognito_devtoken._shared import _digest

    return _digest(Key.of(asking(), PROVIDER))


def test_a_fetch_that_fails_gives_the_lock_back(
    new_host: Hosts, fetcher: FakeFetcher, store: MemoryStore
) -> None:
    fetcher.fail_next(InternalServiceError("Down."))
    with pytest.raises(InternalServiceError):
        new_host().get(asking())
    host = new_host()
    host._engine.wait = lambda gate, seconds: pytest.fail("it waits")

    host.get(asking())


def test_a_token_that_is_thrown_away_before_it_has_arrived_is_not_stored(
    new_host: Hosts, fetcher: FakeFetcher, store: MemoryStore
) -> None:
    host = new_host()

    class Slow:
        def fetch(self, request: TokenRequest) -> OpenIdToken:
            host.forget("user-42")
            return fetcher.fetch(request)

    host._engine._fetcher = Slow()

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

    host._engine._fetcher = TooSlow()
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


# What a store may do


def test_a_store_that_fails_is_left_alone_and_nobody_notices(
    new_host: Hosts, store: MemoryStore, clock: ManualClock, told: Recorder
) -> None:
    host = new_host()
    store.error = ConnectionError("down")

    for number in range(10):
        host.get(asking(str(number)))

    stats = host.stats()
    assert (stats.store_errors, stats.store_skipped) == (3, 7)
    assert [event.skipped_for for event in told.of(StoreFailed)] == [0, 0, 5]
    assert {event.error for event in told.of(StoreFailed)} == {"ConnectionError"}
    assert stats.errors == 0
    assert stats.fetches_succeeded == 10


def test_it_is_asked_again_soon_and_used_as_soon_as_it_answers(
    new_host: Hosts, store: MemoryStore, clock: ManualClock, told: Recorder
) -> None:
    host = new_host(draw=1.0)
    store.error = ConnectionError("down")
    asked_at = [0.0]
    for number in range(400):
        host.get(asking(str(number)))
        clock.advance(0.5)
        if len(told.of(StoreFailed)) > len(asked_at):
            asked_at.append(number * 0.5)

    pauses = [b - a for a, b in pairwise(asked_at[2:])]
    assert pauses[:5] == [5.5, 11, 22, 28, 28], "of half a second each"
    assert max(pauses) <= 30

    store.error = None
    clock.advance(27.5)
    host.get(asking("again"))
    host.get(asking("and again"))
    assert len(store.values) == 2


def test_one_failure_in_between_does_not_count(new_host: Hosts, store: MemoryStore) -> None:
    host = new_host()
    for number in range(9):
        store.error = ConnectionError("down") if number % 3 else None
        host.get(asking(str(number)))

    assert host.stats().store_skipped == 0


def test_of_those_that_come_when_its_time_is_over_one_asks(clock: ManualClock) -> None:
    from cognito_devtoken._breaker import Breaker
    from cognito_devtoken.typing import Instant

    breaker = Breaker()
    for _ in range(3):
        assert breaker.allows(Instant.now(clock))
        breaker.failed(Instant.now(clock), 0.0)
    assert not breaker.allows(Instant.now(clock))
    clock.advance(5)
    assert [breaker.allows(Instant.now(clock)) for _ in range(3)] == [True, False, False]
    assert breaker.failed(Instant.now(clock), 0.0) == 10
    assert breaker.failed(Instant.now(clock), 0.0) == 0, "one that was asked before"
    clock.advance(10)
    assert breaker.allows(Instant.now(clock))
    breaker.succeeded()
    assert breaker.allows(Instant.now(clock))


@pytest.mark.parametrize("operation", ["read", "claim", "write", "release", "publish", "published"])
@pytest.mark.parametrize("error", [OSError, SystemExit, KeyboardInterrupt])
def test_whatever_fails_with_whatever_a_caller_gets_a_token(
    new_host: Hosts, store: MemoryStore, operation: str, error: type[BaseException]
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    setattr(store, operation, fail)
    host = new_host()

    for number in range(5):
        host.invalidate(host.get(asking(str(number))))
        host.get(asking(str(number)))

    assert host.stats().errors == 0


@pytest.mark.parametrize("operation", ["read", "claim", "publish", "published"])
@pytest.mark.parametrize("answer", [True, "text", (b"a",), (1, 2, 3)])
def test_what_makes_no_sense_is_a_failure_too(
    new_host: Hosts, store: MemoryStore, operation: str, answer: object
) -> None:
    if (operation, answer) == ("publish", True):
        return  # it is a position
    setattr(store, operation, lambda *arguments: answer)
    host = new_host()

    host.invalidate(host.get(asking()))
    host.get(asking())

    assert host.stats().store_errors
    assert host.stats().errors == 0


# What is in it


def stored(store: MemoryStore) -> tuple[str, bytes]:
    ((name, (value, _, _)),) = store.values.items()
    return name, value


def put(store: MemoryStore, name: str, value: bytes) -> None:
    _, since, seconds = store.values.get(name) or next(iter(store.values.values()))
    store.values[name] = value, since, seconds


def test_every_changed_bit_is_a_miss_with_an_event_and_a_count(
    new_host: Hosts, fetcher: FakeFetcher, store: MemoryStore, told: Recorder
) -> None:
    new_host().get(asking())
    name, value = stored(store)
    host = new_host()

    # One of each byte here; test_sealing.py changes them all.
    for bit in range(0, len(value) * 8, 8):
        bit += bit // 8 % 8  # noqa: PLW2901
        changed = bytearray(value)
        changed[bit // 8] ^= 1 << bit % 8
        put(store, name, bytes(changed))
        host.clear()
        host._engine.entries.clear()
        exchange_of(host).renew()
        told.events.clear()
        before = host.stats()
        host.get(asking())
        after = host.stats()
        assert after.store_undecryptable == before.store_undecryptable + 1, bit
        assert after.store_misses == before.store_misses + 1
        (refused,) = told.of(StoredValueRefused)
        place = "unknown format" if bit < 8 else "unknown key" if bit < 72 else "altered or moved"
        assert refused.why == place

    assert len(fetcher.calls) == 1 + len(value)


def test_a_value_that_was_moved_to_another_users_name_is_a_miss(
    new_host: Hosts, fetcher: FakeFetcher, store: MemoryStore, told: Recorder
) -> None:
    token = new_host().get(asking("mallory"))
    _, value = stored(store)
    new_host().get(asking("victim"))
    (name,) = [name for name in store.values if store.values[name][0] != value]
    put(store, name, value)

    host = new_host()

    assert host.get(asking("victim")) != token
    assert host.stats().store_undecryptable == 1
    assert [event.why for event in told.of(StoredValueRefused)] == ["altered or moved"]


@pytest.mark.parametrize("value", [b"", b"\x01", b"\x01" * 9, b"\x01" * 21, b"x" * 2000])
def test_garbage_is_a_miss(new_host: Hosts, store: MemoryStore, value: bytes) -> None:
    new_host().get(asking())
    name, _ = stored(store)
    put(store, name, value)

    host = new_host()
    host.get(asking())

    assert host.stats().store_undecryptable == 1


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"{}", b"null", b'"a"', b'{"Since": 0, "Token": 1}', b'{"Since": "x"}']
)
def test_what_is_sealed_and_is_no_token_is_a_miss(
    new_host: Hosts, store: MemoryStore, told: Recorder, answer: bytes
) -> None:
    new_host().get(asking())
    name, _ = stored(store)
    host = new_host()
    put(store, name, store.keys.seal(answer, digest_of(host)))

    host.get(asking())

    assert [event.why for event in told.of(StoredValueRefused)] == ["no such token"]
    assert host.stats().store_undecryptable == 1


def test_an_unknown_key_is_a_miss_and_a_rotated_one_loses_nothing(
    new_host: Hosts, fetcher: FakeFetcher, store: MemoryStore, told: Recorder
) -> None:
    old, new = StoreKeys.generate(), StoreKeys.generate()

    def host(*keys: str) -> TokenCache:
        return new_host(store=WithKeys(store, *keys))

    token = host(old).get(asking())
    # Behind the old one on all hosts, then first, then alone.
    for keys in ([old], [old, new], [new, old], [old, new]):
        assert host(*keys).get(asking()) == token
    assert len(fetcher.calls) == 1
    newer = host(new, old).refresh(asking())
    for keys in ([new, old], [new]):
        assert host(*keys).get(asking()) == newer
    assert len(fetcher.calls) == 2
    assert told.of(StoredValueRefused) == []
    # By its own name it is not even found; in the place of another it does not open.
    lonely = StoreKeys.generate()
    name = StoreKeys(lonely).names(digest_of(host(old)))[0]
    put(store, name, stored_by(store, StoreKeys(old), digest_of(host(old))))
    stranger = host(lonely)
    assert stranger.get(asking()) != newer
    assert [event.why for event in told.of(StoredValueRefused)] == ["unknown key"]


def stored_by(store: MemoryStore, keys: StoreKeys, digest: bytes) -> bytes:
    return store.values[keys.names(digest)[0]][0]


class WithKeys:
    """The same store, in the hands of one who has other keys."""

    def __init__(self, store: MemoryStore, *keys: str) -> None:
        self._store = store
        self.keys = StoreKeys(keys)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
