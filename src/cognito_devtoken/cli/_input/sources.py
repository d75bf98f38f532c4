"""Read the value of an option from a file or standard input, to keep it off the command line."""

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
    Read ``file://PATH``; return any other value unchanged.

    Raises:
        ParameterError: If the file cannot be read.
    """
    if value.startswith(_BINARY_FILE):
        raise unusable(option, f"Expected text, but {_BINARY_FILE} is for binary data")
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
    Read standard input for ``-``, or else :func:`load` the value.

    Raises:
        ParameterError: If it cannot be read.
    """
    return read_stdin(option) if value == STDIN else load(option, value)


def read_stdin(option: str) -> str:
    """
    Read all of standard input, without its final line end.

    Raises:
        ParameterError: If it is empty or cannot be decoded.
    """
    try:
        text = sys.stdin.read() if sys.stdin else ""  # pyright: ignore[reportUnnecessaryComparison]  # closed
    except UnicodeDecodeError:
        raise unusable(option, "Standard input cannot be decoded") from None
    if not text:
        raise unusable(option, "Standard input is empty")
    return text.removesuffix("\n").removesuffix("\r")


def unusable(option: str, why: str) -> ParameterError:
    """Return an error in the format of the AWS CLI."""
    return ParameterError(f"Error parsing parameter '{option}': {why}")
