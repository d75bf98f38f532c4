"""Protocols of what can be injected, and the reading of a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ._clock import Clock, Instant


if TYPE_CHECKING:
    from ._request import TokenRequest
    from ._token import OpenIdToken
    from .events import Event

__all__ = ["Clock", "EventHook", "Instant", "TokenFetcher"]


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
