"""What a client sees of an error, whatever the framework."""

import math
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from caching import make_cache, request_for
from cognito_devtoken import AsyncTokenSession, TokenRequest, TokenSession, _web, exceptions
from cognito_devtoken._events.log import WarningLog
from cognito_devtoken._values.trade import check_role
from cognito_devtoken._web import ANSWERS, Answer, answer_to, open_with
from cognito_devtoken.credentials import AssumeRole
from cognito_devtoken.exceptions import (
    DevTokenError,
    InternalServiceError,
    InvalidRequestError,
    InvalidTokenResponseError,
    NotAuthorizedError,
    ServiceError,
    TokenUnavailableError,
    TooManyRequestsError,
    Violation,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock


ROOT = Path(__file__).parents[1]
QUOTED = "arn:aws:iam::123456789012:role/shop"


@pytest.mark.parametrize(
    ("name", "status", "retry_after", "close_code"),
    [
        ("InvalidParameterError", 400, None, 1008),
        ("NotAuthorizedError", 403, None, 1008),
        ("StaleTokenError", 503, "1", 1013),
        ("ResourceConflictError", 409, None, 1008),
        ("DeveloperUserAlreadyRegisteredError", 409, None, 1008),
        ("TooManyRequestsError", 429, "2", 1013),
        ("InternalServiceError", 503, "1", 1013),
        ("TokenUnavailableError", 503, "1", 1013),
        ("SessionClosedError", 503, "1", 1013),
    ],
)
def test_the_answer_to_an_error_is_one_a_client_can_act_on(
    name: str, status: int, retry_after: str | None, close_code: int
) -> None:
    answer = Answer.to(getattr(exceptions, name)(QUOTED))

    assert (answer.status, answer.close_code) == (status, close_code)
    assert answer.headers.get("Retry-After") == retry_after
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.body["status"] == status
    assert answer.body.keys() == {"type", "title", "status", "detail"}
    assert QUOTED not in str(answer)
    assert answer.close_reason == answer.detail


@pytest.mark.parametrize(
    "name",
    [
        "CallerDeniedError",
        "ConfigurationError",
        "DeveloperProviderError",
        "IdentityPoolRolesError",
        "IncompleteEraseError",
        "InvalidTokenResponseError",
        "RegionDisabledError",
        "ResourceNotFoundError",
        "RoleDeniedError",
        "ServiceError",
        "SessionPolicyError",
    ],
)
def test_a_server_side_error_stays_an_error_of_the_application(name: str) -> None:
    error: type[DevTokenError] = getattr(exceptions, name)

    assert not ANSWERS.keys() & {*error.__mro__}


def test_a_derived_error_is_answered_like_its_base() -> None:
    class Throttled(TooManyRequestsError):
        pass

    assert Answer.to(Throttled("slowly")).status == 429


def test_retry_after_is_the_remaining_time_rounded_up() -> None:
    def left() -> int:
        return math.ceil((retry_at - datetime.now(UTC)).total_seconds())

    retry_at = datetime.now(UTC) + timedelta(seconds=45.5)

    at_most = left()
    retry_after = int(
        Answer.to(TokenUnavailableError("no", retry_at=retry_at)).headers["Retry-After"]
    )
    assert left() <= retry_after <= at_most


@pytest.mark.parametrize(
    ("seconds", "retry_after"),
    [
        (-5, "1"),  # already past
        (3600, "60"),  # set by another machine's clock
    ],
)
def test_retry_after_is_from_1_to_60_seconds(seconds: float, retry_after: str) -> None:
    error = TokenUnavailableError("no", retry_at=datetime.now(UTC) + timedelta(seconds=seconds))

    assert Answer.to(error).headers["Retry-After"] == retry_after


@pytest.mark.parametrize(
    ("last_error", "status", "close_code"),
    [
        (TooManyRequestsError("slowly"), 429, 1013),
        (InternalServiceError("oh"), 503, 1013),
        (TokenUnavailableError("no network", last_error=OSError("unplugged")), 503, 1013),
        (InvalidTokenResponseError("of another pool"), 500, 1011),
        (ServiceError("of a code that nobody knows"), 500, 1011),
    ],
)
def test_the_first_caller_and_later_callers_get_the_same_answer(
    last_error: Exception, status: int, close_code: int
) -> None:
    later = Answer.to(TokenUnavailableError("no", last_error=last_error))

    assert (later.status, later.close_code) == (status, close_code)
    assert ("Retry-After" in later.headers) is (status != 500)
    assert later.headers["Cache-Control"] == "no-store"
    if ANSWERS.keys() & {*type(last_error).__mro__}:
        assert Answer.to(last_error).body == later.body
    else:  # an error of the application
        assert later.detail == "Something went wrong on the server."


def test_an_exceeded_limit_is_named_but_not_the_identity_pool() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        TokenRequest("eu-central-1:nowhere", {"login.example.com": ""}, token_duration=0)

    answer = Answer.to(caught.value)

    assert answer.detail == (
        "logins['login.example.com'] must have 1 to 50000 characters; "
        "token_duration must be a whole number of seconds from 1 to 86400"
    )
    assert "eu-central-1" not in str(answer)


def test_a_limit_that_only_the_application_can_exceed_is_its_error() -> None:
    pool = InvalidRequestError([Violation("identity_pool_id", "must be eu-central-1:secret")])
    with pytest.raises(InvalidRequestError) as role:
        check_role("reports")
    with pytest.raises(InvalidRequestError) as assumed:
        AssumeRole(
            "reports", session_name="é", duration=1, policy="x" * 2049, policy_arns=["short"]
        )

    for error in (pool, role.value, assumed.value):
        answer = Answer.to(error)
        assert (answer.status, answer.detail) == (500, "Something went wrong on the server.")


def test_only_the_first_few_exceeded_limits_are_named() -> None:
    tags = {f"color-{number}": "" for number in range(40)}
    with pytest.raises(InvalidRequestError) as caught:
        TokenRequest("us-east-1:0", {"login.example.com": "ana"}, principal_tags=tags)

    assert Answer.to(caught.value).detail == (
        "principal_tags['color-0'] must have 1 to 256 characters; "
        "principal_tags['color-1'] must have 1 to 256 characters; "
        "principal_tags['color-2'] must have 1 to 256 characters; and 37 more"
    )


def test_a_websocket_close_reason_fits_in_a_frame() -> None:
    error = InvalidRequestError([Violation("principal_tags['größe']", "must be short " * 8)])

    for prefix in ("", "x"):  # whether or not the cut splits a two-byte character
        answer = Answer(400, {}, prefix + "ö" * 100)
        assert answer.close_reason == prefix + "ö" * 61
    reason = Answer.to(error).close_reason
    assert len(reason.encode()) == 123
    assert Answer.to(error).detail.startswith(reason)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """The clock of the handlers' log, which has logged nothing yet."""
    clock = ManualClock()
    monkeypatch.setattr(_web, "_log", WarningLog(clock.monotonic))
    return clock


def test_an_error_that_becomes_a_response_is_logged_once_a_minute(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    error = NotAuthorizedError(
        "NotAuthorizedException: no", code="NotAuthorizedException", request_id="0a1b"
    )
    for _ in range(5):
        assert answer_to(error).status == 403
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert caplog.messages == [
        "RequestFailed status=403 error=NotAuthorizedError code=NotAuthorizedException "
        'request_id=0a1b message="NotAuthorizedException: no" hint="'
        f'{NotAuthorizedError._hint}"'
    ]

    answer_to(TokenUnavailableError("No token arrived in time."))
    assert len(caplog.records) == 2
    clock.advance(60)
    answer_to(error)
    assert len(caplog.records) == 3


def test_an_exceeded_limit_is_logged_without_the_value(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        TokenRequest("us-east-1:0", {"login.example.com": "canary" * 10_000})
    answer_to(caught.value)

    assert caplog.messages[0].startswith("RequestFailed status=400 error=InvalidRequestError ")
    assert "canary" not in caplog.text


def test_an_error_that_its_session_has_logged_is_not_logged_again(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    fetcher = FakeFetcher(clock)
    cache = make_cache(fetcher, clock)
    fetcher.error = InternalServiceError("broken")
    for _ in range(2):  # the second time, the cache backs off
        with pytest.raises(DevTokenError) as caught:
            cache.get(request_for())
        assert answer_to(caught.value).status == 503

    assert [message.partition(" ")[0] for message in caplog.messages] == ["FetchFailed"]


async def opens_later() -> AsyncTokenSession:
    return AsyncTokenSession("us-east-1:0")


@pytest.mark.parametrize(
    ("factory", "found"),
    [
        (opens_later, "coroutine"),
        (lambda: TokenSession("us-east-1:0"), "TokenSession"),
        (lambda: None, "NoneType"),
        (AsyncTokenSession("us-east-1:0"), "AsyncTokenSession"),
    ],
)
def test_an_invalid_session_factory_is_refused_with_what_to_pass(factory: Any, found: str) -> None:
    with pytest.raises(TypeError) as caught:
        open_with(factory, AsyncTokenSession)

    assert str(caught.value) == (
        "session_factory must be a function that returns AsyncTokenSession, and must not be async; "
        f"got {found}."
    )


def test_a_text_that_names_a_close_code_of_a_websocket_names_all_that_clients_get() -> None:
    codes = {str(Answer(status, {}, "").close_code) for status in HTTPStatus if status >= 400}
    texts = [*ROOT.glob("docs/*.md"), *ROOT.glob("src/cognito_devtoken/*.py")]
    named = {
        path.name: found
        for path in texts
        if (found := {code for code in codes if code in path.read_text(encoding="utf-8")})
    }

    assert {"starlette.md", "fastapi.md", "starlette.py"} <= named.keys()
    assert named == dict.fromkeys(named, codes)
