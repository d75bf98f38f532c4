"""The output of the demo: its steps, and an animation below the title of a step."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from .drawing import ASCII, BLOCKS, NARROWEST, Look, Moment, draw


Show = Callable[[str, str], None]


class Picture(Protocol):
    """Draws lines of at most *width* characters."""

    def __call__(self, look: Look, width: int, /, *, colored: bool) -> Sequence[str]: ...


_WIDTH = 80
_TITLE_WIDTH = 70
# Cursor movements of ECMA-48. The line of a title stays open until the step ends.
_TO_END_OF_TITLE = f"\x1b[{_TITLE_WIDTH + 1}G"
_REST_OF_LINE = "\x1b[K"
_REST_OF_SCREEN = "\x1b[J"


@contextmanager
def step(title: str) -> Generator[Show]:
    """Print a title. After the step, print its duration, and the lines that the step shows."""
    lines: list[str] = []
    # Flushed, so that the reader of a pipe sees the progress.
    print(f"\n{title:<{_TITLE_WIDTH}}", end="", flush=True)
    began = time.perf_counter()
    try:
        yield lambda name, value: lines.append(f"   {name:<20}{value}".rstrip())
    except BaseException:
        print()  # what comes next starts on a new line
        raise
    seconds = time.perf_counter() - began
    took = f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
    print(f"{took:>{_WIDTH - _TITLE_WIDTH}}", *lines, sep="\n", flush=True)


def look() -> Look:
    """Return the characters that standard output can show."""
    # A closed stream is None, and a stream that keeps text in memory has no encoding.
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        BLOCKS.characters.encode(encoding)
    except UnicodeEncodeError:
        return ASCII
    return BLOCKS


@contextmanager
def moving_picture() -> Generator[Callable[[Moment], None]]:
    """Draw moments in the life of a token. Each drawing replaces the previous one."""
    with canvas() as show:
        yield lambda moment: show(partial(draw, moment))


@contextmanager
def canvas() -> Generator[Callable[[Picture], None]]:
    """
    Draw pictures below the title of the step. Each picture replaces the previous one; the last one
    is erased at the end.

    Nothing is written if the cursor cannot move. After each picture, the cursor is back at the
    end of the title, so that an interruption leaves nothing to restore.
    """
    if not _moves():
        yield lambda picture: None
        return
    characters, colored = look(), not os.environ.get("NO_COLOR")

    def show(picture: Picture) -> None:
        # A full line would wrap in some terminals.
        width = min(shutil.get_terminal_size().columns, _WIDTH) - 1
        lines = picture(characters, max(width, NARROWEST), colored=colored)
        text = "".join(f"\r\n{line}{_REST_OF_LINE}" for line in lines)
        print(f"{text}\x1b[{len(lines)}A{_TO_END_OF_TITLE}", end="", flush=True)

    try:
        yield show
    finally:
        print(f"\r\n{_REST_OF_SCREEN}\x1b[A{_TO_END_OF_TITLE}", end="", flush=True)


def _moves() -> bool:
    """Return whether standard output is a terminal that can overwrite what it has shown."""
    return (
        sys.stdout is not None  # pyright: ignore[reportUnnecessaryComparison]  # closed
        and sys.stdout.isatty()
        and os.environ.get("TERM") != "dumb"
        and shutil.get_terminal_size().columns > NARROWEST
    )
