"""The sessions of a Django project: when they are opened and replaced."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest


pytest.importorskip("django", reason="Django is not installed")

from django.apps import apps
from django.conf import settings
from django.test import Client, override_settings

from adapters.django import COMPLETE
from cognito_devtoken import TokenSession
from cognito_devtoken.django import _sessions, _setting, get_session
from cognito_devtoken.exceptions import SessionClosedError
from cognito_devtoken.testing import FakeFetcher


@pytest.fixture
def upstream() -> Iterator[FakeFetcher]:
    fetcher = FakeFetcher()
    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {"OPTIONS": {"client": fetcher}}):
        yield fetcher


def test_the_application_is_found_and_has_no_models() -> None:
    config = apps.get_app_config("cognito_devtoken")

    assert (config.name, config.models_module) == ("cognito_devtoken.django", None)
    assert list(config.get_models()) == []


def test_concurrent_first_requests_open_one_session(upstream: FakeFetcher) -> None:
    threads = 16
    barrier = threading.Barrier(threads)

    def first(_: int) -> TokenSession:
        barrier.wait()
        return get_session()

    with ThreadPoolExecutor(threads) as pool:
        assert len(set(pool.map(first, range(threads)))) == 1


def recording(opened: list[Any]) -> Any:
    """Return a function that opens sessions and records them."""

    def open_session(kind: Any) -> Any:
        opened.append(_setting.open_session(kind))
        return opened[-1]

    return open_session


def test_a_thread_that_loses_the_race_to_open_gets_the_winners_session() -> None:
    sessions: list[TokenSession] = []

    class Hooks(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            if not opening:
                opening.append(True)
                sessions.append(get_session())  # as another thread might meanwhile
            return iter(())

    opening: list[bool] = []
    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {"OPTIONS": {"on_event": Hooks()}}):
        with pytest.MonkeyPatch.context() as patch:
            opened: list[TokenSession] = []
            patch.setattr(_sessions, "open_session", recording(opened))
            assert get_session() is sessions[0]
        assert not sessions[0]._closed
        loser = next(session for session in opened if session is not sessions[0])
        assert loser._closed


def test_a_changed_setting_opens_another_session(upstream: FakeFetcher) -> None:
    before = get_session()
    before.get_token("ana")

    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {"OPTIONS": {"client": FakeFetcher()}}):
        assert get_session() is not before
        with pytest.raises(SessionClosedError):
            before.get_token("ana")
        inside = get_session()

    assert get_session() not in (before, inside)


def test_a_session_opened_while_the_setting_changes_has_the_new_setting() -> None:
    opened: list[TokenSession] = []

    class Hooks(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            if not opened and not changed:  # as if by another thread meanwhile
                changed.append(override_settings(COGNITO_DEVTOKEN=new))
                changed[0].enable()
            return iter(())

    changed: list[Any] = []
    new = COMPLETE | {"OPTIONS": {"client": FakeFetcher()}}
    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {"OPTIONS": {"on_event": Hooks()}}):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_sessions, "open_session", recording(opened))
            session = get_session()
        changed[0].disable()

    assert session is opened[-1]
    assert session._client is new["OPTIONS"]["client"]  # type: ignore[index]
    assert [each._closed for each in opened] == [True, True]


FAKE = FakeFetcher()


@override_settings(COGNITO_DEVTOKEN=settings.COGNITO_DEVTOKEN | {"OPTIONS": {"client": FAKE}})
def test_a_test_gives_the_session_another_client_in_one_line() -> None:
    assert Client().get("/ana").status_code == 200
    assert len(FAKE.calls) == 1


def test_a_change_of_an_unrelated_setting_keeps_the_session(upstream: FakeFetcher) -> None:
    before = get_session()

    with override_settings(DEBUG=True):
        assert get_session() is before
