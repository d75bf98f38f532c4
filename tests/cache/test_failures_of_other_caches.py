"""
Failures known from other token and credential caches, which must not happen here.

Each docstring names where the failure was seen.
"""

import asyncio
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from caching import POOL_ID, PROVIDER, Recorder, make_cache, request_for, wait_until
from cognito_devtoken import AsyncTokenSession, OpenIdToken, TokenCache, TokenRequest
from cognito_devtoken.events import FetchSucceeded
from cognito_devtoken.exceptions import (
    InternalServiceError,
    ResourceNotFoundError,
    TokenUnavailableError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock


DOWN = TokenUnavailableError("Cognito cannot be reached.")


@pytest.fixture
def threaded_cache(
    fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> Iterator[TokenCache]:
    cache = TokenCache(fetcher, developer_provider=PROVIDER, clock=clock, on_event=[recorder])
    yield cache
    cache.close()


def get_concurrently(cache: TokenCache, fetcher: FakeFetcher, callers: int) -> list[Any]:
    def call() -> Any:
        try:
            return cache.get(request_for())
        except Exception as error:  # noqa: BLE001  # the outcome
            return error

    with ThreadPoolExecutor(callers) as pool:
        with fetcher.held():
            futures = [pool.submit(call) for _ in range(callers)]
            wait_until(lambda: cache.stats().joined == callers - 1)
        return [future.result() for future in futures]


def test_fifty_threads_on_a_cold_cache_cause_one_fetch(
    threaded_cache: TokenCache, fetcher: FakeFetcher
) -> None:
    """google-auth 2.62, azure-core 1.41; googleapis/google-auth-library-python#1780."""
    tokens = get_concurrently(threaded_cache, fetcher, 50)

    assert len(set(tokens)) == 1
    assert len(fetcher.calls) == 1


def test_concurrent_callers_share_a_failed_fetch(
    threaded_cache: TokenCache, fetcher: FakeFetcher
) -> None:
    """Cachetools 8 (``condition=``), botocore; aws/aws-sdk-java-v2#5690."""
    fetcher.error = ResourceNotFoundError("gone")

    errors = get_concurrently(threaded_cache, fetcher, 40)

    assert {type(error) for error in errors} == {ResourceNotFoundError}
    assert len(fetcher.calls) == 1


@pytest.mark.parametrize("left", [540, 300, 180, 90, 1])
def test_a_refresh_that_fails_with_minutes_left_does_not_raise(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock, left: float
) -> None:
    """Botocore (9 min left), smithy-typescript (5 min), google-auth (3 min)."""
    token = cache.get(request_for())
    clock.advance(900 - left)
    fetcher.error = DOWN

    assert cache.get(request_for()) == token


def test_an_expired_token_is_not_served_during_a_back_off(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    """Botocore's SSO token within its 60 s throttle; AWS's credential refresh rules of 2026."""
    cache.get(request_for())
    fetcher.error = DOWN
    clock.advance(880)
    for _ in range(20):
        cache.get(request_for())
        clock.advance(1)

    for _ in range(60):
        with pytest.raises(TokenUnavailableError):
            cache.get(request_for())
        clock.advance(1)


def run_with_session(
    fetcher: FakeFetcher, main: Callable[[AsyncTokenSession], Any], **arguments: Any
) -> Any:
    async def run() -> Any:
        session = AsyncTokenSession(
            POOL_ID, developer_provider=PROVIDER, client=fetcher, **arguments
        )
        async with session:
            return await main(session)

    return asyncio.run(run())


def test_a_cancelled_caller_does_not_cancel_the_others(fetcher: FakeFetcher) -> None:
    """cashews, theine; aio-libs/async-lru#10."""

    async def main(session: AsyncTokenSession) -> list[Any]:
        with fetcher.held():
            tasks = [asyncio.ensure_future(session.get_token("user-42")) for _ in range(3)]
            await asyncio.sleep(0)
            tasks[0].cancel()  # the one that started the fetch
            await asyncio.sleep(0)
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = run_with_session(fetcher, main)

    assert isinstance(first, asyncio.CancelledError)
    assert [type(token) for token in others] == [OpenIdToken, OpenIdToken]
    assert len(fetcher.calls) == 1


def test_an_exception_of_the_fetcher_does_not_block_its_key(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    """Theine."""
    for error in (RuntimeError("a bug"), SystemExit(), InternalServiceError("broken")):
        fetcher.fail_next(error)  # type: ignore[arg-type]
        with pytest.raises((TokenUnavailableError, InternalServiceError)):
            cache.get(request_for())
        clock.advance(5)

    assert cache.get(request_for()).token


def test_a_fetch_succeeds_although_each_caller_timed_out(
    threaded_cache: TokenCache, fetcher: FakeFetcher, recorder: Recorder
) -> None:
    """aiobotocore; smithy-lang/smithy-rs#2086."""
    with fetcher.held():
        for _ in range(10):
            with pytest.raises(TokenUnavailableError, match="No token arrived in time"):
                threaded_cache.get(request_for(), timeout=0)
    recorder.wait_for(FetchSucceeded)

    assert threaded_cache.get(request_for(), timeout=0).token
    assert len(fetcher.calls) == 1


def test_two_event_loops_can_wait_for_the_same_token(fetcher: FakeFetcher) -> None:
    """azure-core, aiobotocore: "bound to a different event loop", only when contended."""
    session = AsyncTokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher)
    cache = session._cache

    async def crowd() -> list[Any]:
        return await asyncio.gather(*(session.get_token("user-42") for _ in range(10)))

    with ThreadPoolExecutor(2) as pool:
        with fetcher.held():
            loops = [pool.submit(asyncio.run, crowd()) for _ in range(2)]
            wait_until(lambda: cache.stats().joined == 19)
        tokens = {token for loop in loops for token in loop.result()}
    asyncio.run(session.aclose())

    assert len(tokens) == 1
    assert len(fetcher.calls) == 1


def test_a_refresh_does_not_stall_the_event_loop(fetcher: FakeFetcher, clock: ManualClock) -> None:
    """BerriAI/litellm#40165; opensearch-project/opensearch-py#410."""

    async def main(session: AsyncTokenSession) -> None:
        token = await session.get_token("user-42")
        clock.advance(700)
        with fetcher.held():
            assert await session.get_token("user-42") is token
            waiting = asyncio.ensure_future(session.get_token("another"))
            for _ in range(100):  # would hang if the fetch blocked the loop
                await asyncio.sleep(0)
            assert not waiting.done()
        await waiting

    run_with_session(fetcher, main, clock=clock)


def test_a_token_expires_by_the_wall_clock_if_the_monotonic_clock_stops(
    cache: TokenCache, clock: ManualClock
) -> None:
    """hashicorp/vault-lambda-extension#113."""
    token = cache.get(request_for())
    clock.freeze(3600)

    assert cache.get(request_for()) != token


# "A thread pool used before fork hangs in the child; identical jitter in every worker"
# (getsentry/sentry-python#6159) and "a non-daemon refresh thread delays exit" (google-auth)
# need separate processes: tests/session/test_processes.py.


def test_worker_threads_are_daemons(threaded_cache: TokenCache, fetcher: FakeFetcher) -> None:
    """google-auth: a refresh thread that is not a daemon delays the interpreter's exit."""
    before = set(threading.enumerate())
    with fetcher.held():
        with pytest.raises(TokenUnavailableError):
            threaded_cache.get(request_for(), timeout=0)
        (thread,) = set(threading.enumerate()) - before
        assert thread.daemon


def test_a_background_refresh_does_not_overwrite_a_newer_token(clock: ManualClock) -> None:
    """BerriAI/litellm#26569."""

    class Overtaken(FakeFetcher):
        def fetch(self, request: TokenRequest) -> OpenIdToken:
            token = super().fetch(request)
            if len(self.calls) == 2:  # during this call, its flight is abandoned
                clock.advance(20)
                cache.get(request_for())
                clock.advance(5)
                newer.append(cache.refresh(request_for()))
            return token

    newer: list[OpenIdToken] = []
    cache = make_cache(Overtaken(clock), clock)
    cache.get(request_for())
    clock.advance(600)
    cache.get(request_for())

    assert cache.get(request_for()) is newer[0]


def test_a_forced_refresh_does_not_return_the_rejected_token(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    """geppetto#390."""
    rejected = cache.get(request_for())
    clock.advance(1)
    cache.invalidate(rejected)

    assert cache.refresh(request_for()) != rejected
    assert cache.get(request_for()) != rejected


def test_requests_that_differ_in_any_field_do_not_share_a_flight(
    threaded_cache: TokenCache, fetcher: FakeFetcher
) -> None:
    """Michad/tilegroxy#942; AzureAD/microsoft-authentication-library-for-dotnet#4359."""
    requests = [
        request_for("user-1"),
        request_for("user-2"),
        request_for("user-1", principal_tags={"tenant": "a"}),
        request_for("user-1", principal_tags={"tenant": "b"}),
        request_for("user-1", logins={"accounts.google.com": "eyJ1"}),
        request_for("user-1", logins={"accounts.google.com": "eyJ2"}),
        request_for("user-1", token_duration=60),
        request_for("user-1", identity_id=POOL_ID),
    ]
    with ThreadPoolExecutor(len(requests)) as pool:
        with fetcher.held():
            futures = [pool.submit(threaded_cache.get, request) for request in requests]
            wait_until(lambda: threaded_cache.stats().in_flight == len(requests))
        tokens = [future.result() for future in futures]

    assert len(set(tokens)) == len(requests)
    for request, token in zip(requests, tokens, strict=True):
        assert threaded_cache.get(request) is token


def test_a_cache_shows_no_token_in_its_repr_and_cannot_be_pickled(
    cache: TokenCache, fetcher: FakeFetcher
) -> None:
    """azure-core (repr), aiocache (log); deepset-ai/haystack#11808."""
    token = cache.get(request_for())

    shown = f"{cache!r} {vars(cache)!r} {vars(cache._leases)!r} {vars(cache._state)!r}"
    assert token.token not in shown
    assert "user-42" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(cache)


def test_the_cost_of_a_miss_does_not_grow_with_the_cache(
    fetcher: FakeFetcher, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AzureAD/microsoft-identity-web#3961: unbounded, or 33 minutes for a token."""
    cache = make_cache(fetcher, clock, max_entries=1000)
    compared = 0

    class Counting(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return super().__hash__()

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return super().__eq__(other)

    for number in range(3000):
        cache.get(request_for(Counting(f"user-{number}")))
    assert cache.stats().entries == 1000

    compared = 0
    for number in range(3000, 3100):
        cache.get(request_for(Counting(f"user-{number}")))
    assert compared < 100 * 30
