"""Errors in the setting are found by Django's system checks, and when a session is opened."""

from typing import Any

import pytest


pytest.importorskip("django", reason="Django is not installed")

from django.core.checks import run_checks
from django.test import override_settings

from adapters.django import COMPLETE
from caching import POOL_ID
from canary import find_leaks
from cognito_devtoken import TokenSession
from cognito_devtoken._session.base import Session
from cognito_devtoken.django import get_async_session, get_session
from cognito_devtoken.django._setting import SettingError, open_session
from cognito_devtoken.django.apps import check_service
from cognito_devtoken.exceptions import ConfigurationError, DeveloperProviderError
from cognito_devtoken.stores import StoreKeys
from cognito_devtoken.testing import FakeFetcher


@override_settings(COGNITO_DEVTOKEN=COMPLETE | {"OPTIONS": {"max_entries": 7}})
@pytest.mark.parametrize("get_session", [get_session, get_async_session])
def test_options_become_arguments_of_the_session(get_session: Any) -> None:
    assert get_session()._cache._state.entries._leases.max_items == 7


ERRORS = [
    (["a list"], "E001", "COGNITO_DEVTOKEN must be a dictionary."),
    (
        COMPLETE | {"TOKEN_DURATON": 60},
        "E002",
        'Unknown setting COGNITO_DEVTOKEN["TOKEN_DURATON"].',
    ),
    ({}, "E003", 'COGNITO_DEVTOKEN["IDENTITY_POOL_ID"] is not set.'),
    ({"IDENTITY_POOL_ID": None}, "E003", 'COGNITO_DEVTOKEN["IDENTITY_POOL_ID"] is not set.'),
    ({"IDENTITY_POOL_ID": "  "}, "E003", 'COGNITO_DEVTOKEN["IDENTITY_POOL_ID"] is not set.'),
    (None, "E003", 'COGNITO_DEVTOKEN["IDENTITY_POOL_ID"] is not set.'),
    (
        COMPLETE | {"DEVELOPER_PROVIDER": None},
        "E003",
        'COGNITO_DEVTOKEN["DEVELOPER_PROVIDER"] is not set.',
    ),
    (
        COMPLETE | {"DEVELOPER_PROVIDER": "'login.example.com'"},
        "E004",
        'COGNITO_DEVTOKEN["DEVELOPER_PROVIDER"] is in quotes.',
    ),
    (
        {"TOKEN_DURATION": "soon"},  # reported before E003, which a project may silence
        "E004",
        'COGNITO_DEVTOKEN["TOKEN_DURATION"] must be a whole number of seconds.',
    ),
    (
        {"TOKEN_DURATION": "soon", "OPTIONS": {"identity_pool_id": POOL_ID}},
        "E004",
        'COGNITO_DEVTOKEN["TOKEN_DURATION"] must be a whole number of seconds.',
    ),
    (
        COMPLETE | {"TOKEN_DURATION": "soon"},
        "E004",
        'COGNITO_DEVTOKEN["TOKEN_DURATION"] must be a whole number of seconds.',
    ),
    (
        COMPLETE | {"TOKEN_DURATION": 100_000},
        "E004",
        'COGNITO_DEVTOKEN["TOKEN_DURATION"] must be a whole number of seconds from 1 to 86400, '
        "not 100000",
    ),
    (
        COMPLETE | {"OPTIONS": {"max_entries": 0}},
        "E005",
        'COGNITO_DEVTOKEN["OPTIONS"]: max_entries must be at least 1, not 0.',
    ),
]


@pytest.mark.parametrize(("setting", "check", "message"), ERRORS)
def test_the_system_check_finds_an_error(setting: Any, check: str, message: str) -> None:
    with override_settings(COGNITO_DEVTOKEN=setting):
        (error,) = run_checks()

    assert (error.id, error.msg) == (f"cognito_devtoken.{check}", message)
    assert error.hint


@pytest.mark.parametrize("setting", [COMPLETE | {"OPTIONS": {"cleint": None}}, {"OPTIONS": 5}])
def test_options_that_are_not_arguments_of_a_session_are_refused(setting: Any) -> None:
    with override_settings(COGNITO_DEVTOKEN=COMPLETE | setting):
        (error,) = run_checks()

    assert error.id == "cognito_devtoken.E005"


def test_the_system_check_accepts_a_valid_setting_and_makes_no_call() -> None:
    upstream = FakeFetcher()

    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {"OPTIONS": {"client": upstream}}):
        assert run_checks() == []

    assert upstream.calls == []


def test_options_may_be_none() -> None:
    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {"OPTIONS": None}):
        assert run_checks() == []


def test_the_system_check_closes_what_it_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Session] = []
    close = Session._close

    def recording(self: Session) -> None:
        close(self)
        closed.append(self)

    monkeypatch.setattr(Session, "_close", recording)
    run_checks()

    assert [session._closed for session in closed] == [True]


@pytest.mark.parametrize(("setting", "check", "message"), ERRORS)
def test_opening_a_session_raises_the_same_error(setting: Any, check: str, message: str) -> None:
    with override_settings(COGNITO_DEVTOKEN=setting), pytest.raises(ConfigurationError) as caught:
        get_session()

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("TOKEN_DURATON", "Did you mean TOKEN_DURATION?"),
        ("pool_id", "Did you mean IDENTITY_POOL_ID?"),
        ("COLOR", "Use one of IDENTITY_POOL_ID, DEVELOPER_PROVIDER, TOKEN_DURATION"),
        (5, "Use one of IDENTITY_POOL_ID, DEVELOPER_PROVIDER, TOKEN_DURATION"),
    ],
)
def test_the_hint_for_an_unknown_key_suggests_a_known_one(key: Any, hint: str) -> None:
    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {key: 1}):
        (error,) = run_checks()

    assert str(error.hint).startswith(hint)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("POOL_ID", POOL_ID, "Unknown setting COGNITO_DEVTOKEN_POOL_ID."),
        ("MAX_ENTRIES", "many", "COGNITO_DEVTOKEN_MAX_ENTRIES must be a whole number."),
    ],
)
def test_an_error_in_the_environment_names_the_variable(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"COGNITO_DEVTOKEN_{name}", value)

    with override_settings(COGNITO_DEVTOKEN=COMPLETE):
        (error,) = run_checks()

    assert error.msg == message


def test_the_shared_store_is_configured_like_everything_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COGNITO_DEVTOKEN_STORE_URL", "redis://localhost")

    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {"STORE_KEYS": StoreKeys.generate()}):
        assert run_checks() == []


def test_no_frame_of_an_error_shows_the_environment_or_the_store_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    for wrong in ({"NONSENSE": 1}, {"MAX_ENTRIES": "many"}, {"OPTIONS": {"nonsense": 1}}):
        setting = COMPLETE | {"STORE_KEYS": "canary-key"} | wrong

        with override_settings(COGNITO_DEVTOKEN=setting):
            with pytest.raises(SettingError) as caught:
                open_session(TokenSession)

        assert find_leaks(caught.value, "canary-secret", "canary-key") == []


def test_an_error_in_a_setting_that_is_in_both_places_names_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COGNITO_DEVTOKEN_MAX_ENTRIES", "7")

    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {"MAX_ENTRIES": "many"}):
        (error,) = run_checks()

    assert error.msg == 'COGNITO_DEVTOKEN["MAX_ENTRIES"] must be a whole number.'


@pytest.mark.parametrize("deploys", [False, True])
def test_the_deployment_check_calls_cognito_once(deploys: bool) -> None:
    upstream = FakeFetcher()
    upstream.error = DeveloperProviderError("no such provider")

    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {"OPTIONS": {"client": upstream}}):
        errors = [
            e for e in run_checks(include_deployment_checks=deploys) if "devtoken" in str(e.id)
        ]

    assert len(upstream.calls) == len(errors) == int(deploys)
    for error in errors:
        assert (error.id, error.msg) == ("cognito_devtoken.E006", "no such provider")
        assert "COGNITO_DEVTOKEN_DEVELOPER_PROVIDER" in str(error.hint)


def test_the_deployment_check_accepts_what_works_and_leaves_a_wrong_setting_to_the_other() -> None:
    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {"OPTIONS": {"client": FakeFetcher()}}):
        assert check_service() == []
    with override_settings(COGNITO_DEVTOKEN=["a list"]):
        assert check_service() == []
