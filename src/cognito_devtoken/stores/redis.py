"""
A store on Redis or Valkey, version 5 and later.

It needs the extra ``redis``.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from secrets import token_hex
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from .._runtime.deadline import within
from .._runtime.fork import watch
from .._values.arguments import Seconds, as_seconds, check_kind
from .._values.clock import SYSTEM_CLOCK
from .._values.secret import Secret
from ..exceptions import ConfigurationError, SessionClosedError
from ..typing import LogPage, Stored
from . import _scripts as scripts
from ._sealing import KeySource, PlainText, StoreKeys


try:
    from redis.exceptions import NoScriptError

    from ._redis_clients import LIMIT, LONGEST, TIME_LIMITS, check_client, client_of
    from ._redis_hints import explained
except ModuleNotFoundError as _error:
    raise ConfigurationError(
        f"A RedisStore needs {str(_error.name).partition('.')[0]}, which is not installed.",
        hint="Install the extra: pip install 'cognito-devtoken[redis]'",
    ) from None

if TYPE_CHECKING:
    from redis import Redis
    from redis.cluster import RedisCluster


__all__ = ["BOUNDED", "RedisStore"]

_now = SYSTEM_CLOCK.monotonic
# How many seconds a reading of the server's clock is used.
_CLOCK_AGE = 60.0
# How many messages of the log are read at once.
_PAGE = 500

BOUNDED: Mapping[str, Any] = TIME_LIMITS
"""
Arguments for your own client, such as ``RedisCluster(host=…, **BOUNDED)``. They keep callers from
waiting for a server that does not answer. With Sentinel, the connections to the Sentinel servers
need them, too: ``Sentinel(…, sentinel_kwargs=BOUNDED, **BOUNDED)``.
"""


class _Look(threading.local):
    """The name that this thread read last, and a reading of the clock of that name's server."""

    name: str | None = None
    clock: _ServerClock


class _ServerClock(NamedTuple):
    """A reading of the server's clock, and of our clock when the response arrived."""

    shown: float
    read_at: float

    def at(self, instant: float) -> int:
        """
        Convert an instant of our clock to the server's clock, in milliseconds.

        The result may be too early, but at most by the time that the response took to arrive.
        """
        return int((self.shown + instant - self.read_at) * 1000)


_MARK_FORMAT = re.compile(rb"([0-9a-f]{1,32}):([0-9]{1,16})")


class RedisStore:
    """
    Stores tokens on a Redis or Valkey server, on a cluster, or behind Sentinel.

    ::

        store = RedisStore("rediss://:password@cache.example.com/0", keys=Path("/run/secrets/keys"))
        with store, TokenSession(pool_id, developer_provider=provider, store=store) as session:
            token = session.get_token("user-42")

    Any number of sessions and threads may share one store. Nothing is sent before the first miss or
    invalidation. A forked child opens its own connections. An operation takes at most 100 ms,
    unless *timeout* says otherwise.

    Args:
        url: A URL that begins with ``redis://``, ``rediss://`` (TLS) or ``unix://``. User, password
            and database have the same form as for ``redis.Redis.from_url()``.

        client: Your own client instead of *url*: a ``redis.Redis``, which may come from a
            Sentinel, or a ``redis.RedisCluster``. The store does not close this client. The client
            needs short time-outs, so make it with :data:`BOUNDED`.

        keys: The keys that seal the tokens: see :class:`~cognito_devtoken.stores.StoreKeys`.

        plain_text: Whether to store tokens in clear text, instead of passing *keys*.

        prefix: The prefix of all names. Stores with different prefixes share nothing.

        timeout: How long an operation may take, including a new connection, in seconds or as a
            timedelta; at most 1 s. Your own *client* uses its own time-outs instead.

    Raises:
        ValueError: If *timeout* is 0 or more than 1 s, or if *prefix* is not printable.

        TypeError: If an argument has the wrong type, such as a client for asyncio.

        ConfigurationError: If the URL is invalid, if there are no keys, or if the client or its
            Sentinel retries or has time-outs of more than 1 s.
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
        timeout: Seconds = LIMIT,
    ) -> None:
        self._closed = True  # until the store is open
        check_kind("plain_text", plain_text, bool)
        check_kind("prefix", prefix, str)
        # With {} in the prefix, a cluster would ignore the braces that keep names on one node.
        if not prefix.isprintable() or "{}" in prefix:
            raise ValueError(f"prefix must be printable text without {{}}, not {prefix!a}.")
        self._prefix = prefix
        try:
            self._keys = _sealing(keys, plain_text=plain_text)
            self._url = None if url is None else Secret(url)
            if (url is None) is (client is None):
                raise ConfigurationError("A RedisStore needs either a url or a client, not both.")
            if client is not None:
                check_client(client)
            if self._url is not None:
                client = client_of(self._url)
            self._client: Any = client
        finally:
            del url, keys, client  # they contain passwords
        self._timeout = as_seconds("timeout", timeout)
        if not 0 < self._timeout <= LONGEST:
            limit = f"more than 0 s and at most {LONGEST:g} s"
            raise ValueError(f"timeout must be {limit}, not {self._timeout:g} s.")
        self._look = _Look()
        watch(self)
        self._closed = False

    @property
    def keys(self) -> StoreKeys | PlainText:
        """The keys that seal and name the values."""
        return self._keys

    def read(self, name: str) -> Stored | None:
        """Read a value."""
        return self._stored(name, *self._run(scripts.READ, self._names(name)[:1]))

    def claim(self, name: str, owner: str, seconds: float) -> tuple[bool, Stored | None]:
        """Take a lock if it is free, and read the value."""
        granted, *stored = self._run(scripts.CLAIM, self._names(name), owner, _ms(seconds))
        return granted == 1, self._stored(name, *stored)

    def renew(self, name: str, owner: str, seconds: float) -> bool:
        """Extend a lock if it is still the owner's."""
        return bool(self._run(scripts.RENEW, self._names(name), owner, _ms(seconds)) == 1)

    def write(
        self, name: str, value: bytes, remaining: Callable[[], float], owner: str | None
    ) -> bool:
        """Store a value, and release the lock."""
        if self._look.name != name or _now() - self._look.clock.read_at > _CLOCK_AGE:
            self.read(name)
        now = _now()  # read before remaining(), so that the value never expires too late
        expires = self._look.clock.at(now + remaining())
        released = self._run(scripts.WRITE, self._names(name), owner or "", value, expires)
        return owner is None or released == 1

    def release(self, name: str, owner: str) -> bool:
        """Release a lock if it is still the owner's."""
        return bool(self._run(scripts.RELEASE, self._names(name), owner) == 1)

    def publish(
        self, message: bytes, seconds: float, keep: int, ending: str | None = None
    ) -> tuple[str, int]:
        """Append a message to the log."""
        options = (token_hex(8), ending or "", _ms(seconds))
        log, position = self._run(scripts.PUBLISH, self._log, *options, message, keep)
        return log.decode(), position

    def published(self, start: int | None, seconds: float) -> LogPage:
        """Read the log, and start one if there is none."""
        options = (token_hex(8), "", _ms(seconds))
        begin = "" if start is None else start
        log, first, found = self._run(scripts.PUBLISHED, self._log, *options, begin, _PAGE)
        texts: list[bytes] = found
        return LogPage(log.decode(), list(enumerate(texts, first)))

    def mark(self, name: str, log: str, position: int, seconds: float) -> None:
        """Set a mark, unless there is a later one."""
        self._run(scripts.MARK, [self._mark(name)], log, position, _ms(seconds))

    def marks(self, names: Sequence[str]) -> list[tuple[str, int] | None]:
        """Read marks."""
        self._check_open()
        # In a cluster, the names may be on several nodes.
        read = getattr(self._client, "mget_nonatomic", self._client.mget)
        with within(self._timeout), explained():
            found = read([self._mark(name) for name in names])
        return [_mark_of(text or b"") for text in found]

    def _names(self, name: str) -> list[str]:
        """Return the names of a value and its lock; the braces put both on one cluster node."""
        value = f"{self._prefix}:{{{name}}}"
        return [value, f"{value}:lock"]

    @property
    def _log(self) -> list[str]:
        return [f"{self._prefix}:{{log}}:head", f"{self._prefix}:{{log}}"]

    def _mark(self, name: str) -> str:
        return f"{self._prefix}:{name}:mark"

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosedError("This RedisStore is closed.")

    def _run(self, script: scripts.Script, names: list[str], *arguments: Any) -> Any:
        self._check_open()
        arguments = (len(names), *names, *arguments)
        with within(self._timeout), explained():
            try:
                return self._client.evalsha(script.sha, *arguments)
            except NoScriptError:  # the server has not run the script since it started
                return self._client.eval(script.text, *arguments)

    def _stored(self, name: str, value: Any, remaining: Any, clock: Any) -> Stored | None:
        self._look.clock = _ServerClock(int(clock[0]) + int(clock[1]) / 1e6, _now())
        self._look.name = name
        if value is None or remaining < 0:  # a negative time means no expiry: not our value
            return None
        return Stored(value, remaining / 1000)

    def close(self) -> None:
        """Close the connections that the store opened. Using a closed store raises an error."""
        self._closed = True
        if self._url is not None:
            self._client.close()

    def _before_fork(self) -> None:
        """Do nothing, because a fork cannot leave a child with a half-finished change."""

    def _after_fork(self, *, in_child: bool) -> None:
        if in_child and self._url is not None:
            # The parent's client is kept but not used, so that its connections stay open.
            self._inherited = self._client
            self._client = client_of(self._url)

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


def _ms(seconds: float) -> int:
    return max(int(seconds * 1000), 1)


def _mark_of(text: bytes) -> tuple[str, int] | None:
    """Return the log and the position in the text of a mark; None if it is not a mark."""
    found = _MARK_FORMAT.fullmatch(text)
    return (found[1].decode(), int(found[2])) if found else None
