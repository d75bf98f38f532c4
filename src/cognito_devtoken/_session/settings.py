"""Read the arguments of a session from the environment."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .._cache.policy import RefreshPolicy
from .._values.request import REMOVE_QUOTES, in_quotes
from .._values.secret import Secret
from ..exceptions import ConfigurationError, hint_of


if TYPE_CHECKING:
    from ..typing import TokenStore


PREFIX = "COGNITO_DEVTOKEN_"


def _flag(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


# For each variable: how to convert its text, and what it must be.
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
VARIABLES = (*_SESSION, *_POLICY, *_STORE)
"""The names of the settings, without the prefix."""
# What to do if a required setting is missing.
REQUIRED = {
    "IDENTITY_POOL_ID": "Use the id of the identity pool, REGION:GUID.",
    "DEVELOPER_PROVIDER": (
        "Use the developer provider name of the identity pool. If your application needs no "
        "provider, because it only passes complete requests to get(), open the session yourself."
    ),
}
# How similar, from 0 to 1, the name of another variable must be to count as a misspelling.
_SIMILAR = 0.8


def session_arguments(environ: Mapping[str, str], given: Container[str]) -> dict[str, Any]:
    """
    Return the arguments that ``COGNITO_DEVTOKEN_*`` set, except those that the caller has *given*.

    Raises:
        ConfigurationError: If a variable is missing, wrong or unknown; the message names it.
    """
    # A traceback shows the locals of its frames, so none of them may hold the environment.
    unknown = [name for name in environ if name.startswith(PREFIX) and _bare(name) not in VARIABLES]
    texts = {name: environ.get(PREFIX + name, "").strip() for name in (*_SESSION, *_POLICY)}
    url, keys = (Secret(environ.get(PREFIX + name, "").strip()) for name in _STORE)
    quoted = [name for name in VARIABLES if in_quotes(environ.get(PREFIX + name, "").strip())]
    names = list(environ)
    del environ
    if unknown:
        raise ConfigurationError(f"Unknown setting {unknown[0]}; {_likely(unknown[0])}")
    if quoted:
        raise ConfigurationError(f"{PREFIX}{quoted[0]} is in quotes.", hint=REMOVE_QUOTES)
    arguments = _read(texts, _SESSION, given)
    if "identity_pool_id" not in arguments and "identity_pool_id" not in given:
        raise not_set("IDENTITY_POOL_ID", names)
    if "policy" not in given and (policy := _read(texts, _POLICY, given)):
        try:
            arguments["policy"] = RefreshPolicy(**policy)
        except ValueError as error:
            raise in_variables(error, policy) from None
    if "store" not in given and (store := _store(url, keys)):
        arguments["store"] = store
    return arguments


def not_set(name: str, environ: Iterable[str]) -> ConfigurationError:
    """Return the error for a required variable that is missing from an environment's names."""
    from difflib import get_close_matches

    variable = f"{PREFIX}{name}"
    # A misspelt variable that begins with the prefix has already been refused as unknown.
    others = [each for each in environ if not each.startswith(PREFIX)]
    similar = get_close_matches(variable, others, 1, _SIMILAR)
    guess = f" {similar[0]} is set; is that a misspelling?" if similar else ""
    return ConfigurationError(f"{variable} is not set.", hint=REQUIRED[name] + guess)


def _bare(name: str) -> str:
    return name.removeprefix(PREFIX)


def _likely(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(_bare(name), VARIABLES, 1)
    if close:
        return f"did you mean {PREFIX}{close[0]}?"
    return f"the settings are {', '.join(PREFIX + each for each in VARIABLES)}."


def _store(url: Secret, keys: Secret) -> TokenStore | None:
    """Return the store at a URL; None if no URL is set."""
    found = [name for name, text in zip(_STORE, (url, keys), strict=True) if text.reveal()]
    if not found:
        return None
    if len(found) < len(_STORE):
        given, missing = found[0], next(name for name in _STORE if name not in found)
        raise ConfigurationError(
            f"{PREFIX}{given} is set but {PREFIX}{missing} is not; set both.",
            hint="Make a key with cognito-devtoken store-key.",
        )
    from ..stores import StoreKeys
    from ..stores.redis import RedisStore

    variable = "STORE_KEYS"
    try:
        sealing = StoreKeys(keys.reveal())
        variable = "STORE_URL"
        return RedisStore(url.reveal(), keys=sealing)
    except ConfigurationError as error:
        hint = hint_of(error)
        wrong = ConfigurationError(f"{PREFIX}{variable}: {error}", hint=hint)
    raise wrong


def _read(
    texts: Mapping[str, str],
    variables: Mapping[str, tuple[Callable[[str], Any], str]],
    given: Container[str],
) -> dict[str, Any]:
    """Return arguments from the variables that are set and not empty."""
    arguments: dict[str, Any] = {}
    for name, (convert, limit) in variables.items():
        text = texts[name]
        if text and name.lower() not in given:
            try:
                arguments[name.lower()] = convert(text)
            except (KeyError, ValueError):
                raise ConfigurationError(f"{PREFIX}{name} must be {limit}.") from None
    return arguments


def in_variables(error: ValueError, arguments: Iterable[str]) -> ConfigurationError:
    """Return the error, with the arguments' names replaced by those of the variables."""
    text = str(error)
    for name in arguments:
        text = re.sub(rf"\b{name}\b", f"{PREFIX}{name.upper()}", text)
    return ConfigurationError(text, hint=hint_of(error))
