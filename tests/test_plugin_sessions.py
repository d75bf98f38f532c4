"""The pytest fixtures that are sessions, and the environment for an application's sessions."""

import os

import pytest

from caching import request_for
from cognito_devtoken import TokenSession
from cognito_devtoken.exceptions import SessionClosedError
from cognito_devtoken.pytest_plugin import _Cognito
from inner_runs import Passes


pytest_plugins = ["pytester"]
pytestmark = pytest.mark.external


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

    def test_they_ignore_the_environment(
        self, passes: Passes, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("config", "credentials"):
            path = pytester.path / ".aws" / name  # in the home directory of the run
            path.parent.mkdir(exist_ok=True)
            path.write_text("[This is not an AWS config file")
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

    def test_using_them_does_not_change_the_environment(self, passes: Passes) -> None:
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

    def test_shared_resources_are_closed_when_the_run_ends(self) -> None:
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
            cognito._client.fetch(request_for())

    def test_they_ignore_the_environment_in_a_forked_child_too(
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
                    warnings.simplefilter("ignore", DeprecationWarning)  # about threads
                    child = os.fork()
                if not child:
                    signal.alarm(300)
                    try:
                        os._exit(0 if token_session.get_token("another").token else 1)
                    finally:
                        os._exit(1)
                assert os.waitpid(child, 0)[1] == 0
                assert cognito_emulator.calls.total() == 2
            """,
        )


class TestEnvironment:
    def test_an_application_configured_by_it_calls_the_emulator(
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
                subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
                assert cognito_emulator.calls.total() == 1

            def test_afterwards():
                assert os.environ["AWS_SESSION_TOKEN"] == "left from elsewhere"
                assert os.environ["COGNITO_DEVTOKEN_TOKEN_DURATION"] == "a lot"
                assert "AWS_ENDPOINT_URL_COGNITO_IDENTITY" not in os.environ
            """,
        )


def test_the_sessions_exchange_tokens_with_the_emulator_in_both_flows(passes: Passes) -> None:
    passes(
        2,
        """
        import asyncio

        from cognito_devtoken.credentials import AssumeRole

        ROLE = AssumeRole("arn:aws:iam::123456789012:role/app")

        def test_threads(token_session, cognito_emulator):
            credentials = token_session.get_credentials("user-42")
            assert credentials.identity_id == token_session.get_token("user-42").identity_id
            assert token_session.get_credentials("user-42", role=ROLE) != credentials
            assert cognito_emulator.calls["GetCredentialsForIdentity"] == 1
            assert cognito_emulator.calls["AssumeRoleWithWebIdentity"] == 1

        def test_asyncio(async_token_session, cognito_emulator):
            asyncio.run(async_token_session.get_credentials("user-42", role=ROLE))
            assert cognito_emulator.calls.total() == 2
        """,
    )


def test_every_method_of_the_sessions_works_with_the_emulator(passes: Passes) -> None:
    passes(
        2,
        """
        import asyncio
        import inspect

        from cognito_devtoken import ErasedUser, TokenRequest

        async def call_all(session, pool, close):
            called = set()

            async def call(name, *arguments):
                called.add(name)
                answer = getattr(session, name)(*arguments)
                return await answer if inspect.isawaitable(answer) else answer

            token = await call("get_token", "user-42")
            request = TokenRequest(pool.identity_pool_id, {pool.developer_provider: "user-42"})
            assert await call("get", request) == token
            assert (await call("assertion", "user-42"))() == token.token
            await call("invalidate", await call("get_credentials", "user-42"))
            await call("refresh", "user-42")
            await call("check")
            assert (await call("health")).ok
            assert (await call("stats")).entries == 1
            assert await call("find_identity", "another") is None
            assert await call("find_identity", "user-42") == token.identity_id
            erased = await call("erase", "user-42")
            assert erased == ErasedUser([token.identity_id], ["user-42"])
            await call("forget", "user-42")
            await call("forget_identity", token.identity_id)
            await call("clear")
            await call(close)

            public = {name for name in dir(session) if not name.startswith("_")}
            assert called == public - {"from_env"}  # this one opens another session

        def test_threads(token_session, cognito_emulator):
            asyncio.run(call_all(token_session, cognito_emulator.pools[0], "close"))

        def test_asyncio(async_token_session, cognito_emulator):
            asyncio.run(call_all(async_token_session, cognito_emulator.pools[0], "aclose"))
        """,
    )
