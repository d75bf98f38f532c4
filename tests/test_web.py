"""What a client gets to see of an error, whatever the framework."""

from datetime import UTC, datetime, timedelta

import pytest

from cognito_devtoken import TokenRequest, exceptions
from cognito_devtoken._web import ANSWERS, Answer
from cognito_devtoken.exceptions import (
    DevTokenError,
    InvalidRequestError,
    ServiceError,
    TokenUnavailableError,
    TooManyRequestsError,
    Violation,
)


QUOTED = "arn:aws:iam::123456789012:role/shop"


@pytest.mark.parametrize(
    ("name", "status", "retry_after", "close_code"),
    [
        ("InvalidParameterError", 400, None, 1008),
        ("NotAuthorizedError", 403, None, 1008),
        ("ResourceConflictError", 409, None, 1008),
        ("DeveloperUserAlreadyRegisteredError", 409, None, 1008),
        ("TooManyRequestsError", 429, "2", 1013),
        ("InternalServiceError", 503, "1", 1013),
        ("TokenUnavailableError", 503, "1", 1013),
        ("SessionClosedError", 503, "1", 1013),
    ],
)
def test_an_error_is_answered_with_what_a_client_can_act_on(
    name: str, status: int, retry_after: str | None, close_code: int
) -> None:
    answer = Answer.to(getattr(exceptions, name)(QUOTED))

    assert (answer.status, answer.close_code) == (status, close_code)
    assert answer.headers.get("Retry-After") == retry_after
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.body["status"] == status
    assert answer.body.keys() == {"type", "title", "status", "detail"}
    assert QUOTED not in str(answer)
    assert len(answer.detail.encode()) <= 123, "what a WebSocket's reason may have"


@pytest.mark.parametrize(
    "name",
    [
        "CallerDeniedError",
        "ConfigurationError",
        "InvalidTokenResponseError",
        "ResourceNotFoundError",
        "ServiceError",
    ],
)
def test_what_is_wrong_on_this_side_stays_an_error_of_the_application(name: str) -> None:
    error: type[DevTokenError] = getattr(exceptions, name)

    assert not ANSWERS.keys() & {*error.__mro__}


def test_an_error_of_ones_own_is_answered_as_what_it_derives_from() -> None:
    class Throttled(TooManyRequestsError):
        pass

    assert Answer.to(Throttled("slowly")).status == 429


def test_retry_after_says_when_the_next_attempt_makes_sense() -> None:
    error = TokenUnavailableError("no", retry_at=datetime.now(UTC) + timedelta(seconds=3.5))

    assert Answer.to(error).headers["Retry-After"] == "4"


def test_a_throttling_is_told_alike_to_those_who_ask_first_and_later() -> None:
    later = TokenUnavailableError("no", last_error=TooManyRequestsError("slowly"))
    refused = TokenUnavailableError("no", last_error=ServiceError("hm"))

    assert Answer.to(later).status == 429
    assert Answer.to(refused).status == 503


def test_a_broken_limit_is_told_and_the_identity_pool_is_not() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        TokenRequest("eu-central-1:nowhere", {"login.example.com": ""}, token_duration=0)

    answer = Answer.to(caught.value)

    assert answer.detail == (
        "logins['login.example.com'] must have 1 to 50000 characters; "
        "token_duration must be a whole number of seconds from 1 to 86400"
    )
    assert "eu-central-1" not in str(answer)
    pool = InvalidRequestError([Violation("identity_pool_id", "must be eu-central-1:secret")])
    assert Answer.to(pool).detail == "The request breaks a limit."
