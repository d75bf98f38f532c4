"""A session in svcs registries."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest


pytest.importorskip("svcs", reason="svcs is not installed")

import svcs

from caching import POOL_ID, PROVIDER
from cognito_devtoken import AsyncTokenSession, TokenSession
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    ConfigurationError,
    SessionClosedError,
    TokenUnavailableError,
)
from cognito_devtoken.svcs import register
from cognito_devtoken.testing import FakeFetcher, ManualClock


@pytest.fixture
def factory_of(fetcher: FakeFetcher, clock: ManualClock) -> Callable[..., Any]:
    """Returns a factory of sessions of one kind."""
    return lambda kind: (
        lambda: kind(POOL_ID, developer_provider=PROVIDER, client=fetcher, clock=clock)
    )


def test_threads_get_the_session_until_the_registry_is_closed(
    factory_of: Any, fetcher: FakeFetcher
) -> None:
    with svcs.Registry() as registry:
        register(registry, factory_of(TokenSession))
        tokens = set()
        for _ in range(2):
            with svcs.Container(registry) as services:
                session = services.get(TokenSession)
                tokens.add(session.get_token("ana"))

    assert len(tokens) == len(fetcher.calls) == 1
    with pytest.raises(SessionClosedError):
        session.get_token("ana")


def test_tasks_get_the_session_until_the_registry_is_closed(
    factory_of: Any, fetcher: FakeFetcher
) -> None:
    async def run() -> None:
        async with svcs.Registry() as registry:
            register(registry, factory_of(AsyncTokenSession))
            tokens = set()
            for _ in range(2):
                async with svcs.Container(registry) as services:
                    session = await services.aget(AsyncTokenSession)
                    tokens.add(await session.get_token("ana"))

        assert len(tokens) == len(fetcher.calls) == 1
        with pytest.raises(SessionClosedError):
            await session.get_token("ana")

    asyncio.run(run())


def test_a_registry_with_an_async_session_may_be_closed_synchronously(factory_of: Any) -> None:
    session = factory_of(AsyncTokenSession)()
    with svcs.Registry() as registry:
        register(registry, lambda: session)

    with pytest.raises(SessionClosedError):
        session._check_open()


def test_a_subclass_of_a_session_is_found_under_the_sessions_class(factory_of: Any) -> None:
    class Mine(TokenSession):
        pass

    with svcs.Registry() as registry, svcs.Container(registry) as services:
        register(registry, factory_of(Mine))

        assert isinstance(services.get(TokenSession), Mine)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGNITO_DEVTOKEN_IDENTITY_POOL_ID", POOL_ID)
    monkeypatch.setenv("COGNITO_DEVTOKEN_DEVELOPER_PROVIDER", PROVIDER)

    with svcs.Registry() as registry:
        register(registry)
        assert AsyncTokenSession in registry

        monkeypatch.setenv("COGNITO_DEVTOKEN_MAX_ENTRIES", "many")
        with pytest.raises(ConfigurationError, match="COGNITO_DEVTOKEN_MAX_ENTRIES must be"):
            register(registry)


def test_an_invalid_session_factory_is_refused() -> None:
    async def open_later() -> None:
        pass

    with svcs.Registry() as registry:
        with pytest.raises(TypeError, match="AsyncTokenSession or TokenSession, and must not"):
            register(registry, open_later)  # type: ignore[arg-type]


def test_two_registries_share_no_session(factory_of: Any) -> None:
    with svcs.Registry() as one, svcs.Registry() as other:
        register(one, factory_of(TokenSession))
        register(other, factory_of(TokenSession))

        assert svcs.Container(one).get(TokenSession) is not svcs.Container(other).get(TokenSession)


def test_a_test_overrides_the_session_in_one_line(factory_of: Any) -> None:
    with svcs.Registry() as registry, factory_of(TokenSession)() as session:
        register(registry, factory_of(TokenSession))
        registry.register_value(TokenSession, session)

        assert svcs.Container(registry).get(TokenSession) is session


def test_a_registry_without_a_session_names_the_missing_class() -> None:
    with svcs.Registry() as registry, svcs.Container(registry) as services:
        with pytest.raises(svcs.exceptions.ServiceNotFoundError, match="AsyncTokenSession"):
            services.get(AsyncTokenSession)


def test_a_ping_raises_while_calls_fail_but_makes_no_call(
    factory_of: Any, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    with svcs.Registry() as registry, svcs.Container(registry) as services:
        register(registry, factory_of(TokenSession))
        [ping] = services.get_pings()
        session = services.get(TokenSession)
        ping.ping()
        assert not fetcher.calls, "without any calls, the session is healthy"

        fetcher.error = CallerDeniedError("arn:aws:iam::123456789012:user/shop")
        with pytest.raises(CallerDeniedError):
            session.get_token("ana")
        with pytest.raises(TokenUnavailableError) as caught:
            ping.ping()
        assert str(caught.value) == (
            "Calls to Cognito have failed since 2023-11-14T22:13:20+00:00, "
            "the last with CallerDeniedError."
        )
        assert caught.value.retry_at == session.health().retry_at
        assert len(fetcher.calls) == 1

        fetcher.error = None
        clock.advance(3600)
        session.get_token("ana")
        ping.ping()


def test_the_ping_of_an_async_session_is_awaitable(factory_of: Any, fetcher: FakeFetcher) -> None:
    async def run() -> None:
        async with svcs.Registry() as registry, svcs.Container(registry) as services:
            register(registry, factory_of(AsyncTokenSession))
            [ping] = services.get_pings()
            assert ping.is_async
            await ping.aping()

            fetcher.error = CallerDeniedError("no")
            session = await services.aget(AsyncTokenSession)
            with pytest.raises(CallerDeniedError):
                await session.get_token("ana")
            with pytest.raises(TokenUnavailableError):
                await ping.aping()

    asyncio.run(run())


def test_no_repr_and_no_log_shows_a_secret(
    factory_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with svcs.Registry() as registry, svcs.Container(registry) as services:
        register(registry, factory_of(TokenSession))
        recipe = registry.get_registered_service_for(TokenSession)
        token = services.get(TokenSession).get_token("user-canary")

        shown = repr([registry, recipe, services, *services.get_pings()])

    assert "TokenSession" in caplog.text
    for secret in (token.token, token.identity_id, "user-canary"):
        assert secret not in shown
        assert secret not in caplog.text
