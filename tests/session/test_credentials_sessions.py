"""Credentials from a session: cached, refreshed and invalidated as tokens are."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from caching import POOL_ID, PROVIDER, Recorder, wait_until
from calling import ROLE
from cognito_devtoken import DevTokenClient, TokenRequest, TokenSession
from cognito_devtoken._session import base, credentials
from cognito_devtoken.credentials import AssumeRole, AwsCredentials
from cognito_devtoken.events import FetchStarted, FetchSucceeded, HookFailed
from cognito_devtoken.exceptions import (
    ConfigurationError,
    InvalidRequestError,
    SessionClosedError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock
from cognito_devtoken.typing import TokenFetcher
from patience import PATIENCE


USER = "user-42"


def test_a_second_request_for_a_user_returns_the_cached_credentials(
    session: Any, fetcher: FakeFetcher
) -> None:
    credentials = session.get_credentials(USER)

    assert session.get_credentials(USER) is credentials
    assert credentials.identity_id == session.get_token(USER).identity_id
    assert len(fetcher.calls) == len(fetcher.exchanges) == 1
    stats = session.stats()
    assert (stats.credentials.hits, stats.credentials.misses) == (1, 1)
    assert (stats.hits, stats.misses) == (1, 1)


@pytest.mark.parametrize("role", [None, ROLE, AssumeRole(ROLE, duration=900)])
def test_credentials_for_a_role_are_cached_too(
    role: Any, session: Any, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    credentials = session.get_credentials(USER, role=role)

    assert session.get_credentials(USER, role=role) is credentials
    assert [role for _, role in fetcher.exchanges] == [role]
    assert session.stats().credentials.hits == 1
    clock.advance(credentials._due + 1)
    assert session.get_credentials(USER, role=role) is credentials
    wait_until(lambda: session.stats().credentials.fetches_succeeded == 2)
    assert session.get_credentials(USER, role=role) != credentials


def test_no_user_gets_the_credentials_of_another_user_role_or_request(session: Any) -> None:
    roles = [ROLE, ROLE + "2", AssumeRole(ROLE), AssumeRole(ROLE, policy="{}")]
    options: list[dict[str, Any]] = [
        {},
        {"logins": {"idp.example": "eyJ"}},
        {"identity_id": POOL_ID},
        {"principal_tags": {"team": "blue"}},
    ]
    for _ in range(2):
        found = [
            session.get_credentials(user_id, **role, **option)
            for user_id in ("ann", "bob")
            for role in ({}, *({"role": each} for each in roles))
            for option in options
        ]
        assert len({each.access_key_id for each in found}) == len(found) == 40


def test_all_options_reach_the_request_and_the_exchange(session: Any, fetcher: FakeFetcher) -> None:
    role = AssumeRole(ROLE, session_name="app")

    session.get_credentials(
        USER,
        role=role,
        logins={"idp.example": "eyJ"},
        identity_id=POOL_ID,
        principal_tags={"team": "blue"},
        min_remaining=30,
        timeout=timedelta(seconds=5),
    )

    assert fetcher.calls == [
        TokenRequest(POOL_ID, {PROVIDER: USER, "idp.example": "eyJ"}, POOL_ID, {"team": "blue"})
    ]
    assert [role for _, role in fetcher.exchanges] == [role]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"role": "app"}, InvalidRequestError, "role must have 20 to 2048 characters, not 3"),
        ({"role": []}, InvalidRequestError, "role must be an AssumeRole or the ARN of a role"),
        ({"token_duration": 60}, TypeError, r"get_credentials\(\) got an unexpected keyword"),
        ({"identity_id": "x"}, InvalidRequestError, "identity_id must be REGION:GUID"),
        ({"min_remaining": 3600}, ValueError, "min_remaining must be less than the life of 3600 s"),
    ],
)
def test_wrong_arguments_are_refused(
    options: dict[str, Any], error: type[Exception], message: str, session: Any
) -> None:
    with pytest.raises(error, match=message):
        session.get_credentials(USER, **options)


def test_a_session_without_a_provider_refuses_a_user_id(open_session: Any) -> None:
    session = open_session(developer_provider=None)

    with pytest.raises(ConfigurationError, match="no developer_provider"):
        session.get_credentials(USER)
    session.close()


def test_a_token_is_requested_only_when_an_exchange_is_due(
    session: Any, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    for _ in range(1000):
        session.get_credentials(USER)
        clock.advance(1.9)
    assert (len(fetcher.calls), len(fetcher.exchanges)) == (1, 1)

    clock.advance(600)
    session.get_credentials(USER)

    recorder.wait_for(FetchSucceeded, 4)
    assert (len(fetcher.calls), len(fetcher.exchanges)) == (2, 2)


def test_a_thousand_uses_of_short_credentials_are_one_exchange(
    session: Any, fetcher: FakeFetcher
) -> None:
    role = AssumeRole(ROLE, duration=900)

    assert len({session.get_credentials(USER, role=role) for _ in range(1000)}) == 1
    assert len(fetcher.exchanges) == 1


def test_200_cold_threads_cause_one_token_call_and_one_exchange(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    with (
        TokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher, clock=clock) as session,
        ThreadPoolExecutor(200) as pool,
    ):
        start = threading.Barrier(200)

        def get(_: int) -> AwsCredentials:
            start.wait(PATIENCE)
            return session.get_credentials(USER)

        with fetcher.held():
            futures = [pool.submit(get, number) for number in range(200)]
            wait_until(lambda: len(fetcher.calls) == 1)
        found = {future.result(PATIENCE).access_key_id for future in futures}

    assert len(found) == len(fetcher.calls) == len(fetcher.exchanges) == 1


def test_as_many_users_as_threads_do_not_block_each_other(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    with (
        TokenSession(
            POOL_ID,
            developer_provider=PROVIDER,
            client=fetcher,
            clock=clock,
            max_concurrent_fetches=1,
        ) as session,
        ThreadPoolExecutor(20) as pool,
    ):
        found = list(pool.map(session.get_credentials, map(str, range(20))))

    assert len({each.access_key_id for each in found}) == 20


def test_events_say_that_they_concern_credentials(
    session: Any, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    credentials = session.get_credentials(USER)

    recorder.wait_for(FetchSucceeded, 2)
    of_token, of_credentials = sorted(recorder.of(FetchSucceeded), key=lambda e: e.lease)[::-1]
    assert (of_token.lease, of_credentials.lease) == ("token", "credentials")
    assert of_credentials.fingerprint == credentials.fingerprint
    assert of_credentials.lifetime == 3600
    assert of_credentials.key != of_token.key
    assert "lease='credentials'" in repr(of_credentials)
    assert "lease" not in vars(of_token)
    assert {event.lease for event in recorder.of(FetchStarted)} == {"token", "credentials"}


def test_a_failing_hook_is_reported_for_credentials(open_session: Any, recorder: Recorder) -> None:
    def broken(event: Any) -> None:
        if event.lease == "credentials":
            raise ValueError

    session = open_session(on_event=[broken, recorder])

    session.get_credentials(USER)

    wait_until(lambda: session.stats().credentials.hook_errors >= 2)
    (failed,) = recorder.of(HookFailed)
    assert failed.lease == "credentials"
    session.close()


def test_a_closed_session_has_no_credentials(open_session: Any, fetcher: FakeFetcher) -> None:
    one, other = open_session(), open_session()
    one.get_credentials(USER)

    for session in (one, other):
        session.close()
        with pytest.raises(SessionClosedError):
            session.get_credentials(USER)
        with pytest.raises(SessionClosedError):
            session.get_credentials(USER, role=ROLE)


def test_closing_a_session_wakes_those_that_wait_for_credentials(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    session = TokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher, clock=clock)
    with ThreadPoolExecutor(1) as pool, fetcher.held():
        waiting = pool.submit(session.get_credentials, USER)
        wait_until(lambda: bool(fetcher.calls))

        session.close()

        with pytest.raises(SessionClosedError):
            waiting.result(PATIENCE)


class OnlyTokens:
    """A fetcher that exchanges nothing."""

    def __init__(self, fetcher: FakeFetcher) -> None:
        self.fetch = fetcher.fetch


def test_a_fetcher_that_exchanges_nothing_is_supplemented_by_a_client(
    fetcher: FakeFetcher, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[DevTokenClient] = []

    def exchange(client: DevTokenClient, token: Any, role: Any = None) -> AwsCredentials:
        made.append(client)
        return fetcher.fetch_credentials(token, role)

    monkeypatch.setattr(DevTokenClient, "fetch_credentials", exchange)
    client: TokenFetcher = OnlyTokens(fetcher)
    with TokenSession(POOL_ID, developer_provider=PROVIDER, client=client, clock=clock) as session:
        session.get_credentials(USER)

    with pytest.raises(SessionClosedError), made[0]:
        pass


def test_threads_that_come_at_the_same_time_share_one_cache(
    fetcher: FakeFetcher, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    session: Any = TokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher, clock=clock)
    make, made = credentials.CredentialsCache, list[Any]()

    def make_late(*args: Any) -> Any:
        """Have another thread be faster."""
        monkeypatch.setattr(credentials, "CredentialsCache", make)
        made.append(session._cache_for_credentials())
        made.append(make(*args))
        return made[1]

    monkeypatch.setattr(credentials, "CredentialsCache", make_late)

    assert session._cache_for_credentials() is made[0]
    assert made[1].leases.state.closed
    assert session._cache._state.followers == [made[0].leases.follow]
    session.close()


def test_a_session_that_is_closed_meanwhile_gets_no_open_cache(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    session: Any = TokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher, clock=clock)
    session.close()

    assert session._cache_for_credentials().leases.state.closed


def test_a_session_remembers_a_bounded_number_of_roles(session: Any) -> None:
    for number in range(base._MAX_ROLES + 5):
        with pytest.raises(ValueError, match="timeout"):
            session.get_credentials(USER, role=f"{ROLE}{number}", timeout=-1)
    assert not session.session._role_digests
    session.session._role_digests = dict.fromkeys(range(base._MAX_ROLES), b"")

    session.get_credentials(USER, role=ROLE)

    assert list(session.session._role_digests) == [ROLE]


def test_the_clock_of_a_hit_is_read(session: Any, clock: ManualClock, recorder: Recorder) -> None:
    for role in (None, ROLE):
        session.get_credentials(USER, role=role)
    clock.set_wall(-3600)

    session.get_credentials(USER)
    session.get_credentials(USER, role=ROLE)

    wait_until(lambda: session.stats().credentials.fetches_succeeded == 4)
    assert session.stats().credentials.clock_steps == 1
