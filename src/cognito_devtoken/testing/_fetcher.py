"""A fetcher that makes up tokens and credentials."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from .._values.arguments import Seconds
from .._values.clock import SYSTEM_CLOCK, Clock
from .._values.credentials import AwsCredentials
from .._values.erased import ErasedUser
from .._values.providers import developer_user
from .._values.request import TokenRequest
from .._values.role import AssumeRole
from .._values.token import OpenIdToken
from ._credentials import credentials_for
from ._directory import Directory
from ._tokens import token_for


class FakeFetcher:
    """
    A fetcher that makes up tokens, and AWS credentials for these tokens.

    Every token is different, even for the same request. It is for the identity that the request
    names. If the request names none, the identity depends only on the pool and the logins. After an
    identity is erased, its logins get another one.

    The ``iat`` of these tokens has fractions of a second, so a session can use their full lifetime.
    Cognito rounds ``iat`` down to a whole second, so a session uses Cognito's tokens for a second
    less. Credentials live for an hour, or for the *duration* of an AssumeRole.

    Args:
        clock: The clock that dates the tokens; None uses this machine's clocks.

        lifetime: How long the tokens live, in seconds or as a timedelta; None uses the duration
            of each request, or 900 s if the request has none.

    Attributes:
        calls: The requests so far, in order.

        error: The error that every call for a token raises, until it is set to None again.

        exchanges: The tokens that were exchanged for credentials so far, each with its role.

        exchange_error: The error that every exchange raises, until it is set to None again.

        erase_error: The error that every lookup and every deletion of an identity raises, until it
            is set to None again.
    """

    calls: list[TokenRequest]
    error: Exception | None
    exchanges: list[tuple[OpenIdToken, str | AssumeRole | None]]
    exchange_error: Exception | None
    erase_error: Exception | None
    # How many seconds a call is held at most. So a test that holds calls and then calls fetch()
    # itself fails instead of hanging.
    _longest = 60.0

    def __init__(self, clock: Clock | None = None, *, lifetime: Seconds | None = None) -> None:
        self.calls = []
        self.error = None
        self.exchanges = []
        self.exchange_error = None
        self.erase_error = None
        self._directory = Directory()
        self._clock = clock or SYSTEM_CLOCK
        self._lifetime = lifetime
        self._next: list[Exception] = []
        self._open = threading.Event()
        self._open.set()
        self._lock = threading.Lock()

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        """Return a new token, or raise the error that is set."""
        with self._lock:
            self.calls.append(request)
            serial = len(self.calls)
            error = self._next.pop(0) if self._next else self.error
        self._wait_until_open()
        if error:
            raise error
        with self._lock:
            identity_id = self._directory.identity_of(request)
        return token_for(request, self._lifetime, self._clock, serial, identity_id)

    def fail_next(self, error: Exception, *, times: int = 1) -> None:
        """Make the next call for a token, or the next *times* calls, raise an error."""
        with self._lock:
            self._next += [error] * times

    def fetch_credentials(
        self, token: OpenIdToken, role: str | AssumeRole | None = None
    ) -> AwsCredentials:
        """Return new credentials, or raise the error that is set."""
        with self._lock:
            self.exchanges.append((token, role))
            serial = len(self.exchanges)
            error = self.exchange_error
        self._wait_until_open()
        if error:
            raise error
        return credentials_for(token, role, self._clock, serial)

    def find_identity(self, request: TokenRequest, developer_provider: str) -> str | None:
        """Return the identity of a user who has got a token, or raise the error that is set."""
        user = developer_user(request, developer_provider)
        self._wait_until_open()
        if self.erase_error:
            raise self.erase_error
        with self._lock:
            return self._directory.find(request.identity_pool_id, developer_provider, user)

    def erase_identity(self, request: TokenRequest, developer_provider: str) -> ErasedUser:
        """Forget the identity of a user, or raise the error that is set."""
        user = developer_user(request, developer_provider)
        self._wait_until_open()
        if self.erase_error:
            raise self.erase_error
        with self._lock:
            return self._directory.erase(request.identity_pool_id, developer_provider, user)

    def _wait_until_open(self) -> None:
        if not self._open.wait(self._longest):
            raise TimeoutError(f"held() did not end within {self._longest:g} s.")

    @contextmanager
    def held(self) -> Generator[None]:
        """
        Block every call until the ``with`` statement ends.

        A call that is held for a minute raises a TimeoutError.
        """
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()
