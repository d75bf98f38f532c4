"""Write a secret, completely or not at all, to a file that only its owner can read."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING

from .._errors import OutputError, ParameterError


if TYPE_CHECKING:
    from .._input.parsing import Parser

_PREFIX = ".cognito-devtoken-"


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
        ParameterError: If the target is a link, a folder or a device, or if no file can be made in
            its folder.
    """
    if path is None:
        return
    folder = Path(path).parent
    if not folder.is_dir():
        raise ParameterError(f"Bad value for --output-file: folder {folder} does not exist")
    with suppress(FileNotFoundError):
        mode = Path(path).lstat().st_mode
        if stat.S_ISLNK(mode):
            raise ParameterError("Bad value for --output-file: it is a symbolic link")
        if not stat.S_ISREG(mode):
            raise ParameterError("Bad value for --output-file: it is not a regular file")
    try:
        descriptor, name = mkstemp(prefix=_PREFIX, dir=folder)
    except OSError as error:
        raise ParameterError(
            f"Bad value for --output-file: cannot write in folder {folder}: {error.strerror}"
        ) from None
    os.close(descriptor)
    Path(name).unlink()


def deliver(text: str, path: str | None) -> None:
    """
    Print a text, or write it to a file with mode 0600, replacing any existing file.

    Raises:
        OutputError: If writing fails. An existing file stays as it was.
    """
    if path is None:
        print(text, end="")
        return
    # Always make a new file, so that a process that has the old file open cannot read the secret.
    try:
        descriptor, name = mkstemp(prefix=_PREFIX, dir=Path(path).parent)
        made = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
            made.replace(path)
        except BaseException:
            with suppress(OSError):
                made.unlink()
            raise
    except OSError as error:
        # The error's own text names the temporary file.
        raise OutputError(f"Cannot write {path}: {error.strerror}") from None
