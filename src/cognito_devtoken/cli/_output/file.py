"""Write a secret to a file: readable only by its owner, and complete or not at all."""

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
        help="write to a file with mode 0600 instead of standard output",
    )


def check_target(path: str | None) -> None:
    """
    Refuse an unsafe target before there is anything to write.

    Raises:
        ParameterError: If it is a link, a folder or a device, or its folder does not exist.
    """
    if path is None:
        return
    folder = Path(path).parent
    if not folder.is_dir():
        raise ParameterError(f"Bad value for --output-file: folder {folder} does not exist")
    try:
        mode = Path(path).lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise ParameterError("Bad value for --output-file: it is a symbolic link")
    if not stat.S_ISREG(mode):
        raise ParameterError("Bad value for --output-file: it is not a regular file")


def deliver(text: str, path: str | None) -> None:
    """
    Print a text, or write it to a file with mode 0600, replacing an existing one.

    Raises:
        OSError: If writing fails. An existing file stays as it was.
    """
    if path is None:
        print(text, end="")
        return
    # Always a new file: a process that has the old one open cannot read the secret.
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
