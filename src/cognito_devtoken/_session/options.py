"""The keyword arguments of session methods, kept out of the signatures to make hits faster."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from .._values.arguments import Seconds


if TYPE_CHECKING:
    from .._values.role import AssumeRole


class RequestOptions(TypedDict, total=False):
    """The options of a request, besides the user id."""

    logins: Mapping[str, str] | None
    identity_id: str | None
    principal_tags: Mapping[str, str] | None
    token_duration: int | timedelta | None


class GetOptions(RequestOptions, total=False):
    """The options of getting a token."""

    min_remaining: Seconds | None
    timeout: Seconds | None


class CredentialsOptions(TypedDict, total=False):
    """The options of getting credentials."""

    role: str | AssumeRole | None
    logins: Mapping[str, str] | None
    identity_id: str | None
    principal_tags: Mapping[str, str] | None
    min_remaining: Seconds | None
    timeout: Seconds | None


class RefreshOptions(RequestOptions, total=False):
    """The options of refreshing a token."""

    timeout: Seconds | None


_Method = TypeVar("_Method", bound=Callable[..., Any])


def keywords(options: type) -> Callable[[_Method], _Method]:
    """
    Show the keyword arguments of a method in help(), in editors and in the documentation.

    The method itself takes ``**options``, because named arguments with defaults would make a hit a
    fifth slower.
    """

    def show(method: _Method) -> _Method:
        signature = inspect.signature(method)
        named = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind.__forward_arg__
            )
            for name, kind in inspect.get_annotations(options).items()
        ]
        positional = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        method.__signature__ = signature.replace(parameters=[*positional, *named])  # type: ignore[attr-defined]
        return method

    return show


def check_names(method: str, options: Iterable[str], allowed: type) -> None:
    """Refuse options that a method does not have."""
    for name in options:
        if name not in allowed.__annotations__:
            raise TypeError(f"{method}() got an unexpected keyword argument {name!r}")
