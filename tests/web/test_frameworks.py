"""What the integrations of all frameworks promise, tested with each framework's test client."""

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from adapters import NAMES, SocketClosedError, load
from caching import POOL_ID, PROVIDER
from cognito_devtoken import AsyncTokenSession, RefreshPolicy, TokenSession
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    ConfigurationError,
    DeveloperProviderError,
    DevTokenError,
    IdentityPoolRolesError,
    RegionDisabledError,
    ResourceNotFoundError,
    RoleDeniedError,
    SessionClosedError,
    SessionPolicyError,
    StaleTokenError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from cognito_devtoken.testing import FakeFetcher


# Contains an account and a user, as messages from AWS do.
QUOTED = "arn:aws:iam::123456789012:user/shop"

# Some promises hold for some frameworks only.
FACTORIES = ("aiohttp", "fastapi", "flask", "litestar", "starlette")
LIFESPANS = ("fastapi", "litestar", "starlette")
WEBSOCKETS = LIFESPANS
LOOKUPS = tuple(name for name in NAMES if name != "aiohttp")
OWN_SETTINGS = ("django", "django_async", "flask")


@pytest.fixture(params=NAMES)
def framework(request: pytest.FixtureRequest) -> Any:
    return load(request.param)


def only(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("framework", names, indirect=True)


@pytest.fixture
def upstream() -> FakeFetcher:
    return FakeFetcher()


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What the package logs. Not caplog: Litestar replaces the handlers of the root logger."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler = Handler()
    logger = logging.getLogger("cognito_devtoken")
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


def test_all_requests_share_a_session(framework: Any, upstream: FakeFetcher) -> None:
    with framework.running(framework.app(upstream)) as client:
        first, second = client.get("ana"), client.get("ana")

    assert first.status == second.status == 200
    assert first.json() == second.json()
    assert len(upstream.calls) == 1


@only(*FACTORIES)
def test_a_session_lives_as_long_as_the_application(framework: Any, upstream: FakeFetcher) -> None:
    session = framework.open(upstream)

    with framework.running(framework.app_with(lambda: session)) as client:
        assert client.get("ana").status == 200
        session._check_open()

    with pytest.raises(SessionClosedError):
        session._check_open()


@only(*LIFESPANS)
def test_a_restarted_application_has_a_new_session(framework: Any, upstream: FakeFetcher) -> None:
    app = framework.app(upstream)

    for _ in range(2):
        with framework.running(app) as client:
            assert client.get("ana").status == 200

    assert len(upstream.calls) == 2


@only(*FACTORIES)
def test_two_applications_share_no_session(framework: Any) -> None:
    one, other = FakeFetcher(), FakeFetcher()

    with framework.running(framework.app(one)) as first:
        with framework.running(framework.app(other)) as second:
            first.get("ana")
            second.get("ana")
            second.get("bob")

    assert (len(one.calls), len(other.calls)) == (1, 2)


@only(*FACTORIES)
def test_a_test_overrides_the_session_in_one_line(framework: Any, upstream: FakeFetcher) -> None:
    fake = FakeFetcher()
    app = framework.app(upstream)

    with framework.overridden(app, fake), framework.running(app) as client:
        assert client.get("ana").status == 200

    assert (len(upstream.calls), len(fake.calls)) == (0, 1)


def test_an_invalid_environment_variable_fails_at_start_up(
    framework: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGNITO_DEVTOKEN_IDENTITY_POOL_ID", POOL_ID)
    monkeypatch.setenv("COGNITO_DEVTOKEN_MAX_ENTRIES", "many")

    with pytest.raises(ConfigurationError, match=r"^COGNITO_DEVTOKEN_MAX_ENTRIES must be"):
        with framework.running(framework.app_from_environment()):
            pass


def test_a_missing_developer_provider_fails_at_start_up(
    framework: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGNITO_DEVTOKEN_IDENTITY_POOL_ID", POOL_ID)

    with pytest.raises(ConfigurationError, match=r"DEVELOPER_PROVIDER.* is not set\.") as caught:
        with framework.running(framework.app_from_environment()):
            pass

    assert "developer provider name of the identity pool" in caught.value.__notes__[0]


@only(*FACTORIES)
def test_a_factory_that_reads_the_environment_needs_the_developer_provider_too(
    framework: Any, monkeypatch: pytest.MonkeyPatch, upstream: FakeFetcher
) -> None:
    monkeypatch.setenv("COGNITO_DEVTOKEN_IDENTITY_POOL_ID", POOL_ID)
    sessions: list[Any] = []

    def open_session() -> Any:
        sessions.append(framework.kind.from_env(client=upstream))
        return sessions[0]

    with pytest.raises(ConfigurationError, match="COGNITO_DEVTOKEN_DEVELOPER_PROVIDER is not set"):
        with framework.running(framework.app_with(open_session)):
            pass

    assert sessions[0]._closed


@only(*FACTORIES)
def test_a_session_of_the_application_may_have_no_developer_provider(
    framework: Any, upstream: FakeFetcher
) -> None:
    with framework.running(framework.app_with(lambda: framework.kind(POOL_ID, client=upstream))):
        pass


@only(*OWN_SETTINGS)
def test_settings_come_from_the_configuration(framework: Any) -> None:
    settings = {
        "IDENTITY_POOL_ID": POOL_ID,
        "DEVELOPER_PROVIDER": PROVIDER,
        "TOKEN_DURATION": 3600,
        "GRACE": 12.5,
        "STRICT_GRACE": True,
    }

    with framework.session_of(**settings) as session:
        plain = session._plain
        assert (session._pool, session._provider, plain.token_duration) == (POOL_ID, PROVIDER, 3600)
        assert session._cache._state.policy == RefreshPolicy(grace=12.5, strict_grace=True)


@only(*OWN_SETTINGS)
def test_the_configuration_wins_over_the_environment(
    framework: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGNITO_DEVTOKEN_IDENTITY_POOL_ID", POOL_ID)
    monkeypatch.setenv("COGNITO_DEVTOKEN_DEVELOPER_PROVIDER", "login.environment.example")
    monkeypatch.setenv("COGNITO_DEVTOKEN_TOKEN_DURATION", "60")

    with framework.session_of(DEVELOPER_PROVIDER=PROVIDER, TOKEN_DURATION=None) as session:
        plain = session._plain
        assert (session._pool, session._provider, plain.token_duration) == (POOL_ID, PROVIDER, None)


async def open_later() -> None:
    pass


@only(*FACTORIES)
def test_a_factory_that_must_be_awaited_is_refused_at_start_up(framework: Any) -> None:
    with pytest.raises(TypeError, match="must be a function that returns") as caught:
        with framework.running(framework.app_with(open_later)):
            pass

    assert framework.kind.__name__ in str(caught.value)
    assert "got coroutine" in str(caught.value)


# A svcs registry accepts both kinds.
@only("fastapi", "flask", "litestar", "starlette")
def test_a_session_of_the_other_kind_is_refused_at_start_up(framework: Any) -> None:
    wanted = framework.kind
    (other,) = {AsyncTokenSession, TokenSession} - {wanted}

    with pytest.raises(TypeError, match=rf"returns {wanted.__name__}, .* got {other.__name__}\."):
        with framework.running(framework.app_with(lambda: other(POOL_ID))):
            pass


@only(*LOOKUPS)
def test_the_error_of_an_application_without_a_session_names_likely_causes(framework: Any) -> None:
    with pytest.raises(LookupError, match=framework.not_wired):
        framework.ask_unwired()


@only(*LOOKUPS)  # aiohttp refuses the long path itself
def test_a_client_gets_responses_it_can_act_on(framework: Any, upstream: FakeFetcher) -> None:
    upstream.error = TokenUnavailableError(QUOTED)

    with framework.running(framework.app(upstream)) as client:
        answer = client.get("ana")
        too_long = client.get("a" * 50_001)

    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "Temporarily unavailable. Try again later.",
    }
    assert too_long.status == 400
    assert too_long.json()["detail"] == "user_id must have 1 to 50000 characters"


def test_a_server_side_error_stays_an_error_of_the_application(
    framework: Any, upstream: FakeFetcher
) -> None:
    upstream.error = CallerDeniedError(QUOTED)

    with framework.running(framework.app(upstream)) as client:
        answer = client.get("ana")

    assert answer.status == 500
    assert "arn:" not in answer.text
    assert re.fullmatch(framework.server_error, answer.text)


def test_requests_share_the_credentials_of_their_user_and_of_no_other(
    framework: Any, upstream: FakeFetcher
) -> None:
    with framework.running(framework.app(upstream)) as client:
        first, second, other = map(client.get, ["credentials/ana"] * 2 + ["credentials/bob"])

    assert first.status == second.status == other.status == 200
    assert first.json() == second.json()
    assert first.json()["accessKeyId"] != other.json()["accessKeyId"]
    assert [token.identity_id for token, _ in upstream.exchanges] == [
        each.json()["identityId"] for each in (first, other)
    ]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TokenUnavailableError(QUOTED), 503),
        (StaleTokenError(QUOTED), 503),
        (TooManyRequestsError(QUOTED), 429),
    ],
)
def test_a_client_is_told_when_to_ask_for_credentials_again(
    framework: Any, upstream: FakeFetcher, error: DevTokenError, status: int
) -> None:
    upstream.exchange_error = error

    with framework.running(framework.app(upstream)) as client:
        answers = [client.get("credentials/ana") for _ in range(2)]
        token = client.get("ana")

    for answer in answers:  # while the session remembers the failure, too
        assert answer.status == status
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert "arn:" not in answer.text
    assert token.status == 200


# The mistakes in roles and policies, as Cognito and STS answer them.
@pytest.mark.parametrize(
    "kind", [IdentityPoolRolesError, RoleDeniedError, RegionDisabledError, SessionPolicyError]
)
def test_a_mistake_in_a_role_is_an_error_of_the_application_logged_with_what_to_do(
    framework: Any, upstream: FakeFetcher, kind: type[DevTokenError], logged: list[str]
) -> None:
    upstream.exchange_error = kind(QUOTED)

    with framework.running(framework.app(upstream)) as client:
        answers = [client.get("credentials/ana") for _ in range(2)]

    assert [answer.status for answer in answers] == [500, 500]
    assert not any("arn:" in answer.text for answer in answers)
    (line,) = [line for line in logged if line.startswith("FetchFailed")]
    for text in ("lease=credentials", kind.__name__, upstream.exchange_error.__notes__[0]):
        assert text in line


@only(*WEBSOCKETS)
def test_a_websocket_has_the_session_too(framework: Any, upstream: FakeFetcher) -> None:
    with framework.running(framework.app(upstream)) as client:
        assert client.talk("ana") == client.get("ana").json()

    assert len(upstream.calls) == 1


@only(*WEBSOCKETS)
def test_an_error_closes_a_websocket_without_quoting_it(
    framework: Any, upstream: FakeFetcher
) -> None:
    upstream.error = TokenUnavailableError(QUOTED)

    with framework.running(framework.app(upstream)) as client:
        with pytest.raises(SocketClosedError) as caught:
            client.talk("ana")

    assert caught.value.args == framework.close


@only(*FACTORIES)
def test_verify_proves_the_session_at_start_up(framework: Any, upstream: FakeFetcher) -> None:
    upstream.error = ResourceNotFoundError("Identity 'us-east-1:0' not found.")
    app = framework.app_with(lambda: framework.open(upstream), verify=True)

    with framework.running(app):
        assert len(upstream.calls) == 1


# The mistakes of a newcomer, as Cognito and botocore answer them. A developer provider that is
# missing is tested above.
MISTAKES = [
    DeveloperProviderError("no such provider", code="NotAuthorizedException"),  # wrong provider
    ResourceNotFoundError("IdentityPool 'x' not found.", hint="Check the region."),  # wrong pool
    TokenUnavailableError("Could not connect to the endpoint."),  # dead endpoint
    CallerDeniedError("The security token is invalid.", hint="Check the keys."),  # bad AWS keys
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda error: type(error).__name__)
@only(*FACTORIES)
def test_verify_fails_at_start_up_with_what_is_wrong_and_closes_the_session(
    framework: Any, upstream: FakeFetcher, mistake: DevTokenError
) -> None:
    upstream.error = mistake
    session = framework.open(upstream)

    with pytest.raises(type(mistake)) as caught:
        with framework.running(framework.app_with(lambda: session, verify=True)):
            pass

    assert str(caught.value) == str(mistake)
    assert caught.value.__notes__ == mistake.__notes__
    assert session._closed


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda error: type(error).__name__)
@only(*FACTORIES)
def test_a_mistake_shows_in_answer_log_and_health_with_what_to_do(
    framework: Any,
    upstream: FakeFetcher,
    mistake: DevTokenError,
    logged: list[str],
) -> None:
    upstream.error = mistake
    session = framework.open(upstream)
    session._cache._leases.workers.start_thread = lambda run: run()
    session._cache._leases.workers.idle_seconds = 0

    with framework.running(framework.app_with(lambda: session)) as client:
        answer = client.get("ana")

    assert answer.status == (503 if isinstance(mistake, TokenUnavailableError) else 500)
    (line,) = logged
    for text in (type(mistake).__name__, str(mistake), mistake.__notes__[0]):
        assert text in line
    health = session.health()
    assert (health.ok, health.last_error) == (False, type(mistake).__name__)
    assert health.hint == mistake.__notes__[0]
