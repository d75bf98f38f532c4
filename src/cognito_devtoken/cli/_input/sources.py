"""Read values of options from files or standard input, to keep them off the command line."""

from __future__ import annotations

import os
import sys
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, lookup
from io import BytesIO, TextIOWrapper
from pathlib import Path

from .._errors import ParameterError


STDIN = "-"
FILE = "file://"
BINARY_FILE = "fileb://"
_ENCODING = "AWS_CLI_FILE_ENCODING"
# Text in UTF-16 begins with one of these, or has a null byte in its first character.
_MARKS = (BOM_UTF16_LE, BOM_UTF16_BE)


def load(option: str, value: str) -> str:
    """
    Read ``file://PATH``; return any other value unchanged.

    Raises:
        ParameterError: If the file cannot be read.
    """
    if value.startswith(BINARY_FILE):
        raise unusable(option, f"Expected text, but {BINARY_FILE} is for binary data")
    if not value.startswith(FILE):
        return value
    try:
        path = Path(os.path.expandvars(Path(value.removeprefix(FILE)).expanduser()))
        return _text(path.read_bytes(), os.environ.get(_ENCODING))
    except _Utf16Error as error:
        raise unusable(
            option,
            f"Unable to load paramfile {value}: {error}",
            f"Save the file as UTF-8, or set {_ENCODING}=utf-16.",
        ) from None
    except UnicodeDecodeError:
        raise unusable(
            option,
            f"Unable to load paramfile {value}: it cannot be decoded",
            f"Set {_ENCODING} to the encoding of the file, such as utf-8.",
        ) from None
    except (OSError, LookupError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
    raise unusable(option, f"Unable to load paramfile {value}: {why}")


def load_or_read(option: str, value: str) -> str:
    """
    Read standard input for ``-``, or else :func:`load` the value.

    Raises:
        ParameterError: If the input cannot be read.
    """
    return read_stdin(option) if value == STDIN else load(option, value)


def read_stdin(option: str) -> str:
    """
    Read all of standard input, without its final line end.

    Raises:
        ParameterError: If standard input is empty or cannot be decoded.
    """
    stream = sys.stdin
    if stream is None:  # pyright: ignore[reportUnnecessaryComparison]  # closed
        raise unusable(option, "Standard input is empty")
    try:
        text = _text(stream.buffer.read(), stream.encoding)
    except _Utf16Error as error:
        raise unusable(
            option,
            f"Standard input cannot be read: {error}",
            "Convert the input to UTF-8, for example with: iconv -f utf-16 -t utf-8",
        ) from None
    except UnicodeDecodeError:
        raise unusable(option, "Standard input cannot be decoded") from None
    if not text:
        raise unusable(option, "Standard input is empty")
    return text.removesuffix("\n")


class _Utf16Error(ValueError):
    """The text is UTF-16, but another encoding was expected."""


def _text(raw: bytes, encoding: str | None) -> str:
    """
    Decode a text, and drop the byte order mark that Windows editors put at its start.

    Args:
        raw: The text in bytes. A text that begins with the mark of UTF-8 is UTF-8.

        encoding: The encoding of any other text; None uses the encoding of the locale.
    """
    if raw.startswith(BOM_UTF8):
        encoding = "utf-8-sig"
    elif (raw.startswith(_MARKS) or b"\0" in raw[:2]) and not _is_utf16(encoding):
        raise _Utf16Error("it is UTF-16, not UTF-8")
    # TextIOWrapper reads each line end as "\n". errors="strict" is needed, because standard input
    # is not strict in the C locale.
    text = TextIOWrapper(BytesIO(raw), encoding, errors="strict").read()
    return text.removeprefix("\ufeff")


def _is_utf16(encoding: str | None) -> bool:
    return encoding is not None and lookup(encoding).name.startswith(("utf-16", "utf-32"))


def unusable(option: str, why: str, hint: str | None = None) -> ParameterError:
    """Return an error in the format of the AWS CLI."""
    return ParameterError(f"Error parsing parameter '{option}': {why}", hint)
