"""find_identity() and erase() of both sessions."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from blocking_session import BlockingSession
from caching import POOL_ID, PROVIDER
from calling import ROLE
from canary import find_leaks
from cognito_devtoken import AsyncTokenSession, ErasedUser, OpenIdToken, TokenRequest
from cognito_devtoken.exceptions import (
    ConfigurationError,
    DevTokenError,
    IncompleteEraseError,
    InvalidRequestError,
    SessionClosedError,
    TooManyRequestsError,
)
from cognito_devtoken.testing import FakeFetcher, MemoryStore
from patience import PATIENCE


USER = "canary-user"
OpenSession = Callable[..., BlockingSession]


class TestFindIdentity:
    def test_a_user_has_no_identity_before_the_first_token(
        self, session: BlockingSession, fetcher: FakeFetcher
    ) -> None:
        assert session.find_identity(USER) is None
        assert fetcher.calls == []

        token = session.get_token(USER)

        assert session.find_identity(USER) == token.identity_id
        assert session.find_identity("another") is None

    def test_it_finds_the_identity_of_a_user_with_other_logins(
        self, session: BlockingSession
    ) -> None:
        token = session.get_token(USER, logins={"idp.example": "a token"})

        assert session.find_identity(USER) == token.identity_id


class TestErase:
    def test_the_user_gets_a_new_token_of_another_identity(
        self, session: BlockingSession, fetcher: FakeFetcher
    ) -> None:
        token = session.get_token(USER)
        session.get_credentials(USER, role=ROLE)

        erased = session.erase(USER)

        assert erased == ErasedUser([token.identity_id], [USER])
        assert session.find_identity(USER) is None
        assert session.stats().entries == session.stats().credentials.entries == 0
        assert session.get_token(USER).identity_id != token.identity_id

    def test_a_user_without_an_identity_is_erased_already(self, session: BlockingSession) -> None:
        assert session.erase(USER) == ErasedUser()

    def test_other_users_keep_their_tokens(self, session: BlockingSession) -> None:
        token = session.get_token("another")
        session.get_token(USER)

        session.erase(USER)

        assert session.get_token("another") == token

    def test_the_tokens_of_every_user_id_of_the_identity_are_discarded(
        self, session: BlockingSession
    ) -> None:
        identity_id = session.get_token(USER).identity_id
        session.get_token("ana-old", identity_id=identity_id)

        erased = session.erase(USER)

        assert set(erased.user_ids) == {USER, "ana-old"}
        assert session.stats().entries == 0

    def test_after_an_error_nothing_is_cached_and_it_can_be_repeated(
        self, session: BlockingSession, fetcher: FakeFetcher
    ) -> None:
        identity_id = session.get_token(USER).identity_id
        fetcher.erase_error = TooManyRequestsError("no")
        for call in (session.find_identity, session.erase):
            with pytest.raises(TooManyRequestsError):
                call(USER)

        assert session.stats().entries == 0
        fetcher.erase_error = None
        assert session.erase(USER).identity_ids == (identity_id,)

    def test_the_tokens_of_identities_that_an_incomplete_erasure_deleted_are_discarded(
        self, session: BlockingSession, fetcher: FakeFetcher
    ) -> None:
        identity_id = session.get_token(USER).identity_id
        session.get_token("ana-old", identity_id=identity_id)
        fetcher.erase_error = IncompleteEraseError("Not all.", deleted=[identity_id])

        with pytest.raises(IncompleteEraseError, match=r"Not all\."):
            session.erase(USER)

        assert session.stats().entries == 0


class Scripted(FakeFetcher):
    """Runs a function of the test while an identity is erased, before and after that."""

    before: Callable[[], object] = staticmethod(lambda: None)
    after: Callable[[], object] = staticmethod(lambda: None)

    def erase_identity(self, request: TokenRequest, developer_provider: str) -> ErasedUser:
        self.before()
        erased = super().erase_identity(request, developer_provider)
        self.after()
        return erased


def test_a_token_that_was_requested_while_the_user_is_erased_is_not_kept(
    open_session: OpenSession,
) -> None:
    client = Scripted()
    session = open_session(client=client, clock=None)
    identity_id = session.get_token(USER).identity_id
    tokens: list[OpenIdToken] = []
    client.before = lambda: tokens.append(session.session._cache.get(request_of(USER)))

    session.erase(USER)

    assert [token.identity_id for token in tokens] == [identity_id]
    assert session.stats().entries == 0
    session.close()


def test_a_session_that_is_closed_meanwhile_has_erased_the_user(open_session: OpenSession) -> None:
    client = Scripted()
    session = open_session(client=client)
    identity_id = session.get_token(USER).identity_id
    client.after = session.session._close

    assert session.erase(USER).identity_ids == (identity_id,)


def test_other_hosts_can_read_both_invalidations_by_the_time_they_matter(
    open_session: OpenSession,
) -> None:
    store, client, seen = MemoryStore(), Scripted(), list[int]()
    session = open_session(client=client, store=store, clock=None)
    session.get_token(USER)
    client.before = lambda: seen.append(len(store._messages))

    session.erase(USER)

    assert seen[0] > 0
    assert len(store._messages) > seen[0]
    session.close()


def test_a_store_that_fails_does_not_keep_a_user_from_being_erased(
    open_session: OpenSession,
) -> None:
    store = MemoryStore()
    session = open_session(store=store, clock=None)
    identity_id = session.get_token(USER).identity_id
    store.error = OSError("down")
    for _ in range(3):
        assert session.erase(USER).identity_ids == (identity_id,)
        identity_id = session.get_token(USER).identity_id
    session.close()


class WithoutAdministration:
    def fetch(self, request: TokenRequest) -> OpenIdToken:
        raise AssertionError


class WithoutErase(WithoutAdministration):
    def find_identity(self, request: TokenRequest, developer_provider: str) -> str | None:
        raise AssertionError


@pytest.mark.parametrize("method", ["find_identity", "erase"])
class TestArguments:
    @pytest.mark.parametrize(
        ("client", "missing"),
        [(WithoutAdministration(), "find_identity"), (WithoutErase(), "erase_identity")],
    )
    def test_a_client_that_cannot_do_it_is_named(
        self, open_session: OpenSession, method: str, client: Any, missing: str
    ) -> None:
        session = open_session(client=client)

        with pytest.raises(ConfigurationError, match=rf"no method {missing}\(\)") as caught:
            getattr(session, method)(USER)

        assert type(client).__name__ in str(caught.value)
        assert "IdentityAdministrator" in caught.value.__notes__[0]
        assert not find_leaks(caught.value, USER)

    def test_it_needs_a_developer_provider_and_an_open_session(
        self, open_session: OpenSession, method: str
    ) -> None:
        with pytest.raises(ConfigurationError, match="no developer_provider"):
            getattr(open_session(developer_provider=None), method)(USER)
        closed = open_session()
        closed.close()
        with pytest.raises(SessionClosedError) as caught:
            getattr(closed, method)(USER)

        assert not find_leaks(caught.value, USER)

    @pytest.mark.parametrize(
        ("user_id", "violation"),
        [
            ("", "user_id must have 1 to 50000 characters, not 0"),
            (USER * 100, "user_id must have 1 to 1024 characters, not 1100"),
            (42, "user_id must be a string of 1 to 50000 characters, not int"),
            ([USER], "user_id must be a string of 1 to 50000 characters, not list"),
        ],
    )
    def test_a_wrong_user_id_is_refused_without_showing_it(
        self, session: BlockingSession, method: str, user_id: Any, violation: str
    ) -> None:
        with pytest.raises(InvalidRequestError) as caught:
            getattr(session, method)(user_id)

        assert str(caught.value) == violation
        assert not find_leaks(caught.value, USER)

    def test_an_error_of_the_client_shows_no_user_id(
        self, session: BlockingSession, fetcher: FakeFetcher, method: str
    ) -> None:
        fetcher.erase_error = DevTokenError("It failed.")

        with pytest.raises(DevTokenError) as caught:
            getattr(session, method)(USER)

        assert not find_leaks(caught.value, USER)


def request_of(user_id: str) -> TokenRequest:
    return TokenRequest(POOL_ID, {PROVIDER: user_id})


@pytest.mark.parametrize("method", ["find_identity", "erase"])
def test_the_event_loop_is_not_blocked(method: str) -> None:
    fetcher = FakeFetcher()

    async def run() -> object:
        async with AsyncTokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher) as one:
            await one.get_token(USER)
            with fetcher.held():
                task = asyncio.ensure_future(getattr(one, method)(USER))
                for _ in range(10):
                    await asyncio.sleep(0)
                assert not task.done()
            return await asyncio.wait_for(task, PATIENCE)

    assert asyncio.run(run())


def test_an_erasure_whose_task_is_cancelled_goes_on() -> None:
    began, ended = threading.Event(), threading.Event()
    fetcher = Scripted()
    fetcher.before, fetcher.after = began.set, ended.set

    async def run() -> None:
        async with AsyncTokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher) as one:
            await one.get_token(USER)
            with fetcher.held():
                erasing = asyncio.ensure_future(one.erase(USER))
                await asyncio.to_thread(began.wait, PATIENCE)
                erasing.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await erasing
            await asyncio.to_thread(ended.wait, PATIENCE)
            assert await one.find_identity(USER) is None

    asyncio.run(run())


def test_a_client_that_raises_stop_iteration_does_not_leave_a_task_waiting() -> None:
    client = FakeFetcher()
    client.erase_error = StopIteration("a mock without further answers")

    async def run() -> None:
        async with AsyncTokenSession(POOL_ID, developer_provider=PROVIDER, client=client) as one:
            with pytest.raises(RuntimeError, match="raised StopIteration") as caught:
                await asyncio.wait_for(one.find_identity(USER), PATIENCE)
            assert caught.value.__cause__ is client.erase_error

    asyncio.run(run())
