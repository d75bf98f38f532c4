"""
Maps of strings on the command line: ``name=value,name2=value2``.

Law of this module: if the AWS CLI parses a text as a map of strings, this module returns the same
map. If the AWS CLI rejects a text, or parses it as something else, this module rejects it. The
tests compare the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable


_SPACE = r"[ \t\n\r\x0b\x0c]*"
_NAME = re.compile(rf"(?P<name>[A-Za-z0-9_.#/:-]*){_SPACE}(?P<at>@?){_SPACE}(?P<equals>=?){_SPACE}")
_BLANK = re.compile(_SPACE)
_QUOTED = {
    '"': re.compile(r'"((?:\\"|[^"])*)"'),
    "'": re.compile(r"'((?:\\'|[^'])*)'"),
}
# The start of an unquoted value, an unquoted value after "=", and an unquoted value after a comma.
_START = r"""(?:\\,|[^\x00-\x20"',=\[{])"""
_FIRST = re.compile(_START + r"""(?:\\,|[^\x00-\x08\x0e-\x1b"',\]}])*""")
_LATER = re.compile(_START + r"""(?:\\,|[^\x00-\x08\x0e-\x1b"',=])*""")
# A character beyond U+FFFF ends an unquoted value, as does any character that the value cannot
# contain.
_BEYOND, _ENDS_A_VALUE = re.compile("[\U00010000-\U0010ffff]"), "\0"


class ShorthandError(ValueError):
    """The text is not a map of strings. The message names the position and quotes nothing."""


def parse(text: str, load: Callable[[str], str]) -> dict[str, str]:
    """
    Read a map of strings.

    Args:
        text: ``name=value[,name=value...]``.

        load: Called with a value after ``@=``; returns the text that it refers to.

    Raises:
        ShorthandError: If the text is not a map of strings.
    """
    found: dict[str, str] = {}
    bare = _BEYOND.sub(_ENDS_A_VALUE, text)
    position, more = 0, True
    while more:
        head = _head(text, position)
        if head["name"] in found:
            raise ShorthandError(f"Second instance of a key at character {position + 1}")
        value, position = _value(text, bare, head.end())
        found[head["name"]] = load(value) if head["at"] else value
        more = position < len(text)
        position = _skip(text, position + 1)
    return found


def _head(text: str, position: int) -> re.Match[str]:
    head = _NAME.match(text, position)
    if head is None or not head["equals"]:  # never None: each part may be empty
        raise _expected("=", head.end() if head else position)
    return head


def _value(text: str, bare: str, position: int) -> tuple[str, int]:
    """
    Return a value, and the position of the comma after the value, or of the end of the text.

    Unquoted values are matched in *bare*, which has the same length as *text*.
    """
    if text[position : position + 1] in ("[", "{"):
        raise ShorthandError(f"Expected text, not a list or a map, at character {position + 1}")
    value, end = _item(text, bare, position, _FIRST) or ("", position)
    comma = _skip(text, end)
    if comma == len(text):
        return value, comma
    if text[comma] != ",":
        raise _expected(",", comma)
    # Another name follows, or another value. Two values would form a list.
    after = _skip(text, comma + 1)
    if other := _item(text, bare, after, _LATER):
        after = _skip(text, other[1])
        if after == len(text) or text[after] == ",":
            raise ShorthandError(f"Unexpected second value at character {comma + 2}")
    elif after == len(text):
        raise ShorthandError("Nothing after the last comma")
    # Go to the last comma so far, even if it is escaped: the AWS CLI does, and scripts may depend
    # on this quirk.
    return value, text.rindex(",", 0, after + 1)


def _item(text: str, bare: str, position: int, pattern: re.Pattern[str]) -> tuple[str, int] | None:
    """Return a quoted or unquoted text, and where it ends."""
    quote = text[position : position + 1]
    if quote not in _QUOTED:
        match = pattern.match(bare, position)
        if match is None:
            return None
        return text[position : match.end()].replace("\\,", ",").rstrip(), match.end()
    match = _QUOTED[quote].match(text, position)
    if match is None and pattern is _FIRST:
        raise _expected(quote, len(text))
    if match is None:
        return None
    return match[1].replace("\\" + quote, quote).replace("\\\\", "\\"), match.end()


def _skip(text: str, position: int) -> int:
    """Return the position after any white space."""
    blank = _BLANK.match(text, position)
    return blank.end() if blank else position


def _expected(character: str, position: int) -> ShorthandError:
    return ShorthandError(f"Expected {character!r} at character {position + 1}")
