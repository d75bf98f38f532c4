"""What stats() counts is true: each call counts once, and each call to Cognito has one outcome."""

import sys
from contextlib import nullcontext
from typing import Any

import pytest

from caching import Recorder, make_cache, request_for
from cognito_devtoken import OpenIdToken, RefreshPolicy, Stats, TokenCache, TokenRequest
from cognito_devtoken.credentials import AwsCredentials
from cognito_devtoken.events import (
    ClockStepped,
    Event,
    FetchFailed,
    FetchStarted,
    FetchSucceeded,
    ServedInGrace,
    Throttled,
)
from cognito_devtoken.exceptions import (
    DevTokenError,
    SessionClosedError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from hosts import HostFactory, record_waits


DOWN = TokenUnavailableError("Cognito cannot be reached.")


def calls_counted(cache: TokenCache) -> int:
    stats = cache.stats()
    return stats.hits + stats.due_hits + stats.grace_hits + stats.misses


@pytest.mark.parametrize(
    ("age", "inline", "slow"),
    [
        (None, False, FetchSucceeded),
        (0, False, ClockStepped),
        (600, False, ClockStepped),
        (600, True, FetchSucceeded),
        (850, False, ServedInGrace),
    ],
    ids=["miss", "hit", "due hit", "due hit after a wait", "grace hit"],
)
def test_a_call_whose_token_expires_before_it_returns_counts_once_as_a_miss(
    fetcher: FakeFetcher,
    clock: ManualClock,
    age: float | None,
    inline: bool,
    slow: type[Event],
) -> None:
    armed: list[type[Event]] = []

    def hook(event: Event) -> None:
        if type(event) in armed:
            clock.advance(1000)

    cache = make_cache(fetcher, clock, on_event=[hook])
    cache._leases.lookup.refreshes_inline = inline
    if age is not None:
        cache.get(request_for())
        clock.advance(age)
        clock.set_wall(5 if slow is ClockStepped else 0)
        if slow is not FetchSucceeded:
            fetcher.fail_next(DOWN)
    armed.append(slow)

    with pytest.raises(TokenUnavailableError, match="expired before the call could return"):
        cache.get(request_for())

    calls = 1 if age is None else 2
    assert (cache.stats().misses, calls_counted(cache)) == (calls, calls)
    assert cache.stats().errors == 1


def test_a_call_during_which_the_cache_is_closed_counts_once_as_a_miss(
    cache: TokenCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.get(request_for())
    decide = cache._leases.lookup._decide

    def decide_and_close(*args: Any, **kwargs: Any) -> Any:
        found = decide(*args, **kwargs)
        cache.close()  # as a signal handler does
        return found

    monkeypatch.setattr(cache._leases.lookup, "_decide", decide_and_close)

    with pytest.raises(SessionClosedError):
        cache.get(request_for())

    assert (cache.stats().misses, calls_counted(cache), cache.stats().errors) == (2, 2, 1)


@pytest.mark.parametrize("strict", [False, True])
def test_a_call_in_the_grace_period_while_the_interpreter_shuts_down_is_not_backing_off(
    fetcher: FakeFetcher, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, *, strict: bool
) -> None:
    cache = make_cache(fetcher, clock, policy=RefreshPolicy(strict_grace=strict))
    cache.get(request_for())
    clock.advance(840)
    fetcher.fail_next(DOWN)
    refusal: Any = pytest.raises(TokenUnavailableError) if strict else nullcontext()
    with refusal:
        cache.get(request_for())
    clock.advance(30)  # the back-off is over
    monkeypatch.setattr(sys, "is_finalizing", lambda: True)

    with refusal as caught:
        cache.get(request_for())

    assert not strict or str(caught.value) == "No new token arrived in time."
    assert cache.stats().back_offs == 0
    assert calls_counted(cache) == 3


def outcomes(stats: Stats | None) -> tuple[int, int, int]:
    assert stats
    return stats.fetches_started, stats.fetches_succeeded, stats.fetches_failed


def test_a_flight_that_ends_before_it_calls_cognito_does_not_count_as_a_failed_call(
    new_host: HostFactory, store: MemoryStore, clock: ManualClock, recorder: Recorder
) -> None:
    host = new_host()
    store.claim = lambda name, owner, seconds: (False, None)  # type: ignore[method-assign]
    record_waits(host, clock, host.close)

    with pytest.raises(SessionClosedError):
        host.get(request_for())

    assert outcomes(host.stats()) == (0, 0, 0)
    assert recorder.events == []


@pytest.mark.parametrize(
    ("token_fails", "exchange_fails", "tokens", "exchanges"),
    [
        (True, False, (1, 0, 1), (0, 0, 0)),
        (False, True, (1, 1, 0), (1, 0, 1)),
        (False, False, (1, 1, 0), (1, 1, 0)),
    ],
    ids=["no token", "no exchange", "credentials"],
)
def test_credentials_count_as_a_call_only_if_their_token_is_exchanged(
    open_session: Any,
    fetcher: FakeFetcher,
    recorder: Recorder,
    token_fails: bool,
    exchange_fails: bool,
    tokens: tuple[int, int, int],
    exchanges: tuple[int, int, int],
) -> None:
    if token_fails:
        fetcher.fail_next(TooManyRequestsError("Slowly."))
    fetcher.exchange_error = DOWN if exchange_fails else None
    session = open_session(client=fetcher, on_event=[recorder])

    with pytest.raises(DevTokenError) if token_fails or exchange_fails else nullcontext():
        session.get_credentials("user-42")
    session.close()

    for lease, counted in (("token", tokens), ("credentials", exchanges)):
        kinds = (FetchStarted, FetchSucceeded, FetchFailed)
        seen = [sum(e.lease == lease for e in recorder.of(kind)) for kind in kinds]
        assert tuple(seen) == counted
    assert outcomes(session.stats()) == tokens
    assert outcomes(session.stats().credentials) == exchanges
    throttled = [event.lease for event in recorder.of(Throttled)]
    assert throttled == (["token"] if token_fails else [])


def test_the_time_of_an_exchange_does_not_include_the_wait_for_the_token(
    open_session: Any, clock: ManualClock, recorder: Recorder
) -> None:
    class Slow(FakeFetcher):
        def fetch(self, request: TokenRequest) -> OpenIdToken:
            clock.advance(2)
            return super().fetch(request)

        def fetch_credentials(self, token: OpenIdToken, role: Any = None) -> AwsCredentials:
            clock.advance(3)
            return super().fetch_credentials(token, role)

    session = open_session(client=Slow(clock), on_event=[recorder])
    session.get_credentials("user-42")
    session.close()

    assert [(e.lease, e.queued) for e in recorder.of(FetchStarted)] == [
        ("token", 0),
        ("credentials", 2),
    ]
    assert [(e.lease, e.took) for e in recorder.of(FetchSucceeded)] == [
        ("token", 2),
        ("credentials", 3),
    ]
