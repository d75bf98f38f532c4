"""check() proves pool, developer provider and AWS credentials with one call."""

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest

from blocking_session import BlockingSession
from caching import POOL_ID, PROVIDER, wait_until
from cognito_devtoken import AsyncTokenSession, DevTokenClient, TokenRequest, TokenSession
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    ConfigurationError,
    DeveloperProviderError,
    DevTokenError,
    NotAuthorizedError,
    ResourceNotFoundError,
    SessionClosedError,
    TokenUnavailableError,
)
from cognito_devtoken.testing import FakeFetcher
from patience import PATIENCE
from pools import POOL


PROBE = TokenRequest(
    POOL_ID,
    {PROVIDER: "cognito-devtoken-check"},
    "us-east-1:00000000-0000-0000-0000-000000000000",
)


@pytest.mark.parametrize(
    "answer",
    [
        None,  # an emulator that returns a token
        ResourceNotFoundError(f"Identity '{PROBE.identity_id}' not found."),
        NotAuthorizedError(f"NotAuthorizedException: Access to Identity '{PROBE.identity_id}' is"),
        NotAuthorizedError("NotAuthorizedException: Logins don't match. Please include"),
    ],
)
def test_an_answer_about_the_identity_proves_that_the_setup_works(
    session: BlockingSession, fetcher: FakeFetcher, answer: DevTokenError | None
) -> None:
    fetcher.fail_next(TokenUnavailableError("no network"))
    with pytest.raises(TokenUnavailableError):
        session.get_token("ana")
    fetcher.error = answer

    session.check()

    assert fetcher.calls[-1] == PROBE
    assert session.health().ok
    assert session.stats().entries == 0


@pytest.mark.parametrize(
    "error",
    [
        ResourceNotFoundError(f"ResourceNotFoundException: IdentityPool '{POOL_ID}' not found."),
        DeveloperProviderError("NotAuthorizedException: This identity pool does not support"),
        CallerDeniedError("UnrecognizedClientException: invalid"),
        TokenUnavailableError("no network"),
    ],
)
def test_any_other_error_is_raised_and_makes_health_fail(
    session: BlockingSession, fetcher: FakeFetcher, error: DevTokenError
) -> None:
    fetcher.error = error

    for _ in range(2):  # there is no back-off
        with pytest.raises(type(error)):
            session.check()

    assert len(fetcher.calls) == 2
    assert session.health().last_error == type(error).__name__
    assert session.health().hint


def test_a_session_without_a_provider_or_a_closed_one_cannot_be_checked(
    open_session: Callable[..., BlockingSession],
) -> None:
    with pytest.raises(ConfigurationError, match="no developer_provider"):
        open_session(developer_provider=None).check()
    closed = open_session()
    closed.close()
    with pytest.raises(SessionClosedError):
        closed.check()


@pytest.mark.parametrize("closes", [False, True])
def test_a_check_that_hangs_can_be_cancelled(closes: bool) -> None:
    began, goes_on, ended = (threading.Event() for _ in range(3))

    class Hanging(FakeFetcher):
        def fetch(self, request: Any) -> Any:
            began.set()
            goes_on.wait(PATIENCE)
            ended.set()
            return super().fetch(request)

    async def cancel() -> None:
        session = AsyncTokenSession(POOL_ID, developer_provider=PROVIDER, client=Hanging())
        checking = asyncio.ensure_future(session.check())
        await asyncio.to_thread(began.wait, PATIENCE)
        checking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await checking
        if not closes:
            goes_on.set()
            await asyncio.to_thread(wait_until, lambda: session.health().last_success is not None)

    asyncio.run(cancel())
    goes_on.set()  # after the loop has closed
    assert ended.wait(PATIENCE)
    gc.collect()


def test_the_emulator_tells_each_mistake_apart_and_creates_nothing(emulator: Emulator) -> None:
    pool, provider = POOL.identity_pool_id, POOL.developer_provider

    def check(pool: str, provider: str) -> None:
        with DevTokenClient(endpoint_url=emulator.endpoint_url) as client:
            with TokenSession(pool, developer_provider=provider, client=client) as session:
                session.check()

    check(pool, provider)
    assert emulator._front.service.world.directory.identities == {}
    with pytest.raises(DeveloperProviderError):
        check(pool, "login.typo")
    with pytest.raises(ResourceNotFoundError, match="IdentityPool"):
        check("eu-central-1:0", provider)
