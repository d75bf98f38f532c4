"""What is thrown away, and that nothing brings it back."""

from typing import Any

import pytest

from caching import ManualThreads, Recorder, make_cache, request_for, start_call
from cognito_devtoken import OpenIdToken, TokenCache
from cognito_devtoken.events import Forgotten, Invalidated, TokenDiscarded
from cognito_devtoken.exceptions import SessionClosedError
from cognito_devtoken.testing import FakeFetcher, ManualClock, make_token


def test_a_refused_token_is_not_returned_again(cache: TokenCache, recorder: Recorder) -> None:
    token = cache.get(request_for())

    cache.invalidate(token)

    assert cache.get(request_for()) != token
    assert recorder.of(Invalidated) == [Invalidated(token.fingerprint, applied=True)]


def test_ten_callers_with_one_refused_token_cause_one_call(
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


def test_a_token_of_another_cache_is_known_by_what_it_is(
    cache: TokenCache, fetcher: FakeFetcher
) -> None:
    cache.get(request_for())
    cache.invalidate(make_token("somebody"))

    assert cache.stats().invalidations_ignored == 1

    class Same:
        def fetch(self, request: Any) -> Any:
            return token

    token = make_token("user-42", identity_pool_id=request_for().identity_pool_id)
    other = make_cache(Same(), ManualClock())
    other.get(request_for())
    other.invalidate(token)
    assert other.stats().invalidations_applied == 1


def begin(cache: TokenCache, threads: ManualThreads, **options: Any) -> tuple[Any, Any]:
    """A caller whose flight is in the air, and what brings the flight back."""
    steps = cache._leases.steps(request_for(), None, None, **options)
    next(steps)
    return steps, start_call(cache, threads)


@pytest.fixture
def threads() -> ManualThreads:
    return ManualThreads()


@pytest.fixture
def slow(
    fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads, recorder: Recorder
) -> TokenCache:
    return make_cache(fetcher, clock, start_thread=threads.start, on_event=[recorder])


@pytest.mark.parametrize("how", ["invalidate", "forget", "forget_identity", "clear"])
def test_a_flight_that_was_sent_before_does_not_bring_it_back(
    slow: TokenCache, clock: ManualClock, threads: ManualThreads, recorder: Recorder, how: str
) -> None:
    steps = slow._leases.steps(request_for(), None, None)
    next(steps)
    threads.run_all()
    token = slow.get(request_for())
    clock.advance(1)
    early, respond = begin(slow, threads, forced=True)
    argument: dict[str, list[Any]] = {
        "invalidate": [token],
        "forget": ["user-42"],
        "forget_identity": [token.identity_id],
        "clear": [],
    }
    getattr(slow, how)(*argument[how])
    late = slow._leases.steps(request_for(), None, None)
    next(late)

    respond()
    assert slow.stats().entries == 0, "it is for those who have waited, and not kept"
    with pytest.raises(StopIteration) as first:
        next(early)
    threads.run_all()
    with pytest.raises(StopIteration) as second:
        next(late)

    assert first.value.value != second.value.value
    assert slow.get(request_for()) == second.value.value
    assert len(recorder.of(TokenDiscarded)) == 1


def test_neither_does_one_that_was_given_up(
    slow: TokenCache, clock: ManualClock, threads: ManualThreads
) -> None:
    early, respond = begin(slow, threads)
    clock.advance(15)
    with pytest.raises(Exception, match="has not answered"):
        next(early)
    slow.clear()

    respond()

    assert slow.stats().entries == 0


def test_a_failure_from_before_says_nothing_of_after(
    slow: TokenCache, fetcher: FakeFetcher, threads: ManualThreads
) -> None:
    early, respond = begin(slow, threads)
    slow.clear()
    fetcher.fail_next(SessionClosedError("whatever"))
    respond()
    with pytest.raises(SessionClosedError):
        next(early)

    steps = slow._leases.steps(request_for(), None, None)
    next(steps)
    threads.run_all()
    assert slow.get(request_for()).token


def test_who_waits_in_grace_does_not_get_a_token_that_was_refused_meanwhile(
    slow: TokenCache, fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    steps = slow._leases.steps(request_for(), None, None)
    next(steps)
    threads.run_all()
    token = slow.get(request_for())
    clock.advance(850)
    waiting, respond = begin(slow, threads)
    slow.invalidate(token)
    fetcher.fail_next(ConnectionError())
    respond()

    with pytest.raises(Exception, match="The fetcher failed with ConnectionError"):
        next(waiting)


def test_forgetting_a_user_takes_whatever_was_asked_for_with_it(
    cache: TokenCache, recorder: Recorder
) -> None:
    cache.get(request_for("user-42"))
    cache.get(request_for("user-42", token_duration=60))
    cache.get(request_for("user-42", logins={"accounts.google.com": "eyJ"}))
    other = cache.get(request_for("user-4"))

    cache.forget("user-42")

    assert cache.stats().entries == 1
    assert cache.get(request_for("user-4")) is other
    assert recorder.of(Forgotten) == [Forgotten(3)]


def test_forgetting_an_identity_takes_all_its_tokens(cache: TokenCache) -> None:
    token = cache.get(request_for("user-42"))
    cache.get(request_for("user-42", token_duration=60))
    other = cache.get(request_for("user-4"))

    cache.forget_identity(token.identity_id)

    assert cache.stats().entries == 1
    assert cache.get(request_for("user-4")) is other


def test_clearing_takes_everything(cache: TokenCache, fetcher: FakeFetcher) -> None:
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


def test_closing_ends_the_waiting(slow: TokenCache, threads: ManualThreads) -> None:
    sent, respond = begin(slow, threads)
    behind = slow._leases.steps(request_for(), None, None, forced=True)
    queued = slow._leases.steps(request_for("another"), None, None)
    for steps in (behind, queued):
        next(steps)

    slow.close()

    for steps in (sent, behind, queued):
        with pytest.raises(SessionClosedError):
            next(steps)
    respond()
    assert slow.stats().entries == 0
    assert slow.stats().fetches_succeeded == 1


def test_a_failure_after_closing_is_nobodys(
    slow: TokenCache, fetcher: FakeFetcher, threads: ManualThreads
) -> None:
    _, respond = begin(slow, threads)
    slow.close()
    fetcher.error = ConnectionError()

    respond()

    assert slow.stats().fetches_failed == 1
    threads.run_all()


def test_a_token_of_the_same_second_is_another_though_its_text_is_the_same(
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
    refused = cache.get(request_for())
    for _ in range(10):
        cache.invalidate(refused)
        assert cache.get(request_for()) == refused

    assert fetcher.calls == 2
