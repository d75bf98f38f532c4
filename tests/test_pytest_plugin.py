"""The fixtures and the marker for the tests of others."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import pytest

from caching import asking, until
from cognito_devtoken import TokenSession
from cognito_devtoken.exceptions import SessionClosedError
from cognito_devtoken.pytest_plugin import _Cognito, _Fetcher
from cognito_devtoken.testing import FakeFetcher


pytest_plugins = ["pytester"]

Passes: TypeAlias = Callable[[int, str], None]

ROOT = Path(__file__).parents[1]


@pytest.fixture
def passes(pytester: pytest.Pytester) -> Passes:
    """Runs a file of tests, of which so many are to pass and no other is to be there."""

    def run(tests: int, source: str) -> None:
        pytester.makepyfile(source)
        before = set(threading.enumerate())
        result = pytester.runpytest_inprocess("-W", "error", "--strict-markers")
        result.assert_outcomes(passed=tests)
        left = {thread.name for thread in set(threading.enumerate()) - before}
        assert "cognito-devtoken-emulator" not in left

    return run


class TestSessions:
    def test_both_get_tokens_from_the_emulator(self, passes: Passes) -> None:
        passes(
            4,
            """
            import asyncio

            import pytest

            def test_threads(token_session, cognito_emulator):
                token = token_session.get_token("user-42")
                assert token.claims["aud"] == cognito_emulator.pools[0].identity_pool_id
                assert token_session.get_token("user-42") is token
                assert cognito_emulator.calls.total() == 1

            def test_asyncio(async_token_session, cognito_emulator):
                async def get():
                    return await asyncio.gather(
                        *[async_token_session.get_token("user-42") for _ in range(100)]
                    )

                assert len(set(asyncio.run(get()))) == 1
                assert len(set(asyncio.run(get()))) == 1
                assert cognito_emulator.calls.total() == 1

            @pytest.mark.anyio
            @pytest.mark.parametrize("anyio_backend", ["asyncio"])
            async def test_anyio(async_token_session):
                assert (await async_token_session.get_token("user-42")).token

            def test_a_test_may_close_them(token_session, async_token_session):
                with token_session:
                    token_session.get_token("user-42")
                asyncio.run(async_token_session.aclose())
            """,
        )

    def test_they_are_closed_after_the_test(self, passes: Passes) -> None:
        passes(
            2,
            """
            import pytest

            from cognito_devtoken import TokenRequest
            from cognito_devtoken.exceptions import SessionClosedError

            sessions = []

            def test_one(token_session, async_token_session):
                token_session.get_token("user-42")
                sessions.extend([token_session, async_token_session])

            def test_two():
                for session in sessions:
                    assert repr(session).endswith("closed>")
                with pytest.raises(SessionClosedError):
                    sessions[0].get_token("user-42")
                request = TokenRequest("us-east-1:0", {"login.example.com": "user-42"})
                with pytest.raises(SessionClosedError, match="The test is over"):
                    sessions[0]._client.fetch(request)
            """,
        )

    def test_they_need_nothing_of_the_environment(
        self, passes: Passes, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("config", "credentials"):
            path = pytester.path / ".aws" / name  # in the home directory of the run
            path.parent.mkdir(exist_ok=True)
            path.write_text("[This is no file of AWS's")
        for name in list(os.environ):
            if name.startswith("AWS_"):
                monkeypatch.delenv(name)
        for name, value in {
            "AWS_PROFILE": "nobody",
            "AWS_MAX_ATTEMPTS": "5",
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
            "AWS_USE_FIPS_ENDPOINT": "true",
            "HTTP_PROXY": "http://192.0.2.1:3128",
            "http_proxy": "http://192.0.2.1:3128",
            "NO_PROXY": "elsewhere.example",
            "no_proxy": "elsewhere.example",
        }.items():
            monkeypatch.setenv(name, value)
        passes(
            2,
            """
            import os

            import pytest

            from cognito_devtoken import TokenSession
            from cognito_devtoken.exceptions import InternalServiceError

            @pytest.mark.cognito(fail="InternalErrorException")
            def test_a_session(token_session, cognito_emulator):
                assert os.environ["AWS_PROFILE"] == "nobody"
                with pytest.raises(InternalServiceError):  # one attempt
                    token_session.get_token("user-42")
                assert token_session.get_token("another").token
                assert os.environ["AWS_PROFILE"] == "nobody"

            def test_an_application(cognito_environ):
                with TokenSession.from_env() as session:
                    assert session.get_token("user-42").token
            """,
        )

    def test_the_environment_stays_as_it_is_while_they_are_in_use(self, passes: Passes) -> None:
        passes(
            1,
            """
            import os

            import pytest

            @pytest.mark.cognito(identity_pool_id="eu-west-1:0a1b")
            def test_it(token_session, monkeypatch):
                changed = []
                with monkeypatch.context() as patch:
                    for name in ["__setitem__", "__delitem__"]:
                        patch.setattr(type(os.environ), name, lambda *args: changed.append(args))
                    assert token_session.get_token("user-42").token
                assert not changed
            """,
        )

    def test_what_they_share_is_closed_when_the_run_ends(self) -> None:
        cognito = _Cognito()
        with cognito.emulator:
            session = cognito.open(TokenSession, None)
            assert session.get_token("user-42").token
            session.close()
            cognito.end_test()

            cognito.close()

            with pytest.raises(RuntimeError, match="not running"):
                cognito.emulator.endpoint_url  # noqa: B018
        assert cognito._client
        with pytest.raises(SessionClosedError):
            cognito._client.fetch(asking())

    def test_a_forked_child_needs_nothing_of_the_environment_either(
        self, passes: Passes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        passes(
            1,
            """
            import os
            import signal
            import warnings

            def test_fork(token_session, cognito_emulator):
                token_session.get_token("user-42")
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)  # of threads
                    child = os.fork()
                if not child:
                    signal.alarm(60)
                    try:
                        os._exit(0 if token_session.get_token("another").token else 1)
                    finally:
                        os._exit(1)
                assert os.waitpid(child, 0)[1] == 0
                assert cognito_emulator.calls.total() == 2
            """,
        )


class TestIsolation:
    def test_nothing_of_one_test_is_left_for_the_next(self, passes: Passes) -> None:
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

    def test_an_emulator_that_a_test_has_stopped_runs_in_the_next(self, passes: Passes) -> None:
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

    def test_a_call_under_way_when_its_test_ends_is_not_seen_by_the_next(
        self, passes: Passes
    ) -> None:
        passes(
            20,
            """
            from datetime import timedelta

            import pytest

            @pytest.mark.parametrize("time", range(20))
            def test_a_refresh_behind_the_callers_back(
                cognito_emulator, token_session, manual_clock, time
            ):
                assert not cognito_emulator.calls
                token = token_session.get_token("user-42")
                assert cognito_emulator.calls.total() == 1
                manual_clock.advance(timedelta(minutes=11))
                assert token_session.get_token("user-42") is token
            """,
        )

    def test_a_call_that_waits_for_its_answer_is_broken_off_when_its_test_ends(
        self, passes: Passes
    ) -> None:
        passes(
            2,
            """
            from concurrent.futures import ThreadPoolExecutor

            import pytest

            from cognito_devtoken import TokenRequest
            from cognito_devtoken.exceptions import TokenUnavailableError

            request = TokenRequest("us-east-1:0", {"login.example.com": "user-42"})
            pool = ThreadPoolExecutor()
            calls = []

            @pytest.mark.cognito(latency=60)
            def test_one(token_session):
                calls.append(pool.submit(token_session._client.fetch, request))
                with pytest.raises(TokenUnavailableError, match="in time"):
                    token_session.get_token("user-42", timeout=0.05)

            def test_two(cognito_emulator):
                assert not cognito_emulator.calls
                assert calls[0].done()
                # Which is what it would be had it waited for as long as the client does.
                assert not isinstance(calls[0].exception(), TokenUnavailableError)
                pool.shutdown()
            """,
        )

    def test_a_forked_child_may_go_on_to_the_end_of_the_run(
        self, pytester: pytest.Pytester
    ) -> None:
        pytester.makepyfile(
            """
            import os
            import signal
            import warnings

            import pytest

            from cognito_devtoken.exceptions import TokenUnavailableError

            @pytest.mark.cognito(latency=60)
            def test_fork(token_session, async_token_session, cognito_emulator):
                with pytest.raises(TokenUnavailableError, match="in time"):
                    token_session.get_token("user-42", timeout=0.05)  # a call is under way
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)  # of threads
                    child = os.fork()
                if child:
                    assert os.waitpid(child, 0)[1] == 0
                else:
                    signal.alarm(30)
            """
        )
        result = pytester.runpytest_subprocess("-W", "error")

        assert result.ret == 0
        assert str(result.stdout).count("1 passed") == 2

    def test_a_test_has_ended_once_its_calls_have(self) -> None:
        cognito = FakeFetcher()
        fetcher = _Fetcher(cognito)
        with ThreadPoolExecutor() as pool:
            with cognito.held():
                call = pool.submit(fetcher.fetch, asking())
                until(lambda: len(cognito.calls) == 1)
                end = pool.submit(fetcher.end)
                until(lambda: fetcher._ended)
                assert not end.done()
            end.result()
            assert call.result().token


class TestClock:
    def test_one_that_is_asked_for_is_that_of_the_sessions_and_the_emulator(
        self, passes: Passes
    ) -> None:
        passes(
            3,
            """
            import asyncio
            import time
            from datetime import timedelta

            import pytest

            from cognito_devtoken.exceptions import TokenUnavailableError

            MINUTE = timedelta(minutes=1)

            def test_a_refresh_and_an_expiry(token_session, manual_clock, cognito_emulator):
                assert abs(manual_clock.time() - time.time()) < 10
                first = token_session.get_token("user-42")
                assert first.issued_at.timestamp() == manual_clock.time()
                assert first.expires_in() == 15 * MINUTE

                manual_clock.advance(14 * MINUTE)
                second = token_session.get_token("user-42")
                assert second.issued_at == first.issued_at + 14 * MINUTE

                cognito_emulator.fail_next("InternalErrorException")
                manual_clock.advance(14 * MINUTE)
                assert token_session.get_token("user-42") is second

                cognito_emulator.stop()
                manual_clock.advance(MINUTE)
                with pytest.raises(TokenUnavailableError):
                    token_session.get_token("user-42")

            @pytest.mark.usefixtures("manual_clock")
            @pytest.mark.cognito(latency=0.05)
            def test_a_timeout_does_not_run_out(async_token_session):
                token = asyncio.run(async_token_session.get_token("user-42", timeout=0.001))
                assert token.expires_in() == 15 * MINUTE

            def test_the_emulator_refuses_what_has_expired(
                token_session, manual_clock, cognito_emulator
            ):
                import boto3

                token = token_session.get_token("user-42")
                cognito = boto3.session.Session().client(
                    "cognito-identity",
                    region_name="us-east-1",
                    endpoint_url=cognito_emulator.endpoint_url,
                )
                asked = {"IdentityId": token.identity_id, "Logins": token.to_logins()}
                assert cognito.get_credentials_for_identity(**asked)["Credentials"]
                manual_clock.advance(15 * MINUTE)
                with pytest.raises(cognito.exceptions.NotAuthorizedException, match="expired"):
                    cognito.get_credentials_for_identity(**asked)
                cognito.close()
            """,
        )

    def test_without_it_the_clocks_are_real(self, passes: Passes) -> None:
        passes(
            2,
            """
            import time

            from cognito_devtoken.testing import ManualClock

            def test_one(manual_clock, token_session):
                manual_clock.advance(86_400)

            def test_two(token_session):
                token = token_session.get_token("user-42")
                assert abs(token.issued_at.timestamp() - time.time()) < 10
                assert token.expires_in().total_seconds() < 900
            """,
        )

    def test_one_that_comes_too_late_is_told_so(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(
            """
            def test_late(token_session, request):
                request.getfixturevalue("manual_clock")

            def test_in_time(request):
                clock = request.getfixturevalue("manual_clock")
                clock.advance(86_400)
                token = request.getfixturevalue("token_session").get_token("user-42")
                assert token.issued_at.timestamp() == clock.time()
            """
        )
        result = pytester.runpytest_inprocess("-W", "error")

        result.assert_outcomes(failed=1, passed=1)
        result.stdout.fnmatch_lines(["manual_clock comes too late: cognito_emulator goes by *"])

    def test_it_may_be_another(self, passes: Passes) -> None:
        passes(
            1,
            """
            import pytest

            from cognito_devtoken.testing import ManualClock

            @pytest.fixture
            def manual_clock():
                return ManualClock(wall=0)

            def test_in_1970(manual_clock, token_session):
                assert token_session.get_token("user-42").issued_at.year == 1970
            """,
        )


class TestMarker:
    def test_it_sets_what_the_emulator_is_like(self, passes: Passes) -> None:
        passes(
            6,
            """
            import pytest

            from cognito_devtoken import exceptions
            from cognito_devtoken.emulator import Behavior, Pool

            @pytest.mark.cognito(
                identity_pool_id="eu-west-1:0a1b",
                developer_provider="login.shop.example",
                public_providers=["accounts.google.com"],
                allow_unauthenticated=True,
            )
            def test_the_pool(token_session, cognito_emulator):
                assert cognito_emulator.pools == (
                    Pool("eu-west-1:0a1b", "login.shop.example", ["accounts.google.com"], True),
                )
                assert token_session.get_token("ana").identity_id.startswith("eu-west-1:")

            @pytest.mark.cognito(fail="ResourceConflictException")
            def test_a_fault(token_session):
                with pytest.raises(exceptions.ResourceConflictError):
                    token_session.get_token("user-42")
                assert token_session.get_token("another").token

            @pytest.mark.cognito(fail=("TooManyRequestsException", 2))
            def test_faults(token_session):
                for user_id in ["user-1", "user-2"]:
                    with pytest.raises(exceptions.TooManyRequestsError):
                        token_session.get_token(user_id)

            @pytest.mark.cognito(calls_per_second=0.001, behavior=Behavior(throttled_status=429))
            def test_a_quota(token_session):
                token_session.get_token("user-1")
                with pytest.raises(exceptions.TooManyRequestsError) as caught:
                    token_session.get_token("user-2")
                assert caught.value.status == 429

            @pytest.mark.cognito(latency=0.01)
            def test_latency(cognito_emulator):
                assert cognito_emulator.latency == 0.01

            def test_none(token_session):
                assert token_session.get_token("user-42").token
            """,
        )

    def test_the_closest_counts_keyword_by_keyword(self, passes: Passes) -> None:
        passes(
            4,
            """
            import pytest

            pytestmark = pytest.mark.cognito(latency=0.001, calls_per_second=1, fail="A")

            def test_module(cognito_emulator):
                assert cognito_emulator.latency == 0.001

            @pytest.mark.cognito(latency=0.002)
            class TestClass:
                def test_class(self, cognito_emulator):
                    assert cognito_emulator.latency == 0.002
                    assert cognito_emulator.calls_per_second == 1

                @pytest.mark.cognito(latency=0.003, fail=None, calls_per_second=None)
                def test_function(self, cognito_emulator, token_session):
                    assert cognito_emulator.latency == 0.003
                    assert token_session.get_token("user-42").token
                    assert token_session.get_token("another").token

                @pytest.mark.parametrize(
                    "case", [pytest.param(1, marks=pytest.mark.cognito(latency=0.004))]
                )
                def test_parameter(self, cognito_emulator, case):
                    assert cognito_emulator.latency == 0.004
            """,
        )

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ("'eu-west-1:0a1b'", "it takes keywords only, not 'eu-west-1:0a1b'."),
            (
                "pool='eu-west-1:0a1b'",
                "pool is none of identity_pool_id, developer_provider, public_providers, "
                "allow_unauthenticated, behavior, latency, calls_per_second, fail.",
            ),
            ("identity_pool_id=5", "identity_pool_id must be REGION:GUID, not 5."),
            (
                "identity_pool_id='pool'",
                "identity_pool_id must be REGION:GUID of at most 55 characters, not 'pool'.",
            ),
            ("latency='1 s'", "latency must be a number of seconds, not '1 s'."),
            ("latency=-1", "latency is out of range: -1."),
            ("behavior='odd'", "behavior must be a Behavior, not 'odd'."),
            (
                "fail=('A', 'B')",
                "fail must be an error code, or (code, how many calls), not ('A', 'B').",
            ),
            ("fail=('A', 0)", "times must be 1 or more, not 0."),
        ],
    )
    def test_a_mistake_fails_the_test_with_one_line(
        self, pytester: pytest.Pytester, arguments: str, message: str
    ) -> None:
        pytester.makepyfile(
            f"""
            import pytest

            @pytest.mark.cognito({arguments})
            def test_wrong(token_session):
                pass

            def test_right(token_session):
                pass
            """
        )
        result = pytester.runpytest_inprocess("-W", "error")

        result.assert_outcomes(errors=1, passed=1)
        result.stdout.fnmatch_lines([f"@pytest.mark.cognito: {message.replace('[', '[[]')}"])
        result.stdout.no_fnmatch_line("*pytest_plugin.py*")


class TestEnvironment:
    def test_an_application_that_reads_it_calls_the_emulator(
        self, passes: Passes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SESSION_TOKEN", "left from elsewhere")
        monkeypatch.setenv("COGNITO_DEVTOKEN_TOKEN_DURATION", "a lot")
        passes(
            3,
            """
            import os
            import subprocess
            import sys

            import pytest

            from cognito_devtoken import TokenSession

            pytestmark = pytest.mark.cognito(
                identity_pool_id="eu-west-1:0a1b", developer_provider="login.shop.example"
            )

            def test_from_env(cognito_environ, cognito_emulator, manual_clock):
                assert "AWS_SESSION_TOKEN" not in os.environ
                with TokenSession.from_env(clock=manual_clock) as session:
                    token = session.get_token("ana")
                    assert token.identity_id.startswith("eu-west-1:")
                    manual_clock.advance(900)
                    assert session.get_token("ana") != token
                assert cognito_emulator.calls.total() == 2

            def test_another_process(cognito_environ, cognito_emulator):
                assert cognito_environ.items() <= os.environ.items()
                code = (
                    "from cognito_devtoken import TokenSession\\n"
                    "with TokenSession.from_env() as session: session.get_token('ana')"
                )
                subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
                assert cognito_emulator.calls.total() == 1

            def test_afterwards():
                assert os.environ["AWS_SESSION_TOKEN"] == "left from elsewhere"
                assert os.environ["COGNITO_DEVTOKEN_TOKEN_DURATION"] == "a lot"
                assert "AWS_ENDPOINT_URL_COGNITO_IDENTITY" not in os.environ
            """,
        )


class TestPlugin:
    def test_it_explains_itself(self, pytester: pytest.Pytester) -> None:
        markers = pytester.runpytest_inprocess("--markers")
        markers.stdout.fnmatch_lines(["@pytest.mark.cognito(*fail): *"])

        fixtures = pytester.runpytest_inprocess("--fixtures").stdout.str()
        _, ours = fixtures.split("fixtures defined from cognito_devtoken.pytest_plugin")
        ours = ours.partition("fixtures defined from")[0]
        assert set(re.findall(r"^(\w+) -- ", ours, re.MULTILINE)) == {
            "async_token_session",
            "cognito_emulator",
            "cognito_environ",
            "manual_clock",
            "token_session",
        }
        assert "no docstring" not in ours

    def test_without_the_extra_a_test_fails_and_names_it(self, pytester: pytest.Pytester) -> None:
        pytester.makeconftest("import sys; sys.modules['uvicorn'] = None")
        pytester.makepyfile("def test_it(token_session): pass")

        result = pytester.runpytest_subprocess("-W", "error")

        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(
            [
                "The emulator needs uvicorn, which is not installed.",
                "Install the extra: pip install 'cognito-devtoken[[]emulator[]]'",
            ]
        )

    def test_importing_it_costs_nothing_but_pytest_and_the_package(
        self, pytester: pytest.Pytester
    ) -> None:
        # What is loaded before this test runs is what the plugin has loaded.
        pytester.makepyfile(
            """
            import sys

            def test_it():
                heavy = {"asyncio", "boto3", "botocore", "cachetools", "joserfc", "starlette"}
                heavy |= {"uvicorn", "cognito_devtoken.emulator", "cognito_devtoken.testing"}
                assert "cognito_devtoken.pytest_plugin" in sys.modules
                assert heavy & {*sys.modules} <= {"asyncio"}
            """
        )
        environ = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        command = [sys.executable, "-m", "pytest", "-p", "cognito_devtoken.pytest_plugin"]

        done = subprocess.run(command, env=environ, capture_output=True, text=True)

        assert done.returncode == 0, done.stdout + done.stderr


class TestDocumentation:
    def test_its_examples_pass(self, passes: Passes) -> None:
        passes(3, documented("python"))

    def test_its_application_passes(
        self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pytest.importorskip("fastapi", reason="FastAPI is not installed")
        if not (find_spec("httpx2") or find_spec("httpx")):
            pytest.skip("what FastAPI's test client needs is not installed")
        pytester.makepyfile(documented("py"))
        monkeypatch.setenv("PYTHONPATH", str(ROOT / "examples"), prepend=os.pathsep)

        pytester.runpytest_subprocess().assert_outcomes(passed=2)


def documented(language: str) -> str:
    """The blocks of a language in the documentation of the fixtures."""
    _, section = (ROOT / "docs" / "testing.md").read_text().split("\n## With pytest\n")
    section = section.partition("\n## ")[0]
    blocks: list[str] = re.findall(
        rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE
    )
    return "\n".join(blocks)
