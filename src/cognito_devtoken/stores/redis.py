"""
A store on Redis or Valkey, version 5 and later.

It needs the extra ``redis``.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from .._runtime.deadline import within
from .._runtime.fork import watch
from .._values.arguments import Seconds, as_seconds
from .._values.clock import SYSTEM_CLOCK
from .._values.secret import Secret
from ..exceptions import ConfigurationError, SessionClosedError
from ..typing import Stored
from ._advice import client_hint, url_hint
from ._sealing import KeySource, PlainText, StoreKeys


try:
    import redis
    from redis.backoff import NoBackoff
    from redis.cluster import RedisCluster
    from redis.exceptions import NoScriptError
    from redis.retry import Retry

    from ._connection import CONNECTIONS
except ModuleNotFoundError as _error:
    raise ConfigurationError(
        f"A RedisStore needs {str(_error.name).partition('.')[0]}, which is not installed.",
        hint="Install the extra: pip install 'cognito-devtoken[redis]'",
    ) from None

if TYPE_CHECKING:
    from redis import Redis


__all__ = ["BOUNDED", "RedisStore"]

# How long an operation may take, in seconds: a hundred times what it takes within one network.
_LIMIT = 0.1
# Longer than this, callers would notice.
_LONGEST = 1.0
_now = SYSTEM_CLOCK.monotonic
# For how many seconds one reading of the server's clock is used.
_CLOCK_AGE = 60.0
_PAGE = 1000

BOUNDED: Mapping[str, Any] = {
    "socket_timeout": _LIMIT,
    "socket_connect_timeout": _LIMIT,
    "retry": Retry(NoBackoff(), 0),
}
"""
Arguments for your own client, such as ``RedisCluster(host=…, **BOUNDED)``, so that callers do not
wait for a server that does not answer. A Sentinel also needs them for its own servers:
``Sentinel(…, sentinel_kwargs=BOUNDED, **BOUNDED)``.
"""

_BOUNDED_HINT = "Make the client with **cognito_devtoken.stores.redis.BOUNDED"
_SENTINEL_HINT = ", and its Sentinel with sentinel_kwargs=BOUNDED."


class _Script(NamedTuple):
    text: str
    sha: str

    @classmethod
    def of(cls, text: str) -> _Script:
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class _Look(threading.local):
    """The name that this thread read last, and the clock of the server that holds it."""

    name: str | None = None
    clock: _ServerClock


class _ServerClock(NamedTuple):
    """What the server's clock showed, and what ours showed when the response had arrived."""

    shown: float
    read_at: float

    def at(self, instant: float) -> int:
        """Return what it shows at an instant of ours, or slightly less, in milliseconds."""
        return int((self.shown + instant - self.read_at) * 1000)


# Each script is one round trip and atomic. All keys of a script are in one slot of a cluster.
_LOOK = "redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1]), redis.call('TIME')"
_READ = _Script.of(f"return {{{_LOOK}}}")
_CLAIM = _Script.of(
    "local granted = redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) "
    f"return {{granted and 1 or 0, {_LOOK}}}"
)
_IF_OWNER = "if redis.call('GET', KEYS[2]) == ARGV[1] then return redis.call({}) end return 0"
_RENEW = _Script.of(_IF_OWNER.format("'PEXPIRE', KEYS[2], ARGV[2]"))
_FREE = _IF_OWNER.format("'DEL', KEYS[2]")
_RELEASE = _Script.of(_FREE)
# By the server's own clock: a delayed command must not make a token look younger.
_WRITE = _Script.of(
    f"redis.call('SET', KEYS[1], ARGV[2]) redis.call('PEXPIREAT', KEYS[1], ARGV[3]) {_FREE}"
)
_PUBLISH = _Script.of(
    "local id = redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[2], '*', 'm', ARGV[1]) "
    "redis.call('PEXPIRE', KEYS[1], ARGV[3]) "
    "return id"
)
_PUBLISHED = _Script.of("return redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])")
# The id of a stream entry is a time in milliseconds and a number within that millisecond.
_WITHIN = 1 << 20


class RedisStore:
    """
    Stores tokens on a Redis or Valkey server, on a cluster, or behind Sentinel.

    ::

        store = RedisStore("rediss://:password@cache.example.com/0", keys=Path("/run/secrets/keys"))
        with store, TokenSession(pool_id, developer_provider=provider, store=store) as session:
            token = session.get_token("user-42")

    Any number of sessions and threads may share one. Nothing is sent before the first miss. A
    forked child makes its own connections. An operation takes at most 100 ms, unless *timeout*
    says otherwise.

    Args:
        url: ``redis://``, ``rediss://`` (TLS) or ``unix://``, with user, password and database as
            ``redis.Redis.from_url()`` takes them.

        client: Your own client instead of *url*: a ``redis.Redis``, which may come from a
            Sentinel, or a ``redis.RedisCluster``. The store does not close it. It needs short
            time-outs, so make it with :data:`BOUNDED`.

        keys: The keys that seal the tokens: see :class:`~cognito_devtoken.stores.StoreKeys`.

        plain_text: Whether to store tokens in clear text, instead of passing *keys*.

        prefix: The prefix of all names. Stores with different prefixes share nothing.

        timeout: How long an operation may take, including a new connection, in seconds or as a
            timedelta; at most 1 s. Your own *client* uses its own time-outs instead.

    Raises:
        ValueError: If *timeout* is more than 1 s.

        TypeError: If *client* is of another type, such as a client for asyncio.

        ConfigurationError: If the URL is invalid, if there are no keys, or if the time-outs of the
            client or of its Sentinel are too long.
    """

    # No __dict__ that crash reporters could print: some versions of the redis library show the
    # password in the repr of a client.
    __slots__ = (
        "__weakref__",
        "_client",
        "_closed",
        "_inherited",
        "_keys",
        "_look",
        "_prefix",
        "_timeout",
        "_url",
    )

    def __init__(
        self,
        url: str | None = None,
        *,
        client: Redis | RedisCluster | None = None,
        keys: KeySource | StoreKeys | None = None,
        plain_text: bool = False,
        prefix: str = "cognito-devtoken",
        timeout: Seconds = _LIMIT,
    ) -> None:
        self._closed = True  # until it is open
        self._prefix = prefix
        try:
            self._keys = _sealing(keys, plain_text=plain_text)
            self._url = None if url is None else Secret(url)
            if (url is None) is (client is None):
                raise ConfigurationError("A RedisStore needs either a url or a client, not both.")
            if client is not None:
                _check_client(client)
            self._client: Any = client if self._url is None else _client_of(self._url)
        finally:
            del url, keys, client  # they contain passwords
        self._timeout = as_seconds("timeout", timeout)
        if self._timeout > _LONGEST:
            raise ValueError(f"timeout must be at most {_LONGEST:g} s, not {self._timeout:g} s.")
        self._look = _Look()
        watch(self)
        self._closed = False

    @property
    def keys(self) -> StoreKeys | PlainText:
        """The keys that seal and name the values."""
        return self._keys

    def read(self, name: str) -> Stored | None:
        """Read a value."""
        return self._stored(name, *self._run(_READ, self._names(name)[:1]))

    def claim(self, name: str, owner: str, seconds: float) -> tuple[bool, Stored | None]:
        """Take a lock if it is free, and read the value."""
        granted, *stored = self._run(_CLAIM, self._names(name), owner, _ms(seconds))
        return granted == 1, self._stored(name, *stored)

    def renew(self, name: str, owner: str, seconds: float) -> bool:
        """Extend a lock if it is still the owner's."""
        return bool(self._run(_RENEW, self._names(name), owner, _ms(seconds)) == 1)

    def write(self, name: str, value: bytes, seconds: float, owner: str | None) -> bool:
        """Store a value, and release the lock."""
        now = _now()
        if self._look.name != name or now - self._look.clock.read_at > _CLOCK_AGE:
            self.read(name)
        expires = self._look.clock.at(now + seconds)
        released = self._run(_WRITE, self._names(name), owner or "", value, expires)
        return owner is None or released == 1

    def release(self, name: str, owner: str) -> bool:
        """Release a lock if it is still the owner's."""
        return bool(self._run(_RELEASE, self._names(name), owner) == 1)

    def publish(self, message: bytes, seconds: float, keep: int) -> int:
        """Append a message to the log."""
        return _position(self._run(_PUBLISH, [self._log], message, keep, _ms(seconds)))

    def published(self, after: int) -> list[tuple[int, bytes]]:
        """Read the log."""
        begin = "{}-{}".format(*divmod(after + 1, _WITHIN))
        found = self._run(_PUBLISHED, [self._log], begin, _PAGE)
        return [(_position(entry), fields[1]) for entry, fields in found]

    def _names(self, name: str) -> list[str]:
        """Return the names of a value and its lock; the braces put both on one cluster node."""
        value = f"{self._prefix}:{{{name}}}"
        return [value, f"{value}:lock"]

    @property
    def _log(self) -> str:
        return f"{self._prefix}:log"

    def _run(self, script: _Script, names: list[str], *arguments: Any) -> Any:
        if self._closed:
            raise SessionClosedError("This RedisStore is closed.")
        arguments = (len(names), *names, *arguments)
        with within(self._timeout):
            try:
                return self._client.evalsha(script.sha, *arguments)
            except NoScriptError:  # the first time on a server, and after its restart
                return self._client.eval(script.text, *arguments)

    def _stored(self, name: str, value: Any, remaining: Any, clock: Any) -> Stored | None:
        self._look.clock = _ServerClock(int(clock[0]) + int(clock[1]) / 1e6, _now())
        self._look.name = name
        if value is None or remaining < 0:  # a value that does not expire is not ours
            return None
        return Stored(value, remaining / 1000)

    def close(self) -> None:
        """Close the connections that the store opened. A closed store refuses to work."""
        self._closed = True
        if self._url is not None:
            self._client.close()

    def _before_fork(self) -> None:
        """Do nothing: a child inherits nothing that may be half done."""

    def _after_fork(self, *, in_child: bool) -> None:
        if in_child and self._url is not None:
            self._inherited = self._client  # the parent's: kept open, and never used
            self._client = _client_of(self._url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<RedisStore, prefix {self._prefix!r}>"


def _sealing(keys: object, *, plain_text: bool) -> StoreKeys | PlainText:
    if plain_text is (keys is not None):
        del keys
        raise ConfigurationError(
            "A RedisStore needs either keys to seal tokens with or plain_text=True, not both.",
            hint="Make a key with cognito-devtoken store-key.",
        )
    if keys is None:
        return PlainText()
    return keys if isinstance(keys, StoreKeys) else StoreKeys(keys)  # type: ignore[arg-type]


def _client_of(url: Secret) -> Any:
    kind = CONNECTIONS.get(str(url.reveal()).partition("://")[0])
    hint = url_hint(url.reveal())
    try:
        if kind is None or hint is not None:
            raise ValueError  # noqa: TRY301
        client: Any = redis.Redis
        # The connection knows the deadline of an operation. These limits are for the thread that
        # is still connecting after it: a TLS handshake may never end by itself.
        bounds = {**BOUNDED, "socket_timeout": _LONGEST, "socket_connect_timeout": _LONGEST}
        made = client.from_url(url.reveal(), **bounds, protocol=2, connection_class=kind)
        kind(**_arguments(made))  # checks the query of the URL; sends nothing
        return made  # noqa: TRY300
    except (TypeError, ValueError, redis.RedisError):
        # Neither the text, which may quote the password, nor the client, whose repr shows it.
        made = None
    raise ConfigurationError(
        "The url of a RedisStore must be redis://HOST:PORT/DB, rediss://HOST:PORT/DB or "
        "unix://PATH, optionally with USER:PASSWORD@.",
        hint=hint or "Check what follows the ?: arguments of redis.Redis, spelled as it does.",
    )


def _check_client(client: Any) -> None:
    """Refuse anything that is not a client, makes callers wait, or decodes responses."""
    if hint := client_hint(client):
        del client
        raise ConfigurationError("The client of a RedisStore must not be fakeredis.", hint=hint)
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
        if seconds is None or seconds > _LONGEST:
            raise ConfigurationError(
                f"The {whose}client of a RedisStore must have a {name} of at most {_LONGEST:g} s, "
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
    """Return how often a client retries. Before redis 6 that is not known."""
    ask = getattr(_arguments(client).get("retry"), "get_retries", None)
    return int(ask()) if ask else 0


def _sentinels(client: Any) -> Iterable[Any]:
    """Return the clients of a client's Sentinels, which have time-outs of their own."""
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


def _ms(seconds: float) -> int:
    return max(int(seconds * 1000), 1)


def _position(entry: bytes) -> int:
    milliseconds, _, number = entry.decode().partition("-")
    return int(milliseconds) * _WITHIN + int(number)
