"""Invalidating and forgetting tokens and credentials of a session."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from caching import POOL_ID, PROVIDER, ManualThreads, Recorder, run_inline, wait_until
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


@pytest.fixture
def due(fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads) -> Iterator[TokenSession]:
    """A session that is refreshing due credentials. The token for them is queued in *threads*."""
    with TokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher, clock=clock) as session:
        workers = session._cache._leases.workers
        workers.start_thread, workers.idle_seconds = run_inline, 0
        session.get_credentials(USER)
        workers.start_thread = threads.start
        clock.advance(2400)
        session.get_credentials(USER)
        wait_until(lambda: bool(threads.jobs))
        yield session


@pytest.mark.parametrize("erase", [TokenSession.forget, TokenSession.erase])
def test_a_refresh_of_credentials_does_not_request_a_token_of_a_user_who_was_forgotten(
    erase: Callable[[TokenSession, str], object],
    due: TokenSession,
    fetcher: FakeFetcher,
    threads: ManualThreads,
) -> None:
    erase(due, USER)
    threads.run_all()
    wait_until(lambda: due.stats().credentials.in_flight == 0)  # type: ignore[union-attr]

    assert len(fetcher.calls) == len(fetcher.exchanges) == 1
    stats = due.stats()
    assert stats.credentials
    assert stats.entries == stats.in_flight == stats.credentials.entries == 0
    assert (stats.credentials.fetches_started, stats.credentials.fetches_failed) == (1, 0)
    # It is no failure that the next caller would hear of.
    workers = due._cache._leases.workers
    workers.start_thread = run_inline
    due.get_credentials(USER)


def test_a_refresh_of_credentials_that_a_caller_waits_for_requests_a_token_nevertheless(
    due: TokenSession, fetcher: FakeFetcher, threads: ManualThreads
) -> None:
    (flight,) = due._of_credentials["cache"].leases.state.flights.by_key.values()
    with ThreadPoolExecutor(1) as pool:
        caller = pool.submit(due.get_credentials, USER, min_remaining=3000)
        wait_until(lambda: bool(flight.waiters))
        threads.jobs.clear()

        due.forget(USER)
        wait_until(lambda: bool(threads.jobs))
        threads.run_all()

        caller.result(PATIENCE)
    assert len(fetcher.calls) == len(fetcher.exchanges) == 2


def test_a_refresh_of_credentials_that_has_not_asked_for_its_token_does_not_ask_for_it(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    with TokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher, clock=clock) as session:
        leases = session._cache_for_credentials().leases
        leases.workers.start_thread, leases.workers.idle_seconds = run_inline, 0
        session.get_credentials(USER)
        clock.advance(2400)
        source: Any = leases.source
        begin = source._start

        def erase_and_begin(flight: Any) -> Any:
            session.erase(USER)
            return begin(flight)

        source._start = erase_and_begin
        session.get_credentials(USER)

        assert session.find_identity(USER) is None
    assert len(fetcher.calls) == 1


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
