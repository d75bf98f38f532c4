"""
The constraints on an operation's input, and the service's messages for violations.

A violation is a ``ValidationException``, which the API model does not list. Its texts for an
identity pool id are known from public traces; the others follow the same form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, cast

import attrs

from .._values.request import (
    ID_PATTERN,
    LONE_SURROGATE,
    MAX_DURATION,
    MAX_ID,
    MAX_LOGIN_VALUE,
    MAX_LOGINS,
    MAX_PROVIDER_NAME,
    MAX_TAG_NAME,
    MAX_TAG_VALUE,
    MAX_TAGS,
)
from ._wire import Refusal


class Shape(Protocol):
    """The constraints on a member."""

    @property
    def required(self) -> bool: ...

    def broken(self, path: str, value: Any) -> Iterator[str]:
        """Yield the constraints that *value* violates, in the service's words."""
        ...


@attrs.frozen
class Text:
    maximum: int
    minimum: int = 1
    pattern: re.Pattern[str] | None = None
    required: bool = False

    def broken(self, path: str, value: Any) -> Iterator[str]:
        for constraint in self.constraints(_text(value)):
            yield f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"

    def constraints(self, value: str) -> Iterator[str]:
        if self.pattern is not None and not self.pattern.fullmatch(value):
            yield f"Member must satisfy regular expression pattern: {self.pattern.pattern}"
        if len(value) > self.maximum:
            yield f"Member must have length less than or equal to {self.maximum}"
        if len(value) < self.minimum:
            yield f"Member must have length greater than or equal to {self.minimum}"


@attrs.frozen
class Map:
    keys: Text
    values: Text
    maximum: int
    required: bool = False

    def broken(self, path: str, value: Any) -> Iterator[str]:
        if not isinstance(value, dict):
            raise _wrong_type(value, "Map")
        entries = cast("dict[str, object]", value)
        # How the service quotes a map is not known, and logins must not be quoted.
        prefix = f"Value '***' at '{path}' failed to satisfy constraint: "
        if len(entries) > self.maximum:
            yield f"{prefix}Member must have length less than or equal to {self.maximum}"
        for key, text in entries.items():
            if found := list(self.keys.constraints(_text(key))):
                yield f"{prefix}Map keys must satisfy constraint: [{', '.join(found)}]"
            if found := list(self.values.constraints(_text(text))):
                yield f"{prefix}Map value must satisfy constraint: [{', '.join(found)}]"


@attrs.frozen
class Long:
    maximum: int
    minimum: int = 1
    required: bool = False

    def broken(self, path: str, value: Any) -> Iterator[str]:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong_type(value, "Long")
        prefix = f"Value '{value}' at '{path}' failed to satisfy constraint: "
        if value > self.maximum:
            yield f"{prefix}Member must have value less than or equal to {self.maximum}"
        if value < self.minimum:
            yield f"{prefix}Member must have value greater than or equal to {self.minimum}"


_JSON_KINDS: Mapping[type, str] = {
    str: "STRING_VALUE",
    bool: "BOOLEAN_VALUE",
    int: "NUMBER_VALUE",
    float: "NUMBER_VALUE",
    dict: "START_OBJECT",
    list: "START_ARRAY",
    type(None): "NULL_VALUE",
}

_ID = Text(MAX_ID, pattern=ID_PATTERN)
_REQUIRED_ID = attrs.evolve(_ID, required=True)
_LOGINS = Map(Text(MAX_PROVIDER_NAME), Text(MAX_LOGIN_VALUE), MAX_LOGINS)

INPUTS: Mapping[str, Mapping[str, Shape]] = {
    "GetOpenIdTokenForDeveloperIdentity": {
        "IdentityPoolId": _REQUIRED_ID,
        "IdentityId": _ID,
        "Logins": attrs.evolve(_LOGINS, required=True),
        "PrincipalTags": Map(Text(MAX_TAG_NAME), Text(MAX_TAG_VALUE), MAX_TAGS),
        "TokenDuration": Long(MAX_DURATION),
    },
    "GetId": {
        "AccountId": Text(15, pattern=re.compile(r"\d+", re.ASCII)),
        "IdentityPoolId": _REQUIRED_ID,
        "Logins": _LOGINS,
    },
    "GetCredentialsForIdentity": {
        "IdentityId": _REQUIRED_ID,
        "Logins": _LOGINS,
        "CustomRoleArn": Text(2048, minimum=20),
    },
}


def validate(operation: str, members: Mapping[str, Any]) -> None:
    """
    Check the members against the operation's constraints. Unknown members are ignored.

    Raises:
        Refusal: ``ValidationException`` with all violations, or ``SerializationException``
            for a value of the wrong type.
    """
    found: list[str] = []
    for name, shape in INPUTS[operation].items():
        path = name[0].lower() + name[1:]
        value = members.get(name)
        if value is not None:
            found += shape.broken(path, value)
        elif shape.required:
            found.append(
                f"Value null at '{path}' failed to satisfy constraint: Member must not be null"
            )
    if found:
        errors = "error" if len(found) == 1 else "errors"
        raise Refusal(
            "ValidationException",
            f"{len(found)} validation {errors} detected: {'; '.join(found)}",
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _wrong_type(value, "String")
    if LONE_SURROGATE.search(value):
        raise Refusal("SerializationException", "The body is not valid Unicode")
    return value


def _wrong_type(value: object, wanted: str) -> Refusal:
    kind = _JSON_KINDS[type(value)]
    return Refusal("SerializationException", f"{kind} can not be converted to a {wanted}")
