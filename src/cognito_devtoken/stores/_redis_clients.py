"""
Make the client of a RedisStore from a URL, or check the client that the user passes.

A client that the user passes must have short time-outs and must not retry, because callers wait for
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry

from .._values.secret import Secret
from ..exceptions import ConfigurationError
from ._connection import CONNECTIONS
from ._redis_url import fault_of, fault_of_values


# How long an operation may take, in seconds. Within a network, it takes a hundredth of that.
LIMIT = 0.1
# The longest limit that users may set, in seconds: callers would notice longer waits.
LONGEST = 1.0

TIME_LIMITS: Mapping[str, Any] = {
    "socket_timeout": LIMIT,
    "socket_connect_timeout": LIMIT,
    "retry": Retry(NoBackoff(), 0),
}
_BOUNDED_HINT = "Make the client with **cognito_devtoken.stores.redis.BOUNDED"
_SENTINEL_HINT = ", and its Sentinel with sentinel_kwargs=BOUNDED."


def client_of(url: Secret) -> Any:
    """
    Make a client from a URL. It sends nothing yet.

    Raises:
        ConfigurationError: If the URL cannot be used.
    """
    fault, client = fault_of(url.reveal()), None
    if fault is None:
        try:
            client = _from_url(url.reveal())
            fault = fault_of_values(url.reveal(), client)
        except (TypeError, ValueError, redis.RedisError):  # not shown: it may quote the password
            fault = (
                "has an option that cannot be read",
                "Give each option in the URL a value of the type that it needs.",
            )
    if fault is None:
        return client
    del client  # its repr shows the password
    what, hint = fault
    raise ConfigurationError(f"The url of a RedisStore {what}.", hint=hint)


def _from_url(url: str) -> Any:
    # The connection ends each operation by its deadline. These time-outs are for a thread that
    # still tries to connect after the deadline, because a TLS handshake may never end by itself.
    bounds = {**TIME_LIMITS, "socket_timeout": LONGEST, "socket_connect_timeout": LONGEST}
    kind = CONNECTIONS[url.partition("://")[0]]
    client: Any = redis.Redis
    return client.from_url(url, **bounds, protocol=2, connection_class=kind)


def check_client(client: Any) -> None:
    """Refuse a client that has the wrong class, makes callers wait, or decodes responses."""
    if any(kind.__module__.partition(".")[0] == "fakeredis" for kind in type(client).__mro__):
        del client
        raise ConfigurationError(
            "The client of a RedisStore must not be fakeredis.",
            hint="In a test, pass store=MemoryStore() to the sessions. It is in "
            "cognito_devtoken.testing, and needs no Redis.",
        )
    if not isinstance(client, redis.Redis | RedisCluster):
        kind = f"{type(client).__module__}.{type(client).__qualname__}".removeprefix("builtins.")
        del client
        raise TypeError(
            f"client must be a redis.Redis or a redis.cluster.RedisCluster, not {kind}."
        )
    decodes = bool(_arguments(client).get("decode_responses"))
    waits = [("", *wait) for wait in _time_outs(client)]
    retries = [("", _retries(client))]
    for sentinel in _sentinels(client):
        whose = "Sentinel of the "
        waits += ((whose, *wait) for wait in _time_outs(sentinel))
        retries.append((whose, _retries(sentinel)))
        del sentinel
    del client  # it contains a password
    for whose, name, seconds in waits:
        if seconds is None or seconds > LONGEST:
            raise ConfigurationError(
                f"The {whose}client of a RedisStore must have a {name} of at most {LONGEST:g} s, "
                f"not {seconds}, because callers wait for it.",
                hint=_BOUNDED_HINT + (_SENTINEL_HINT if whose else "."),
            )
    for whose, count in retries:
        if count:
            raise ConfigurationError(
                f"The {whose}client of a RedisStore must not retry, because callers wait for it; "
                f"it retries up to {count} times.",
                hint=_BOUNDED_HINT + (_SENTINEL_HINT if whose else "."),
            )
    if decodes:
        raise ConfigurationError("The client of a RedisStore must not have decode_responses=True.")


def _retries(client: Any) -> int:
    """Return how often a client retries; 0 if the redis library cannot tell (before 6.0)."""
    ask = getattr(_arguments(client).get("retry"), "get_retries", None)
    return int(ask()) if ask else 0


def _sentinels(client: Any) -> Iterable[Any]:
    """Return the clients that a client uses for its Sentinels. They have their own time-outs."""
    pool = getattr(client, "connection_pool", None)  # a cluster has none
    sentinels: Iterable[Any] = getattr(getattr(pool, "sentinel_manager", None), "sentinels", ())
    return sentinels


def _time_outs(client: Any) -> Iterator[tuple[str, Any]]:
    arguments = _arguments(client)
    yield "socket_timeout", arguments.get("socket_timeout")
    if "path" not in arguments:  # a Unix socket needs no time to connect
        yield "socket_connect_timeout", arguments.get("socket_connect_timeout")


def _arguments(client: Any) -> Mapping[str, Any]:
    """Return the arguments of a client's connections; they may contain a password."""
    arguments: Mapping[str, Any] = client.get_connection_kwargs()
    return arguments
