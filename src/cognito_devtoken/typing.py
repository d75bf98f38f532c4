"""Protocols of what can be injected, and the types that they use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ._values.clock import Clock, Instant


if TYPE_CHECKING:
    from ._values.credentials import AwsCredentials
    from ._values.request import TokenRequest
    from ._values.role import AssumeRole
    from ._values.token import OpenIdToken
    from .events import Event
    from .stores import PlainText, StoreKeys

__all__ = [
    "Clock",
    "CredentialsFetcher",
    "EventHook",
    "Instant",
    "LogPage",
    "Stored",
    "TokenFetcher",
    "TokenStore",
]


class TokenFetcher(Protocol):
    """
    Gets one token for one request, without a cache.

    :class:`~cognito_devtoken.DevTokenClient` is the fetcher that calls AWS.
    """

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        """
        Get a new token.

        A cache calls it from several threads at once.

        Args:
            request: What to request.

        Raises:
            DevTokenError: If no token can be fetched, for whatever reason.
        """
        ...


class CredentialsFetcher(TokenFetcher, Protocol):
    """
    A token fetcher that also exchanges tokens for AWS credentials, without a cache.

    :class:`~cognito_devtoken.DevTokenClient` is the one that calls AWS.
    """

    def fetch_credentials(
        self, token: OpenIdToken, role: str | AssumeRole | None = None
    ) -> AwsCredentials:
        """
        Exchange a token.

        A cache calls it from several threads at once.

        Args:
            token: The token to exchange.

            role: None is the role of the identity pool, an ARN another role that the pool may use,
                an AssumeRole any role that trusts the pool.

        Raises:
            StaleTokenError: If the token is no longer accepted.

            DevTokenError: If there are no credentials, for whatever other reason.
        """
        ...


class EventHook(Protocol):
    """
    Called with every event of a cache.

    :class:`~cognito_devtoken.events.LoggingHook` is a hook, and so is any function of one argument.
    """

    def __call__(self, event: Event, /) -> None:
        """
        Handle an event.

        It is called outside every lock, in one of the session's own threads or in the next thread
        that calls the session. That may be the thread of an event loop, so a hook must be quick
        and must not ask the session for a token. Exceptions are swallowed, and counted.

        Args:
            event: What happened.
        """
        ...


class Stored(NamedTuple):
    """What a store holds under a name: the value, and how many seconds remain until it expires."""

    value: bytes
    remaining: float


class LogPage(NamedTuple):
    """A part of a store's log: the id of the log, and positions and messages in order."""

    log: str
    messages: Sequence[tuple[int, bytes]]


class TokenStore(Protocol):
    """
    Shares tokens between hosts, such as :class:`~cognito_devtoken.stores.redis.RedisStore`.

    A store does not know what its names and values mean: names are digests in hexadecimal, values
    are sealed with :attr:`keys` first. Each name has a value and a lock, which are independent of
    each other, and a mark, which is a position of the log. In addition, there is one log of
    messages for all hosts. One mark is special: where others hold
    the id of a log, it holds the id of a key, 16 hex digits.

    The log has an id. A store gives it a new one whenever the log starts anew, because it was lost,
    deleted or has expired, and numbers the messages of a log from 1 without a gap.

    A cache calls it from several threads at once, never for a hit, and handles whatever it
    raises. A note added to the error with ``add_note()`` is logged as the hint. An operation
    that has not succeeded within 100 ms should raise.
    ``cognito_devtoken.testing.TokenStoreContract`` tests all this.
    """

    @property
    def keys(self) -> StoreKeys | PlainText:
        """The keys that seal and name the values."""
        ...

    def read(self, name: str) -> Stored | None:
        """
        Read a value.

        Returns:
            None if there is no value, or one that never expires. *remaining* must not
            exceed the time that was left when the response was sent.
        """
        ...

    def claim(self, name: str, owner: str, seconds: float) -> tuple[bool, Stored | None]:
        """
        Take the lock of a name if it is free, and read the value, in one step.

        Args:
            name: The name.

            owner: The unique id of the new owner.

            seconds: When the lock expires by itself, in case its owner dies.

        Returns:
            Whether the lock was free, and the value.
        """
        ...

    def renew(self, name: str, owner: str, seconds: float) -> bool:
        """
        Extend the lock of a name if it is still the owner's.

        Called every half second while the owner waits for Cognito.

        Args:
            name: The name.

            owner: Who took the lock.

            seconds: In how many seconds from now the lock expires, unless it is renewed.

        Returns:
            Whether the lock was still the owner's. An expired lock is not taken again.
        """
        ...

    def write(
        self, name: str, value: bytes, remaining: Callable[[], float], owner: str | None
    ) -> bool:
        """
        Store a value, replacing any other, and release the lock if it is the owner's.

        Args:
            name: The name.

            value: The value, about 2 kB.

            remaining: Returns in how many seconds the value expires, counted from when it is
                called. The process may be frozen between any two instructions, and a value must
                not seem to live longer than it does: read a clock first, then call this, and
                add what it returns to what the clock showed. The value must expire at that sum,
                however late the write takes effect.

            owner: Who may hold the lock; None if it was not claimed.

        Returns:
            Whether the lock was still the owner's; True if *owner* is None. The value is
            stored in either case.
        """
        ...

    def release(self, name: str, owner: str) -> bool:
        """
        Release the lock of a name, if it is still the owner's.

        Returns:
            Whether the lock was still the owner's.
        """
        ...

    def publish(
        self, message: bytes, seconds: float, keep: int, ending: str | None = None
    ) -> tuple[str, int]:
        """
        Append a message to the log, in one step.

        Args:
            message: The message, up to 5 kB.

            seconds: How long to keep the log from now on, at least.

            keep: How many of the latest messages to keep, at least.

            ending: The id of a log that has lost messages. If the current log still has this id,
                start a new log before appending.

        Returns:
            The id of the log, and the position of the message.
        """
        ...

    def published(self, start: int | None, seconds: float) -> LogPage:
        """
        Read the log, and start one if there is none.

        Args:
            start: The position to start at. If it is no longer kept, the oldest message that is
                left comes first. None reads the latest messages.

            seconds: How long to keep the log from now on, at least.

        Returns:
            The id of the log, and positions and messages in order, at most as many as can be read
            within 100 ms; empty only if there is none at *start* or after it.
        """
        ...

    def mark(self, name: str, log: str, position: int, seconds: float) -> None:
        """
        Set the mark of a name, unless it has a later one of the same log.

        Args:
            name: The name.

            log: The id of the log.

            position: The position in the log.

            seconds: How long to keep the mark from now on, at least.
        """
        ...

    def marks(self, names: Sequence[str]) -> Sequence[tuple[str, int] | None]:
        """
        Read the marks of some names.

        Args:
            names: A few names.

        Returns:
            For each name the id of the log and the position, or None if it has no mark.
        """
        ...
