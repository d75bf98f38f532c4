"""The pytest fixtures carry nothing over from one test to the next."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from caching import request_for, wait_until
from cognito_devtoken.pytest_plugin import _Fetcher
from cognito_devtoken.testing import FakeFetcher
from inner_runs import Passes, run_alone


pytest_plugins = ["pytester"]
pytestmark = pytest.mark.external


class TestIsolation:
    def test_settings_calls_and_faults_are_reset_after_each_test(self, passes: Passes) -> None:
        passes(
            3,
            """
            from cognito_devtoken.emulator import Pool
            import pytest

            urls = []

            @pytest.fixture(autouse=True)
            def check(cognito_emulator, token_session):
                urls.append(cognito_emulator.endpoint_url)
                assert cognito_emulator.pools == (Pool(),)
                assert not cognito_emulator.calls
                assert cognito_emulator.latency == 0
                assert cognito_emulator.calls_per_second is None
                token = token_session.get_token("user-42")
                assert token.claims["amr"][-1].endswith(":user-42")
                assert cognito_emulator.calls.total() == 1

            @pytest.mark.parametrize("time", [1, 2])
            def test_one(cognito_emulator, time):
                cognito_emulator.latency = 60
                cognito_emulator.calls_per_second = 0.001
                cognito_emulator.fail_next("InternalErrorException", times=9)

            def test_one_server_runs_for_all():
                assert len(set(urls)) == 1
            """,
        )

    def test_an_emulator_stopped_by_one_test_runs_in_the_next(self, passes: Passes) -> None:
        passes(
            2,
            """
            import pytest

            from cognito_devtoken.exceptions import TokenUnavailableError

            def test_cognito_is_down_and_back(token_session, cognito_emulator):
                for user_id in ["user-1", "user-2"]:
                    cognito_emulator.stop()
                    with pytest.raises(TokenUnavailableError):
                        token_session.get_token(user_id)
                    cognito_emulator.start()
                    assert token_session.get_token("another " + user_id).token
                cognito_emulator.stop()

            def test_it_runs_in_the_next_test(token_session, cognito_environ):
                assert token_session.get_token("user-42").token
            """,
        )

    def test_a_call_in_flight_when_its_test_ends_is_not_counted_in_the_next(
        self, passes: Passes
    ) -> None:
        passes(
            20,
            """
            from datetime import timedelta

            import pytest

            @pytest.mark.parametrize("time", range(20))
            def test_a_refresh_in_the_background(
                cognito_emulator, token_session, manual_clock, time
            ):
                assert not cognito_emulator.calls
                token = token_session.get_token("user-42")
                assert cognito_emulator.calls.total() == 1
                manual_clock.advance(timedelta(minutes=11))
                assert token_session.get_token("user-42") is token
            """,
        )

    def test_a_call_waiting_for_a_response_is_aborted_when_its_test_ends(
        self, passes: Passes
    ) -> None:
        passes(
            2,
            """
            from concurrent.futures import ThreadPoolExecutor

            import pytest

            from caching import wait_until
            from cognito_devtoken import TokenRequest
            from cognito_devtoken.exceptions import TokenUnavailableError
            from patience import PATIENCE

            request = TokenRequest("us-east-1:0", {"login.example.com": "user-42"})
            pool = ThreadPoolExecutor()
            calls = []

            @pytest.mark.cognito(latency=60)
            def test_one(token_session):
                calls.append(pool.submit(token_session._client.fetch, request))
                wait_until(lambda: token_session._client._pending)
                with pytest.raises(TokenUnavailableError, match="in time"):
                    token_session.get_token("user-42", timeout=0.05)

            def test_two(cognito_emulator):
                assert not cognito_emulator.calls
                # It would be one if the call had run into the client's timeout.
                assert not isinstance(calls[0].exception(PATIENCE), TokenUnavailableError)
                pool.shutdown()
            """,
        )

    def test_a_forked_child_may_continue_to_the_end_of_the_run(
        self, pytester: pytest.Pytester
    ) -> None:
        pytester.makepyfile(
            """
            import os
            import signal
            import time
            import warnings

            import pytest

            from cognito_devtoken.exceptions import TokenUnavailableError

            @pytest.mark.cognito(latency=60)
            def test_fork(token_session, async_token_session, cognito_emulator):
                with pytest.raises(TokenUnavailableError, match="in time"):
                    token_session.get_token("user-42", timeout=0.05)
                while not token_session._client._pending:
                    time.sleep(0.001)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)  # about threads
                    child = os.fork()
                if child:
                    assert os.waitpid(child, 0)[1] == 0
                else:
                    signal.alarm(300)
            """
        )
        result = run_alone(pytester)

        assert result.ret == 0
        assert str(result.stdout).count("1 passed") == 2

    def test_a_test_ends_only_after_its_calls_end(self) -> None:
        cognito = FakeFetcher()
        fetcher = _Fetcher(cognito)
        with ThreadPoolExecutor() as pool:
            with cognito.held():
                call = pool.submit(fetcher.fetch, request_for())
                wait_until(lambda: len(cognito.calls) == 1)
                end = pool.submit(fetcher.end)
                wait_until(lambda: fetcher._ended)
                assert not end.done()
            end.result()
            assert call.result().token
