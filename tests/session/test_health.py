"""What health() reports about Cognito without calling it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from blocking_session import BlockingSession
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    DeveloperProviderError,
    ResourceConflictError,
    ResourceNotFoundError,
    TokenUnavailableError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock


START = datetime.fromtimestamp(ManualClock().time(), UTC)


def test_a_session_is_healthy_before_its_first_call(
    session: BlockingSession, fetcher: FakeFetcher
) -> None:
    health = session.health()

    assert health.ok
    assert health.last_success is health.failing_since is None
    assert not fetcher.calls


def test_a_fetched_token_counts_as_a_success_and_a_hit_does_not(
    session: BlockingSession, clock: ManualClock
) -> None:
    session.get_token("ana")
    clock.advance(60)
    session.get_token("ana")

    assert session.health().ok
    assert session.health().last_success == START


def test_a_session_is_unhealthy_from_the_first_failure_until_a_token_arrives(
    session: BlockingSession, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    session.get_token("ana")
    fetcher.error = TokenUnavailableError("no network")
    for user_id in ("bob", "eve"):
        clock.advance(10)
        with pytest.raises(TokenUnavailableError):
            session.get_token(user_id)
    failing = session.health()
    fetcher.error = None
    clock.advance(10)
    session.get_token("bob")

    assert not failing.ok
    assert failing.last_success == START
    assert failing.failing_since == START + timedelta(seconds=10)
    assert failing.last_error == "TokenUnavailableError"
    assert failing.retry_at is not None
    assert timedelta(0) < failing.retry_at - START - timedelta(seconds=20) <= timedelta(seconds=5)
    healthy = session.health()
    assert healthy.ok
    assert healthy.last_success == START + timedelta(seconds=30)
    assert healthy.failing_since is healthy.last_error is healthy.hint is healthy.retry_at is None


def test_an_error_about_a_single_user_is_ignored(
    session: BlockingSession, fetcher: FakeFetcher
) -> None:
    fetcher.fail_next(ResourceConflictError("taken"))
    with pytest.raises(ResourceConflictError):
        session.get_token("ana")
    assert session.health().ok

    fetcher.fail_next(CallerDeniedError("arn:aws:iam::123456789012:user/shop"))
    with pytest.raises(CallerDeniedError):
        session.get_token("bob")
    fetcher.fail_next(ResourceConflictError("taken"))
    with pytest.raises(ResourceConflictError):
        session.get_token("eve")
    assert session.health().last_error == "CallerDeniedError"


def test_a_pool_that_does_not_exist_is_a_failure(
    session: BlockingSession, fetcher: FakeFetcher
) -> None:
    fetcher.fail_next(ResourceNotFoundError("IdentityPool 'us-east-1:0' not found."))
    with pytest.raises(ResourceNotFoundError):
        session.get_token("ana")
    failing = session.health()
    session.get_token("bob")

    assert (failing.ok, failing.last_error) == (False, "ResourceNotFoundError")
    assert failing.failing_since == START
    assert failing.retry_at == START + timedelta(seconds=1)
    assert session.health().ok


def test_an_unknown_developer_provider_is_a_failure_that_says_what_to_do(
    session: BlockingSession, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    token = session.get_token("ana")
    clock.advance(token.lifetime / timedelta(seconds=1) * 0.9)
    fetcher.error = DeveloperProviderError("wrong", code="NotAuthorizedException")
    with pytest.raises(DeveloperProviderError):
        session.get_token("bob")
    failing = session.health()

    assert (failing.ok, failing.last_error) == (False, "DeveloperProviderError")
    assert "COGNITO_DEVTOKEN_DEVELOPER_PROVIDER" in str(failing.hint)
    assert session.get_token("ana") == token  # it is still valid, so it is served


def test_health_can_be_written_as_json_without_the_message_of_aws(
    session: BlockingSession, fetcher: FakeFetcher
) -> None:
    session.get_token("ana")
    fetcher.error = CallerDeniedError("arn:aws:iam::123456789012:user/shop")
    with pytest.raises(CallerDeniedError):
        session.get_token("bob")

    report = json.loads(json.dumps(session.health().to_dict()))

    retry_at = report.pop("retry_at")
    assert datetime.fromisoformat(retry_at) > START
    assert report == {
        "ok": False,
        "last_success": "2023-11-14T22:13:20+00:00",
        "failing_since": "2023-11-14T22:13:20+00:00",
        "last_error": "CallerDeniedError",
        "hint": CallerDeniedError._hint,
    }
