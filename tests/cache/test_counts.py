"""What stats() counts is true: each call counts once, and each call to Cognito has one outcome."""

import sys
from contextlib import nullcontext
from typing import Any

import pytest

from caching import make_cache, request_for
from cognito_devtoken import RefreshPolicy, TokenCache
from cognito_devtoken.events import ClockStepped, Event, FetchSucceeded, ServedInGrace
from cognito_devtoken.exceptions import SessionClosedError, TokenUnavailableError
from cognito_devtoken.testing import FakeFetcher, ManualClock


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
