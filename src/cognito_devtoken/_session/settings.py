"""The environment, as the arguments of a session."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .._cache.policy import RefreshPolicy
from .._values.secret import Secret
from ..exceptions import ConfigurationError


if TYPE_CHECKING:
    from ..typing import TokenStore


PREFIX = "COGNITO_DEVTOKEN_"


def _flag(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


# Variable: how it is read, and what it must be.
_SESSION: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "IDENTITY_POOL_ID": (str, "REGION:GUID"),
    "DEVELOPER_PROVIDER": (str, "a provider name"),
    "TOKEN_DURATION": (int, "a whole number of seconds"),
    "MAX_ENTRIES": (int, "a whole number"),
    "MAX_CONCURRENT_FETCHES": (int, "a whole number"),
}
_POLICY: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "GRACE": (float, "a number of seconds"),
    "REFRESH_AHEAD": (float, "a number of seconds"),
    "STRICT_GRACE": (_flag, "true or false"),
}


_STORE = ("STORE_URL", "STORE_KEYS")


def session_arguments(environ: Mapping[str, str], given: Container[str]) -> dict[str, Any]:
    """
    Read ``COGNITO_DEVTOKEN_*``, but for those arguments that are given.

    Raises:
        ConfigurationError: If a variable is missing, wrong or unknown; the message names it.
    """
    known = (*_SESSION, *_POLICY, *_STORE)
    for name in environ:
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in known:
            raise ConfigurationError(
                f"{name} is none of {', '.join(PREFIX + each for each in known)}."
            )
    arguments = _read(environ, _SESSION, given)
    if "identity_pool_id" not in arguments and "identity_pool_id" not in given:
        raise ConfigurationError(f"{PREFIX}IDENTITY_POOL_ID is not set.")
    if "policy" not in given and (policy := _read(environ, _POLICY, given)):
        try:
            arguments["policy"] = RefreshPolicy(**policy)
        except ValueError as error:
            raise in_variables(error, policy) from None
    url, keys = (Secret(environ.get(PREFIX + name, "").strip()) for name in _STORE)
    del environ  # a traceback shows the locals of its frames
    if "store" not in given and (store := _store(url, keys)):
        arguments["store"] = store
    return arguments


def _store(url: Secret, keys: Secret) -> TokenStore | None:
    """The store at a URL, if there is one."""
    missing = [name for name, text in zip(_STORE, (url, keys), strict=True) if not text.reveal()]
    if len(missing) == len(_STORE):
        return None
    if missing:
        raise ConfigurationError(
            f"{PREFIX}{missing[0]} is not set, and the other one of {' and '.join(_STORE)} is.",
            hint="cognito-devtoken store-key makes a key.",
        )
    from ..stores import StoreKeys
    from ..stores.redis import RedisStore

    variable = "STORE_KEYS"
    try:
        sealing = StoreKeys(keys.reveal())
        variable = "STORE_URL"
        return RedisStore(url.reveal(), keys=sealing)
    except ConfigurationError as error:
        hint = next(iter(getattr(error, "__notes__", [])), None)
        wrong = ConfigurationError(f"{PREFIX}{variable}: {error}", hint=hint)
    raise wrong


def _read(
    environ: Mapping[str, str],
    variables: Mapping[str, tuple[Callable[[str], Any], str]],
    given: Container[str],
) -> dict[str, Any]:
    """The variables that are set, and not to nothing, as arguments."""
    arguments: dict[str, Any] = {}
    for name, (convert, limit) in variables.items():
        text = environ.get(PREFIX + name, "").strip()
        if text and name.lower() not in given:
            try:
                arguments[name.lower()] = convert(text)
            except (KeyError, ValueError):
                raise ConfigurationError(f"{PREFIX}{name} must be {limit}.") from None
    return arguments


def in_variables(error: ValueError, arguments: Iterable[str]) -> ConfigurationError:
    """What is wrong with arguments, by the variables that they come from."""
    text = str(error)
    for name in arguments:
        text = re.sub(rf"\b{name}\b", f"{PREFIX}{name.upper()}", text)
    return ConfigurationError(text)
