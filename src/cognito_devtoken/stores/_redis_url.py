"""
Check the URL of a Redis store, and say how to correct an invalid URL.

This module also refuses URLs that the redis library would misunderstand, and URLs that the redis
library would refuse only when they are used.

Law of this module: no message shows a part of a URL that may belong to a password.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from redis import RedisError


_SCHEME = "must begin with redis://, rediss:// or unix://"
_BEGIN = "Begin the URL with redis://, or with rediss:// for TLS."
_OWN = "Make a client with **cognito_devtoken.stores.redis.BOUNDED, and pass it as client=."
# What to do about a URL whose scheme is not supported, by that scheme.
_OTHER_SCHEMES = {
    "valkey": "Begin the URL with redis://, because Valkey uses the same protocol.",
    "valkeys": "Begin the URL with rediss://, because Valkey uses the same protocol.",
    "redis-cluster": f"A URL cannot name a cluster. {_OWN}",
    "rediss-cluster": f"A URL cannot name a cluster. {_OWN}",
    "redis+cluster": f"A URL cannot name a cluster. {_OWN}",
    "redis+sentinel": f"A URL cannot name a Sentinel. {_OWN}",
    "rediss+sentinel": f"A URL cannot name a Sentinel. {_OWN}",
    "sentinel": f"A URL cannot name a Sentinel. {_OWN}",
    "redis+socket": "Begin the URL with unix://.",
}
_PORT = "must have a port from 1 to 65535", "Write the port as a number, such as :6379."
_SPECIAL = (
    "must not have /, # or ? in its password",
    "Percent-encode the password with urllib.parse.quote(password, safe=''), so that / becomes "
    "%2F, # becomes %23, ? becomes %3F, and @ becomes %40.",
)
_DATABASE = re.compile(r"/?[0-9]*")

Fault = tuple[str, str | None]


def fault_of(url: str) -> Fault | None:
    """Return what is wrong with the text of a URL, and what to do; None if nothing is found."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("redis", "rediss", "unix"):
        return _SCHEME, _OTHER_SCHEMES.get(scheme if separator else "", _BEGIN)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # the port is not a number: it may be the start of a password
        return _SPECIAL if "@" in rest else _PORT
    # A "/", "#" or "?" in a password ends the part of the URL that names the host.
    outside = parts.path + parts.fragment + ("" if parts.hostname else parts.query)
    if scheme == "unix":
        return None if parts.path else ("has no path", "Write unix:///PATH/OF/THE/SOCKET.")
    if parts.fragment or "@" in outside:
        return _SPECIAL
    if port == 0:
        return _PORT
    if not _DATABASE.fullmatch(parts.path):
        return "must end with the number of a database", "Write redis://HOST:PORT/0, for example."
    return _fault_of_options(parts.query)


def _fault_of_options(query: str) -> Fault | None:
    try:
        names = [name for name, _ in parse_qsl(query, strict_parsing=bool(query))]
    except ValueError:
        return "must have options of the form NAME=VALUE after ?", _SPECIAL[1]
    if "decode_responses" in names:
        return (
            "must not have the option decode_responses",
            "Remove decode_responses from the URL, because the store reads bytes.",
        )
    return None


def fault_of_values(url: str, client: Any) -> Fault | None:
    """Return what is wrong with the options of a URL, given the client made from it."""
    pool = client.connection_pool
    for name, _ in parse_qsl(urlsplit(url).query):
        if name in pool.connection_kwargs:
            try:
                pool.connection_class(**{name: pool.connection_kwargs[name]})
            except (TypeError, ValueError, RedisError):
                hint = (
                    "Begin the URL with rediss://: ssl_ options need it."
                    if name[:4] == "ssl_"
                    else None
                )
                return f"has an invalid option: {name}", hint
    return None
