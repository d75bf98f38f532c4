"""A Django project in separate processes: management commands, servers, process exit."""

import os
import subprocess
import sys
from typing import Any

import pytest

from cognito_devtoken.emulator import Emulator
from patience import PATIENCE
from serving import EXAMPLES, OPERATION, settings


pytest.importorskip("django", reason="Django is not installed")

pytestmark = pytest.mark.external
PROJECT = EXAMPLES / "django_app"


def manage(emulator: Emulator, *arguments: str, stdin: str = "", **environ: str) -> Any:
    return subprocess.run(
        [sys.executable, "-W", "error", "manage.py", *arguments],
        input=stdin,
        env={**os.environ, **settings(emulator), **environ},
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
# The first function registered runs last.
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
            **settings(emulator),
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
    assert after.startswith("True"), "no other session is opened"


def test_a_server_with_an_error_in_its_settings_does_not_start(emulator: Emulator) -> None:
    wrong = settings(emulator) | {"COGNITO_DEVTOKEN_IDENTITY_POOL_ID": ""}
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
