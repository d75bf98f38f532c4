"""The behaviour that both kinds of session share."""

import copy
import gc
import inspect
import pickle
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from caching import POOL_ID, PROVIDER, Recorder, request_for
from cognito_devtoken import AsyncTokenSession, TokenRequest, TokenSession
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.events import FetchSucceeded
from cognito_devtoken.exceptions import (
    ConfigurationError,
    InvalidRequestError,
    ResourceConflictError,
    SessionClosedError,
    TokenUnavailableError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock
from pools import POOL


def test_a_second_request_for_a_user_returns_the_cached_token(
    session: Any, fetcher: FakeFetcher
) -> None:
    token = session.get_token("user-42")

    assert session.get_token("user-42") is token
    assert fetcher.calls == [request_for("user-42")]
    assert session.stats().hits == 1
    assert session.stats().misses == 1


def test_all_options_of_get_token_reach_the_request(
    open_session: Callable[..., Any], fetcher: FakeFetcher
) -> None:
    with open_session(token_duration=timedelta(hours=1)) as session:
        pass
    session = open_session(token_duration=timedelta(hours=1))
    session.get_token(
        "user-42",
        logins={"accounts.google.com": "eyJ"},
        identity_id=POOL_ID,
        principal_tags={"team": "blue"},
        token_duration=60,
        min_remaining=30,
        timeout=timedelta(seconds=5),
    )
    session.get_token("user-42")
    session.close()

    assert fetcher.calls == [
        TokenRequest(
            POOL_ID,
            {PROVIDER: "user-42", "accounts.google.com": "eyJ"},
            POOL_ID,
            {"team": "blue"},
            60,
        ),
        request_for("user-42", token_duration=3600),
    ]


def test_equal_requests_by_user_id_and_by_token_request_share_a_token(
    session: Any, fetcher: FakeFetcher
) -> None:
    assert session.get(request_for("user-42")) is session.get_token("user-42")
    assert session.get(request_for("user-42"), min_remaining=1, timeout=1).token
    assert len(fetcher.calls) == 1


def test_the_logins_of_a_request_are_taken_by_get_token(session: Any, fetcher: FakeFetcher) -> None:
    logins = TokenRequest(POOL_ID, {"accounts.google.com": "eyJ"}).logins
    with_logins = request_for("user-42", logins=dict(logins))

    assert session.get_token("user-42", logins=logins) is session.get(with_logins)


def test_a_request_for_another_pool_is_refused(session: Any, fetcher: FakeFetcher) -> None:
    other = TokenRequest("eu-west-1:0", {PROVIDER: "user-42"})

    with pytest.raises(InvalidRequestError, match=f"identity_pool_id must be .* {POOL_ID}"):
        session.get(other)
    with pytest.raises(TypeError, match="request must be a TokenRequest, not str"):
        session.get("user-42")
    assert not fetcher.calls


def test_a_due_token_is_refreshed_in_the_background(
    session: Any, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    token = session.get_token("user-42")
    clock.advance(601)

    assert session.get_token("user-42") is token
    recorder.wait_for(FetchSucceeded, 2)
    assert session.get_token("user-42") != token


@pytest.mark.parametrize("step", [-2.1, -3600, 900])
def test_a_hit_detects_a_stepped_clock(
    session: Any, clock: ManualClock, recorder: Recorder, step: float
) -> None:
    session.get_token("user-42")
    clock.set_wall(step)

    session.get_token("user-42")

    recorder.wait_for(FetchSucceeded, 2)
    assert session.stats().clock_steps == 1


def test_refresh_fetches_a_new_token(session: Any, clock: ManualClock) -> None:
    token = session.get_token("user-42")
    clock.advance(1)

    assert session.refresh("user-42", timeout=5) != token
    assert session.refresh("user-42", token_duration=60).lifetime == timedelta(seconds=60)


def test_an_invalidated_token_is_fetched_again(session: Any, fetcher: FakeFetcher) -> None:
    invalidations = [
        session.invalidate,
        lambda token: session.forget("user-42"),
        lambda token: session.forget_identity(token.identity_id),
        lambda token: session.clear(),
    ]
    for count, invalidate in enumerate(invalidations, start=1):
        invalidate(session.get_token("user-42"))
        assert len(fetcher.calls) == count
        assert session.stats().entries == 0


def test_a_client_whose_fetch_is_replaced_later_is_called_through_the_new_one(
    session: Any, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    other = FakeFetcher(clock)
    fetcher.fetch = other.fetch  # type: ignore[method-assign]

    session.get_token("user-42")

    assert (len(fetcher.calls), len(other.calls)) == (0, 1)


def test_a_failure_reaches_the_caller(session: Any, fetcher: FakeFetcher) -> None:
    fetcher.error = ConfigurationError("no AWS credentials")

    with pytest.raises(ConfigurationError, match="no AWS credentials"):
        session.get_token("user-42")


def test_a_terminal_failure_is_raised_although_the_cached_token_is_fresh(
    session: Any, fetcher: FakeFetcher
) -> None:
    session.get_token("user-42")
    fetcher.fail_next(ResourceConflictError("The login belongs to another identity."))
    with pytest.raises(ResourceConflictError):
        session.refresh("user-42")

    with pytest.raises(ResourceConflictError):
        session.get_token("user-42")

    assert len(fetcher.calls) == 2, "the failure is remembered"


def test_a_caller_waits_no_longer_than_its_timeout(session: Any, fetcher: FakeFetcher) -> None:
    with fetcher.held():
        with pytest.raises(TokenUnavailableError, match="No token arrived in time"):
            session.get_token("user-42", timeout=0)

    assert session.get_token("user-42").token
    assert len(fetcher.calls) == 1


@pytest.mark.parametrize(
    ("user_id", "options", "message"),
    [
        ("", {}, r"user_id must have 1 to 50000 characters, not 0"),
        (42, {}, r"user_id must be a string of 1 to 50000 characters, not int"),
        (None, {}, r"user_id must be a string .*, not None"),
        ("a", {"token_duration": 86_401}, r"token_duration must be .* 1 to 86400, not 86401"),
        ("a", {"principal_tags": {}}, r"principal_tags must have 1 to 50 entries, not 0"),
        ("a", {"logins": {"idp": ""}}, r"logins\['idp'\] must have 1 to 50000 characters"),
        ("a", {"logins": "b"}, r"logins must be a mapping of provider names to tokens, not str"),
        ("a", {"logins": {PROVIDER: "b"}}, r"logins must not name the developer provider"),
        ("a", {"identity_id": "b"}, r"identity_id must be REGION:GUID"),
    ],
)
def test_an_invalid_argument_is_refused_by_name_before_any_call(
    session: Any, fetcher: FakeFetcher, user_id: Any, options: Any, message: str
) -> None:
    for call in (session.get_token, session.refresh):
        with pytest.raises(InvalidRequestError, match=message):
            call(user_id, **options)
    assert not fetcher.calls


@pytest.mark.parametrize("user_id", [42, uuid.UUID(int=42), 4.2, object()])
def test_a_user_id_that_is_not_text_is_hinted_at(session: Any, user_id: Any) -> None:
    for call in (session.get_token, session.refresh, session.forget):
        with pytest.raises((InvalidRequestError, TypeError), match="must be a string") as caught:
            call(user_id)
        hint = "Convert the value to a string, for example with str(user.id)."
        assert caught.value.__notes__ == [hint]


@pytest.mark.parametrize("user_id", [None, b"user-42"])
def test_a_user_id_that_str_would_spoil_is_not_hinted_at(session: Any, user_id: Any) -> None:
    with pytest.raises(InvalidRequestError, match="must be a string") as caught:
        session.get_token(user_id)
    assert not getattr(caught.value, "__notes__", [])


def test_an_unknown_keyword_raises_the_type_error_of_python(session: Any) -> None:
    with pytest.raises(TypeError, match=r"get_token\(\) got an unexpected .* 'min_remainin'"):
        session.get_token("user-42", min_remainin=5)
    with pytest.raises(TypeError, match=r"refresh\(\) got an unexpected .* 'min_remaining'"):
        session.refresh("user-42", min_remaining=5)


@pytest.mark.parametrize("kind", [TokenSession, AsyncTokenSession])
def test_the_signature_lists_the_keywords(kind: Any) -> None:
    keywords = ["logins", "identity_id", "principal_tags", "token_duration"]

    parameters = inspect.signature(kind.get_token).parameters
    assert [*parameters] == ["self", "user_id", *keywords, "min_remaining", "timeout"]
    assert parameters["timeout"].kind is inspect.Parameter.KEYWORD_ONLY
    assert [*inspect.signature(kind.refresh).parameters][2:] == [*keywords, "timeout"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"identity_pool_id": "nowhere"}, "identity_pool_id must be REGION:GUID"),
        ({"developer_provider": ""}, "developer_provider must have 1 to 128 characters, not 0"),
        ({"developer_provider": "My App"}, "developer_provider must be 1 to 128 letters, digits"),
        ({"developer_provider": "https://login.example.com"}, "developer_provider must be 1 to"),
        ({"developer_provider": "löwe"}, "developer_provider must be 1 to 128 letters, digits"),
        ({"developer_provider": '"login.example.com"'}, "developer_provider must be 1 to 128"),
        ({"developer_provider": 5}, "developer_provider must be a string of 1 to 128"),
        ({"token_duration": 0}, "token_duration must be a whole number of seconds"),
    ],
)
def test_a_session_with_an_invalid_argument_does_not_open(
    open_session: Callable[..., Any], arguments: Any, message: str
) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        open_session(**arguments)
    gc.collect()  # the half-built session must not warn


def test_a_user_id_needs_a_developer_provider_and_a_request_does_not(
    open_session: Callable[..., Any],
) -> None:
    session = open_session(developer_provider=None)

    with pytest.raises(ConfigurationError, match="This session has no developer_provider"):
        session.get_token("user-42")
    assert session.get(request_for("user-42")).token
    session.close()


def test_a_session_closes_at_the_end_of_its_with_block(open_session: Callable[..., Any]) -> None:
    blocking = open_session()
    with blocking as session:
        assert session is blocking.session
        assert repr(session) == f"<{type(session).__name__} of {POOL_ID}, open>"
        blocking.get_token("user-42")
    blocking.close()

    assert repr(session).endswith(", closed>")
    assert blocking.stats().misses == 1
    for call in (
        lambda: blocking.get_token("user-42"),
        lambda: blocking.get(request_for()),
        lambda: blocking.refresh("user-42"),
        lambda: blocking.forget("user-42"),
        blocking.clear,
        blocking.__enter__,
    ):
        with pytest.raises(SessionClosedError, match="This session is closed"):
            call()


def test_an_unclosed_session_raises_a_resource_warning(open_session: Callable[..., Any]) -> None:
    blocking = open_session()
    blocking.get_token("user-42")

    with pytest.warns(ResourceWarning, match=r"Session of .*, open> was not closed"):
        blocking.__dict__.clear()


def test_an_unused_session_does_not_warn_if_it_is_not_closed(
    open_session: Callable[..., Any],
) -> None:
    open_session()
    gc.collect()


def test_a_session_closes_only_the_client_that_it_created(
    open_session: Callable[..., Any], fetcher: FakeFetcher
) -> None:
    own = open_session(client=None)
    own.close()
    given = open_session()
    given.close()

    with pytest.raises(SessionClosedError):
        own.session._client.fetch(request_for())
    assert fetcher.fetch(request_for()).token


def test_sessions_do_not_share_tokens(
    open_session: Callable[..., Any], fetcher: FakeFetcher
) -> None:
    with open_session():
        pass
    one, two = open_session(), open_session()
    one.get_token("user-42")
    two.get_token("user-42")

    assert len(fetcher.calls) == 2
    one.close()
    two.close()


def test_a_session_works_over_http(
    open_session: Callable[..., Any], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", emulator.endpoint_url)
    session = open_session(
        identity_pool_id=POOL.identity_pool_id,
        developer_provider=POOL.developer_provider,
        client=None,
        clock=None,
    )
    tokens = {session.get_token("user-42") for _ in range(10)}
    session.close()

    assert len(tokens) == 1
    assert emulator.calls["GetOpenIdTokenForDeveloperIdentity"] == 1


def test_invalidate_refuses_a_string_without_showing_it(
    session: Any, leaks: Callable[..., list[str]]
) -> None:
    message = r"invalidate\(\) takes an OpenIdToken or AwsCredentials, not str"
    with pytest.raises(TypeError, match=message) as caught:
        session.invalidate("eyJcanary")

    assert not leaks(caught.value, "eyJcanary")


def test_forget_identity_refuses_a_token_without_showing_it(
    session: Any, leaks: Callable[..., list[str]]
) -> None:
    token = session.get_token("user-42")

    with pytest.raises(TypeError, match="identity_id must be a string, not OpenIdToken") as caught:
        session.forget_identity(token)

    assert not leaks(caught.value, token.token)


def test_forget_needs_a_user_id_and_a_developer_provider(
    open_session: Callable[..., Any], session: Any, leaks: Callable[..., list[str]]
) -> None:
    with pytest.raises(TypeError, match="user_id must be a string, not list"):
        session.forget(["user-42"])
    with open_session(developer_provider=None):
        pass
    blocking = open_session(developer_provider=None)
    with pytest.raises(ConfigurationError, match=r"forget\(\) needs the dev") as caught:
        blocking.forget("canary-user")
    assert not leaks(caught.value, "canary-user")
    blocking.close()


def test_a_session_cannot_be_copied_or_pickled(session: Any) -> None:
    for take in (copy.copy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied or pickled; open a new one in"):
            take(session.session)
