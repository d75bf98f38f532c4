"""An invalidated token is gone, and nothing brings it back."""

from typing import Any

import pytest

from caching import ManualThreads, Recorder, make_cache, request_for, start_flight
from canary import find_leaks
from cognito_devtoken import OpenIdToken, TokenCache
from cognito_devtoken.events import Forgotten, Invalidated
from cognito_devtoken.exceptions import InvalidRequestError, SessionClosedError
from cognito_devtoken.testing import FakeFetcher, ManualClock, make_token


def test_an_invalidated_token_is_not_returned_again(cache: TokenCache, recorder: Recorder) -> None:
    token = cache.get(request_for())

    cache.invalidate(token)

    assert cache.get(request_for()) != token
    assert recorder.of(Invalidated) == [Invalidated(token.fingerprint, applied=True)]


def test_ten_callers_that_invalidate_the_same_token_cause_one_call(
    cache: TokenCache, fetcher: FakeFetcher
) -> None:
    token = cache.get(request_for())
    got = set()
    for _ in range(10):
        cache.invalidate(token)
        got.add(cache.get(request_for()))

    assert len(got) == 1
    assert len(fetcher.calls) == 2
    assert cache.stats().invalidations_applied == 1
    assert cache.stats().invalidations_ignored == 9


def test_the_text_of_a_token_is_refused_without_showing_it(cache: TokenCache) -> None:
    text: Any = "eyJcanary"
    with pytest.raises(TypeError, match=r"invalidate\(\) takes an OpenIdToken, not str") as caught:
        cache.invalidate(text)

    assert not find_leaks(caught.value, text)


def test_a_token_is_invalidated_by_value_and_an_unknown_one_is_ignored(
    cache: TokenCache, fetcher: FakeFetcher
) -> None:
    cache.get(request_for())
    cache.invalidate(make_token("another"))

    assert cache.stats().invalidations_ignored == 1

    class Same:
        def fetch(self, request: Any) -> Any:
            return token

    token = make_token("user-42", identity_pool_id=request_for().identity_pool_id)
    other = make_cache(Same(), ManualClock())
    other.get(request_for())
    other.invalidate(token)
    assert other.stats().invalidations_applied == 1


def test_forget_removes_all_tokens_of_the_user(cache: TokenCache, recorder: Recorder) -> None:
    cache.get(request_for("user-42"))
    cache.get(request_for("user-42", token_duration=60))
    cache.get(request_for("user-42", logins={"accounts.google.com": "eyJ"}))
    other = cache.get(request_for("user-4"))

    cache.forget("user-42")

    assert cache.stats().entries == 1
    assert cache.get(request_for("user-4")) is other
    assert recorder.of(Forgotten) == [Forgotten(3)]


def test_forget_identity_removes_all_tokens_of_the_identity(cache: TokenCache) -> None:
    token = cache.get(request_for("user-42"))
    cache.get(request_for("user-42", token_duration=60))
    other = cache.get(request_for("user-4"))

    cache.forget_identity(token.identity_id)

    assert cache.stats().entries == 1
    assert cache.get(request_for("user-4")) is other


def test_clear_removes_everything(cache: TokenCache, fetcher: FakeFetcher) -> None:
    for number in range(5):
        cache.get(request_for(f"user-{number}"))

    cache.clear()

    assert cache.stats().entries == 0


def test_a_closed_cache_keeps_nothing_and_refuses_everything(
    cache: TokenCache, fetcher: FakeFetcher
) -> None:
    token = cache.get(request_for())
    cache.close()
    cache.close()

    assert cache.stats().entries == 0
    for call in (
        lambda: cache.get(request_for()),
        lambda: cache.refresh(request_for()),
        lambda: cache.invalidate(token),
        lambda: cache.forget("user-42"),
        lambda: cache.forget_identity(token.identity_id),
        cache.clear,
    ):
        with pytest.raises(SessionClosedError, match="This session is closed"):
            call()
    assert len(fetcher.calls) == 1


def test_close_wakes_waiting_callers_with_an_error(
    manual_cache: TokenCache, threads: ManualThreads
) -> None:
    sent, respond = start_flight(manual_cache, threads)
    successor = manual_cache._leases.lookup.steps(request_for(), None, None, forced=True)
    queued = manual_cache._leases.lookup.steps(request_for("another"), None, None)
    for steps in (successor, queued):
        next(steps)

    manual_cache.close()

    for steps in (sent, successor, queued):
        with pytest.raises(SessionClosedError):
            next(steps)
    respond()
    assert manual_cache.stats().entries == 0
    assert manual_cache.stats().fetches_succeeded == 1


def test_a_failure_after_close_is_counted_and_reaches_no_caller(
    manual_cache: TokenCache, fetcher: FakeFetcher, threads: ManualThreads
) -> None:
    _, respond = start_flight(manual_cache, threads)
    manual_cache.close()
    fetcher.error = ConnectionError()

    respond()

    assert manual_cache.stats().fetches_failed == 1
    threads.run_all()


def test_a_token_of_the_same_second_with_the_same_text_counts_as_new(
    clock: ManualClock,
) -> None:
    text = make_token("user-42", identity_pool_id=request_for().identity_pool_id, clock=clock)

    class SameSecond:
        calls = 0

        def fetch(self, request: Any) -> Any:
            self.calls += 1
            clock.advance(0.01)
            response = {"IdentityId": text.identity_id, "Token": text.token}
            return OpenIdToken.from_response(response, request, clock=clock)

    fetcher = SameSecond()
    cache = make_cache(fetcher, clock)
    rejected = cache.get(request_for())
    for _ in range(10):
        cache.invalidate(rejected)
        assert cache.get(request_for()) == rejected

    assert fetcher.calls == 2


@pytest.mark.parametrize(
    ("user_id", "message"),
    [
        ("x" * 50_001, "user_id must have 1 to 50000 characters, not 50001"),
        ("", "user_id must have 1 to 50000 characters, not 0"),
        ("\ud800", "user_id must be valid Unicode"),
    ],
)
def test_a_user_id_that_no_user_can_have_is_refused(
    cache: TokenCache, user_id: str, message: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        cache.forget(user_id)

    assert message in str(caught.value)
    assert find_leaks(caught.value, "x" * 100) == []


def test_an_identity_id_that_no_identity_can_have_is_refused(cache: TokenCache) -> None:
    with pytest.raises(InvalidRequestError, match="identity_id must have 1 to 55 characters"):
        cache.forget_identity("x" * 56)


def test_the_longest_user_id_can_be_forgotten(cache: TokenCache, recorder: Recorder) -> None:
    cache.forget("x" * 50_000)

    assert recorder.of(Forgotten) == [Forgotten(0)]
