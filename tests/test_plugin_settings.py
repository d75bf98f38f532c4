"""The clock and the marker of the pytest fixtures."""

import re

import pytest

from inner_runs import Passes


pytest_plugins = ["pytester"]
pytestmark = pytest.mark.external

MISTAKES = {
    "'eu-west-1:0a1b'": "use keyword arguments only, not 'eu-west-1:0a1b'.",
    "pool='eu-west-1:0a1b'": (
        "unknown keyword pool; use one of identity_pool_id, developer_provider, public_providers, "
        "allow_unauthenticated, authenticated_role, unauthenticated_role, allow_classic_flow, "
        "roles, behavior, latency, calls_per_second, fail."
    ),
    "develper_provider='a'": "unknown keyword develper_provider; did you mean developer_provider?",
    "fail='NotAuthorisedException'": (
        "Unknown error code NotAuthorisedException; did you mean NotAuthorizedException?"
    ),
    "fail=('ResourceNotFoundExeption', 2)": (
        "Unknown error code ResourceNotFoundExeption; did you mean ResourceNotFoundException?"
    ),
    "identity_pool_id=5": "identity_pool_id must be REGION:GUID, not 5.",
    "identity_pool_id='pool'": (
        "identity_pool_id must be REGION:GUID of at most 55 characters, not 'pool'."
    ),
    "authenticated_role='admin'": (
        "authenticated_role must be the ARN of an IAM role, not 'admin'."
    ),
    "calls_per_second='50'": (
        "calls_per_second must be a number, or numbers by operations, not '50'."
    ),
    "roles=5": "roles must be a collection of Role, not 5.",
    "latency='1 s'": "latency must be a number of seconds, not '1 s'.",
    "latency=-1": "latency must be 0 s or more, and finite, not -1.",
    "behavior='odd'": "behavior must be a Behavior, not 'odd'.",
    "fail=('A', 'B')": "fail must be an error code, or (code, number of calls), not ('A', 'B').",
    "fail=('A', 0)": "times must be 1 or more, not 0.",
}


class TestClock:
    def test_sessions_and_emulator_use_the_requested_clock(self, passes: Passes) -> None:
        passes(
            3,
            """
            import asyncio
            import time
            from datetime import timedelta

            import pytest

            from cognito_devtoken.exceptions import TokenUnavailableError

            BEGAN = time.time()
            MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)

            def test_a_refresh_and_an_expiry(token_session, manual_clock, cognito_emulator):
                assert int(BEGAN) <= manual_clock.time() <= time.time()
                first = token_session.get_token("user-42")
                assert first.issued_at.timestamp() == manual_clock.time()
                assert first.expires_in() == 15 * MINUTE - SECOND, "iat is rounded down"

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
                assert token.expires_in() == 15 * MINUTE - SECOND

            def test_the_emulator_refuses_an_expired_token(
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

            BEGAN = time.time()

            def test_one(manual_clock, token_session):
                manual_clock.advance(86_400)

            def test_two(token_session):
                token = token_session.get_token("user-42")
                assert int(BEGAN) <= token.issued_at.timestamp() <= time.time()
                assert token.expires_in().total_seconds() < 900
            """,
        )

    def test_requesting_it_too_late_is_an_error(self, pytester: pytest.Pytester) -> None:
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
        result.stdout.fnmatch_lines(["manual_clock was requested too late: cognito_emulator *"])

    def test_it_can_be_overridden(self, passes: Passes) -> None:
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
    def test_it_configures_the_emulator(self, passes: Passes) -> None:
        passes(
            7,
            """
            import pytest

            from cognito_devtoken import exceptions
            from cognito_devtoken.emulator import Behavior, Pool, Role

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

            @pytest.mark.cognito(fail=("InternalErrorException", 2))
            def test_faults(token_session):
                for user_id in ["user-1", "user-2"]:
                    with pytest.raises(exceptions.InternalServiceError):
                        token_session.get_token(user_id)
                assert token_session.get_token("user-3").token

            @pytest.mark.cognito(calls_per_second=0.001, behavior=Behavior(throttled_status=429))
            def test_a_quota(token_session):
                token_session.get_token("user-1")
                with pytest.raises(exceptions.TooManyRequestsError) as caught:
                    token_session.get_token("user-2")
                assert caught.value.status == 429

            @pytest.mark.cognito(
                calls_per_second={"GetOpenIdTokenForDeveloperIdentity": 0.001},
                roles=[Role("arn:aws:iam::123456789012:role/app", allows_tag_session=False)],
                authenticated_role=None,
                unauthenticated_role=None,
                allow_classic_flow=False,
            )
            def test_roles_and_limits(token_session, cognito_emulator):
                token_session.get_token("user-1")
                with pytest.raises(exceptions.TooManyRequestsError):
                    token_session.get_token("user-2")
                (pool,) = cognito_emulator.pools
                assert pool.authenticated_role is pool.unauthenticated_role is None
                assert not pool.allow_classic_flow
                assert len(cognito_emulator._front.service.world.roles) == 1

            @pytest.mark.cognito(latency=0.01)
            def test_latency(cognito_emulator):
                assert cognito_emulator.latency == 0.01

            def test_none(token_session):
                assert token_session.get_token("user-42").token
            """,
        )

    def test_the_closest_marker_wins_keyword_by_keyword(self, passes: Passes) -> None:
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

    def test_a_mistake_fails_the_test_with_one_line(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(
            "import pytest\n"
            + "".join(
                f"""
@pytest.mark.cognito({arguments})
def test_wrong_{number}(token_session):
    pass

def test_right_{number}(token_session):
    pass
"""
                for number, arguments in enumerate(MISTAKES)
            )
        )
        result = pytester.runpytest_inprocess("-W", "error")

        result.assert_outcomes(errors=len(MISTAKES), passed=len(MISTAKES))
        said = re.findall(r"^@pytest\.mark\.cognito: (.*)$", str(result.stdout), re.MULTILINE)
        assert said == list(MISTAKES.values())
        result.stdout.no_fnmatch_line("*pytest_plugin.py*")
