"""Credentials from a session when AWS refuses a token or a role, does not answer, or is down."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from caching import POOL_ID, PROVIDER, Recorder, run_inline, wait_until
from cognito_devtoken import RefreshPolicy, TokenSession
from cognito_devtoken.credentials import AwsCredentials
from cognito_devtoken.events import FetchFailed
from cognito_devtoken.exceptions import (
    InternalServiceError,
    NotAuthorizedError,
    RoleDeniedError,
    StaleTokenError,
    TokenUnavailableError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock
from patience import PATIENCE


USER = "user-42"


class StaleOnce(FakeFetcher):
    """Refuses the first tokens that it is to exchange."""

    def __init__(self, clock: ManualClock, times: int = 1) -> None:
        super().__init__(clock)
        self.times = times

    def fetch_credentials(self, token: Any, role: Any = None) -> AwsCredentials:
        made = super().fetch_credentials(token, role)
        if self.times:
            self.times -= 1
            raise StaleTokenError("Invalid login token. Token expired: 2 >= 1")
        return made


def test_a_stale_token_is_replaced_once(open_session: Any, clock: ManualClock) -> None:
    fetcher = StaleOnce(clock)
    session = open_session(client=fetcher)

    credentials = session.get_credentials(USER)

    first, second = (token for token, _ in fetcher.exchanges)
    assert first != second
    assert len(fetcher.calls) == 2
    assert session.get_credentials(USER) is credentials
    stats = session.stats()
    assert stats.invalidations_applied == 1
    assert stats.credentials.fetches_started == stats.credentials.fetches_succeeded == 1
    session.close()


def test_a_second_stale_token_is_an_error(open_session: Any, clock: ManualClock) -> None:
    fetcher = StaleOnce(clock, times=2)
    session = open_session(client=fetcher)

    with pytest.raises(StaleTokenError):
        session.get_credentials(USER)

    assert (len(fetcher.calls), len(fetcher.exchanges)) == (2, 2)
    clock.advance(1)
    assert session.get_credentials(USER)
    session.close()


def test_a_token_that_is_invalidated_in_the_middle_of_an_exchange_costs_one_retry(
    open_session: Any, clock: ManualClock
) -> None:
    class Invalidated(FakeFetcher):
        def fetch_credentials(self, token: Any, role: Any = None) -> AwsCredentials:
            made = super().fetch_credentials(token, role)
            if len(self.exchanges) == 1:
                session.session._cache.invalidate(token)
                raise StaleTokenError("Invalid login token.")
            return made

    fetcher = Invalidated(clock)
    session = open_session(client=fetcher)

    session.get_credentials(USER)

    assert (len(fetcher.calls), len(fetcher.exchanges)) == (2, 2)
    session.close()


@pytest.mark.parametrize(
    ("policy_grace", "duration", "age", "calls"),
    [(0, 900, 839, 1), (0, 900, 841, 2), (0, 60, 29, 1), (0, 60, 31, 2), (90, 900, 811, 2)],
)
def test_a_token_that_expires_soon_is_not_exchanged(
    policy_grace: int,
    duration: int,
    age: float,
    calls: int,
    open_session: Any,
    fetcher: FakeFetcher,
    clock: ManualClock,
) -> None:
    policy = RefreshPolicy(grace=policy_grace, refresh_ahead=policy_grace or 1)
    session = open_session(policy=policy, token_duration=duration)
    session.get_token(USER)
    clock.advance(age)

    session.get_credentials(USER)

    assert len(fetcher.calls) == calls
    assert fetcher.exchanges[0][0] == session.get_token(USER)
    session.close()


def test_a_token_shorter_than_requested_is_exchanged(open_session: Any, clock: ManualClock) -> None:
    session = open_session(client=FakeFetcher(clock, lifetime=30))

    assert session.get_credentials(USER).access_key_id
    session.close()


@pytest.mark.parametrize("broken", ["error", "exchange_error"])
def test_an_outage_of_240_seconds_of_either_service_fails_no_call(
    broken: str, open_session: Any, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    session = open_session()
    inner = session.session
    for leases in (inner._cache._leases, inner._cache_for_credentials().leases):
        leases.workers.start_thread = run_inline
        leases.workers.idle_seconds = 0
    due = session.get_credentials(USER)._due
    clock.advance(due - 1)
    setattr(fetcher, broken, InternalServiceError("down"))

    for _ in range(240):
        clock.advance(1)
        session.get_credentials(USER)
    assert recorder.of(FetchFailed)
    setattr(fetcher, broken, None)
    for _ in range(60):  # as long as the longest back-off
        clock.advance(1)
        session.get_credentials(USER)

    assert session.stats().credentials.fetches_succeeded == 2
    assert session.stats().credentials.errors == 0
    session.close()


def test_what_cognito_refuses_a_user_is_refused_for_credentials_too(
    session: Any, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    session.get_credentials(USER)
    clock.advance(2500)
    fetcher.error = NotAuthorizedError("Logins don't match.")

    session.get_credentials(USER)
    wait_until(lambda: session.stats().credentials.in_flight == 0)
    assert [event.lease for event in recorder.of(FetchFailed)] == ["token"]

    with pytest.raises(NotAuthorizedError):
        session.get_credentials(USER)


def test_a_denied_role_leaves_credentials_in_use(
    session: Any, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    credentials = session.get_credentials(USER)
    fetcher.exchange_error = RoleDeniedError("AccessDenied: no")
    clock.advance(2500)

    session.get_credentials(USER)
    recorder.wait_for(FetchFailed)

    assert session.get_credentials(USER) == credentials
    health = session.health()
    assert (health.ok, health.last_error) == (False, "RoleDeniedError")
    with pytest.raises(RoleDeniedError):
        session.get_credentials("another")


def test_health_is_that_of_the_tokens_first(
    session: Any, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    session.get_credentials(USER)
    assert session.health().ok
    fetcher.error = InternalServiceError("down")

    with pytest.raises(InternalServiceError):
        session.get_credentials("another")

    assert session.health().last_error == "InternalServiceError"


def test_min_remaining_and_timeout_are_those_of_the_credentials(
    session: Any, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    session.get_credentials(USER)
    clock.advance(100)

    assert session.get_credentials(USER, min_remaining=3550).expires_in() == timedelta(hours=1)
    assert len(fetcher.exchanges) == 2


def test_a_caller_may_give_up(session: Any, fetcher: FakeFetcher) -> None:
    with (
        fetcher.held(),
        pytest.raises(TokenUnavailableError, match="No credentials arrived in time"),
    ):
        session.get_credentials(USER, timeout=0)

    assert session.get_credentials(USER)


def test_a_wait_for_a_token_does_not_exceed_the_deadline_of_the_exchange(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    session: Any
    with TokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher, clock=clock) as session:

        def get() -> None:
            with pytest.raises(TokenUnavailableError):
                session.get_credentials(USER)

        caller = threading.Thread(target=get)
        with fetcher.held():
            caller.start()
            wait_until(lambda: bool(fetcher.calls))
            clock.advance(15)
            # Its worker gives up, although the call of the other worker never returns.
            flights = session._credentials_cache.leases.state.flights
            wait_until(lambda: not flights.in_the_air())
        caller.join(PATIENCE)
        assert not caller.is_alive()
        assert not fetcher.exchanges
