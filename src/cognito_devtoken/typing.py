"""Protocols of what can be injected, and the reading of a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ._clock import Clock, Instant


if TYPE_CHECKING:
    from ._request import TokenRequest
    from ._token import OpenIdToken

__all__ = ["Clock", "Instant", "TokenFetcher"]


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

        Raises:
            DevTokenError: Whatever goes wrong.
        """
        ...
