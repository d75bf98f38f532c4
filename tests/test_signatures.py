"""
Signatures and help(), and so the published reference, show nothing of the present process.

A default is shown by its repr. One that holds live state, such as ``os.environ``, shows secrets.
The ``docs`` session of nox searches the built pages for the same.
"""

import inspect
import os
import pydoc
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from importlib import import_module
from pkgutil import walk_packages
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, NoneType
from typing import Any

import pytest

import cognito_devtoken
from cognito_devtoken import AsyncTokenSession, TokenCache, TokenSession
from cognito_devtoken._values.clock import SYSTEM_CLOCK
from cognito_devtoken.exceptions import ConfigurationError


# Types whose values never change, and whose repr shows no more than what was written.
FIXED = (
    *(NoneType, bool, int, float, str, bytes, timedelta, Enum, type),
    *(FunctionType, BuiltinFunctionType, MethodType, type(SYSTEM_CLOCK)),
)


def public_modules() -> dict[str, ModuleType]:
    """Return every module that users import, as far as its framework is installed."""
    found = {"cognito_devtoken": cognito_devtoken}
    for each in walk_packages(cognito_devtoken.__path__, "cognito_devtoken."):
        if "._" in each.name:
            continue
        try:
            found[each.name] = import_module(each.name)
        except (ImportError, ConfigurationError):
            continue
    return found


MODULES = public_modules()


def functions() -> Iterator[tuple[str, Any]]:
    """Yield every function, class and method that a public module defines, with its name."""
    for module_name, module in MODULES.items():
        for name, value in inspect.getmembers(module):
            whole = f"{module_name}.{name}"
            if not getattr(value, "__module__", "").startswith("cognito_devtoken"):
                continue
            if inspect.isroutine(value):
                yield whole, value
            elif inspect.isclass(value):
                yield whole, value
                for method in dir(value):
                    attribute = inspect.getattr_static(value, method)
                    attribute = getattr(attribute, "__func__", attribute)
                    if isinstance(attribute, FunctionType):
                        yield f"{whole}.{method}", attribute


FUNCTIONS = list(functions())


def is_fixed(value: object) -> bool:
    if isinstance(value, tuple | frozenset):
        return all(map(is_fixed, value))
    return value is inspect.Parameter.empty or isinstance(value, FIXED) or repr(value) == "NOTHING"


def signature_of(function: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except ValueError:  # of a class that is made in C
        return None


def live_defaults(function: Any) -> list[str]:
    """Return the parameters of a function whose default may hold live state."""
    signature = signature_of(function)
    parameters = signature.parameters.values() if signature else ()
    return [each.name for each in parameters if not is_fixed(each.default)]


def test_the_walk_finds_what_is_public() -> None:
    names = {name for name, _ in FUNCTIONS}

    assert {
        "cognito_devtoken.TokenSession.from_env",
        "cognito_devtoken.stores.redis.RedisStore",
        "cognito_devtoken.emulator.Emulator.fail_next",
        "cognito_devtoken.cli.main",
    } <= names


def test_no_default_of_a_public_function_holds_live_state() -> None:
    found = {name: live for name, each in FUNCTIONS if (live := live_defaults(each))}

    assert found == {}


@pytest.mark.parametrize("state", [os.environ, {}, [], set[str](), object(), (1, [])])
def test_a_default_that_holds_live_state_is_found(state: object) -> None:
    def function(fine: int = 1, other: object = state) -> None: ...

    assert live_defaults(function) == ["other"]


@pytest.mark.parametrize("name", MODULES)
def test_signatures_and_help_show_nothing_of_the_environment(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    monkeypatch.setenv("COGNITO_DEVTOKEN_STORE_KEYS", "canary-keys")

    assert "canary" not in pydoc.render_doc(MODULES[name])
    for each, function in FUNCTIONS:
        if each.startswith(f"{name}."):
            assert "canary" not in f"{signature_of(function)} {function.__doc__}"


@pytest.mark.parametrize("name", ["invalidate", "forget", "forget_identity", "clear"])
@pytest.mark.parametrize("kind", [AsyncTokenSession, TokenCache, TokenSession])
def test_a_method_that_discards_says_that_aws_revokes_nothing(kind: type, name: str) -> None:
    text = getattr(kind, name).__doc__ or ""

    assert "AWS accepts" in text or f":meth:`TokenSession.{name}`" in text
