"""Sessions configured from environment variables."""

import inspect
import pydoc
from pathlib import Path
from typing import Any

import pytest

from caching import POOL_ID, PROVIDER, request_for
from canary import find_leaks
from cognito_devtoken import AsyncTokenSession, RefreshPolicy, TokenSession
from cognito_devtoken.exceptions import ConfigurationError
from cognito_devtoken.stores import StoreKeys
from cognito_devtoken.testing import FakeFetcher, MemoryStore
from patience import PATIENCE
from servers import Server


POOL = {"COGNITO_DEVTOKEN_IDENTITY_POOL_ID": POOL_ID}


@pytest.mark.parametrize("kind", [TokenSession, AsyncTokenSession])
def test_from_env_reads_every_setting(kind: Any) -> None:
    session = kind.from_env(
        POOL
        | {
            "COGNITO_DEVTOKEN_DEVELOPER_PROVIDER": PROVIDER,
            "COGNITO_DEVTOKEN_TOKEN_DURATION": " 3600 ",
            "COGNITO_DEVTOKEN_MAX_ENTRIES": "7",
            "COGNITO_DEVTOKEN_MAX_CONCURRENT_FETCHES": "3",
            "COGNITO_DEVTOKEN_GRACE": "12.5",
            "COGNITO_DEVTOKEN_REFRESH_AHEAD": "600",
            "COGNITO_DEVTOKEN_STRICT_GRACE": "True",
            "COGNITOX": "not ours",
        }
    )

    assert type(session) is kind
    plain = session._plain
    assert (session._pool, session._provider, plain.token_duration) == (
        POOL_ID,
        PROVIDER,
        3600,
    )
    assert session._cache._state.entries._leases.max_items == 7
    assert session._cache._state.flights.slots._max_concurrent == 3
    assert session._cache._state.policy == RefreshPolicy(
        grace=12.5, refresh_ahead=600, strict_grace=True
    )


def test_from_env_reads_the_environment_of_the_process_by_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(*next(iter(POOL.items())))

    assert TokenSession.from_env()._pool == POOL_ID


def test_an_empty_variable_counts_as_unset() -> None:
    session = TokenSession.from_env(POOL | {"COGNITO_DEVTOKEN_TOKEN_DURATION": ""})

    assert session._plain.token_duration is None
    assert session._cache._state.policy == RefreshPolicy()


def test_arguments_take_precedence_over_the_environment() -> None:
    client = FakeFetcher()
    session = TokenSession.from_env(
        POOL | {"COGNITO_DEVTOKEN_TOKEN_DURATION": "60"}, token_duration=90, client=client
    )

    assert session._plain.token_duration == 90
    assert session._client is client


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"IDENTITY_POOL_ID": ""}, "COGNITO_DEVTOKEN_IDENTITY_POOL_ID is not set"),
        (
            {"IDENTITY_POOL_ID": "x"},
            "COGNITO_DEVTOKEN_IDENTITY_POOL_ID must be REGION:GUID",
        ),
        (
            {"TOKEN_DURATION": "an hour"},
            "COGNITO_DEVTOKEN_TOKEN_DURATION must be a whole number of seconds.",
        ),
        (
            {"TOKEN_DURATION": "0"},
            "COGNITO_DEVTOKEN_TOKEN_DURATION must be a whole number of seconds from 1 to 86400",
        ),
        ({"MAX_ENTRIES": "0"}, "COGNITO_DEVTOKEN_MAX_ENTRIES must be at least 1, not 0"),
        ({"GRACE": "301"}, "COGNITO_DEVTOKEN_GRACE must be at most 0:05:00"),
        ({"GRACE": "much"}, "COGNITO_DEVTOKEN_GRACE must be a number of seconds"),
        ({"REFRESH_AHEAD": "nan"}, "COGNITO_DEVTOKEN_REFRESH_AHEAD must be from 0 s to"),
        ({"STRICT_GRACE": "1"}, "COGNITO_DEVTOKEN_STRICT_GRACE must be true or false"),
        ({"IDENTITY_POOL_ID": f'"{POOL_ID}"'}, "COGNITO_DEVTOKEN_IDENTITY_POOL_ID is in quotes."),
        ({"TOKEN_DURATION": "'3600'"}, "COGNITO_DEVTOKEN_TOKEN_DURATION is in quotes."),
        ({"STORE_KEYS": '"canary-key"'}, "COGNITO_DEVTOKEN_STORE_KEYS is in quotes."),
        (
            {"DEVELOPER_PROVIDER": "My App Login"},
            "COGNITO_DEVTOKEN_DEVELOPER_PROVIDER must be 1 to 128 letters, digits, dots",
        ),
        ({"DEVELOPER_PROVIDER": "a" * 129}, "COGNITO_DEVTOKEN_DEVELOPER_PROVIDER must have 1 to"),
        (
            {"STORE_URL": "redis://localhost"},
            "COGNITO_DEVTOKEN_STORE_URL is set but COGNITO_DEVTOKEN_STORE_KEYS is not; set both.",
        ),
        (
            {"STORE_KEYS": StoreKeys.generate()},
            "COGNITO_DEVTOKEN_STORE_KEYS is set but COGNITO_DEVTOKEN_STORE_URL is not; set both.",
        ),
        (
            {"STORE_URL": "redis://localhost", "STORE_KEYS": "canary-key"},
            "COGNITO_DEVTOKEN_STORE_KEYS: Key 1 of the store must be 32 bytes",
        ),
        (
            {"STORE_URL": "localhost:canary-password", "STORE_KEYS": StoreKeys.generate()},
            "COGNITO_DEVTOKEN_STORE_URL: The url of a RedisStore must begin with redis://",
        ),
        (
            {"POOL_ID": "x"},
            "Unknown setting COGNITO_DEVTOKEN_POOL_ID; did you mean "
            "COGNITO_DEVTOKEN_IDENTITY_POOL_ID?",
        ),
        (
            {"TTL": "x"},
            "Unknown setting COGNITO_DEVTOKEN_TTL; the settings are "
            "COGNITO_DEVTOKEN_IDENTITY_POOL_ID, COGNITO_DEVTOKEN_DEVELOPER_PROVIDER, ",
        ),
    ],
)
def test_an_invalid_setting_is_refused_by_the_name_of_its_variable(
    variables: dict[str, str], message: str
) -> None:
    environ = POOL | {f"COGNITO_DEVTOKEN_{name}": value for name, value in variables.items()}
    environ["AWS_SECRET_ACCESS_KEY"] = "canary-secret"

    with pytest.raises(ConfigurationError) as caught:
        TokenSession.from_env(environ)

    assert str(caught.value).startswith(message)
    assert find_leaks(caught.value, "canary-secret", "canary-key", "canary-password") == []


@pytest.mark.parametrize(
    ("variables", "hint"),
    [
        (
            {"COGNITO_DEVTOKEN_IDENTITY_POOL_ID": "us-east-1_AbCdEfGhI"},
            "This is the id of a user pool. Use the id of the identity pool",
        ),
        ({"COGNITO_DEVTOKEN_IDENTITY_POOL_ID": f"'{POOL_ID}'"}, "Remove the quotes"),
        (
            {"COGNITO_DEV_TOKEN_IDENTITY_POOL_ID": POOL_ID},
            "Use the id of the identity pool, REGION:GUID. "
            "COGNITO_DEV_TOKEN_IDENTITY_POOL_ID is set; is that a misspelling?",
        ),
        ({"POOL": POOL_ID}, "Use the id of the identity pool, REGION:GUID."),
        ({"COGNITO_DEVTOKEN_STORE_URL": "redis://localhost"} | POOL, "Make a key with"),
    ],
)
def test_the_hint_says_how_to_correct_a_variable(variables: dict[str, str], hint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        TokenSession.from_env(variables)

    (note,) = caught.value.__notes__
    assert note.startswith(hint)


@pytest.mark.parametrize("kind", [TokenSession, AsyncTokenSession])
def test_help_does_not_show_the_environment(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")

    assert "canary-secret" not in pydoc.render_doc(kind)
    assert inspect.signature(kind.from_env).parameters["environ"].default is None


def test_an_invalid_argument_is_not_reported_as_a_variable() -> None:
    with pytest.raises(ValueError, match="max_entries must be at least 1, not 0"):
        TokenSession.from_env(POOL, max_entries=0)


def test_variables_overridden_by_arguments_are_not_read() -> None:
    policy = RefreshPolicy(grace=5)
    session = TokenSession.from_env(
        {"COGNITO_DEVTOKEN_GRACE": "much"}, identity_pool_id=POOL_ID, policy=policy
    )

    assert session._cache._state.policy is policy


@pytest.mark.parametrize("kind", [TokenSession, AsyncTokenSession])
def test_a_store_is_opened_and_closed_with_the_session(
    kind: Any, redis_server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "keys"
    path.write_text(StoreKeys.generate())
    environ = POOL | {
        "COGNITO_DEVTOKEN_DEVELOPER_PROVIDER": PROVIDER,
        "COGNITO_DEVTOKEN_STORE_URL": redis_server.url,
        "COGNITO_DEVTOKEN_STORE_KEYS": f"file:{path}",
    }
    fetcher = FakeFetcher()
    for _ in range(2):
        session = kind.from_env(environ, client=fetcher)
        session._owned_store._timeout = PATIENCE
        session._cache.get(request_for())
        session._close()

    assert len(fetcher.calls) == 1
    assert redis_server.connections() == 0


def test_a_store_passed_as_an_argument_takes_precedence_and_stays_open() -> None:
    store = MemoryStore()
    environ = POOL | {"COGNITO_DEVTOKEN_STORE_URL": "nonsense"}

    session = TokenSession.from_env(environ, store=store)

    assert session._owned_store is None
    session.close()


def test_an_object_that_is_not_a_store_is_refused() -> None:
    with pytest.raises(TypeError, match=r"store must have a method claim\(\)"):
        TokenSession(POOL_ID, store="redis://localhost")  # type: ignore[arg-type]
