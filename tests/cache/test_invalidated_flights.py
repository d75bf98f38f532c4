"""An invalidation reaches the fetches that are queued or in flight."""

from typing import Any

import pytest

from caching import ManualThreads, Recorder, make_cache, request_for, start_flight
from cognito_devtoken import TokenCache
from cognito_devtoken._cache.invalidation import invalidate
from cognito_devtoken._cache.scopes import token_scope
from cognito_devtoken.events import TokenDiscarded
from cognito_devtoken.exceptions import SessionClosedError, TokenUnavailableError
from cognito_devtoken.testing import FakeFetcher, ManualClock, make_token


WAYS = {
    "invalidate": lambda cache, token: cache.invalidate(token),
    "forget": lambda cache, token: cache.forget("user-42"),
    "forget_identity": lambda cache, token: cache.forget_identity(token.identity_id),
    "clear": lambda cache, token: cache.clear(),
}


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("is_awaited", [False, True])
def test_a_queued_refresh_of_an_invalidated_token_is_sent_only_if_a_caller_waits(
    manual_cache: TokenCache,
    fetcher: FakeFetcher,
    clock: ManualClock,
    threads: ManualThreads,
    how: str,
    is_awaited: bool,
) -> None:
    next(manual_cache._leases.lookup.steps(request_for(), None, None))
    threads.run_all()
    clock.advance(600)
    token = manual_cache.get(request_for())  # it is due, so its refresh is queued
    if is_awaited:
        next(manual_cache._leases.lookup.steps(request_for(), None, None, forced=True))

    WAYS[how](manual_cache, token)
    threads.run_all()

    assert len(fetcher.calls) == (2 if is_awaited else 1)
    assert manual_cache.stats().entries == (1 if is_awaited else 0)
    assert not manual_cache._state.flights.by_key
    steps = manual_cache._leases.lookup.steps(request_for(), None, None)
    if not is_awaited:
        next(steps)  # a later caller gets a new token
        threads.run_all()
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert stop.value.value != token


def test_a_queued_refresh_of_another_user_is_sent(
    manual_cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    next(manual_cache._leases.lookup.steps(request_for(), None, None))
    threads.run_all()
    clock.advance(600)
    manual_cache.get(request_for())

    manual_cache.forget("another")
    threads.run_all()

    assert len(fetcher.calls) == 2


@pytest.mark.parametrize("is_awaited", [False, True])
def test_a_refresh_that_follows_one_in_flight_is_sent_after_an_invalidation_only_if_awaited(
    manual_cache: TokenCache, fetcher: FakeFetcher, threads: ManualThreads, is_awaited: bool
) -> None:
    _, arrive = start_flight(manual_cache, threads)
    manual_cache.forget("user-42")
    lookup = manual_cache._leases.lookup
    with pytest.raises(TokenUnavailableError):  # it asks for a new token, and does not wait
        next(lookup.steps(request_for(), None, None, waits=False))
    if is_awaited:
        next(lookup.steps(request_for(), None, None))

    manual_cache.forget("user-42")
    arrive()
    threads.run_all()

    assert len(fetcher.calls) == (2 if is_awaited else 1)
    assert manual_cache.stats().entries == (1 if is_awaited else 0)
    assert not manual_cache._state.flights.by_key


def test_invalidating_one_token_does_not_look_at_the_queued_refreshes_of_others(
    manual_cache: TokenCache, clock: ManualClock, threads: ManualThreads
) -> None:
    users = [f"user-{number}" for number in range(5)]
    for user in users:
        next(manual_cache._leases.lookup.steps(request_for(user), None, None))
    threads.run_all()
    clock.advance(600)
    tokens = [manual_cache.get(request_for(user)) for user in users]  # all are due
    key = manual_cache._state.entries.find(tokens[0], shared=False)
    seen = []

    def matches(other: Any, _: object) -> bool:
        seen.append(other)
        return bool(other == key)

    invalidate(manual_cache._state, [token_scope(tokens[0])], matches, key)

    assert set(seen) == {key}
    assert manual_cache.stats().in_flight == 4


def test_a_first_fetch_of_another_identity_is_sent(
    manual_cache: TokenCache, fetcher: FakeFetcher, threads: ManualThreads
) -> None:
    with pytest.raises(TokenUnavailableError):
        next(manual_cache._leases.lookup.steps(request_for(), None, None, waits=False))

    manual_cache.forget_identity("us-east-1:0")  # whether it is this user's is not known yet
    threads.run_all()

    assert len(fetcher.calls) == manual_cache.stats().entries == 1


@pytest.mark.parametrize("how", ["invalidate", "forget", "forget_identity", "clear"])
def test_a_flight_sent_before_an_invalidation_does_not_cache_its_token(
    manual_cache: TokenCache,
    clock: ManualClock,
    threads: ManualThreads,
    recorder: Recorder,
    how: str,
) -> None:
    steps = manual_cache._leases.lookup.steps(request_for(), None, None)
    next(steps)
    threads.run_all()
    token = manual_cache.get(request_for())
    clock.advance(1)
    early, respond = start_flight(manual_cache, threads, forced=True)
    argument: dict[str, list[Any]] = {
        "invalidate": [token],
        "forget": ["user-42"],
        "forget_identity": [token.identity_id],
        "clear": [],
    }
    getattr(manual_cache, how)(*argument[how])
    late = manual_cache._leases.lookup.steps(request_for(), None, None)
    next(late)

    respond()
    assert manual_cache.stats().entries == 0, (
        "its callers get the token, and the cache does not keep it"
    )
    with pytest.raises(StopIteration) as first:
        next(early)
    threads.run_all()
    with pytest.raises(StopIteration) as second:
        next(late)

    assert first.value.value != second.value.value
    assert manual_cache.get(request_for()) == second.value.value
    assert len(recorder.of(TokenDiscarded)) == 1


def test_an_abandoned_flight_sent_before_an_invalidation_does_not_cache_its_token(
    manual_cache: TokenCache, clock: ManualClock, threads: ManualThreads
) -> None:
    early, respond = start_flight(manual_cache, threads)
    clock.advance(15)
    with pytest.raises(Exception, match="did not answer"):
        next(early)
    manual_cache.clear()

    respond()

    assert manual_cache.stats().entries == 0


def test_a_failure_of_a_flight_sent_before_an_invalidation_is_not_remembered(
    manual_cache: TokenCache, fetcher: FakeFetcher, threads: ManualThreads
) -> None:
    early, respond = start_flight(manual_cache, threads)
    manual_cache.clear()
    fetcher.fail_next(SessionClosedError("whatever"))
    respond()
    with pytest.raises(SessionClosedError):
        next(early)

    steps = manual_cache._leases.lookup.steps(request_for(), None, None)
    next(steps)
    threads.run_all()
    assert manual_cache.get(request_for()).token


def test_a_caller_that_waits_in_grace_does_not_get_a_token_invalidated_meanwhile(
    manual_cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads
) -> None:
    steps = manual_cache._leases.lookup.steps(request_for(), None, None)
    next(steps)
    threads.run_all()
    token = manual_cache.get(request_for())
    clock.advance(850)
    waiting, respond = start_flight(manual_cache, threads)
    manual_cache.invalidate(token)
    fetcher.fail_next(ConnectionError())
    respond()

    with pytest.raises(Exception, match="The fetcher failed with ConnectionError"):
        next(waiting)


def test_a_refresh_in_the_air_does_not_bring_an_identity_forgotten_meanwhile(
    threads: ManualThreads, clock: ManualClock, recorder: Recorder
) -> None:
    present, moved = (
        make_token(user, identity_pool_id=request_for().identity_pool_id) for user in "ab"
    )
    tokens = [present, moved, present]

    class Fetcher:
        def fetch(self, request: Any) -> Any:
            return tokens.pop(0)

    cache = make_cache(Fetcher(), clock, start_thread=threads.start, on_event=[recorder])
    steps = cache._leases.lookup.steps(request_for(), None, None)
    next(steps)
    threads.run_all()
    _, respond = start_flight(cache, threads, forced=True)

    cache.forget_identity(moved.identity_id)
    respond()

    assert cache.get(request_for()) == present
    assert len(recorder.of(TokenDiscarded)) == 1
    _, respond = start_flight(cache, threads, forced=True)
    cache.forget_identity(moved.identity_id)
    respond()
    assert len(recorder.of(TokenDiscarded)) == 1, "another identity is kept"


def test_a_flight_for_which_too_much_is_noted_brings_nothing_that_is_kept(
    manual_cache: TokenCache, threads: ManualThreads, recorder: Recorder
) -> None:
    _, respond = start_flight(manual_cache, threads)
    for number in range(1001):
        manual_cache.invalidate(make_token(str(number)))
    respond()

    assert len(recorder.of(TokenDiscarded)) == 1
    assert manual_cache.stats().entries == 0
