"""
Raises an exception in the middle of a function, as a signal handler may: at every place, in turn.

A place is the entry of a function, or the start of a line, in the cache or in cachetools.
"""

import dis
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import cachetools

from cognito_devtoken import _cache
from cognito_devtoken.exceptions import DevTokenError


_FILES = tuple(str(Path(module.__file__ or "").parent) for module in (_cache, cachetools))

# A place: its code, its line, and whether it is the entry of the function.
Place = tuple[CodeType, int, bool]


class Interrupted(BaseException):
    """What the handler raises. Not an Exception, so that nothing takes it for a failure."""


def places_of(run: Callable[[], object]) -> list[Place]:
    """Run a function undisturbed, and return the places that it passes."""
    places: dict[Place, None] = {}
    _trace(run, places.setdefault)
    return list(places)


def interrupt_at(place: Place, run: Callable[[], object]) -> None:
    """Run a function with an exception at a place."""

    def interrupt(passed: Place) -> None:
        if passed == place:
            raise Interrupted

    # An exception inside a fetch becomes the failure of that fetch.
    with suppress(Interrupted, DevTokenError):
        _trace(run, interrupt)


def _trace(run: Callable[[], object], passes: Callable[[Place], object]) -> None:
    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_FILES):
            return None
        passes((frame.f_code, frame.f_lineno, True))
        return inside

    def inside(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line" and frame.f_lasti not in _exits(frame.f_code):
            passes((frame.f_code, frame.f_lineno, False))
        return inside

    before = sys.gettrace()
    # It would close generators that other tests have left in a circle, and those pass places, too.
    gc.disable()
    sys.settrace(enter)
    try:
        run()
    finally:
        sys.settrace(before)
        gc.enable()


@cache
def _exits(code: CodeType) -> frozenset[int]:
    """
    Return where the blocks of with statements end.

    The trace reports the line of the statement once more there. But no signal handler runs
    between the end of a block and the call that releases its lock.
    """
    return frozenset(_find_exits(code))


def _find_exits(code: CodeType) -> Iterator[int]:
    starts = list(dis.findlinestarts(code))
    line_of = {}
    line = None
    lines = dict(starts)
    for instruction in dis.get_instructions(code):
        line = lines.get(instruction.offset, line)
        line_of[instruction.offset] = line
        if instruction.opname in ("BEFORE_WITH", "LOAD_SPECIAL"):
            first = min(offset for offset, other in starts if other == line)
            yield from (offset for offset, other in starts if other == line and offset != first)
