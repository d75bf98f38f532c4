"""``session.assertion()``: the token as a function, which never waits on an event loop."""

import asyncio
import copy
import logging
import pickle
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, assert_type

import pytest
from sentry_sdk.serializer import serialize

from caching import POOL_ID, PROVIDER, Recorder, request_for, run_inline
from canary import find_leaks, shown
from cognito_devtoken import AsyncTokenSession, OpenIdToken, RefreshPolicy, TokenSession
from cognito_devtoken.events import FetchFailed, FetchSucceeded, ServedInGrace
from cognito_devtoken.exceptions import (
    ConfigurationError,
    InvalidRequestError,
    NotAuthorizedError,
    SessionClosedError,
    TokenUnavailableError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock


USER = "canary-user-id"
FIRST = (
    "await session.get_token(...) first, or try again: the token is being fetched in the "
    "background."
)


@pytest.fixture
def arguments(fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder) -> dict[str, Any]:
    arguments = {"identity_pool_id": POOL_ID, "developer_provider": PROVIDER, "client": fetcher}
    return arguments | {"clock": clock, "on_event": [recorder]}


@pytest.fixture
def waiting(arguments: dict[str, Any]) -> Iterator[TokenSession]:
    with TokenSession(**arguments) as session:
        yield session


@pytest.fixture
def immediate(arguments: dict[str, Any], run: Callable[[Any], Any]) -> Iterator[AsyncTokenSession]:
    session = AsyncTokenSession(**arguments)
    yield session
    run(session.aclose())


@pytest.fixture(params=[TokenSession, AsyncTokenSession])
def any_session(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("waiting" if request.param is TokenSession else "immediate")


class TestBothSessions:
    def test_the_function_is_typed_and_is_called_without_arguments(
        self, waiting: TokenSession, immediate: AsyncTokenSession
    ) -> None:
        assert_type(waiting.assertion("user-42"), Callable[[], str])
        assert_type(immediate.assertion("user-42", min_remaining=60), Callable[[], str])

    def test_making_the_function_calls_nothing(
        self, any_session: Any, fetcher: FakeFetcher
    ) -> None:
        any_session.assertion("user-42", min_remaining=timedelta(minutes=1))

        assert not fetcher.calls

    @pytest.mark.parametrize(
        ("user_id", "options", "error", "message"),
        [
            ("", {}, InvalidRequestError, "user_id must have 1 to 50000 characters, not 0"),
            (42, {}, InvalidRequestError, "user_id must be a string .*, not int"),
            ("user-42", {"min_remaining": -1}, ValueError, "min_remaining must be from 0 s"),
            ("user-42", {"min_remaining": 900}, ValueError, "less than the life of 900 s"),
            ("user-42", {"min_remaining": "soon"}, TypeError, "min_remaining must be seconds or"),
        ],
    )
    def test_wrong_arguments_are_refused_before_the_function_is_called(
        self, any_session: Any, user_id: Any, options: Any, error: type[Exception], message: str
    ) -> None:
        with pytest.raises(error, match=message):
            any_session.assertion(user_id, **options)

    @pytest.mark.parametrize("kind", [TokenSession, AsyncTokenSession])
    def test_the_limit_of_min_remaining_is_the_duration_of_the_sessions_tokens(
        self, kind: Any, arguments: dict[str, Any]
    ) -> None:
        session = kind(**arguments, token_duration=3600)

        assert session.assertion("user-42", min_remaining=3000)
        with pytest.raises(ValueError, match="less than the life of 3600 s"):
            session.assertion("user-42", min_remaining=3600)

    @pytest.mark.parametrize("kind", [TokenSession, AsyncTokenSession])
    def test_a_session_without_a_developer_provider_refuses_a_user_id(
        self, kind: Any, arguments: dict[str, Any]
    ) -> None:
        session = kind(**arguments | {"developer_provider": None})

        with pytest.raises(ConfigurationError, match="no developer_provider"):
            session.assertion("user-42")

    @pytest.mark.parametrize("kind", [TokenSession, AsyncTokenSession])
    def test_a_closed_session_makes_no_function_and_gives_no_token(
        self, kind: Any, arguments: dict[str, Any], run: Callable[[Any], Any]
    ) -> None:
        session = kind(**arguments)
        assertion = session.assertion("user-42")
        run(session.aclose()) if kind is AsyncTokenSession else session.close()

        for call in (assertion, lambda: session.assertion("user-42")):
            with pytest.raises(SessionClosedError):
                call()

    def test_a_subclass_makes_a_function_too(
        self, arguments: dict[str, Any], fetcher: FakeFetcher
    ) -> None:
        class Prefixed(TokenSession):
            def get_token(self, user_id: str, **options: Any) -> OpenIdToken:
                return super().get_token(f"shop-{user_id}", **options)

        with Prefixed(**arguments) as session:
            session.assertion("42")()

        assert fetcher.calls == [request_for("shop-42")]


class TestWaiting:
    def test_each_call_returns_the_token_that_get_token_returns(
        self, waiting: TokenSession, fetcher: FakeFetcher, clock: ManualClock
    ) -> None:
        assertion = waiting.assertion("user-42")

        first = assertion()
        assert first == assertion() == waiting.get_token("user-42").token
        clock.advance(900)
        assert assertion() != first
        assert fetcher.calls == [request_for("user-42")] * 2

    def test_a_token_with_less_life_than_min_remaining_is_replaced(
        self, waiting: TokenSession, clock: ManualClock
    ) -> None:
        assertion = waiting.assertion("user-42", min_remaining=800)
        first = assertion()
        clock.advance(101)

        assert assertion() != first

    def test_an_error_of_the_service_is_raised(
        self, waiting: TokenSession, fetcher: FakeFetcher
    ) -> None:
        fetcher.error = NotAuthorizedError("no")

        with pytest.raises(NotAuthorizedError, match="no"):
            waiting.assertion("user-42")()


class TestImmediate:
    def test_without_a_token_it_raises_and_fetches_in_the_background(
        self, immediate: AsyncTokenSession, fetcher: FakeFetcher, recorder: Recorder
    ) -> None:
        assertion = immediate.assertion("user-42")

        with fetcher.held():
            for _ in range(2):
                with pytest.raises(TokenUnavailableError, match="not wait for one") as caught:
                    assertion()
                assert caught.value.__notes__ == [FIRST]
                assert caught.value.__context__ is None
        recorder.wait_for(FetchSucceeded)

        assert assertion()
        assert fetcher.calls == [request_for("user-42")]

    def test_it_shares_the_token_and_the_fetch_with_get_token(
        self, immediate: AsyncTokenSession, run: Callable[[Any], Any], fetcher: FakeFetcher
    ) -> None:
        assertion = immediate.assertion("user-42")
        with pytest.raises(TokenUnavailableError):
            assertion()

        token = run(immediate.get_token("user-42"))

        assert assertion() == token.token
        assert len(fetcher.calls) == 1

    @pytest.mark.parametrize("age", [600, 850])
    def test_a_token_that_is_due_or_in_its_grace_period_is_returned_and_refreshed(
        self,
        age: int,
        immediate: AsyncTokenSession,
        run: Callable[[Any], Any],
        fetcher: FakeFetcher,
        clock: ManualClock,
        recorder: Recorder,
    ) -> None:
        token = run(immediate.get_token("user-42"))
        assertion = immediate.assertion("user-42")
        clock.advance(age)

        with fetcher.held():
            assert assertion() == token.token
            assert immediate.stats().in_flight == 1
        recorder.wait_for(FetchSucceeded, 2)

        assert assertion() != token.token
        assert len(recorder.of(ServedInGrace)) == (age == 850)

    def test_a_token_with_less_life_than_min_remaining_is_returned_and_refreshed(
        self,
        immediate: AsyncTokenSession,
        run: Callable[[Any], Any],
        clock: ManualClock,
        recorder: Recorder,
    ) -> None:
        token = run(immediate.get_token("user-42"))
        assertion = immediate.assertion("user-42", min_remaining=800)
        clock.advance(101)

        assert assertion() == token.token
        recorder.wait_for(FetchSucceeded, 2)
        assert assertion() != token.token

    def test_an_expired_token_is_not_returned(
        self, immediate: AsyncTokenSession, run: Callable[[Any], Any], clock: ManualClock
    ) -> None:
        run(immediate.get_token("user-42"))
        clock.advance(900)

        with pytest.raises(TokenUnavailableError):
            immediate.assertion("user-42")()

    def test_strict_grace_returns_no_token_in_its_grace_period(
        self, arguments: dict[str, Any], run: Callable[[Any], Any], clock: ManualClock
    ) -> None:
        session = AsyncTokenSession(**arguments, policy=RefreshPolicy(strict_grace=True))
        run(session.get_token("user-42"))
        clock.advance(850)

        with pytest.raises(TokenUnavailableError) as caught:
            session.assertion("user-42")()

        assert caught.value.__notes__ == [FIRST]
        run(session.aclose())

    def test_while_the_session_backs_off_the_error_says_until_when(
        self, immediate: AsyncTokenSession, fetcher: FakeFetcher, recorder: Recorder
    ) -> None:
        assertion = immediate.assertion("user-42")
        fetcher.error = TokenUnavailableError("down")
        with pytest.raises(TokenUnavailableError):
            assertion()
        recorder.wait_for(FetchFailed)

        with pytest.raises(TokenUnavailableError, match="Backing off until") as caught:
            assertion()

        assert caught.value.retry_at
        assert len(fetcher.calls) == 1

    def test_a_refusal_of_the_service_is_raised_by_the_next_call(
        self, immediate: AsyncTokenSession, fetcher: FakeFetcher, recorder: Recorder
    ) -> None:
        assertion = immediate.assertion("user-42")
        fetcher.error = NotAuthorizedError("no")
        with pytest.raises(TokenUnavailableError):
            assertion()
        recorder.wait_for(FetchFailed)

        with pytest.raises(NotAuthorizedError, match="no"):
            assertion()

    def test_the_loop_goes_on_while_the_fetch_is_held(
        self, immediate: AsyncTokenSession, fetcher: FakeFetcher
    ) -> None:
        assertion = immediate.assertion("user-42")

        async def main() -> str:
            with fetcher.held():
                with pytest.raises(TokenUnavailableError):
                    assertion()
                # It has returned, although the fetch cannot end before this block.
                assert immediate.stats().in_flight == 1
            await immediate.get_token("user-42")
            return assertion()

        assert asyncio.run(main()) == assertion()
        assert len(fetcher.calls) == 1

    @pytest.mark.parametrize("strict", [False, True])
    @pytest.mark.parametrize("age", [0, 600, 850])
    def test_no_fetch_runs_in_its_thread_even_if_no_other_can_be_started(
        self,
        age: int,
        strict: bool,
        arguments: dict[str, Any],
        run: Callable[[Any], Any],
        fetcher: FakeFetcher,
        clock: ManualClock,
    ) -> None:
        session = AsyncTokenSession(**arguments, policy=RefreshPolicy(strict_grace=strict))
        workers: Any = session._cache._leases.workers
        workers.idle_seconds, workers.start_thread = 0, run_inline
        if age:
            run(session.get_token("user-42"))
            clock.advance(age)
        calls = len(fetcher.calls)

        def cannot_start(job: object) -> None:
            raise RuntimeError("can't start new thread")

        workers.start_thread = cannot_start
        assertion = session.assertion("user-42")
        if age == 0 or (age == 850 and strict):
            with pytest.raises(TokenUnavailableError):
                assertion()
        else:
            assert assertion()

        assert len(fetcher.calls) == calls
        run(session.aclose())

    def test_where_threads_freeze_between_requests_it_does_not_wait_for_a_refresh_either(
        self,
        immediate: AsyncTokenSession,
        run: Callable[[Any], Any],
        fetcher: FakeFetcher,
        clock: ManualClock,
    ) -> None:
        immediate._cache._leases.lookup.refreshes_inline = True
        token = run(immediate.get_token("user-42"))
        clock.advance(600)

        with fetcher.held():
            assert immediate.assertion("user-42")() == token.token
            assert immediate.stats().in_flight == 1

    def test_any_thread_may_call_it(
        self, immediate: AsyncTokenSession, run: Callable[[Any], Any]
    ) -> None:
        token = run(immediate.get_token("user-42"))
        found: list[str] = []
        thread = threading.Thread(target=lambda: found.append(immediate.assertion("user-42")()))
        thread.start()
        thread.join()

        assert found == [token.token]


class TestSecrets:
    def test_neither_repr_nor_walkers_show_the_user_id_or_the_token(
        self, any_session: Any, fetcher: FakeFetcher, run: Callable[[Any], Any]
    ) -> None:
        assertion = any_session.assertion(USER)
        found = any_session.get_token(USER)
        token = (run(found) if asyncio.iscoroutine(found) else found).token
        assert assertion() == token

        seen = [repr(assertion), f"{assertion}", *shown(assertion), *shown([assertion])]
        seen.append(repr(serialize({"local": assertion}, is_vars=True)))
        assert repr(assertion) == f"<{type(assertion).__name__} of {any_session!r}>"
        for secret in (USER, token):
            assert not [text for text in seen if secret in text]

    def test_it_is_never_pickled_and_a_copy_is_the_object_itself(self, any_session: Any) -> None:
        assertion = any_session.assertion(USER)

        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(assertion)
        assert copy.copy(assertion) is copy.deepcopy(assertion) is assertion

    def test_no_error_shows_the_user_id_or_a_token(
        self, any_session: Any, fetcher: FakeFetcher, clock: ManualClock, run: Callable[[Any], Any]
    ) -> None:
        assertion = any_session.assertion(USER)
        found = any_session.get_token(USER)
        token = (run(found) if asyncio.iscoroutine(found) else found).token

        def close() -> None:
            closing = any_session.close() if hasattr(any_session, "close") else any_session.aclose()
            if closing is not None:
                run(closing)

        def failing(error: Exception) -> Callable[[], object]:
            def call() -> object:
                clock.advance(1000)
                fetcher.error = error
                return assertion()

            return call

        failures = 0
        for call in (
            failing(TokenUnavailableError("down")),
            failing(NotAuthorizedError("no")),
            failing(ValueError("a bug")),
            assertion,
            lambda: any_session.assertion([USER]),
            lambda: any_session.assertion(USER * 5000),
            lambda: any_session.assertion(USER, min_remaining=-1),
            lambda: any_session.assertion(USER, min_remaining="soon"),
            lambda: any_session.assertion(USER, min_remaining=1e9),
            lambda: any_session.assertion(USER, nonsense=1),
            close,
            assertion,
            lambda: any_session.assertion(USER),
        ):
            try:
                call()
            except Exception as error:  # noqa: BLE001  # each has its own
                failures += 1
                assert not find_leaks(error, USER, token)
        assert failures == 12

    def test_no_log_shows_the_user_id_or_the_token(
        self,
        any_session: Any,
        run: Callable[[Any], Any],
        recorder: Recorder,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        assertion = any_session.assertion(USER)
        try:
            assertion()
        except TokenUnavailableError:
            recorder.wait_for(FetchSucceeded)
        token = assertion()

        seen = [caplog.text, *(text for event in recorder.events for text in shown(event))]
        for secret in (USER, token):
            assert not [text for text in seen if secret in text]
