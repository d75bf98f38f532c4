"""
The constraints on an operation's input, and the service's messages for violations.

A violation is a ``ValidationException`` (a ``ValidationError`` in STS), which the API model does
not list. The messages about an identity pool id are known from public traces. The other messages
follow the same form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, cast

import attrs

from .._values.request import is_unicode
from ._wire import Refusal


class Shape(Protocol):
    """The constraints on a member."""

    @property
    def required(self) -> bool: ...

    def broken(self, path: str, value: Any) -> Iterator[str]:
        """Yield the constraints that *value* violates, in the service's words."""
        ...


def _length(length: int, minimum: int | None, maximum: int | None) -> Iterator[str]:
    """Yield the limits that a length violates, in the service's words."""
    if maximum is not None and length > maximum:
        yield f"Member must have length less than or equal to {maximum}"
    if minimum is not None and length < minimum:
        yield f"Member must have length greater than or equal to {minimum}"


@attrs.frozen
class Text:
    """
    A string.

    Attributes:
        shown: Whether messages may quote the value.
    """

    maximum: int | None = None
    minimum: int | None = 1
    pattern: re.Pattern[str] | None = None
    required: bool = False
    choices: tuple[str, ...] = ()
    shown: bool = True

    def broken(self, path: str, value: Any) -> Iterator[str]:
        quoted = value if self.shown else "***"
        for constraint in self.constraints(_text(value)):
            yield f"Value '{quoted}' at '{path}' failed to satisfy constraint: {constraint}"

    def constraints(self, value: str) -> Iterator[str]:
        if self.pattern is not None and not self.pattern.fullmatch(value):
            yield f"Member must satisfy regular expression pattern: {self.pattern.pattern}"
        yield from _length(len(value), self.minimum, self.maximum)
        if self.choices and value not in self.choices:
            yield f"Member must satisfy enum value set: [{', '.join(self.choices)}]"


@attrs.frozen
class Map:
    keys: Text
    values: Text | Structure
    maximum: int | None = None
    required: bool = False

    def broken(self, path: str, value: Any) -> Iterator[str]:
        if not isinstance(value, dict):
            raise _wrong_type(value, "Map")
        entries = cast("dict[str, object]", value)
        # It is not known how the service quotes a map, and logins must not be quoted.
        prefix = f"Value '***' at '{path}' failed to satisfy constraint: "
        for constraint in _length(len(entries), None, self.maximum):
            yield f"{prefix}{constraint}"
        for key, entry in entries.items():
            if found := list(self.keys.constraints(_text(key))):
                yield f"{prefix}Map keys must satisfy constraint: [{', '.join(found)}]"
            if isinstance(self.values, Structure):
                yield from self.values.broken(f"{path}.{key[:128]}.member", entry)
            elif found := list(self.values.constraints(_text(entry))):
                yield f"{prefix}Map value must satisfy constraint: [{', '.join(found)}]"


@attrs.frozen
class Listing:
    """A list."""

    values: Text | Structure
    minimum: int | None = None
    maximum: int | None = None
    required: bool = False

    def broken(self, path: str, value: Any) -> Iterator[str]:
        if not isinstance(value, list):
            raise _wrong_type(value, "List")
        items = cast("list[object]", value)
        # It is not known how the service quotes a list.
        prefix = f"Value '***' at '{path}' failed to satisfy constraint: "
        for constraint in _length(len(items), self.minimum, self.maximum):
            yield f"{prefix}{constraint}"
        for number, item in enumerate(items, 1):
            yield from self.values.broken(f"{path}.{number}.member", item)


@attrs.frozen
class Structure:
    members: Mapping[str, Shape]
    required: bool = False

    def broken(self, path: str, value: Any) -> Iterator[str]:
        if not isinstance(value, dict):
            raise _wrong_type(value, "Structure")
        yield from _broken_members(self.members, cast("dict[str, Any]", value), f"{path}.")


@attrs.frozen
class Boolean:
    required: bool = False

    def broken(self, path: str, value: Any) -> Iterator[str]:
        if not isinstance(value, bool):
            raise _wrong_type(value, "Boolean")
        return iter(())


@attrs.frozen
class Number:
    """
    A whole number.

    Attributes:
        kind: The type's name in the API model.
    """

    maximum: int
    minimum: int = 1
    required: bool = False
    kind: str = "Integer"

    def broken(self, path: str, value: Any) -> Iterator[str]:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong_type(value, self.kind)
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


def validate(
    shapes: Mapping[str, Shape], members: Mapping[str, Any], code: str = "ValidationException"
) -> None:
    """
    Check the members of an operation's input. Unknown members are ignored.

    Args:
        shapes: The constraints, by the names of the members.

        members: The members.

        code: The error code.

    Raises:
        Refusal: If a value has the wrong type (``SerializationException``) or violates constraints.
            The message lists all violations.
    """
    found = list(_broken_members(shapes, members, ""))
    if found:
        errors = "error" if len(found) == 1 else "errors"
        raise Refusal(code, f"{len(found)} validation {errors} detected: {'; '.join(found)}")


def _broken_members(
    shapes: Mapping[str, Shape], members: Mapping[str, Any], start: str
) -> Iterator[str]:
    for name, shape in shapes.items():
        path = f"{start}{name[0].lower()}{name[1:]}"
        value = members.get(name)
        if value is not None:
            yield from shape.broken(path, value)
        elif shape.required:
            yield f"Value null at '{path}' failed to satisfy constraint: Member must not be null"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _wrong_type(value, "String")
    if not is_unicode(value):
        raise Refusal("SerializationException", "The body is not valid Unicode")
    return value


def _wrong_type(value: object, wanted: str) -> Refusal:
    kind = _JSON_KINDS[type(value)]
    return Refusal("SerializationException", f"{kind} can not be converted to a {wanted}")
