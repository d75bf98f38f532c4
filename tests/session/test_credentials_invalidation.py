"""Invalidating and forgetting tokens and credentials of a session."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from caching import POOL_ID, PROVIDER, Recorder, wait_until
from calling import ROLE
from cognito_devtoken import TokenSession
from cognito_devtoken.events import Forgotten
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from patience import PATIENCE


USER = "user-42"


def test_invalidating_credentials_leaves_the_token(session: Any, fetcher: FakeFetcher) -> None:
    credentials = session.get_credentials(USER)

    session.invalidate(credentials)
    session.invalidate(credentials)

    assert session.get_credentials(USER) != credentials
    assert (len(fetcher.calls), len(fetcher.exchanges)) == (1, 2)
    stats = session.stats().credentials
    assert (stats.invalidations_applied, stats.invalidations_ignored) == (1, 1)
    assert session.stats().invalidations_applied == 0


def test_invalidating_a_token_leaves_the_credentials(session: Any) -> None:
    credentials = session.get_credentials(USER)

    session.invalidate(session.get_token(USER))

    assert session.get_credentials(USER) is credentials


@pytest.mark.parametrize(
    "forget",
    [
        lambda session, _: session.forget(USER),
        lambda session, each: session.forget_identity(each.identity_id),
        lambda session, _: session.clear(),
    ],
)
def test_forgetting_a_user_forgets_tokens_and_credentials(
    forget: Callable[[Any, Any], None], session: Any, fetcher: FakeFetcher, recorder: Recorder
) -> None:
    credentials = session.get_credentials(USER)
    for_role = session.get_credentials(USER, role=ROLE)

    forget(session, credentials)

    assert session.stats().entries == session.stats().credentials.entries == 0
    assert [event.lease for event in recorder.of(Forgotten)] == ["token", "credentials"]
    assert session.get_credentials(USER) != credentials
    assert session.get_credentials(USER, role=ROLE) != for_role
    assert len(fetcher.calls) == 2


@pytest.mark.parametrize(
    "forget",
    [
        lambda session: session.forget(USER),
        lambda session: session.forget_identity(POOL_ID),
        lambda session: session.clear(),
    ],
)
def test_forgetting_works_before_there_are_credentials(
    forget: Callable[[Any], None], session: Any
) -> None:
    session.get_token(USER)

    forget(session)

    assert session.stats().credentials is None


def test_credentials_that_are_exchanged_while_their_user_is_forgotten_are_not_kept(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    with TokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher, clock=clock) as session:
        session.get_token(USER)
        with fetcher.held(), ThreadPoolExecutor(1) as pool:
            first = pool.submit(session.get_credentials, USER)
            wait_until(lambda: bool(fetcher.exchanges))
            session.forget(USER)
            fetcher._open.set()
            credentials = first.result(PATIENCE)

        assert session.get_credentials(USER) != credentials
        assert fetcher.exchanges[0][0] != fetcher.exchanges[1][0]


@pytest.mark.parametrize(
    "forget",
    [
        lambda session, _: session.forget(USER),
        lambda session, each: session.forget_identity(each.identity_id),
        lambda session, _: session.clear(),
    ],
)
def test_what_another_host_forgets_is_forgotten_here(
    forget: Callable[[Any, Any], None],
    fetcher: FakeFetcher,
    clock: ManualClock,
    store: MemoryStore,
) -> None:
    arguments: Any = {"client": fetcher, "clock": clock, "store": store}
    with (
        TokenSession(POOL_ID, developer_provider=PROVIDER, **arguments) as here,
        TokenSession(POOL_ID, developer_provider=PROVIDER, **arguments) as there,
    ):
        credentials = here.get_credentials(USER)
        assert there.get_token(USER).identity_id == credentials.identity_id

        forget(there, credentials)
        wait_until(lambda: here.stats().credentials.entries == 0)  # type: ignore[union-attr]
