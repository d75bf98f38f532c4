"""What a caller of the engine gets, for any kind of lease."""

import asyncio
from typing import Any

import pytest

from caching import Recorder, run_inline
from cognito_devtoken._cache.waiting import wait_async, wait_blocking
from cognito_devtoken._values.lease import Lease
from cognito_devtoken.events import FetchSucceeded, ServedInGrace
from cognito_devtoken.exceptions import (
    InternalServiceError,
    InvalidTokenResponseError,
    TokenUnavailableError,
)
from cognito_devtoken.testing import ManualClock
from kinds import Kind, badges, tokens


LIFETIME = 900


class Fetcher:
    """Issues leases of a kind, counts them, and fails if it has been told to."""

    def __init__(self, kind: Kind, clock: ManualClock) -> None:
        self.issued = 0
        self.error: Exception | None = None
        self.answer: object = None
        self._kind, self._clock = kind, clock

    def fetch(self, request: Any) -> Any:
        self.issued += 1
        if self.error:
            raise self.error
        return self.answer or self._kind.issue(request, LIFETIME, self.issued, self._clock)


@pytest.fixture(params=[tokens(LIFETIME), badges(LIFETIME)], ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
def fetcher(kind: Kind, clock: ManualClock) -> Fetcher:
    return Fetcher(kind, clock)


@pytest.fixture
def engine(kind: Kind, fetcher: Fetcher, clock: ManualClock, recorder: Recorder) -> Any:
    cache = kind.open_cache(fetcher, clock=clock, on_event=[recorder])
    cache._leases.workers.start_thread = run_inline
    cache._leases.workers.idle_seconds = 0
    cache._state.random_fraction = lambda: 0.0
    return cache


def get(engine: Any, request: Any) -> Lease:
    lease: Lease = wait_blocking(engine._leases.steps(request, None, None))
    return lease


def test_a_hit_returns_the_lease_at_hand(engine: Any, kind: Kind, fetcher: Fetcher) -> None:
    lease = get(engine, kind.requests[0])

    assert get(engine, kind.requests[0]) is lease
    assert asyncio.run(wait_async(engine._leases.steps(kind.requests[0], None, None))) is lease
    assert fetcher.issued == 1


def test_each_request_has_a_lease_of_its_own(engine: Any, kind: Kind) -> None:
    assert len({get(engine, request) for request in kind.requests}) == len(kind.requests)


def test_a_due_lease_is_returned_and_refreshed(
    engine: Any, kind: Kind, clock: ManualClock, fetcher: Fetcher
) -> None:
    lease = get(engine, kind.requests[0])
    clock.advance(LIFETIME * 0.7)

    assert get(engine, kind.requests[0]) == lease
    assert fetcher.issued == 2
    assert get(engine, kind.requests[0]) != lease


def test_a_lease_in_its_grace_period_is_returned_if_the_refresh_fails(
    engine: Any, kind: Kind, clock: ManualClock, fetcher: Fetcher, recorder: Recorder
) -> None:
    lease = get(engine, kind.requests[0])
    fetcher.error = InternalServiceError("broken")
    clock.advance(LIFETIME * 0.95)

    assert get(engine, kind.requests[0]) == lease
    assert recorder.of(ServedInGrace)[0].fingerprint == lease.fingerprint


def test_an_expired_lease_is_never_returned(
    engine: Any, kind: Kind, clock: ManualClock, fetcher: Fetcher
) -> None:
    get(engine, kind.requests[0])
    fetcher.error = TokenUnavailableError("No network.")
    clock.advance(LIFETIME)

    with pytest.raises(TokenUnavailableError):
        get(engine, kind.requests[0])


def test_only_the_rejected_lease_is_invalidated(engine: Any, kind: Kind, fetcher: Fetcher) -> None:
    first, other = get(engine, kind.requests[0]), get(engine, kind.requests[1])

    engine.invalidate(first)
    engine.invalidate(first)

    assert get(engine, kind.requests[0]) != first
    assert get(engine, kind.requests[1]) is other
    assert engine.stats().invalidations_applied == 1
    assert engine.stats().invalidations_ignored == 1


def test_a_user_and_an_identity_are_forgotten(engine: Any, kind: Kind) -> None:
    ann, bob = get(engine, kind.requests[0]), get(engine, kind.requests[1])

    engine.forget("ann")
    engine.forget_identity(bob.identity_id)

    assert engine.stats().entries == 0
    assert get(engine, kind.requests[0]) != ann


def test_anything_but_a_lease_of_its_kind_is_refused(
    engine: Any, kind: Kind, fetcher: Fetcher
) -> None:
    fetcher.answer = "a text"

    with pytest.raises(InvalidTokenResponseError, match=r"must return \w+, not str\."):
        get(engine, kind.requests[0])


def test_no_event_and_no_repr_shows_the_secret(engine: Any, kind: Kind, recorder: Recorder) -> None:
    lease = get(engine, kind.requests[0])

    assert recorder.of(FetchSucceeded)[0].fingerprint == lease.fingerprint
    assert lease._secret not in f"{recorder.events!r} {lease!r} {lease}"
