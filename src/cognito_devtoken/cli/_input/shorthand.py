"""
Maps of strings on the command line: ``name=value,name2=value2``.

Law of this module: what the AWS CLI makes a map of strings of is the same map here, and
what it refuses, or makes something else of, is refused. The tests compare the two.
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
# What begins a value without quotes, what goes on with it, and what goes on with one that
# another value stands before.
_START = r"""(?:\\,|[^\x00-\x20"',=\[{])"""
_FIRST = re.compile(_START + r"""(?:\\,|[^\x00-\x08\x0e-\x1b"',\]}])*""")
_LATER = re.compile(_START + r"""(?:\\,|[^\x00-\x08\x0e-\x1b"',=])*""")
# Such a value ends before a character beyond U+FFFF, as before what it cannot have.
_BEYOND, _ENDS_A_VALUE = re.compile("[\U00010000-\U0010ffff]"), "\0"


class ShorthandError(ValueError):
    """It is no map of strings. The text tells the place, and nothing of what stands there."""


def parse(text: str, load: Callable[[str], str]) -> dict[str, str]:
    """
    Read a map of strings.

    Args:
        text: ``name=value[,name=value...]``.

        load: Takes a value that is marked by ``@=``, and gives what it stands for.

    Raises:
        ShorthandError: If it is none.
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
    if head is None or not head["equals"]:  # it matches, as each of its parts may be nothing
        raise _expected("=", head.end() if head else position)
    return head


def _value(text: str, bare: str, position: int) -> tuple[str, int]:
    """
    A value, and where the comma behind it stands; the end of the text if none does.

    Values without quotes are looked for in *bare*, which is as long as the text.
    """
    if text[position : position + 1] in ("[", "{"):
        raise ShorthandError(f"A list or a map in place of text at character {position + 1}")
    value, end = _item(text, bare, position, _FIRST) or ("", position)
    comma = _skip(text, end)
    if comma == len(text):
        return value, comma
    if text[comma] != ",":
        raise _expected(",", comma)
    # What follows is another value, which makes a list of the two, or another name.
    after = _skip(text, comma + 1)
    if other := _item(text, bare, after, _LATER):
        after = _skip(text, other[1])
        if after == len(text) or text[after] == ",":
            raise ShorthandError(f"A second value at character {comma + 2}")
    elif after == len(text):
        raise ShorthandError("Nothing behind the last comma")
    # The last comma so far, even if it is escaped: a peculiarity that scripts may rest on.
    return value, text.rindex(",", 0, after + 1)


def _item(text: str, bare: str, position: int, pattern: re.Pattern[str]) -> tuple[str, int] | None:
    """A text with or without quotes, and where it ends."""
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
    """The position behind white space."""
    blank = _BLANK.match(text, position)
    return blank.end() if blank else position


def _expected(character: str, position: int) -> ShorthandError:
    return ShorthandError(f"Expected {character!r} at character {position + 1}")
