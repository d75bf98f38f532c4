"""How a thread and a task wait."""

import asyncio

import pytest

from caching import PROVIDER, request_for
from cognito_devtoken import OpenIdToken, TokenRequest
from cognito_devtoken._cache.flights import Flight, Steps
from cognito_devtoken._cache.waiting import wait_async, wait_blocking
from cognito_devtoken._values.key import Key
from cognito_devtoken.events import Reason
from cognito_devtoken.testing import make_token
from cognito_devtoken.typing import Instant


TOKEN = make_token()


def landing(flight: Flight[TokenRequest, OpenIdToken]) -> Steps[TokenRequest, OpenIdToken]:
    """Steps whose flight lands between the look at it and the wait for it."""
    flight.done = True
    yield flight, 60.0
    return TOKEN


@pytest.fixture
def flight() -> Flight[TokenRequest, OpenIdToken]:
    return Flight(Key.of(request_for(), PROVIDER), request_for(), Reason.MISS, Instant(0, 0))


def in_a_loop(steps: Steps[TokenRequest, OpenIdToken]) -> OpenIdToken:
    return asyncio.run(wait_async(steps))


@pytest.mark.parametrize("door", [wait_blocking, in_a_loop])
def test_a_flight_that_has_just_landed_is_not_waited_for(
    door: object, flight: Flight[TokenRequest, OpenIdToken]
) -> None:
    assert callable(door)

    assert door(landing(flight)) is TOKEN
    assert not flight.waiters
