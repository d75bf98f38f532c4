"""Where the demo is shown: its steps, and below the title of one a picture that moves."""

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
    """What is drawn: lines of so many characters."""

    def __call__(self, look: Look, width: int, /, *, colored: bool) -> Sequence[str]: ...


_WIDTH = 80
_TITLE_WIDTH = 70
# Cursor movements of ECMA-48. A title's line stays open until the step is over.
_TO_END_OF_TITLE = f"\x1b[{_TITLE_WIDTH + 1}G"
_REST_OF_LINE = "\x1b[K"
_REST_OF_SCREEN = "\x1b[J"


@contextmanager
def step(title: str) -> Generator[Show]:
    """A title at once; then the time that the step took, and below it what it has shown."""
    lines: list[str] = []
    # Flushed, so that whoever reads a pipe sees how far it is.
    print(f"\n{title:<{_TITLE_WIDTH}}", end="", flush=True)
    began = time.perf_counter()
    try:
        yield lambda name, value: lines.append(f"   {name:<20}{value}".rstrip())
    except BaseException:
        print()  # whatever comes next begins a line of its own
        raise
    seconds = time.perf_counter() - began
    took = f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
    print(f"{took:>{_WIDTH - _TITLE_WIDTH}}", *lines, sep="\n", flush=True)


def look() -> Look:
    """The characters that standard output can show."""
    # A closed one is None, and what keeps text as text has no encoding.
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        BLOCKS.characters.encode(encoding)
    except UnicodeEncodeError:
        return ASCII
    return BLOCKS


@contextmanager
def moving_picture() -> Generator[Callable[[Moment], None]]:
    """Draw a moment in the life of a token, over and over."""
    with canvas() as show:
        yield lambda moment: show(partial(draw, moment))


@contextmanager
def canvas() -> Generator[Callable[[Picture], None]]:
    """
    Draw below the title of the step, over and over, and wipe it away at the end.

    Not a character is written where it would not move. After each picture the cursor is back
    at the end of the title, so that an interruption leaves nothing to restore.
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
    """Whether standard output is a terminal that can go back to what it has shown."""
    return (
        sys.stdout is not None  # pyright: ignore[reportUnnecessaryComparison]  # closed
        and sys.stdout.isatty()
        and os.environ.get("TERM") != "dumb"
        and shutil.get_terminal_size().columns > NARROWEST
    )
