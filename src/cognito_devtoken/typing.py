"""Protocols of what can be injected, and the reading of a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ._clock import Instant


if TYPE_CHECKING:
    from ._request import TokenRequest
    from ._token import OpenIdToken

__all__ = ["Clock", "Instant", "TokenFetcher"]


class Clock(Protocol):
    """
    Two hands that are read together, because each lies in a way the other does not.

    A monotonic clock may stand still while a function is frozen; a wall clock may be
    set. The age of a token is the larger of what the two say.
    """

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never stepping back."""
        ...

    def time(self) -> float:
        """Seconds since the Unix epoch, as this machine believes."""
        ...


class TokenFetcher(Protocol):
    """
    Turns one request into one token, without a cache.

    :class:`~cognito_devtoken.DevTokenClient` is the one that talks to AWS.
    """

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        """
        Get a token.

        Args:
            request: What to ask for.

        Returns:
            A token for the requested identity.

        Raises:
            DevTokenError: Nothing else leaves this method.
        """
        ...
