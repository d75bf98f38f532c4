"""What a caller gets from the cache, for any kind of lease."""

import asyncio
from typing import Any

import pytest

from caching import Recorder, run_inline
from cognito_devtoken import RefreshPolicy
from cognito_devtoken._cache.waiting import wait_async, wait_blocking
from cognito_devtoken._values.lease import Lease
from cognito_devtoken.events import FetchSucceeded, ServedInGrace
from cognito_devtoken.exceptions import (
    InternalServiceError,
    InvalidTokenResponseError,
    TokenUnavailableError,
)
from cognito_devtoken.testing import ManualClock
from kinds import Kind, badges, credentials, tokens


LIFETIME = 900


class Fetcher:
    """Issues leases of a kind, counts them, and raises ``error`` if it is set."""

    def __init__(self, kind: Kind, clock: ManualClock) -> None:
        self.issued = 0
        self.error: Exception | None = None
        self.response: object = None
        self._kind, self._clock = kind, clock

    def fetch(self, request: Any) -> Any:
        self.issued += 1
        if self.error:
            raise self.error
        return self.response or self._kind.issue(request, LIFETIME, self.issued, self._clock)


KINDS = [tokens(LIFETIME), badges(LIFETIME), credentials(LIFETIME)]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
def fetcher(kind: Kind, clock: ManualClock) -> Fetcher:
    return Fetcher(kind, clock)


@pytest.fixture
def cache(kind: Kind, fetcher: Fetcher, clock: ManualClock, recorder: Recorder) -> Any:
    cache = kind.open_cache(fetcher, clock=clock, on_event=[recorder])
    cache._leases.workers.start_thread = run_inline
    cache._leases.workers.idle_seconds = 0
    cache._state.random_fraction = lambda: 0.0
    return cache


def get(cache: Any, request: Any) -> Lease:
    lease: Lease = wait_blocking(cache._leases.lookup.steps(request, None, None))
    return lease


def test_a_hit_returns_the_cached_lease(cache: Any, kind: Kind, fetcher: Fetcher) -> None:
    lease = get(cache, kind.requests[0])

    assert get(cache, kind.requests[0]) is lease
    assert (
        asyncio.run(wait_async(cache._leases.lookup.steps(kind.requests[0], None, None))) is lease
    )
    assert fetcher.issued == 1


def test_each_request_has_its_own_lease(cache: Any, kind: Kind) -> None:
    assert len({get(cache, request) for request in kind.requests}) == len(kind.requests)


def test_a_due_lease_is_returned_and_refreshed(
    cache: Any, kind: Kind, clock: ManualClock, fetcher: Fetcher
) -> None:
    lease = get(cache, kind.requests[0])
    clock.advance(LIFETIME * 0.7)

    assert get(cache, kind.requests[0]) == lease
    assert fetcher.issued == 2
    assert get(cache, kind.requests[0]) != lease


def test_a_lease_in_its_grace_period_is_returned_if_the_refresh_fails(
    cache: Any, kind: Kind, clock: ManualClock, fetcher: Fetcher, recorder: Recorder
) -> None:
    lease = get(cache, kind.requests[0])
    fetcher.error = InternalServiceError("broken")
    clock.advance(LIFETIME * 0.95)

    assert get(cache, kind.requests[0]) == lease
    assert recorder.of(ServedInGrace)[0].fingerprint == lease.fingerprint


def test_strict_grace_raises_the_failure_instead(
    cache: Any, kind: Kind, clock: ManualClock, fetcher: Fetcher
) -> None:
    cache._state.policy = RefreshPolicy(strict_grace=True)
    get(cache, kind.requests[0])
    fetcher.error = InternalServiceError("broken")
    clock.advance(LIFETIME * 0.95)

    with pytest.raises(InternalServiceError):
        get(cache, kind.requests[0])


def test_a_lease_that_the_cache_has_not_returned_can_be_invalidated(
    cache: Any, kind: Kind, clock: ManualClock
) -> None:
    get(cache, kind.requests[0])

    cache.invalidate(kind.issue(kind.requests[0], LIFETIME, 1, clock))

    assert cache.stats().invalidations_applied == 1


def test_an_expired_lease_is_never_returned(
    cache: Any, kind: Kind, clock: ManualClock, fetcher: Fetcher
) -> None:
    get(cache, kind.requests[0])
    fetcher.error = TokenUnavailableError("No network.")
    clock.advance(LIFETIME)

    with pytest.raises(TokenUnavailableError):
        get(cache, kind.requests[0])


def test_only_the_rejected_lease_is_invalidated(cache: Any, kind: Kind, fetcher: Fetcher) -> None:
    first, other = get(cache, kind.requests[0]), get(cache, kind.requests[1])

    cache.invalidate(first)
    cache.invalidate(first)

    assert get(cache, kind.requests[0]) != first
    assert get(cache, kind.requests[1]) is other
    assert cache.stats().invalidations_applied == 1
    assert cache.stats().invalidations_ignored == 1


def test_forgetting_a_user_and_an_identity_removes_their_leases(cache: Any, kind: Kind) -> None:
    ann, bob = get(cache, kind.requests[0]), get(cache, kind.requests[1])

    cache.forget("ann")
    cache.forget_identity(bob.identity_id)

    assert cache.stats().entries == 0
    assert get(cache, kind.requests[0]) != ann


def test_a_fetcher_that_returns_no_lease_of_its_kind_is_refused(
    cache: Any, kind: Kind, fetcher: Fetcher
) -> None:
    fetcher.response = "a text"

    with pytest.raises(InvalidTokenResponseError, match=r"must return \w+, not str\."):
        get(cache, kind.requests[0])


def test_events_and_reprs_do_not_show_the_secret(
    cache: Any, kind: Kind, recorder: Recorder
) -> None:
    lease = get(cache, kind.requests[0])

    assert recorder.of(FetchSucceeded)[0].fingerprint == lease.fingerprint
    assert lease._secret not in f"{recorder.events!r} {lease!r} {lease}"
