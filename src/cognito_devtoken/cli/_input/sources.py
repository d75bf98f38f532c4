"""Where the value of an option may stand, so that it need not stand on the command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .._errors import ParameterError


STDIN = "-"
_FILE = "file://"
_BINARY_FILE = "fileb://"


def load(option: str, value: str) -> str:
    """
    The text of ``file://PATH``; anything else as it is.

    Raises:
        ParameterError: If the file cannot be read.
    """
    if value.startswith(_BINARY_FILE):
        raise unusable(option, f"Expecting text, and {_BINARY_FILE} is for what is binary")
    if not value.startswith(_FILE):
        return value
    try:
        path = Path(os.path.expandvars(Path(value.removeprefix(_FILE)).expanduser()))
        return path.read_text(os.environ.get("AWS_CLI_FILE_ENCODING"))
    except UnicodeDecodeError:
        why = "it cannot be decoded"
    except (OSError, LookupError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
    raise unusable(option, f"Unable to load paramfile {value}: {why}")


def load_or_read(option: str, value: str) -> str:
    """
    The same, and for ``-`` the text of standard input.

    Raises:
        ParameterError: If it cannot be read.
    """
    return read_stdin(option) if value == STDIN else load(option, value)


def read_stdin(option: str) -> str:
    """
    All of standard input, without the end of its last line.

    Raises:
        ParameterError: If there is nothing.
    """
    try:
        text = sys.stdin.read() if sys.stdin else ""  # pyright: ignore[reportUnnecessaryComparison]  # closed
    except UnicodeDecodeError:
        raise unusable(option, "Standard input cannot be decoded") from None
    if not text:
        raise unusable(option, "There is nothing on standard input")
    return text.removesuffix("\n").removesuffix("\r")


def unusable(option: str, why: str) -> ParameterError:
    """An error in the form of the AWS CLI."""
    return ParameterError(f"Error parsing parameter '{option}': {why}")
