"""What both sessions do."""

import copy
import gc
import inspect
import pickle
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from caching import POOL_ID, PROVIDER, Recorder, asking
from cognito_devtoken import AsyncTokenSession, TokenRequest, TokenSession
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.events import FetchSucceeded
from cognito_devtoken.exceptions import (
    ConfigurationError,
    InvalidRequestError,
    SessionClosedError,
    TokenUnavailableError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock
from pools import POOL


def test_a_user_gets_a_token_and_gets_it_again(session: Any, fetcher: FakeFetcher) -> None:
    token = session.get_token("user-42")

    assert session.get_token("user-42") is token
    assert fetcher.calls == [asking("user-42")]
    assert session.stats().hits == 1
    assert session.stats().misses == 1


def test_everything_that_may_be_asked_for_is_asked_for(
    opened: Callable[..., Any], fetcher: FakeFetcher
) -> None:
    with opened(token_duration=timedelta(hours=1)) as session:
        pass
    session = opened(token_duration=timedelta(hours=1))
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
        asking("user-42", token_duration=3600),
    ]


def test_a_request_and_a_user_id_that_ask_for_the_same_share_a_token(
    session: Any, fetcher: FakeFetcher
) -> None:
    assert session.get(asking("user-42")) is session.get_token("user-42")
    assert session.get(asking("user-42"), min_remaining=1, timeout=1).token
    assert len(fetcher.calls) == 1


def test_a_request_for_another_pool_is_refused(session: Any, fetcher: FakeFetcher) -> None:
    other = TokenRequest("eu-west-1:0", {PROVIDER: "user-42"})

    with pytest.raises(InvalidRequestError, match=f"identity_pool_id must be .*'s, {POOL_ID}"):
        session.get(other)
    with pytest.raises(TypeError, match="request must be a TokenRequest, not str"):
        session.get("user-42")
    assert not fetcher.calls


def test_a_due_hit_is_refreshed_behind_the_callers_back(
    session: Any, fetcher: FakeFetcher, clock: ManualClock, told: Recorder
) -> None:
    token = session.get_token("user-42")
    clock.advance(601)

    assert session.get_token("user-42") is token
    told.wait_for(FetchSucceeded, 2)
    assert session.get_token("user-42") != token


@pytest.mark.parametrize("step", [-2.1, -3600, 900])
def test_a_hit_notices_a_clock_that_has_stepped(
    session: Any, clock: ManualClock, told: Recorder, step: float
) -> None:
    session.get_token("user-42")
    clock.set_wall(step)

    session.get_token("user-42")

    told.wait_for(FetchSucceeded, 2)
    assert session.stats().clock_steps == 1


def test_a_refresh_asks_anew(session: Any, clock: ManualClock) -> None:
    token = session.get_token("user-42")
    clock.advance(1)

    assert session.refresh("user-42", timeout=5) != token
    assert session.refresh("user-42", token_duration=60).lifetime == timedelta(seconds=60)


def test_what_is_thrown_away_is_fetched_anew(session: Any, fetcher: FakeFetcher) -> None:
    throws = [
        session.invalidate,
        lambda token: session.forget("user-42"),
        lambda token: session.forget_identity(token.identity_id),
        lambda token: session.clear(),
    ]
    for count, throw in enumerate(throws, start=1):
        throw(session.get_token("user-42"))
        assert len(fetcher.calls) == count
        assert session.stats().entries == 0


def test_a_failure_reaches_the_caller(session: Any, fetcher: FakeFetcher) -> None:
    fetcher.error = ConfigurationError("no AWS credentials")

    with pytest.raises(ConfigurationError, match="no AWS credentials"):
        session.get_token("user-42")


def test_a_caller_waits_as_long_as_it_wants_to(session: Any, fetcher: FakeFetcher) -> None:
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
def test_a_wrong_argument_is_named_before_anything_is_sent(
    session: Any, fetcher: FakeFetcher, user_id: Any, options: Any, message: str
) -> None:
    for call in (session.get_token, session.refresh):
        with pytest.raises(InvalidRequestError, match=message):
            call(user_id, **options)
    assert not fetcher.calls


def test_an_unknown_keyword_is_refused_in_the_words_of_python(session: Any) -> None:
    with pytest.raises(TypeError, match=r"get_token\(\) got an unexpected .* 'min_remainin'"):
        session.get_token("user-42", min_remainin=5)
    with pytest.raises(TypeError, match=r"refresh\(\) got an unexpected .* 'min_remaining'"):
        session.refresh("user-42", min_remaining=5)


@pytest.mark.parametrize("kind", [TokenSession, AsyncTokenSession])
def test_the_keywords_show_in_the_signature(kind: Any) -> None:
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
        ({"developer_provider": 5}, "developer_provider must be a string of 1 to 128"),
        ({"token_duration": 0}, "token_duration must be a whole number of seconds"),
    ],
)
def test_a_session_with_a_wrong_argument_does_not_open(
    opened: Callable[..., Any], arguments: Any, message: str
) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        opened(**arguments)
    gc.collect()  # and what is left of it warns of nothing


def test_a_user_id_needs_a_developer_provider_and_a_request_does_not(
    opened: Callable[..., Any],
) -> None:
    session = opened(developer_provider=None)

    with pytest.raises(ConfigurationError, match="This session has no developer_provider"):
        session.get_token("user-42")
    assert session.get(asking("user-42")).token
    session.close()


def test_a_session_closes_with_its_block(opened: Callable[..., Any]) -> None:
    door = opened()
    with door as session:
        assert session is door.session
        assert repr(session) == f"<{type(session).__name__} of {POOL_ID}, open>"
        door.get_token("user-42")
    door.close()

    assert repr(session).endswith(", closed>")
    assert door.stats().misses == 1
    for call in (
        lambda: door.get_token("user-42"),
        lambda: door.get(asking()),
        lambda: door.refresh("user-42"),
        lambda: door.forget("user-42"),
        door.clear,
        door.__enter__,
    ):
        with pytest.raises(SessionClosedError, match="This session is closed"):
            call()


def test_a_session_that_is_not_closed_says_so(opened: Callable[..., Any]) -> None:
    door = opened()
    door.get_token("user-42")

    with pytest.warns(ResourceWarning, match=r"Session of .*, open> was not closed"):
        door.__dict__.clear()


def test_a_session_that_has_done_nothing_need_not_be_closed(opened: Callable[..., Any]) -> None:
    opened()
    gc.collect()


def test_a_session_closes_the_client_that_it_has_made_and_no_other(
    opened: Callable[..., Any], fetcher: FakeFetcher
) -> None:
    own = opened(client=None)
    own.close()
    given = opened()
    given.close()

    with pytest.raises(SessionClosedError):
        own.session._client.fetch(asking())
    assert fetcher.fetch(asking()).token


def test_sessions_do_not_share_tokens(opened: Callable[..., Any], fetcher: FakeFetcher) -> None:
    with opened():
        pass
    one, two = opened(), opened()
    one.get_token("user-42")
    two.get_token("user-42")

    assert len(fetcher.calls) == 2
    one.close()
    two.close()


def test_a_session_works_over_http(
    opened: Callable[..., Any], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", emulator.endpoint_url)
    session = opened(
        identity_pool_id=POOL.identity_pool_id,
        developer_provider=POOL.developer_provider,
        client=None,
        clock=None,
    )
    tokens = {session.get_token("user-42") for _ in range(10)}
    session.close()

    assert len(tokens) == 1
    assert emulator.calls["GetOpenIdTokenForDeveloperIdentity"] == 1


def test_a_text_is_no_token_and_shows_in_no_frame(
    session: Any, leaks: Callable[..., list[str]]
) -> None:
    with pytest.raises(TypeError, match=r"invalidate\(\) takes an OpenIdToken, not str") as caught:
        session.invalidate("eyJcanary")

    assert not leaks(caught.value, "eyJcanary")


def test_only_a_user_can_be_forgotten_and_only_by_a_provider(
    opened: Callable[..., Any], session: Any, leaks: Callable[..., list[str]]
) -> None:
    with pytest.raises(TypeError, match="user_id must be a string, not list"):
        session.forget(["user-42"])
    with opened(developer_provider=None):
        pass
    door = opened(developer_provider=None)
    with pytest.raises(ConfigurationError, match=r"forget\(\) needs the dev") as caught:
        door.forget("canary-user")
    assert not leaks(caught.value, "canary-user")
    door.close()


def test_a_session_cannot_be_copied_or_pickled(session: Any) -> None:
    for take in (copy.copy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied or pickled; open one in each proc"):
            take(session.session)
