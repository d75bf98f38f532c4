"""The sessions of this process."""

from __future__ import annotations

import atexit
from typing import Any, TypeVar

from django.apps import apps

from .._session.base import Session
from .._web import unwired
from ._setting import NAME, open_session


S = TypeVar("S", bound=Session)
_sessions: dict[type[Session], Any] = {}


def session_of(kind: type[S]) -> S:
    """Return this process's session of one class, and open the session if there is none."""
    try:
        session: S = _sessions[kind]
    except KeyError:
        pass
    else:
        return session
    if not apps.is_installed("cognito_devtoken.django"):
        raise unwired('Add "cognito_devtoken.django" to INSTALLED_APPS')
    # No lock: a forked child could inherit it locked, and opening a session is cheap.
    while True:
        current = _sessions
        opened = open_session(kind)
        session = current.setdefault(kind, opened)
        if session is not opened:
            opened._close()
        if current is _sessions:
            return session
        session._close()  # the settings have changed in the meantime


def reopen(*, setting: str, **_: object) -> None:
    """Close the sessions, so that the next caller opens one with the new settings."""
    global _sessions
    if setting == NAME:
        before, _sessions = _sessions, {}
        for session in list(before.values()):
            session._close()


@atexit.register
def _close() -> None:
    # Keep the closed sessions, so that threads that still run do not open new ones.
    for session in list(_sessions.values()):
        session._close()
