"""Protocols of what can be injected, and the reading of a clock."""

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
    Turns one request into one token, without a cache.

    :class:`~cognito_devtoken.DevTokenClient` is the one that talks to AWS.
    """

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        """
        Get a new token.

        A cache calls it from several threads at once.

        Args:
            request: What to ask for.

        Raises:
            DevTokenError: Whatever goes wrong.
        """
        ...


class EventHook(Protocol):
    """
    Is called with what happens in a cache.

    :class:`~cognito_devtoken.events.LoggingHook` is one; so is any function of one argument.
    """

    def __call__(self, event: Event, /) -> None:
        """
        Take note of an event.

        It is called outside every lock, in a thread of the session's own or in whichever calls
        the session next, which may run an event loop: so it should not take long, nor ask the
        session for a token. What it raises is swallowed, and counted.

        Args:
            event: What has happened.
        """
        ...


class Stored(NamedTuple):
    """What a store holds under a name: the value, and for how many seconds it is still there."""

    value: bytes
    remaining: float


class TokenStore(Protocol):
    """
    What hosts share their tokens in. :class:`~cognito_devtoken.stores.redis.RedisStore` is one.

    It is given names and values and does not know what they mean: names are HMACs in hexadecimal,
    values are sealed with :attr:`keys` before it sees them. Each name has a value and a lock,
    neither of which needs the other. Beside them there is one log of messages for all hosts.

    A cache calls it from several threads at once, never for a token at hand, and copes with
    whatever it raises. Nothing may take long: an operation that has not succeeded within 100 ms
    should raise. ``cognito_devtoken.testing.TokenStoreContract`` holds a store to all this.
    """

    @property
    def keys(self) -> StoreKeys | PlainText:
        """What seals the values, and names them."""
        ...

    def read(self, name: str) -> Stored | None:
        """
        Read a value.

        Returns:
            None if there is none, or one that would stay for ever. What remains is at most
            what remained when the answer was on its way.
        """
        ...

    def claim(self, name: str, owner: str, seconds: float) -> tuple[bool, Stored | None]:
        """
        Take the lock of a name if nobody has it, and read the value, in one step.

        Args:
            name: Whose lock.

            owner: Who takes it: a name that nobody else has.

            seconds: When it falls free by itself, should its owner have died.

        Returns:
            Whether it was free, and the value.
        """
        ...

    def renew(self, name: str, owner: str, seconds: float) -> bool:
        """
        Extend the lock of a name if it is still the owner's.

        Called every half second for as long as the owner waits for Cognito.

        Args:
            name: Whose lock.

            owner: Who has taken it.

            seconds: When it falls free by itself, from now on.

        Returns:
            Whether it was still the owner's. One that has fallen free is not taken again.
        """
        ...

    def write(self, name: str, value: bytes, seconds: float, owner: str | None) -> bool:
        """
        Store a value in place of what was there, and release the lock if it is the owner's.

        Args:
            name: Under which it is found.

            value: About 2 kB.

            seconds: For how long, from the moment of this call on, however late it takes
                effect: what it holds must not seem to live longer than it does.

            owner: Who may have the lock; None if nobody has asked for it.

        Returns:
            Whether the lock was still the owner's; True if *owner* is None. The value is
            stored in either case.
        """
        ...

    def release(self, name: str, owner: str) -> bool:
        """
        Release the lock of a name if it is still the owner's, and nobody else's.

        Returns:
            Whether it was still the owner's.
        """
        ...

    def publish(self, message: bytes, seconds: float, keep: int) -> int:
        """
        Append a message to the log.

        Args:
            message: About 200 bytes.

            seconds: For how long the log is to be kept from now on.

            keep: How many of the last messages are to be kept.

        Returns:
            Where it stands, as a number that is larger than that of every message before it, also
            of one that is gone.
        """
        ...

    def published(self, after: int) -> Sequence[tuple[int, bytes]]:
        """
        Read the log.

        Args:
            after: The position behind which to begin; 0 begins with the first that is left.

        Returns:
            Positions and messages in their order, none if there are no more, and at most as
            many as can be had within 100 ms.
        """
        ...
