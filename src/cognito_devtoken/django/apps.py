"""The Django application of ``cognito_devtoken.django``."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register
from django.core.signals import setting_changed

from .._session.sessions import TokenSession
from ..exceptions import DevTokenError, hint_of
from ._sessions import reopen
from ._setting import SettingError, open_session


class TokensConfig(AppConfig):
    """Registers the system checks, and closes the sessions when the setting changes."""

    name = "cognito_devtoken.django"
    label = "cognito_devtoken"

    def ready(self) -> None:
        register(check_setting)
        register(check_service, deploy=True)
        setting_changed.connect(reopen)


def check_setting(**_: Any) -> list[CheckMessage]:
    """Report an error in ``COGNITO_DEVTOKEN`` before a request fails."""
    try:
        open_session(TokenSession).close()
    except SettingError as error:
        return [Error(str(error), hint=error.hint, id=f"cognito_devtoken.{error.check}")]
    return []


def check_service(**_: Any) -> list[CheckMessage]:
    """Call Cognito once, for ``manage.py check --deploy``."""
    try:
        session = open_session(TokenSession)
    except SettingError:
        return []  # check_setting() reports it
    with session:
        try:
            session.check()
        except DevTokenError as error:
            return [Error(str(error), hint=hint_of(error), id="cognito_devtoken.E006")]
    return []
