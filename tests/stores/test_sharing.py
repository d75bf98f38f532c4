"""Hosts that share a store share their tokens, here on a manual clock and without threads."""

from collections.abc import Callable

import pytest

from blocking_session import BlockingSession
from caching import Caller, ManualThreads, Recorder, request_for
from cognito_devtoken import OpenIdToken, TokenRequest
from cognito_devtoken.events import (
    FetchStarted,
    FetchSucceeded,
    Reason,
    TokenAdopted,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from hosts import HostFactory


def test_one_host_calls_cognito_and_the_others_adopt_its_token(
    new_host: HostFactory, fetcher: FakeFetcher, recorder: Recorder
) -> None:
    hosts = [new_host() for _ in range(5)]

    tokens = [host.get(request_for()) for host in hosts]

    assert len(set(tokens)) == 1
    assert len(fetcher.calls) == 1
    assert [host.stats().store_hits for host in hosts] == [0, 1, 1, 1, 1]
    assert [host.stats().fetches_started for host in hosts] == [1, 0, 0, 0, 0]
    assert len(recorder.of(FetchStarted)) == len(recorder.of(FetchSucceeded)) == 1
    (adopted, *_) = recorder.of(TokenAdopted)
    assert adopted.reason is Reason.MISS
    assert adopted.fingerprint == tokens[0].fingerprint
    assert adopted.remaining == 900


def test_sessions_that_share_a_store_share_a_token(
    open_session: Callable[..., BlockingSession], fetcher: FakeFetcher, store: MemoryStore
) -> None:
    one, other = open_session(store=store), open_session(store=store)

    assert one.get_token("user-42") == other.get_token("user-42")
    assert len(fetcher.calls) == 1
    assert other.stats().store_hits == 1
    one.close()
    other.close()


def test_a_hit_does_not_touch_the_store(new_host: HostFactory, store: MemoryStore) -> None:
    host = new_host()
    host.get(request_for())
    store.error = AssertionError("touched")

    host.get(request_for())

    assert host.stats().hits == 1
    assert host.stats().store_errors == 0


def test_different_requests_do_not_share_a_token(
    new_host: HostFactory, fetcher: FakeFetcher
) -> None:
    new_host().get(request_for())

    new_host().get(request_for("another"))
    new_host().get(request_for(token_duration=60))
    new_host().get(request_for(principal_tags={"a": "b"}))

    assert len(fetcher.calls) == 4


def test_an_adopted_token_keeps_its_age_although_the_clocks_differ(
    new_host: HostFactory, fetcher: FakeFetcher, store: MemoryStore, clock: ManualClock
) -> None:
    ahead = ManualClock(clock.time() + 600)
    new_host().get(request_for())
    clock.advance(400)
    ahead.advance(400)

    here = new_host(clock=ahead)
    token = here.get(request_for())

    assert len(fetcher.calls) == 1
    assert here._state.entries.leases
    assert token.expires_in().total_seconds() == pytest.approx(500)
    ahead.advance(500)
    clock.advance(500)
    assert here.get(request_for()) != token, "it has expired"
    assert len(fetcher.calls) == 2


def test_a_refresh_adopts_a_newer_token_of_another_host(
    new_host: HostFactory, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    early, late = new_host(random_fraction=1.0), new_host()
    old = early.get(request_for())
    assert late.get(request_for()) == old
    clock.advance(550)

    early.get(request_for())  # due on this host, which refreshes it
    new = early.get(request_for())
    clock.advance(60)
    late.get(request_for())

    assert late.get(request_for()) == new != old
    assert len(fetcher.calls) == 2
    assert recorder.of(TokenAdopted)[-1].reason is Reason.DUE


def test_a_refresh_does_not_adopt_the_token_that_the_host_already_has(
    new_host: HostFactory, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    host = new_host()
    old = host.get(request_for())
    clock.advance(650)

    assert host.get(request_for()) == old
    assert host.get(request_for()) != old
    assert len(fetcher.calls) == 2
    assert host.stats().store_misses == 2


@pytest.mark.parametrize(("age", "calls"), [(800, 1), (811, 2)])
def test_a_token_in_its_grace_period_is_not_adopted(
    new_host: HostFactory, fetcher: FakeFetcher, clock: ManualClock, age: float, calls: int
) -> None:
    new_host().get(request_for())
    clock.advance(age)

    new_host().get(request_for())

    assert len(fetcher.calls) == calls


@pytest.mark.parametrize(("min_remaining", "calls"), [(299, 1), (301, 2)])
def test_a_token_that_expires_before_min_remaining_is_not_adopted(
    new_host: HostFactory,
    fetcher: FakeFetcher,
    clock: ManualClock,
    min_remaining: float,
    calls: int,
) -> None:
    new_host().get(request_for())
    clock.advance(600)

    token = new_host().get(request_for(), min_remaining=min_remaining)

    assert len(fetcher.calls) == calls
    assert token.expires_in().total_seconds() >= min_remaining


def test_a_forced_refresh_that_joins_a_queued_fetch_adopts_no_token(
    new_host: HostFactory, fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    host, other = new_host(start_thread=threads.start), new_host()
    queued = Caller(host)
    stored = other.get(request_for())
    clock.advance(1)
    refresh = Caller(host, forced=True)

    threads.run_all()

    assert refresh.result() == queued.result() != stored


def test_a_forced_refresh_adopts_no_token_and_stores_its_own(
    new_host: HostFactory, fetcher: FakeFetcher
) -> None:
    old = new_host().get(request_for())

    new = new_host().refresh(request_for())

    assert new != old
    assert new_host().get(request_for()) == new
    assert len(fetcher.calls) == 2


def test_a_token_that_is_not_a_jwt_is_shared(
    new_host: HostFactory, clock: ManualClock, recorder: Recorder
) -> None:
    class Opaque:
        calls = 0

        def fetch(self, request: TokenRequest) -> OpenIdToken:
            self.calls += 1
            response = {"IdentityId": "us-east-1:0", "Token": f"opaque {self.calls}"}
            return OpenIdToken.from_response(response, request, clock=clock)

    fetcher = Opaque()
    new_host(fetcher=fetcher).get(request_for())
    clock.advance(100)

    token = new_host(fetcher=fetcher).get(request_for())

    assert token.token == "opaque 1"
    assert token.expires_in().total_seconds() == 800


@pytest.mark.parametrize("at", ["before the store counts", "while it counts", "after that"])
def test_a_freeze_while_a_token_is_stored_does_not_make_it_look_younger(
    new_host: HostFactory, store: MemoryStore, clock: ManualClock, at: str
) -> None:
    write = store.write

    def write_frozen(
        name: str, value: bytes, remaining: Callable[[], float], owner: str | None
    ) -> bool:
        def frozen() -> float:
            if at == "while it counts":
                clock.advance(7)
            seconds = remaining()
            if at == "after that":
                clock.advance(7)
            return seconds

        if at == "before the store counts":
            clock.advance(7)
        return write(name, value, frozen, owner)

    store.write = write_frozen  # type: ignore[method-assign]
    token = new_host().get(request_for())
    adopted = new_host().get(request_for())

    assert adopted == token
    assert adopted.expires_in().total_seconds() <= token.expires_in().total_seconds() == 893
