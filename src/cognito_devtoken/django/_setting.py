"""Open a session from the setting ``COGNITO_DEVTOKEN``."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from typing import Any, TypeVar, cast

from django.conf import settings

from .._session.base import Session
from .._session.settings import PREFIX, REQUIRED, VARIABLES, not_set
from ..exceptions import ConfigurationError, hint_of


NAME = "COGNITO_DEVTOKEN"
_POOL, _PROVIDER, _OPTIONS = "IDENTITY_POOL_ID", "DEVELOPER_PROVIDER", "OPTIONS"
_KEYS = [*VARIABLES, _OPTIONS]

S = TypeVar("S", bound=Session)


class SettingError(ConfigurationError):
    """An error in the setting, with the id of the system check message that reports it."""

    def __init__(self, message: str, *, hint: str = "", check: str = "") -> None:
        super().__init__(message, hint=hint)
        self.hint, self.check = hint, check


def open_session(kind: type[S]) -> S:
    """
    Open a session from the setting; read missing keys from the environment.

    Raises:
        SettingError: If a setting is missing, wrong or unknown.
    """
    given: Any = getattr(settings, NAME, None)
    if given is None:
        given = {}
    if not isinstance(given, dict):
        hint = f'Write {NAME} = {{"{_POOL}": "REGION:GUID", "{_PROVIDER}": "a provider name"}}.'
        raise SettingError(f"{NAME} must be a dictionary.", hint=hint, check="E001")
    values = dict(cast("dict[str, Any]", given))
    options = values.pop(_OPTIONS, None)
    if options is None:
        options = {}
    variables = [name for name in os.environ if name.startswith(PREFIX)]
    # The name by which a message calls each value: its key in the setting, or its variable.
    names = {name.removeprefix(PREFIX): name for name in variables}
    names |= {name: _key(name) for name in values}
    texts = {f"{PREFIX}{name}": "" if v is None else str(v) for name, v in values.items()}
    environ = {**os.environ, **texts}
    del given, values, texts
    try:
        for name, called in names.items():
            if name not in _KEYS:
                hint = _suggest(name)
                raise SettingError(f"Unknown setting {called}.", hint=hint, check="E002")  # noqa: TRY301  # for finally
        session = kind.from_env(environ, **options)
        if session._provider is None:
            session._close()
            raise not_set(_PROVIDER, list(os.environ))
        return session  # noqa: TRY300
    except SettingError:
        raise
    except ConfigurationError as error:
        advice = hint_of(error)
        for name in REQUIRED:
            if str(error) == f"{PREFIX}{name} is not set.":
                where = f"in the Django settings, or set {PREFIX}{name} in the environment"
                hint = f"Set it {where}. {advice}"
                raise SettingError(f"{_key(name)} is not set.", hint=hint, check="E003") from None
        text = re.sub(rf"{PREFIX}(\w+)", lambda found: names.get(found[1], found[0]), str(error))
        hint = advice or "See help(cognito_devtoken.TokenSession.from_env) for the settings."
        raise SettingError(text, hint=hint, check="E004") from None
    except (TypeError, ValueError) as error:
        hint = f"Put only arguments of TokenSession and AsyncTokenSession into {_OPTIONS}."
        raise SettingError(f"{_key(_OPTIONS)}: {error}", hint=hint, check="E005") from error
    finally:
        del environ  # it contains secrets, and a traceback shows the locals of its frames


def _key(name: object) -> str:
    return f'{NAME}["{name}"]'


def _suggest(name: object) -> str:
    close = get_close_matches(str(name).upper(), _KEYS, 1)
    return f"Did you mean {close[0]}?" if close else f"Use one of {', '.join(_KEYS)}."
