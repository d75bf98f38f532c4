"""A session for a Django project."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest


pytest.importorskip("django", reason="Django is not installed")

import django
from django.apps import apps
from django.conf import settings
from django.core.checks import run_checks
from django.http import HttpRequest, JsonResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path

from caching import POOL_ID, PROVIDER
from cognito_devtoken import RefreshPolicy, TokenSession
from cognito_devtoken._base import Session
from cognito_devtoken.django import _sessions, _setting, get_async_session, get_session
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    ConfigurationError,
    SessionClosedError,
    TokenUnavailableError,
)
from cognito_devtoken.testing import FakeFetcher
from serving import EXAMPLES, OPERATION, PATIENCE, USERS, served, stop_in_mid_flight, storm
from serving import settings as environ_for


def get(request: HttpRequest, user_id: str) -> JsonResponse:
    return JsonResponse(get_session().get_token(user_id).to_aws())


async def get_in_loop(request: HttpRequest, user_id: str) -> JsonResponse:
    return JsonResponse((await get_async_session().get_token(user_id)).to_aws())


urlpatterns = [path("<user_id>", get), path("async/<user_id>", get_in_loop)]
MIDDLEWARE = ["cognito_devtoken.django.middleware.DevTokenErrorMiddleware"]
COMPLETE = {"IDENTITY_POOL_ID": POOL_ID, "DEVELOPER_PROVIDER": PROVIDER}

settings.configure(
    ALLOWED_HOSTS=["*"],
    COGNITO_DEVTOKEN=COMPLETE,
    INSTALLED_APPS=["cognito_devtoken.django"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="any",
    USE_TZ=True,
)
django.setup()

PROJECT = EXAMPLES / "django_app"
GUNICORN = [
    *("-m", "gunicorn", "--config=python:gunicorn_settings"),
    *("--bind=fd://{fd}", "--chdir=django_app"),
]
SERVERS = {
    "wsgi": [*GUNICORN, "backend.wsgi"],
    "workers": [
        *(*GUNICORN, "--preload", "--workers=4"),
        "with_pid:wsgi('backend.wsgi', 'application')",
    ],
    "asgi": [
        *("-m", "uvicorn", "--fd={fd}", "--log-level=warning"),
        *("--app-dir=django_app", "django_in_loops:app"),
    ],
}


@pytest.fixture
def upstream() -> Iterator[FakeFetcher]:
    fetcher = FakeFetcher()
    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {"OPTIONS": {"client": fetcher}}):
        yield fetcher


def ask(user_id: str, **options: Any) -> Any:
    return Client(**options).get(f"/{user_id}")


def ask_in_loop(user_id: str, **options: Any) -> Any:
    async def one() -> Any:
        return await AsyncClient(**options).get(f"/async/{user_id}")

    return asyncio.run(one())


@pytest.fixture(params=[ask, ask_in_loop])
def asking(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_all_requests_share_a_session(asking: Any, upstream: FakeFetcher) -> None:
    assert asking("ana").json() == asking("ana").json()
    assert len(upstream.calls) == 1


def test_the_application_is_found_and_has_no_models() -> None:
    config = apps.get_app_config("cognito_devtoken")

    assert (config.name, config.models_module) == ("cognito_devtoken.django", None)
    assert list(config.get_models()) == []


def test_it_is_opened_once_however_many_threads_come_first(upstream: FakeFetcher) -> None:
    threads = 16
    barrier = threading.Barrier(threads)

    def first(_: int) -> TokenSession:
        barrier.wait()
        return get_session()

    with ThreadPoolExecutor(threads) as pool:
        assert len(set(pool.map(first, range(threads)))) == 1


def keeping(opened: list[Any]) -> Any:
    """What opens sessions, and keeps them."""

    def open_session(kind: Any) -> Any:
        opened.append(_setting.open_session(kind))
        return opened[-1]

    return open_session


def test_who_opens_one_second_gets_that_of_the_first() -> None:
    sessions: list[TokenSession] = []

    class Hooks(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            if not opening:
                opening.append(True)
                sessions.append(get_session())  # as another thread might, in the meantime
            return iter(())

    opening: list[bool] = []
    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {"OPTIONS": {"on_event": Hooks()}}):
        with pytest.MonkeyPatch.context() as patch:
            opened: list[TokenSession] = []
            patch.setattr(_sessions, "open_session", keeping(opened))
            assert get_session() is sessions[0]
        assert not sessions[0]._closed
        loser = next(session for session in opened if session is not sessions[0])
        assert loser._closed


@override_settings(
    COGNITO_DEVTOKEN=COMPLETE
    | {
        "TOKEN_DURATION": 3600,
        "GRACE": 12.5,
        "STRICT_GRACE": True,
        "OPTIONS": {"max_entries": 7},
    }
)
@pytest.mark.parametrize("get_session", [get_session, get_async_session])
def test_settings_come_from_the_dictionary(get_session: Any) -> None:
    session = get_session()

    assert (session._pool, session._provider, session._duration) == (POOL_ID, PROVIDER, 3600)
    assert session._cache._policy == RefreshPolicy(grace=12.5, strict_grace=True)
    assert session._cache._entries._expiry.maxsize == 7


def test_what_the_dictionary_lacks_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COGNITO_DEVTOKEN_IDENTITY_POOL_ID", POOL_ID)
    monkeypatch.setenv("COGNITO_DEVTOKEN_DEVELOPER_PROVIDER", "login.environment.example")
    monkeypatch.setenv("COGNITO_DEVTOKEN_TOKEN_DURATION", "60")

    with override_settings(
        COGNITO_DEVTOKEN={"DEVELOPER_PROVIDER": PROVIDER, "TOKEN_DURATION": None}
    ):
        session = get_session()

    assert (session._pool, session._provider, session._duration) == (POOL_ID, PROVIDER, None)


MISTAKES = [
    (["a list"], "E001", "COGNITO_DEVTOKEN must be a dictionary."),
    (
        COMPLETE | {"TOKEN_DURATON": 60},
        "E002",
        'COGNITO_DEVTOKEN["TOKEN_DURATON"] is unknown.',
    ),
    ({}, "E003", 'COGNITO_DEVTOKEN["IDENTITY_POOL_ID"] is not set.'),
    ({"IDENTITY_POOL_ID": None}, "E003", 'COGNITO_DEVTOKEN["IDENTITY_POOL_ID"] is not set.'),
    ({"IDENTITY_POOL_ID": "  "}, "E003", 'COGNITO_DEVTOKEN["IDENTITY_POOL_ID"] is not set.'),
    (None, "E003", 'COGNITO_DEVTOKEN["IDENTITY_POOL_ID"] is not set.'),
    (
        {"TOKEN_DURATION": "soon"},  # another mistake than E003, which may be silenced
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


@pytest.mark.parametrize(("setting", "check", "message"), MISTAKES)
def test_a_mistake_is_found_by_the_system_check(setting: Any, check: str, message: str) -> None:
    with override_settings(COGNITO_DEVTOKEN=setting):
        (error,) = run_checks()

    assert (error.id, error.msg) == (f"cognito_devtoken.{check}", message)
    assert error.hint


@pytest.mark.parametrize("setting", [COMPLETE | {"OPTIONS": {"cleint": None}}, {"OPTIONS": 5}])
def test_options_are_no_others_than_arguments_of_a_session(setting: Any) -> None:
    with override_settings(COGNITO_DEVTOKEN=COMPLETE | setting):
        (error,) = run_checks()

    assert error.id == "cognito_devtoken.E005"


def test_the_system_check_is_content_with_what_is_right(upstream: FakeFetcher) -> None:
    assert run_checks() == []
    assert upstream.calls == []


def test_no_options_are_as_good_as_none_at_all() -> None:
    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {"OPTIONS": None}):
        assert run_checks() == []


def test_the_system_check_closes_what_it_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Session] = []
    close = Session._close

    def noting(self: Session) -> None:
        close(self)
        closed.append(self)

    monkeypatch.setattr(Session, "_close", noting)
    run_checks()

    assert [session._closed for session in closed] == [True]


@pytest.mark.parametrize(("setting", "check", "message"), MISTAKES)
def test_a_mistake_is_told_to_those_who_did_not_check(
    setting: Any, check: str, message: str
) -> None:
    with override_settings(COGNITO_DEVTOKEN=setting), pytest.raises(ConfigurationError) as caught:
        get_session()

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("TOKEN_DURATON", "Did you mean TOKEN_DURATION?"),
        ("pool_id", "Did you mean IDENTITY_POOL_ID?"),
        ("COLOR", "It may have IDENTITY_POOL_ID, DEVELOPER_PROVIDER, TOKEN_DURATION"),
        (5, "It may have IDENTITY_POOL_ID, DEVELOPER_PROVIDER, TOKEN_DURATION"),
    ],
)
def test_the_hint_to_an_unknown_key_is_what_was_meant(key: Any, hint: str) -> None:
    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {key: 1}):
        (error,) = run_checks()

    assert str(error.hint).startswith(hint)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("POOL_ID", POOL_ID, "COGNITO_DEVTOKEN_POOL_ID is unknown."),
        ("MAX_ENTRIES", "many", "COGNITO_DEVTOKEN_MAX_ENTRIES must be a whole number."),
    ],
)
def test_a_mistake_in_the_environment_has_the_name_of_the_variable(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"COGNITO_DEVTOKEN_{name}", value)

    with override_settings(COGNITO_DEVTOKEN=COMPLETE):
        (error,) = run_checks()

    assert error.msg == message


def test_what_the_environment_and_the_dictionary_have_has_the_name_of_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COGNITO_DEVTOKEN_MAX_ENTRIES", "7")

    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {"MAX_ENTRIES": "many"}):
        (error,) = run_checks()

    assert error.msg == 'COGNITO_DEVTOKEN["MAX_ENTRIES"] must be a whole number.'


def test_a_project_that_has_not_installed_it_is_told_so() -> None:
    with override_settings(INSTALLED_APPS=[], COGNITO_DEVTOKEN=COMPLETE):
        with pytest.raises(LookupError, match=r"no token session\. Add .* to INSTALLED_APPS"):
            get_session()


def test_a_changed_setting_opens_another_session(upstream: FakeFetcher) -> None:
    before = get_session()
    before.get_token("ana")

    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {"OPTIONS": {"client": FakeFetcher()}}):
        assert get_session() is not before
        with pytest.raises(SessionClosedError):
            before.get_token("ana")
        inside = get_session()

    assert get_session() not in (before, inside)


def test_a_session_that_is_opened_while_the_setting_changes_is_of_the_new_one() -> None:
    opened: list[TokenSession] = []

    class Hooks(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            if not opened and not changed:  # by another thread, in the meantime
                changed.append(override_settings(COGNITO_DEVTOKEN=new))
                changed[0].enable()
            return iter(())

    changed: list[Any] = []
    new = COMPLETE | {"OPTIONS": {"client": FakeFetcher()}}
    with override_settings(COGNITO_DEVTOKEN=COMPLETE | {"OPTIONS": {"on_event": Hooks()}}):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_sessions, "open_session", keeping(opened))
            session = get_session()
        changed[0].disable()

    assert session is opened[-1]
    assert session._client is new["OPTIONS"]["client"]  # type: ignore[index]
    assert [each._closed for each in opened] == [True, True]


@override_settings(
    COGNITO_DEVTOKEN=settings.COGNITO_DEVTOKEN | {"OPTIONS": {"client": FakeFetcher()}}
)
def test_a_test_gives_the_session_another_client_in_one_line() -> None:
    assert Client().get("/ana").status_code == 200


def test_another_changed_setting_does_not(upstream: FakeFetcher) -> None:
    before = get_session()

    with override_settings(DEBUG=True):
        assert get_session() is before


def test_a_client_gets_answers_it_can_act_on(asking: Any, upstream: FakeFetcher) -> None:
    upstream.error = TokenUnavailableError("arn:aws:iam::123456789012:user/shop")

    with override_settings(MIDDLEWARE=MIDDLEWARE):
        answer = asking("ana")
        too_long = asking("a" * 50_001)

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "No token can be had now. Try again later.",
    }
    assert too_long.status_code == 400
    assert too_long.json()["detail"] == "user_id must have 1 to 50000 characters"


def test_what_is_wrong_on_this_side_stays_an_error_of_the_project(
    asking: Any, upstream: FakeFetcher
) -> None:
    upstream.error = CallerDeniedError("arn:aws:iam::123456789012:user/shop")

    with override_settings(MIDDLEWARE=MIDDLEWARE):
        answer = asking("ana", raise_request_exception=False)

    assert answer.status_code == 500
    assert b"arn:" not in answer.content


def manage(emulator: Emulator, *arguments: str, stdin: str = "", **environ: str) -> Any:
    return subprocess.run(
        [sys.executable, "-W", "error", "manage.py", *arguments],
        input=stdin,
        env={**os.environ, **environ_for(emulator), **environ},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_a_management_command_names_the_setting(emulator: Emulator) -> None:
    right = manage(emulator, "check")
    wrong = manage(emulator, "check", COGNITO_DEVTOKEN_IDENTITY_POOL_ID="")

    assert right.returncode == 0, right.stderr
    assert wrong.returncode == 1
    assert "COGNITO_DEVTOKEN_IDENTITY_POOL_ID" in wrong.stderr


def test_the_sessions_end_with_the_process(emulator: Emulator) -> None:
    script = """
import asyncio
import atexit

import django

sessions = []
# What is registered first runs last.
atexit.register(lambda: print(sessions == [get_session(), get_async_session()], sessions))
django.setup()
from cognito_devtoken.django import get_async_session, get_session

sessions += [get_session(), get_async_session()]
sessions[0].get_token("ana")
asyncio.run(sessions[1].get_token("ana"))
print(sessions)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={
            **os.environ,
            **environ_for(emulator),
            "DJANGO_SETTINGS_MODULE": "backend.settings",
        },
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert emulator.calls[OPERATION] == 2
    before, after = done.stdout.splitlines()
    assert (before.count("open"), before.count("closed")) == (2, 0)
    assert (after.count("open"), after.count("closed")) == (0, 2)
    assert after.startswith("True"), "none is opened any more"


def test_a_server_with_a_mistake_in_its_settings_does_not_start(emulator: Emulator) -> None:
    wrong = environ_for(emulator) | {"COGNITO_DEVTOKEN_IDENTITY_POOL_ID": ""}
    for module in ("backend.wsgi", "backend.asgi"):
        done = subprocess.run(
            [sys.executable, "-c", f"import {module}"],
            env={**os.environ, **wrong},
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

        assert done.returncode == 1
        assert 'COGNITO_DEVTOKEN["IDENTITY_POOL_ID"] is not set' in done.stderr


@pytest.mark.parametrize("server", ["wsgi", "asgi"])
def test_a_storm_of_requests_causes_one_call_for_each_user(server: str, emulator: Emulator) -> None:
    with served(emulator, *SERVERS[server]) as running:
        storm(running.url)

    assert emulator.calls[OPERATION] == USERS


def test_each_process_makes_one_call_for_each_user_it_answers(emulator: Emulator) -> None:
    with served(emulator, *SERVERS["workers"]) as running:
        responses = storm(running.url)

    asked = {(response.headers["X-Pid"], response.user) for response in responses}
    assert emulator.calls[OPERATION] == len(asked)


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_that_is_stopped_answers_those_who_wait(server: str) -> None:
    stop_in_mid_flight(*SERVERS[server])
