"""What is wrong with a URL or a client of Redis, and what to do. Pure; shows no part of a URL."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit


_ENCODE = (
    "Percent-encode the password, with urllib.parse.quote(password, safe=''): / becomes %2F, "
    "# %23, ? %3F, @ %40."
)
_BEGIN = "Begin it with redis://, or with rediss:// for TLS."
_PORT = "Write the port as a number, such as :6379."
_OWN = "Make your own client, with **BOUNDED of this module, and pass it as client."
# By the scheme that a URL has instead.
_SCHEMES = {
    "valkey": "Begin it with redis://: Valkey has the same protocol.",
    "valkeys": "Begin it with rediss://: Valkey has the same protocol.",
    "redis-cluster": f"A URL cannot name a cluster. {_OWN}",
    "rediss-cluster": f"A URL cannot name a cluster. {_OWN}",
    "redis+cluster": f"A URL cannot name a cluster. {_OWN}",
    "redis+sentinel": f"A URL cannot name a Sentinel. {_OWN}",
    "rediss+sentinel": f"A URL cannot name a Sentinel. {_OWN}",
    "sentinel": f"A URL cannot name a Sentinel. {_OWN}",
    "redis+socket": "Begin it with unix://.",
}
_KNOWN = ("redis", "rediss", "unix")


def url_hint(url: str) -> str | None:
    """Return what to do about a URL that cannot be used; None if it may be fine."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return _BEGIN
    if scheme not in _KNOWN:
        return _SCHEMES.get(scheme, _BEGIN)
    try:
        parts = urlsplit(url)
        is_bad = parts.port == 0
    except ValueError:  # of the port, which may be the start of a password
        return _ENCODE if "@" in rest else _PORT
    if scheme == "unix":
        return None
    if is_bad:
        return _PORT
    # A "/", "#" or "?" in a password ends the part of the URL that names the host.
    outside = parts.path + parts.fragment + ("" if parts.hostname else parts.query)
    if "@" in outside:
        return _ENCODE
    if any(name == "decode_responses" for name, _ in parse_qsl(parts.query)):
        return "Remove decode_responses: the store reads bytes."
    return None


def client_hint(client: Any) -> str | None:
    """Return what to use instead of a client that cannot be used; None if it may be fine."""
    if any(kind.__module__.partition(".")[0] == "fakeredis" for kind in type(client).__mro__):
        return (
            "In a test, pass store=MemoryStore() of cognito_devtoken.testing to the sessions: it "
            "needs no Redis."
        )
    return None
