"""What is thrown away, and that nothing brings it back."""

from typing import Any

import pytest

from caching import Crew, Recorder, asking, cache_of, in_the_air
from cognito_devtoken import OpenIdToken, TokenCache
from cognito_devtoken.events import Forgotten, Invalidated, TokenDiscarded
from cognito_devtoken.exceptions import SessionClosedError
from cognito_devtoken.testing import FakeFetcher, ManualClock, make_token


def test_a_refused_token_is_not_returned_again(cache: TokenCache, told: Recorder) -> None:
    token = cache.get(asking())

    cache.invalidate(token)

    assert cache.get(asking()) != token
    assert told.of(Invalidated) == [Invalidated(token.fingerprint, applied=True)]


def test_ten_callers_with_one_refused_token_cause_one_call(
    cache: TokenCache, fetcher: FakeFetcher
) -> None:
    token = cache.get(asking())
    got = set()
    for _ in range(10):
        cache.invalidate(token)
        got.add(cache.get(asking()))

    assert len(got) == 1
    assert len(fetcher.calls) == 2
    assert cache.stats().invalidations_applied == 1
    assert cache.stats().invalidations_ignored == 9


def test_a_token_of_another_cache_is_known_by_what_it_is(
    cache: TokenCache, fetcher: FakeFetcher
) -> None:
    cache.get(asking())
    cache.invalidate(make_token("somebody"))

    assert cache.stats().invalidations_ignored == 1

    class Same:
        def fetch(self, request: Any) -> Any:
            return token

    token = make_token("user-42", identity_pool_id=asking().identity_pool_id)
    other = cache_of(Same(), ManualClock())
    other.get(asking())
    other.invalidate(token)
    assert other.stats().invalidations_applied == 1


def begin(cache: TokenCache, crew: Crew, **options: Any) -> tuple[Any, Any]:
    """A caller whose flight is in the air, and what brings the flight back."""
    steps = cache._leases.steps(asking(), None, None, **options)
    next(steps)
    return steps, in_the_air(cache, crew)


@pytest.fixture
def crew() -> Crew:
    return Crew()


@pytest.fixture
def slow(fetcher: FakeFetcher, clock: ManualClock, crew: Crew, told: Recorder) -> TokenCache:
    return cache_of(fetcher, clock, start_thread=crew.start, on_event=[told])


@pytest.mark.parametrize("how", ["invalidate", "forget", "forget_identity", "clear"])
def test_a_flight_that_was_sent_before_does_not_bring_it_back(
    slow: TokenCache, clock: ManualClock, crew: Crew, told: Recorder, how: str
) -> None:
    steps = slow._leases.steps(asking(), None, None)
    next(steps)
    crew.work()
    token = slow.get(asking())
    clock.advance(1)
    early, land = begin(slow, crew, forced=True)
    argument: dict[str, list[Any]] = {
        "invalidate": [token],
        "forget": ["user-42"],
        "forget_identity": [token.identity_id],
        "clear": [],
    }
    getattr(slow, how)(*argument[how])
    late = slow._leases.steps(asking(), None, None)
    next(late)

    land()
    assert slow.stats().entries == 0, "it is for those who have waited, and not kept"
    with pytest.raises(StopIteration) as first:
        next(early)
    crew.work()
    with pytest.raises(StopIteration) as second:
        next(late)

    assert first.value.value != second.value.value
    assert slow.get(asking()) == second.value.value
    assert len(told.of(TokenDiscarded)) == 1


def test_neither_does_one_that_was_given_up(
    slow: TokenCache, clock: ManualClock, crew: Crew
) -> None:
    early, land = begin(slow, crew)
    clock.advance(15)
    with pytest.raises(Exception, match="did not answer"):
        next(early)
    slow.clear()

    land()

    assert slow.stats().entries == 0


def test_a_failure_from_before_says_nothing_of_after(
    slow: TokenCache, fetcher: FakeFetcher, crew: Crew
) -> None:
    early, land = begin(slow, crew)
    slow.clear()
    fetcher.fail_next(SessionClosedError("whatever"))
    land()
    with pytest.raises(SessionClosedError):
        next(early)

    steps = slow._leases.steps(asking(), None, None)
    next(steps)
    crew.work()
    assert slow.get(asking()).token


def test_who_waits_in_grace_does_not_get_a_token_that_was_refused_meanwhile(
    slow: TokenCache, fetcher: FakeFetcher, clock: ManualClock, crew: Crew
) -> None:
    steps = slow._leases.steps(asking(), None, None)
    next(steps)
    crew.work()
    token = slow.get(asking())
    clock.advance(850)
    waiting, land = begin(slow, crew)
    slow.invalidate(token)
    fetcher.fail_next(ConnectionError())
    land()

    with pytest.raises(Exception, match="The fetcher failed with ConnectionError"):
        next(waiting)


def test_forgetting_a_user_takes_whatever_was_asked_for_with_it(
    cache: TokenCache, told: Recorder
) -> None:
    cache.get(asking("user-42"))
    cache.get(asking("user-42", token_duration=60))
    cache.get(asking("user-42", logins={"accounts.google.com": "eyJ"}))
    other = cache.get(asking("user-4"))

    cache.forget("user-42")

    assert cache.stats().entries == 1
    assert cache.get(asking("user-4")) is other
    assert told.of(Forgotten) == [Forgotten(3)]


def test_forgetting_an_identity_takes_all_its_tokens(cache: TokenCache) -> None:
    token = cache.get(asking("user-42"))
    cache.get(asking("user-42", token_duration=60))
    other = cache.get(asking("user-4"))

    cache.forget_identity(token.identity_id)

    assert cache.stats().entries == 1
    assert cache.get(asking("user-4")) is other


def test_clearing_takes_everything(cache: TokenCache, fetcher: FakeFetcher) -> None:
    for number in range(5):
        cache.get(asking(f"user-{number}"))

    cache.clear()

    assert cache.stats().entries == 0


def test_a_closed_cache_keeps_nothing_and_refuses_everything(
    cache: TokenCache, fetcher: FakeFetcher
) -> None:
    token = cache.get(asking())
    cache.close()
    cache.close()

    assert cache.stats().entries == 0
    for call in (
        lambda: cache.get(asking()),
        lambda: cache.refresh(asking()),
        lambda: cache.invalidate(token),
        lambda: cache.forget("user-42"),
        lambda: cache.forget_identity(token.identity_id),
        cache.clear,
    ):
        with pytest.raises(SessionClosedError, match="This session is closed"):
            call()
    assert len(fetcher.calls) == 1


def test_closing_ends_the_waiting(slow: TokenCache, crew: Crew) -> None:
    in_the_air, land = begin(slow, crew)
    behind = slow._leases.steps(asking(), None, None, forced=True)
    queued = slow._leases.steps(asking("another"), None, None)
    for steps in (behind, queued):
        next(steps)

    slow.close()

    for steps in (in_the_air, behind, queued):
        with pytest.raises(SessionClosedError):
            next(steps)
    land()
    assert slow.stats().entries == 0
    assert slow.stats().fetches_succeeded == 1


def test_a_failure_after_closing_is_nobodys(
    slow: TokenCache, fetcher: FakeFetcher, crew: Crew
) -> None:
    _, land = begin(slow, crew)
    slow.close()
    fetcher.error = ConnectionError()

    land()

    assert slow.stats().fetches_failed == 1
    crew.work()


def test_a_token_of_the_same_second_is_another_though_its_text_is_the_same(
    clock: ManualClock,
) -> None:
    text = make_token("user-42", identity_pool_id=asking().identity_pool_id, clock=clock)

    class SameSecond:
        calls = 0

        def fetch(self, request: Any) -> Any:
            self.calls += 1
            clock.advance(0.01)
            response = {"IdentityId": text.identity_id, "Token": text.token}
            return OpenIdToken.from_response(response, request, clock=clock)

    fetcher = SameSecond()
    cache = cache_of(fetcher, clock)
    refused = cache.get(asking())
    for _ in range(10):
        cache.invalidate(refused)
        assert cache.get(asking()) == refused

    assert fetcher.calls == 2
