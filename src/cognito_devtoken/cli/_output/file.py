"""A secret in a file: readable by its owner only, and whole or not at all."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING

from .._errors import ParameterError


if TYPE_CHECKING:
    from .._input.parsing import Parser


def add_output_file(parser: Parser) -> None:
    parser.add_argument(
        "--output-file",
        metavar="PATH",
        help="write to a file, of mode 0600, in place of standard output",
    )


def check_target(path: str | None) -> None:
    """
    Refuse what must not be written to, before there is anything to write.

    Raises:
        ParameterError: If it is a link, a folder, a device, or in a folder that is not there.
    """
    if path is None:
        return
    folder = Path(path).parent
    if not folder.is_dir():
        raise ParameterError(f"Bad value for --output-file: there is no folder {folder}")
    try:
        mode = Path(path).lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise ParameterError("Bad value for --output-file: it is a link, which is not followed")
    if not stat.S_ISREG(mode):
        raise ParameterError("Bad value for --output-file: it is no regular file")


def deliver(text: str, path: str | None) -> None:
    """
    Print a text, or write a file of mode 0600 in place of the one that may be there.

    Raises:
        OSError: If that is not possible. What was there is there still.
    """
    if path is None:
        print(text, end="")
        return
    # A new file each time: whoever has the old one open reads no secret from it.
    descriptor, name = mkstemp(prefix=".cognito-devtoken-", dir=Path(path).parent)
    made = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        made.replace(path)
    except BaseException:
        with suppress(OSError):
            made.unlink()
        raise
