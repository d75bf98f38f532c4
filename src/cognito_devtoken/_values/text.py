"""
Make foreign text, such as the message of a service, safe to show.

A text is cut to size before anything else is done with it, because the sender decides how long the
text is.
"""

from __future__ import annotations

import re

from .secret import HIDDEN


MAX_SHOWN = 500
"""How many characters of a foreign text are shown."""

LOOKED_AT = 2000
"""How many characters of a foreign text are read, to find secrets in what is shown."""

_SEGMENT = re.compile(r"[^/\s]+")


def printable(text: str, keep: str = "") -> str:
    """
    Escape the characters that a terminal or a log acts on instead of showing them.

    These are control characters, line separators, and characters that reverse the direction of
    a text or take up no space.

    Args:
        text: Any text.

        keep: Characters to leave as they are, such as a line end.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in keep else ascii(each)[1:-1] for each in text
    )


def one_line(text: str, *, is_cut: bool = False) -> str:
    """
    Return a text on one line, cut to length and printable, without passwords in URLs.

    Args:
        text: Any text, of any length.

        is_cut: Whether the text is only the start of a longer one.
    """
    is_cut = is_cut or len(text) > LOOKED_AT
    if is_cut:
        # The text may end in the middle of a URL's password. Add the @ that follows a password, so
        # that the part that is there is hidden, too.
        text = text[:LOOKED_AT] + "@"
    masked = _SEGMENT.sub(_without_password, " ".join(text.split()))
    if is_cut:
        masked = masked.removesuffix("@").rstrip()
    return printable(masked[:MAX_SHOWN])[:MAX_SHOWN]


def _without_password(segment: re.Match[str]) -> str:
    user, at, host = segment[0].rpartition("@")
    return f"{HIDDEN}@{host}" if at and ":" in user else segment[0]
