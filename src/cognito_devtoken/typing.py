"""Protocols of what can be injected, and the types that they use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ._values.clock import Clock, Instant


if TYPE_CHECKING:
    from ._values.request import TokenRequest
    from ._values.token import OpenIdToken
    from .events import Event
    from .stores import PlainText, StoreKeys

__all__ = ["Clock", "EventHook", "Instant", "Stored", "TokenFetcher", "TokenStore"]


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


class TokenStore(Protocol):
    """
    Shares tokens between hosts, such as :class:`~cognito_devtoken.stores.redis.RedisStore`.

    A store does not know what its names and values mean: names are HMACs in hexadecimal, values
    are sealed with :attr:`keys` first. Each name has a value and a lock, which are independent of
    each other. In addition, there is one log of messages for all hosts.

    A cache calls it from several threads at once, never for a hit, and handles whatever it
    raises. An operation that has not succeeded within 100 ms should raise.
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
            None if there is no value, or one that never expires. *remaining* must not be more
            than when the response was sent.
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

            seconds: When the lock expires by itself, from now on.

        Returns:
            Whether the lock was still the owner's. An expired lock is not taken again.
        """
        ...

    def write(self, name: str, value: bytes, seconds: float, owner: str | None) -> bool:
        """
        Store a value, replacing any other, and release the lock if it is the owner's.

        Args:
            name: The name.

            value: The value, about 2 kB.

            seconds: When the value expires, counted from this call, however late it takes
                effect: a token must not seem to live longer than it does.

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

    def publish(self, message: bytes, seconds: float, keep: int) -> int:
        """
        Append a message to the log.

        Args:
            message: The message, about 200 bytes.

            seconds: How long to keep the log from now on.

            keep: How many of the latest messages to keep, at least.

        Returns:
            The position of the message, a number larger than that of every earlier message, even
            of removed ones.
        """
        ...

    def published(self, after: int) -> Sequence[tuple[int, bytes]]:
        """
        Read the log.

        Args:
            after: The position to start after; 0 starts with the oldest message that is left.

        Returns:
            Positions and messages in order, at most as many as can be read within 100 ms; empty
            only if there are no more.
        """
        ...
