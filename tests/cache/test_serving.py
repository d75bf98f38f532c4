"""The token a caller gets, at every age of the cached one."""

from datetime import timedelta
from typing import Any

import pytest

from caching import POOL_ID, PROVIDER, ManualThreads, Recorder, make_cache, request_for
from cognito_devtoken import RefreshPolicy, TokenCache, TokenSession
from cognito_devtoken.events import ClockStepped, FetchStarted, Reason, ServedInGrace
from cognito_devtoken.exceptions import TokenUnavailableError
from cognito_devtoken.testing import FakeFetcher, ManualClock


DOWN = TokenUnavailableError("Cognito cannot be reached.")


def reasons(recorder: Recorder) -> list[Reason]:
    return [event.reason for event in recorder.of(FetchStarted)]


def test_a_fresh_token_is_returned_without_a_call(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    token = cache.get(request_for())
    clock.advance(599.9)

    assert cache.get(request_for()) is token
    assert len(fetcher.calls) == 1


def test_a_due_token_is_returned_and_refreshed_in_the_background(
    fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    threads = ManualThreads()
    cache = make_cache(fetcher, clock, on_event=[recorder])
    token = cache.get(request_for())
    cache._leases.workers.start_thread = threads.start
    clock.advance(600)

    assert cache.get(request_for()) is token
    assert cache.get(request_for()) is token
    assert len(fetcher.calls) == 1, "no caller waited for it"
    threads.run_all()

    new = cache.get(request_for())
    assert new.issued_at - token.issued_at == timedelta(seconds=600)
    assert reasons(recorder) == [Reason.MISS, Reason.DUE]
    assert cache.stats().due_hits == 2


def test_jitter_is_drawn_once_for_each_token(fetcher: FakeFetcher, clock: ManualClock) -> None:
    drawn = iter([0.5])
    cache = make_cache(fetcher, clock)
    cache._state.random_fraction = lambda: next(drawn)
    token = cache.get(request_for())
    clock.advance(549.9)

    for _ in range(100):  # a second draw would raise StopIteration
        assert cache.get(request_for()) is token
    assert len(fetcher.calls) == 1


def test_in_grace_a_caller_waits_for_a_new_token(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    token = cache.get(request_for())
    clock.advance(810)

    assert cache.get(request_for()) != token
    assert reasons(recorder)[-1] is Reason.GRACE


def test_in_grace_the_old_token_is_returned_if_no_new_one_is_available(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    token = cache.get(request_for())
    clock.advance(899)
    fetcher.error = DOWN

    assert cache.get(request_for()) == token
    assert cache.get(request_for()) == token, "also during the back-off"
    assert len(fetcher.calls) == 2
    assert [event.remaining for event in recorder.of(ServedInGrace)] == [1, 1]
    assert cache.stats().grace_hits == 2


def test_strict_grace_raises_if_no_new_token_is_available(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    cache = make_cache(fetcher, clock, policy=RefreshPolicy(strict_grace=True))
    cache.get(request_for())
    clock.advance(850)
    fetcher.error = DOWN

    with pytest.raises(TokenUnavailableError, match="cannot be reached"):
        cache.get(request_for())
    with pytest.raises(TokenUnavailableError, match=r"Backing off until .* UTC") as caught:
        cache.get(request_for())
    assert caught.value.retry_at is not None
    assert cache.stats().grace_hits == 0


def test_strict_grace_raises_when_the_timeout_expires(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    cache = make_cache(fetcher, clock, policy=RefreshPolicy(strict_grace=True))
    cache.get(request_for())
    clock.advance(850)
    cache._leases.workers.start_thread = ManualThreads().start

    with pytest.raises(TokenUnavailableError, match="No new token arrived in time"):
        cache.get(request_for(), timeout=0)


@pytest.mark.parametrize("age", [900, 901, 1e6])
def test_an_expired_token_is_never_returned(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, age: float
) -> None:
    token = cache.get(request_for())
    fetcher.error = DOWN
    clock.advance(age)

    with pytest.raises(TokenUnavailableError):
        cache.get(request_for())
    fetcher.error = None
    clock.advance(5)
    assert cache.get(request_for()) != token


def test_a_token_that_expired_while_the_process_was_suspended_is_not_returned(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    token = cache.get(request_for())
    clock.freeze(900)  # only the wall clock advances

    assert cache.get(request_for()) != token
    assert reasons(recorder)[-1] is Reason.EXPIRED
    assert recorder.of(ClockStepped) == [ClockStepped(900)]
    assert cache.stats().clock_steps == 1


def test_a_wall_clock_set_back_does_not_make_a_token_younger(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    token = cache.get(request_for())
    clock.advance(400)
    clock.set_wall(-3600)

    assert cache.get(request_for()) is token, "the monotonic clock says that it is fresh"
    assert reasons(recorder)[-1] is Reason.CLOCK, "and it is refreshed"
    assert recorder.of(ClockStepped) == [ClockStepped(-3600)]
    clock.advance(500)
    assert cache.get(request_for()) != token


def test_a_small_adjustment_of_the_wall_clock_changes_nothing(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    token = cache.get(request_for())
    clock.set_wall(timedelta(seconds=-1.9))

    assert cache.get(request_for()) is token
    assert len(fetcher.calls) == 1
    assert not recorder.of(ClockStepped)


def test_min_remaining_above_the_remaining_lifetime_gets_a_new_token(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    token = cache.get(request_for())
    clock.advance(400)

    assert cache.get(request_for(), min_remaining=timedelta(minutes=5)) is token
    assert cache.get(request_for(), min_remaining=501) != token
    assert reasons(recorder) == [Reason.MISS, Reason.MIN_REMAINING]


def test_a_valid_token_is_returned_if_none_that_lives_longer_is_available(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    token = cache.get(request_for())
    clock.advance(400)
    fetcher.error = DOWN

    assert cache.get(request_for(), min_remaining=600) == token
    assert recorder.of(ServedInGrace)[0].remaining == 500


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"min_remaining": 900}, ValueError, "min_remaining must be less than .* of 900 s"),
        ({"min_remaining": -1}, ValueError, "min_remaining must be from 0 s to .* not -1 s"),
        ({"min_remaining": "5"}, TypeError, "min_remaining must be seconds or a timedelta"),
        ({"timeout": -1}, ValueError, "timeout must be from 0 s to"),
        ({"timeout": "5"}, TypeError, "timeout must be seconds or a timedelta, not str"),
    ],
)
def test_an_invalid_min_remaining_or_timeout_is_refused(
    cache: TokenCache,
    fetcher: FakeFetcher,
    arguments: Any,
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        cache.get(request_for(), **arguments)
    assert not fetcher.calls


def test_min_remaining_may_be_as_long_as_a_longer_token_duration_allows(cache: TokenCache) -> None:
    assert cache.get(request_for(token_duration=3600), min_remaining=3599).token


def test_anything_but_a_token_request_is_refused(cache: TokenCache) -> None:
    with pytest.raises(TypeError, match="request must be a TokenRequest, not str"):
        cache.get("user-42")  # type: ignore[arg-type]


def test_a_refresh_fetches_although_a_fresh_token_is_cached(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    token = cache.get(request_for())
    clock.advance(1)

    new = cache.refresh(request_for())

    assert new != token
    assert cache.get(request_for()) is new
    assert reasons(recorder) == [Reason.MISS, Reason.FORCED]


def test_a_token_that_expires_before_the_cached_one_is_not_kept(
    cache: TokenCache, fetcher: FakeFetcher
) -> None:
    token = cache.get(request_for())
    fetcher._lifetime = 899

    new = cache.refresh(request_for())

    assert new != token
    assert cache.get(request_for()) is token
    assert cache.stats().tokens_discarded == 1


def test_a_token_that_expires_before_it_arrives_is_not_returned(clock: ManualClock) -> None:
    class Slow(FakeFetcher):
        def fetch(self, request: Any) -> Any:
            token = super().fetch(request)
            clock.advance(61)
            return token

    cache = make_cache(Slow(clock, lifetime=60), clock)

    with pytest.raises(TokenUnavailableError, match="expired before the call could return"):
        cache.get(request_for())
    assert cache.stats().entries == 0


def test_the_age_of_a_token_counts_from_its_request(clock: ManualClock) -> None:
    class Slow(FakeFetcher):
        def fetch(self, request: Any) -> Any:
            clock.advance(7)
            return super().fetch(request)

    cache = make_cache(Slow(clock), clock)

    assert cache.get(request_for()).expires_in() == timedelta(seconds=893)


def test_where_threads_freeze_between_requests_a_caller_waits_for_a_due_refresh(
    fetcher: FakeFetcher, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "tokens")
    cache = make_cache(fetcher, clock, on_event=[recorder])
    token = cache.get(request_for())
    clock.advance(600)

    assert cache.get(request_for()) != token, "the new token, in the same call"

    clock.advance(600)
    fetcher.error = DOWN
    assert cache.get(request_for()).token, "the old token if the refresh fails"
    assert not recorder.of(ServedInGrace)


def test_where_threads_freeze_a_caller_waits_at_most_a_second_for_a_due_refresh(
    fetcher: FakeFetcher, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "tokens")
    cache = make_cache(fetcher, clock)
    token = cache.get(request_for())
    clock.advance(600)
    cache._leases.workers.start_thread = ManualThreads().start
    steps = cache._leases.lookup.steps(request_for(), None, None)

    flight, seconds = next(steps)
    assert 0 < seconds <= 1
    clock.advance(1)
    with pytest.raises(StopIteration) as stop:
        next(steps)

    assert stop.value.value == token
    assert not flight.done


@pytest.mark.parametrize("lifetime", [1, 10, 900])
@pytest.mark.parametrize("seconds_back", [0, 0.05, 1.9])
def test_without_grace_and_refresh_ahead_a_token_is_served_until_it_expires(
    clock: ManualClock, lifetime: float, seconds_back: float
) -> None:
    policy = RefreshPolicy(grace=0, refresh_ahead=0)
    fetcher = FakeFetcher(clock, lifetime=lifetime)
    with TokenSession(
        POOL_ID, developer_provider=PROVIDER, client=fetcher, clock=clock, policy=policy
    ) as session:
        token = session.get_token("user-42")
        clock.set_wall(-seconds_back)
        clock.advance(lifetime - 1e-6)
        assert session.get_token("user-42") == token
        clock.advance(2e-6)
        assert session.get_token("user-42") != token
