"""
Refuses URLs that the redis library accepts and then reads differently, or only refuses in use.

Law of this module: no error shows anything that may belong to a password.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from redis import RedisError

from .._values.secret import Secret
from ..exceptions import ConfigurationError


_DATABASE = re.compile(r"/?[0-9]*")
_ENCODED = "Percent-encode special characters of the password: # is %23, ? is %3F, @ is %40."


def checked(client: Any, url: Secret) -> Any:
    """
    Return a client, unless its URL does not mean what it seems to.

    Args:
        client: The client that the redis library has made.

        url: What it was made from.

    Raises:
        ConfigurationError: If it is refused.
    """
    fault, hint = _text_fault(str(url.reveal())) or _option_fault(url, client) or ("", "")
    if fault:
        del client  # it contains the password
        raise ConfigurationError(f"The url of a RedisStore {fault}.", hint=hint or None)
    return client


def _text_fault(text: str) -> tuple[str, str] | None:
    parts = urlsplit(text)
    if parts.fragment or "@" in parts.query:
        return "must not contain # or, after ?, an @", _ENCODED
    if parts.scheme == "unix":
        return None if parts.path else ("has no path", "Write unix:///PATH/OF/THE/SOCKET.")
    if not _DATABASE.fullmatch(parts.path):
        return "must end with the number of a database", "Write redis://HOST:PORT/0, for example."
    if parts.port == 0:
        return "must have a port from 1 to 65535, not 0", ""
    return None


def _option_fault(url: Secret, client: Any) -> tuple[str, str] | None:
    try:
        query = urlsplit(str(url.reveal())).query
        names = [name for name, _ in parse_qsl(query, strict_parsing=bool(query))]
    except ValueError:
        return "must have options of the form NAME=VALUE after ?", _ENCODED
    if "decode_responses" in names:
        return "must not have the option decode_responses", ""
    pool = client.connection_pool
    for name in names:
        if name in pool.connection_kwargs:
            try:
                pool.connection_class(**{name: pool.connection_kwargs[name]})
            except (TypeError, ValueError, RedisError):
                hint = "Options that begin with ssl_ need rediss://." if name[:4] == "ssl_" else ""
                return f"has an invalid option: {name}", hint
    return None
