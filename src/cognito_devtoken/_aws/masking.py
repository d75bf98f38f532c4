"""Mask the logins that a service's message may quote."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Protocol
from urllib.parse import quote

from .._values.secret import HIDDEN
from .._values.text import LOOKED_AT, one_line


# A login of at least this many characters is also found inside a word.
_LONG = 8
# How many of the first characters of a long login are enough to find it.
_CUT = 16
# Words in the message of an InvalidSignatureException (Cognito) or a SignatureDoesNotMatch (STS).
_SIGNED = re.compile(r"canonical string|string-to-sign|x-amz-security-token", re.IGNORECASE)
# Text in the output of a program that may be a secret: a long word of letters and digits, such as a
# key or a token, and the text after a name such as "password".
_LONG_WORD = re.compile(r"[\w+=-]{20,}", re.ASCII)
_NAMED = re.compile(
    r"(secret|password|passwd|token|key)\w{0,20}['\"]?\s{0,3}[:=]\s{0,3}\S{1,2000}", re.IGNORECASE
)
_OURS = "cognito-devtoken: [ERROR]: "


class HasLogins(Protocol):
    """The part of a request that is used here: the values that no message may quote."""

    @property
    def logins(self) -> Mapping[str, str]: ...


def window(text: object) -> str:
    """Return the beginning of a foreign text, since the rest is not used; "" if it is not text."""
    return text[:LOOKED_AT] if isinstance(text, str) else ""


def clean(text: object, request: HasLogins) -> str:
    """
    Return the service's text on one line, without the logins that it may quote. Never raises.

    If the text shows what should have been signed, it is cut off before that part, which contains
    the session token.
    """
    seen = window(text)
    is_cut = isinstance(text, str) and len(text) > len(seen)
    # Drop the end of a cut text: a login that begins there cannot be recognised.
    length = len(seen) - _CUT if is_cut else len(seen)
    hidden = [False] * length
    for login in request.logins.values():
        for quoted in _spellings(login):
            for start, end in _places(seen, quoted):
                hidden[start:end] = [True] * (min(end, length) - start)
    runs = groupby(zip(seen[:length], hidden, strict=True), key=itemgetter(1))
    shown = "".join(HIDDEN if secret else "".join(map(itemgetter(0), run)) for secret, run in runs)
    if _SIGNED.search(seen):
        shown, is_cut = shown.strip().partition("\n")[0], False
    return one_line(shown, is_cut=is_cut)


def _spellings(login: str) -> set[str]:
    """Return how a message may spell a login: verbatim, stripped, as in JSON or in a URL."""
    found = {login, login.strip(), json.dumps(login)[1:-1], quote(login, errors="surrogatepass")}
    if not login.isascii():
        # Text that is not valid Unicode, such as an argument in another encoding, cannot be sent
        # unchanged. It may have become one of these on the way.
        found.add(login.encode(errors="replace").decode())
        found.add(login.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return found - {""}


def _places(text: str, login: str) -> Iterator[tuple[int, int]]:
    """
    Yield the places of a login in a text, ignoring case.

    A short login ("42") is only found as a whole word, because it may be part of any number. A long
    login is also found if its end was cut off.
    """
    if not login.strip():
        return
    alone = rf"(?<!\w){re.escape(login)}(?!\w)" if len(login) < _LONG else re.escape(login[:_CUT])
    pattern = re.compile(alone, re.IGNORECASE)
    end = 0
    while match := pattern.search(text, end):
        end = match.end()
        for said, character in zip(text[end:], login[_CUT:], strict=False):
            if said.lower() != character.lower():
                break
            end += 1
        yield match.start(), end


def program_line(text: str) -> str:
    """
    Return the first line that a program printed to say why it failed, without possible secrets.

    The line is cut off before the first brace, because credentials are printed as JSON.
    """
    line = window(text).strip().partition("\n")[0].partition("{")[0].replace(_OURS, "")
    words = (HIDDEN if _is_secret(word) else word for word in line.split())
    return one_line(_NAMED.sub(rf"\1: {HIDDEN}", " ".join(words)))


def says_more(text: str) -> str:
    """Return the second line of a message of our command line, which is its hint; else ""."""
    first, _, rest = window(text).strip().partition("\n")
    return program_line(rest) if first.startswith(_OURS) else ""


def _is_secret(word: str) -> bool:
    if word.startswith("https://") and "?" not in word:  # such as an address to log in at
        return False
    # A word with a slash at its beginning may be a path, or a secret access key. Unlike most paths,
    # such a key has upper-case and lower-case letters.
    required = [str.isdigit, str.isalpha]
    required += [str.isupper, str.islower] if word.startswith("/") else []
    return any(
        all(any(map(has, run)) for has in required)
        for run in _LONG_WORD.findall(word.replace("/", ""))
    )
