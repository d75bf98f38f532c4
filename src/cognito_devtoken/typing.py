"""Protocols for the objects that you can pass to a session or cache, and the types they use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ._values.clock import Clock, Instant


if TYPE_CHECKING:
    from ._values.credentials import AwsCredentials
    from ._values.erased import ErasedUser
    from ._values.request import TokenRequest
    from ._values.role import AssumeRole
    from ._values.token import OpenIdToken
    from .events import Event
    from .stores import PlainText, StoreKeys

__all__ = [
    "Clock",
    "CredentialsFetcher",
    "EventHook",
    "IdentityAdministrator",
    "Instant",
    "LogPage",
    "Stored",
    "TokenFetcher",
    "TokenStore",
]


class TokenFetcher(Protocol):
    """
    Gets tokens, one for each request, without a cache.

    :class:`~cognito_devtoken.DevTokenClient` is the fetcher that calls AWS.
    """

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        """
        Get a new token.

        A cache calls this method from several threads at once.

        Args:
            request: What to request.

        Raises:
            DevTokenError: If no token can be fetched, for whatever reason.
        """
        ...


class CredentialsFetcher(TokenFetcher, Protocol):
    """
    A token fetcher that also exchanges tokens for AWS credentials, without a cache.

    :class:`~cognito_devtoken.DevTokenClient` is the fetcher that calls AWS.
    """

    def fetch_credentials(
        self, token: OpenIdToken, role: str | AssumeRole | None = None
    ) -> AwsCredentials:
        """
        Exchange a token.

        A cache calls this method from several threads at once.

        Args:
            token: The token to exchange.

            role: None means the role of the identity pool. An ARN means another role that the
                pool's rules allow. An AssumeRole means any role that trusts the pool.

        Raises:
            StaleTokenError: If AWS no longer accepts the token.

            DevTokenError: If the exchange fails for any other reason.
        """
        ...


class IdentityAdministrator(TokenFetcher, Protocol):
    """
    A token fetcher that also looks up and erases the identities of users.

    A session needs such a client for ``find_identity()`` and ``erase()``.
    :class:`~cognito_devtoken.DevTokenClient` is the implementation that calls AWS.
    """

    def find_identity(self, request: TokenRequest, developer_provider: str) -> str | None:
        """
        Look up the identity of a user, without creating one.

        Args:
            request: Names the pool and the user. Other members have no effect.

            developer_provider: The provider whose login in *request* is the user id.

        Returns:
            The identity id; None if the user has no identity.

        Raises:
            DevTokenError: If the look-up fails.
        """
        ...

    def erase_identity(self, request: TokenRequest, developer_provider: str) -> ErasedUser:
        """
        Delete the identity of a user, and unlink every user id from it.

        After an error, a caller must be able to call this method again. It takes the same arguments
        as :meth:`find_identity`.

        Returns:
            What was deleted and unlinked. If the user has no identity, the result is empty.

        Raises:
            IncompleteEraseError: If only a part was deleted.

            DevTokenError: If nothing was deleted.
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

        The hook is called outside every lock, in one of the session's own threads or in the next
        thread that calls the session. That may be the thread of an event loop, so a hook must be
        quick and must not ask the session for a token. Exceptions are swallowed, and counted.

        Args:
            event: What happened.
        """
        ...


class Stored(NamedTuple):
    """A value in a store, and how many seconds remain until it expires."""

    value: bytes
    remaining: float


class LogPage(NamedTuple):
    """A part of a store's log: the id of the log, and messages in order, with their positions."""

    log: str
    messages: Sequence[tuple[int, bytes]]


class TokenStore(Protocol):
    """
    Shares tokens between hosts, as :class:`~cognito_devtoken.stores.redis.RedisStore` does.

    A store does not know what its names and values mean. Names are digests in hexadecimal, and
    values are sealed with :attr:`keys` before the store gets them. A name may have a value, a lock
    and a mark, which are independent of each other.

    In addition, the store has one log of messages for all hosts. The log has an id. If the log is
    lost or deleted, or expires, the store starts a new log with a new id. The messages of a log are
    numbered from 1 without gaps.

    A mark is a position in the log: the id of a log, and the number of a message. One mark is
    special: in place of the id of a log, it has the id of a key, 16 hex digits.

    A cache calls the store from several threads at once, but never for a hit. It handles every
    error that the store raises; a note added to the error with ``add_note()`` is logged as the
    hint. An operation that has not succeeded within 100 ms should raise an error.
    ``cognito_devtoken.testing.TokenStoreContract`` tests whether a store follows these rules.
    """

    @property
    def keys(self) -> StoreKeys | PlainText:
        """The keys that seal and name the values."""
        ...

    def read(self, name: str) -> Stored | None:
        """
        Read a value.

        Returns:
            The value; None if there is no value, or if it never expires. The *remaining* time must
            not exceed the time that was left when the store sent the response.
        """
        ...

    def claim(self, name: str, owner: str, seconds: float) -> tuple[bool, Stored | None]:
        """
        Take the lock of a name if it is free, and read the value, in one step.

        Args:
            name: The name.

            owner: The unique id of the new owner.

            seconds: After how many seconds the lock expires by itself, in case its owner dies.

        Returns:
            Whether the lock was free, and the value.
        """
        ...

    def renew(self, name: str, owner: str, seconds: float) -> bool:
        """
        Extend the lock of a name if it is still the owner's.

        A cache calls this method every half second while it waits for Cognito.

        Args:
            name: The name.

            owner: The id of the owner that took the lock.

            seconds: After how many seconds from now the lock expires, unless it is renewed again.

        Returns:
            Whether the lock was still the owner's. If the lock had expired, the store must not
            give it to the owner again.
        """
        ...

    def write(
        self, name: str, value: bytes, remaining: Callable[[], float], owner: str | None
    ) -> bool:
        """
        Store a value in place of any earlier value, and release the lock if it is the owner's.

        Args:
            name: The name.

            value: The value, about 2 kB.

            remaining: A function that returns how many seconds after its call the value expires.
                Read a clock first, then call the function, and add its result to the time that
                you have read. The value must expire at the resulting time, however late the write
                takes effect. This order matters, because the process may be frozen between any two
                instructions, and a value must not seem to live longer than it does.

            owner: The id of the owner that may hold the lock; None if the lock was not claimed.

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

            seconds: How many seconds from now to keep the log at least.

            keep: How many of the latest messages to keep at least.

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
            start: The position to start at. If the message at that position has been dropped, start
                at the oldest message that is left. None reads the latest messages.

            seconds: How many seconds from now to keep the log at least.

        Returns:
            The id of the log, and its messages with their positions, in order. The store may leave
            out later messages that cannot be read within 100 ms. It must return at least one
            message if the log has a message at or after *start*.
        """
        ...

    def mark(self, name: str, log: str, position: int, seconds: float) -> None:
        """
        Set the mark of a name, unless the name has a later mark of the same log.

        Args:
            name: The name.

            log: The id of the log.

            position: The position in the log.

            seconds: How many seconds from now to keep the mark at least.
        """
        ...

    def marks(self, names: Sequence[str]) -> Sequence[tuple[str, int] | None]:
        """
        Read the marks of several names.

        Args:
            names: The names, only a few.

        Returns:
            The marks, in the order of *names*: for each name, the id of the log and the position;
            None for a name without a mark.
        """
        ...
