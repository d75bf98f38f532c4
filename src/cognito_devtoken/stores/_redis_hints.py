"""
Add hints to errors of a Redis server, by the class of the error.

Law of this module: a hint is a fixed text, because the message of an error may quote the command.
"""

from __future__ import annotations

import ssl
from collections.abc import Generator, Mapping
from contextlib import contextmanager


_TLS = (
    "Begin the store's URL with rediss:// for TLS, or with redis:// without TLS. If you use your "
    "own certificate authority, add ?ssl_ca_certs=PATH to the URL."
)
_AUTHENTICATION = (
    "Check the user and the password of the store: redis://USER:PASSWORD@HOST, or "
    "redis://:PASSWORD@HOST for the default user, with special characters percent-encoded "
    "(@ is %40, / is %2F, # is %23, % is %25)."
)
# Names and not classes, because some versions of the redis library lack some of these classes.
_HINTS: Mapping[str, str] = {
    "AuthenticationError": _AUTHENTICATION,
    "AuthenticationWrongNumberOfArgsError": _AUTHENTICATION,
    "NoPermissionError": (
        "Use ACL SETUSER to allow the store's user the commands that the page 'Share tokens "
        "between hosts with Redis' lists, for names that begin with the store's prefix."
    ),
    "OutOfMemoryError": (
        "Give the server more memory, or set its maxmemory-policy to volatile-ttl."
    ),
    "ReadOnlyError": (
        "Connect to the primary, because this server is a replica, which refuses writes."
    ),
    "MovedError": (
        "Pass client=RedisCluster(host=HOST, **BOUNDED) instead of a URL, because this server "
        "belongs to a cluster."
    ),
    "ResponseError": (
        "Check that the server is Valkey, or Redis 5 or later, and that it has the database "
        "whose number is in the URL."
    ),
    "InvalidResponse": f"Check that a Redis server answers at this address. {_TLS}",
    "TimeoutError": (
        "Use a server in the same network, so that it answers within the store's timeout (by "
        "default 100 ms), or raise the timeout."
    ),
}
# If a script fails, the error is always a ResponseError. Its text shows what kind of error it is.
_IN_SCRIPTS: Mapping[str, str] = {
    "-OOM ": "OutOfMemoryError",
    "-READONLY ": "ReadOnlyError",
    "The user executing the script can't": "NoPermissionError",
}
_LOOKED_AT = 1000  # characters


@contextmanager
def explained() -> Generator[None]:
    """Add to an error a note that says what to do about it."""
    try:
        yield
    except Exception as error:
        if hint := _hint_for(error):
            error.add_note(hint)
        raise


def _hint_for(error: Exception) -> str | None:
    if isinstance(error.__context__, ssl.SSLError):
        return _TLS
    name = type(error).__name__
    if name == "ResponseError":
        text = str(error)[:_LOOKED_AT]
        name = next((_IN_SCRIPTS[sign] for sign in _IN_SCRIPTS if sign in text), name)
    return _HINTS.get(name)
