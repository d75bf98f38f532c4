"""How a thread and a task wait for a flight."""

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


def ending_early(flight: Flight[TokenRequest, OpenIdToken]) -> Steps[TokenRequest, OpenIdToken]:
    """Steps whose flight ends between the check and the wait."""
    flight.done = True
    yield flight, 60.0
    return TOKEN


@pytest.fixture
def flight() -> Flight[TokenRequest, OpenIdToken]:
    return Flight(Key.of(request_for(), PROVIDER), request_for(), Reason.MISS, Instant(0, 0))


def in_event_loop(steps: Steps[TokenRequest, OpenIdToken]) -> OpenIdToken:
    return asyncio.run(wait_async(steps))


@pytest.mark.parametrize("wait", [wait_blocking, in_event_loop])
def test_a_flight_that_has_just_ended_is_not_waited_for(
    wait: object, flight: Flight[TokenRequest, OpenIdToken]
) -> None:
    assert callable(wait)

    assert wait(ending_early(flight)) is TOKEN
    assert not flight.waiters


def test_outside_asyncio_the_error_says_that_it_is_needed(
    flight: Flight[TokenRequest, OpenIdToken],
) -> None:
    waiting = wait_async(ending_early(flight))

    with pytest.raises(RuntimeError, match="need a running event loop of asyncio"):
        waiting.send(None)  # as trio would


def test_a_task_that_is_woken_twice_at_once_goes_on_once(
    flight: Flight[TokenRequest, OpenIdToken],
) -> None:
    def steps() -> Steps[TokenRequest, OpenIdToken]:
        yield flight, 60.0
        yield flight, 60.0
        return TOKEN

    async def main() -> OpenIdToken:
        waiting = asyncio.ensure_future(wait_async(steps()))
        await asyncio.sleep(0)
        for _ in range(2):
            assert not waiting.done()
            for wake in [*flight.waiters] * 2:
                wake()
            await asyncio.sleep(0)  # both have resumed it
            await asyncio.sleep(0)  # it has gone on
        return await waiting

    assert asyncio.run(main()) is TOKEN
