"""What callers get when a fetch fails, and how long the back-off lasts."""

from datetime import timedelta
from itertools import pairwise

import pytest

from caching import ManualThreads, Recorder, make_cache, request_for
from cognito_devtoken import TokenCache
from cognito_devtoken.events import FetchFailed
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    ConfigurationError,
    InternalServiceError,
    InvalidTokenResponseError,
    NotAuthorizedError,
    ResourceConflictError,
    ResourceNotFoundError,
    ServiceError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock


DOWN = TokenUnavailableError("Cognito cannot be reached.")
TERMINAL = ResourceConflictError("A login is linked already.", code="ResourceConflictException")


@pytest.mark.parametrize(
    "error",
    [
        DOWN,
        InternalServiceError("broken"),
        TooManyRequestsError("slow down"),
        InvalidTokenResponseError("not a token of ours"),
        CallerDeniedError("no"),
        ConfigurationError("no AWS credentials"),
        ServiceError("?", code="UnheardOf"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_valid_token_is_served_while_refreshes_fail(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, error: Exception
) -> None:
    token = cache.get(request_for())
    fetcher.error = error
    clock.advance(600)
    for _ in range(290):
        assert cache.get(request_for()) == token
        clock.advance(1)

    assert len(fetcher.calls) <= 290 / 8


def test_the_next_attempt_is_made_after_the_back_off_and_not_before(
    fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    cache = make_cache(fetcher, clock, on_event=[recorder], random_fraction=0.999_999)
    cache.get(request_for())
    fetcher.error = DOWN
    clock.advance(600)
    attempts = []
    for tenth in range(3000):
        before = len(fetcher.calls)
        if tenth < 2990:
            cache.get(request_for())
        if len(fetcher.calls) > before:
            attempts.append(tenth / 10)
        clock.advance(0.1)

    gaps = [later - earlier for earlier, later in pairwise(attempts)]
    assert gaps[:4] == pytest.approx([1, 2, 4, 8], abs=0.2)
    assert max(gaps) == pytest.approx(30, abs=0.2)
    assert gaps[-1] < 1.1, "attempts become more frequent close to expiry"
    assert [round(event.retry_in) for event in recorder.of(FetchFailed)[:4]] == [1, 2, 4, 8]


def test_a_success_resets_the_back_off(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    for _ in range(3):
        fetcher.fail_next(DOWN)
        with pytest.raises(TokenUnavailableError):
            cache.get(request_for())
        clock.advance(5)
    cache.get(request_for())
    cache.clear()
    fetcher.fail_next(DOWN)
    with pytest.raises(TokenUnavailableError):
        cache.get(request_for())

    assert [event.retry_in for event in recorder.of(FetchFailed)] == [0.25, 0.5, 1, 0.25]


def test_a_transient_failure_is_remembered_and_no_call_is_made(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    fetcher.error = InternalServiceError("broken", code="InternalErrorException")
    with pytest.raises(InternalServiceError):
        cache.get(request_for())

    with pytest.raises(
        TokenUnavailableError,
        match=r"^Backing off until \d\d:\d\d:\d\d UTC after InternalServiceError\.",
    ) as caught:
        cache.get(request_for())

    assert isinstance(caught.value.last_error, InternalServiceError)
    assert caught.value.retry_at is not None
    assert caught.value.retry_at.timestamp() == clock.time() + 0.25
    assert len(fetcher.calls) == 1
    clock.advance(0.25)
    fetcher.error = None
    assert cache.get(request_for()).token


def test_a_back_off_names_what_a_network_error_was_raised_for(
    cache: TokenCache, fetcher: FakeFetcher
) -> None:
    fetcher.error = TokenUnavailableError("No connection.", last_error=ConnectionResetError())
    with pytest.raises(TokenUnavailableError, match="No connection"):
        cache.get(request_for())

    with pytest.raises(TokenUnavailableError, match=r"UTC after ConnectionResetError\.") as caught:
        cache.get(request_for())

    assert str(caught.value.last_error) == "No connection."


@pytest.mark.parametrize(
    "error", [TERMINAL, CallerDeniedError("no"), ConfigurationError("no AWS credentials")]
)
def test_a_failure_that_does_not_recover_on_its_own_is_raised_with_its_own_type(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, error: Exception
) -> None:
    fetcher.error = error
    for _ in range(3):
        with pytest.raises(type(error), match=str(error)):
            cache.get(request_for())
        clock.advance(0.3)

    assert len(fetcher.calls) == 1
    clock.advance(0.2)
    with pytest.raises(type(error)):
        cache.get(request_for())
    assert len(fetcher.calls) == 2


@pytest.mark.parametrize("error", [DOWN, TERMINAL, TooManyRequestsError("x")])
def test_no_error_is_remembered_for_more_than_five_seconds(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, error: Exception
) -> None:
    fetcher.error = error
    for count in range(1, 20):
        with pytest.raises(type(error)):
            cache.get(request_for())
        assert len(fetcher.calls) == count
        clock.advance(5)


def test_a_long_back_off_becomes_short_once_the_token_is_invalidated(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    token = cache.get(request_for())
    fetcher.error = TooManyRequestsError("slow down")
    clock.advance(600)
    for _ in range(40):
        cache.get(request_for())
        clock.advance(1)
    calls = len(fetcher.calls)
    cache.invalidate(token)
    fetcher.error = None
    clock.advance(5)

    assert cache.get(request_for()) != token
    assert len(fetcher.calls) == calls + 1


def test_a_terminal_failure_is_raised_even_while_a_token_is_valid(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    token = cache.get(request_for())
    fetcher.fail_next(TERMINAL)
    clock.advance(600)
    assert cache.get(request_for()) is token, (
        "the caller that starts the refresh does not wait for it"
    )

    with pytest.raises(ResourceConflictError):
        cache.get(request_for())
    assert len(fetcher.calls) == 2
    clock.advance(1)
    assert cache.get(request_for()) != token


def test_a_terminal_failure_of_a_forced_refresh_also_stops_hits(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    token = cache.get(request_for())
    fetcher.fail_next(ResourceNotFoundError("gone"))

    with pytest.raises(ResourceNotFoundError):
        cache.refresh(request_for())
    with pytest.raises(ResourceNotFoundError):
        cache.get(request_for())

    clock.advance(1)
    fetcher.fail_next(DOWN)
    assert cache.get(request_for()) == token, (
        "the new failure is transient, and the token is still valid"
    )


@pytest.mark.parametrize("seconds", [70, 400])
def test_a_refused_identity_does_not_get_its_old_token_back_later(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, seconds: float
) -> None:
    cache.get(request_for())
    fetcher.error = ResourceConflictError("linked elsewhere")
    with pytest.raises(ResourceConflictError):
        cache.refresh(request_for())
    for _ in range(2):
        clock.advance(seconds)  # the failure is no longer remembered

        with pytest.raises(ResourceConflictError):
            cache.get(request_for())


def test_a_terminal_failure_in_grace_is_raised(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    cache.get(request_for())
    clock.advance(850)
    fetcher.error = NotAuthorizedError("Logins don't match.")

    with pytest.raises(NotAuthorizedError):
        cache.get(request_for())


def test_a_failed_refresh_leaves_the_cached_token_unchanged(
    cache: TokenCache, fetcher: FakeFetcher
) -> None:
    """It is removed in jpadilla/pyjwt#1162 and googleapis/google-cloud-rust#5825."""
    token = cache.get(request_for())
    fetcher.fail_next(DOWN)

    with pytest.raises(TokenUnavailableError):
        cache.refresh(request_for())

    assert cache.get(request_for()) is token


def test_a_refresh_respects_the_back_off(cache: TokenCache, fetcher: FakeFetcher) -> None:
    cache.get(request_for())
    fetcher.error = DOWN
    with pytest.raises(TokenUnavailableError):
        cache.refresh(request_for())

    with pytest.raises(TokenUnavailableError, match="Backing off until"):
        cache.refresh(request_for())

    assert len(fetcher.calls) == 2
    assert cache.stats().back_offs == 1


def test_callers_that_share_a_failure_each_raise_their_own_copy(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    threads = ManualThreads()
    cache = make_cache(fetcher, clock, start_thread=threads.start)
    fetcher.error = TERMINAL
    callers = [cache._leases.lookup.steps(request_for(), None, None) for _ in range(3)]
    for steps in callers:
        next(steps)
    threads.run_all()

    errors = []
    for steps in callers:
        with pytest.raises(ResourceConflictError) as caught:
            next(steps)
        errors.append(caught.value)

    assert len({id(error) for error in errors} | {id(TERMINAL)}) == 4
    assert {error.code for error in errors} == {"ResourceConflictException"}
    assert all(error.__notes__ == TERMINAL.__notes__ for error in errors)
    assert all(error.__context__ is None for error in errors)
    assert len(fetcher.calls) == 1


def test_tokens_that_expire_before_the_cached_one_do_not_cause_a_call_for_each_hit(
    clock: ManualClock,
) -> None:
    fetcher = FakeFetcher(clock)
    cache = make_cache(fetcher, clock)
    token = cache.get(request_for())
    fetcher._lifetime = 100
    clock.advance(600)
    for _ in range(100):
        assert cache.get(request_for()) == token
        clock.advance(0.01)

    assert len(fetcher.calls) <= 3


def test_old_failures_do_not_lengthen_the_back_off(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    fetcher.error = DOWN
    for pause in (1, 120, 1):
        with pytest.raises(TokenUnavailableError):
            cache.get(request_for())
        clock.advance(timedelta(seconds=pause))

    assert [event.retry_in for event in recorder.of(FetchFailed)] == [0.25, 0.5, 0.25]


def test_a_failure_for_one_user_does_not_affect_another(
    cache: TokenCache, fetcher: FakeFetcher
) -> None:
    fetcher.fail_next(TERMINAL)
    with pytest.raises(ResourceConflictError):
        cache.get(request_for("one"))

    assert cache.get(request_for("two")).token


def test_the_first_failure_without_a_usable_token_backs_off_briefly_again(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    cache.get(request_for())
    fetcher.error = InternalServiceError("broken")
    for seconds in (870, 1):
        clock.advance(seconds)
        cache.get(request_for())
    clock.advance(29)

    with pytest.raises(InternalServiceError):
        cache.get(request_for())

    assert len(recorder.of(FetchFailed)) == 3
    assert recorder.of(FetchFailed)[-1].retry_in == 0.25
