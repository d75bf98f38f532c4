"""Find the places where an error shows a secret to a crash reporter."""

import dataclasses
import pickle
import traceback
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import FrameType
from typing import Any

import attrs

from cognito_devtoken._values.secret import NeverPickled


TESTS = str(Path(__file__).parent)
# Reporters stop after 5 to 10.
_DEEPEST = 10


def find_leaks(error: BaseException, *canaries: str) -> list[str]:
    """
    Return every place where a canary shows.

    The search covers the error's texts, its attributes, the locals of its frames, and the same
    for its causes and contexts. It skips the frames of tests.
    """
    return [
        f"{place}: {text[:300]}"
        for place, text in _texts(error)
        if any(canary in text for canary in canaries)
    ]


def _texts(error: BaseException) -> Iterator[tuple[str, str]]:
    for each in chain_of(error):
        name = type(each).__name__
        yield f"str of {name}", str(each)
        yield f"repr of {name}", repr(each)
        for text in shown([each.args, vars(each)]):
            yield f"args and attributes of {name}", text
        if type(each).__module__.startswith("cognito_devtoken"):
            yield f"pickle of {name}", repr(pickle.dumps(each))
        for frame, line in frames_of(each):
            for local, value in frame.f_locals.items():
                for text in shown(value):
                    yield f"{frame.f_code.co_qualname}:{line} {local}", text


def chain_of(error: BaseException) -> list[BaseException]:
    """Return an error with all its causes, contexts and members, each once."""
    found: dict[int, BaseException] = {}
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is not None and id(each) not in found:
            found[id(each)] = each
            left += [each.__cause__, each.__context__]
            if isinstance(each, BaseExceptionGroup):
                left += each.exceptions
    return list(found.values())


def frames_of(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    """Yield the frames of a traceback, except those of tests."""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if not frame.f_code.co_filename.startswith(TESTS):
            yield frame, line


def shown(value: object) -> list[str]:
    """
    Return all that crash reporters show of a value.

    They walk mappings and containers (sentry-sdk, rollbar), named tuples, dataclasses and attrs
    classes (rich), and take the repr of everything else. The attributes of a local are added,
    since debuggers show them, except those of the objects that exist to hide something.
    """
    return list(_walk(value, 0, {}))


def _walk(value: object, depth: int, seen: dict[int, object]) -> Iterator[str]:
    if id(value) in seen:
        return
    seen[id(value)] = value
    yield _repr(value)
    if isinstance(value, str | bytes | bytearray) or depth > _DEEPEST:
        return
    for part in (*_parts(value), *(_attributes(value) if not depth else ())):
        yield from _walk(part, depth + 1, seen)


def _parts(value: Any) -> Iterator[object]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield key
            yield each
    elif isinstance(value, Sequence | AbstractSet | deque):
        yield from value
        if hasattr(value, "_asdict"):
            yield from value._asdict().values()
    elif not isinstance(value, type):
        if dataclasses.is_dataclass(value):
            yield from _read(value, (field.name for field in dataclasses.fields(value)))
        if attrs.has(type(value)):
            yield from _read(value, (field.name for field in attrs.fields(type(value))))


def _attributes(value: object) -> Iterator[object]:
    if not isinstance(value, type):
        yield from getattr(value, "__dict__", {}).values()
        if not isinstance(value, NeverPickled):
            for kind in type(value).__mro__:
                slots = vars(kind).get("__slots__", ())
                yield from _read(value, [slots] if isinstance(slots, str) else slots)


def _read(value: object, names: Iterable[str]) -> Iterator[object]:
    """Yield attributes, without those of an object whose __init__ has failed."""
    for name in names:
        if hasattr(value, name):
            yield getattr(value, name)


def _repr(value: object) -> str:
    try:
        return repr(value)
    except AttributeError:  # of an object whose __init__ has failed
        return object.__repr__(value)
