"""
Doubles for the tests of those who use this library: a clock, a fetcher, a store, tokens.

They need no test framework, no server and no AWS credentials. For a whole Cognito on HTTP
there is :mod:`cognito_devtoken.emulator`.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from uuid import NAMESPACE_URL, uuid5

from .._cache.policy import Seconds, as_seconds
from .._values.clock import SYSTEM_CLOCK, Clock, Instant
from .._values.request import DEFAULT_DURATION, TokenRequest
from .._values.token import OpenIdToken
from ._memory_store import MemoryStore
from ._store_contract import TokenStoreContract


__all__ = ["FakeFetcher", "ManualClock", "MemoryStore", "TokenStoreContract", "make_token"]

_POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"
_PROVIDER = "login.example.com"


class ManualClock:
    """
    A clock whose two hands move when you say so, each for itself if you like.

    A caller's ``timeout=`` is measured by it, too: while it stands still, it does not run out.

    Args:
        wall: What the wall clock shows at first, in seconds since the Unix epoch.
    """

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._monotonic = 1_000.0
        self._wall = wall

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return self._monotonic

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        return self._wall

    def advance(self, duration: Seconds) -> None:
        """Let time pass: both hands move, by seconds or a timedelta."""
        seconds = as_seconds("duration", duration)
        self._monotonic += seconds
        self._wall += seconds

    def freeze(self, duration: Seconds) -> None:
        """
        Let time pass while the process stands still, as between two requests to a function:
        the wall clock moves, the monotonic one does not.
        """
        self._wall += as_seconds("duration", duration)

    def set_wall(self, step: Seconds) -> None:
        """Set the wall clock forward, or back if *step* is negative."""
        self._wall += step.total_seconds() if isinstance(step, timedelta) else step


class FakeFetcher:
    """
    A fetcher that makes its tokens itself.

    Every token is different, even for the same request. The identity depends on the pool and
    the logins only.

    Args:
        clock: By which tokens are issued; None takes the clock of this machine.

        lifetime: How long the tokens live, in seconds or as a timedelta; None gives each
            what its request asks for, else 900 s.

    Attributes:
        calls: The requests so far, in the order in which they came.

        error: What every call raises, until it is set to None again.
    """

    calls: list[TokenRequest]
    error: Exception | None

    def __init__(self, clock: Clock | None = None, *, lifetime: Seconds | None = None) -> None:
        self.calls = []
        self.error = None
        self._clock = clock or SYSTEM_CLOCK
        self._lifetime = lifetime
        self._next: list[Exception] = []
        self._open = threading.Event()
        self._open.set()
        self._lock = threading.Lock()

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        """Make a token, or raise what is to be raised."""
        with self._lock:
            self.calls.append(request)
            serial = len(self.calls)
            error = self._next.pop(0) if self._next else self.error
        self._open.wait()
        if error:
            raise error
        return _make(request, self._lifetime, self._clock, serial)

    def fail_next(self, error: Exception, *, times: int = 1) -> None:
        """Have the next call, or the next few, raise an error."""
        with self._lock:
            self._next += [error] * times

    @contextmanager
    def held(self) -> Generator[None]:
        """While this is open, calls begin and do not come back."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()


def make_token(
    user_id: str = "user-42",
    *,
    lifetime: Seconds | None = None,
    clock: Clock | None = None,
    identity_pool_id: str = _POOL_ID,
    developer_provider: str = _PROVIDER,
) -> OpenIdToken:
    """
    Make a token such as Cognito would give, with a signature that verifies nowhere.

    Args:
        user_id: Whose token it is.

        lifetime: How long it lives from now on, in seconds or as a timedelta; None is 900 s.

        clock: By which it is issued and ages; None takes the clock of this machine.

        identity_pool_id: The identity pool, ``REGION:GUID``.

        developer_provider: The provider that the user id is presented under.
    """
    request = TokenRequest(identity_pool_id, {developer_provider: user_id})
    return _make(request, lifetime, clock or SYSTEM_CLOCK, 0)


def _make(
    request: TokenRequest, lifetime: Seconds | None, clock: Clock, serial: int
) -> OpenIdToken:
    pool_id = request.identity_pool_id
    name = json.dumps([pool_id, sorted(request.logins.items())])
    identity_id = request.identity_id or f"{request.region}:{uuid5(NAMESPACE_URL, name)}"
    usual = request.token_duration or DEFAULT_DURATION
    seconds = usual if lifetime is None else as_seconds("lifetime", lifetime)
    sent = Instant.now(clock)
    amr = ["authenticated", *request.logins]
    if len(request.logins) == 1:  # which of several is the developer's is not known here
        amr += [f"{provider}:{pool_id}:{user_id}" for provider, user_id in request.logins.items()]
    claims = {
        "sub": identity_id,
        "aud": pool_id,
        "amr": amr,
        "iss": "https://cognito-identity.amazonaws.com",
        "iat": int(sent.wall),
        "exp": int(sent.wall) + seconds,
        "jti": serial,  # Cognito has none: it is what makes two tokens differ here
    }
    header = {"kid": f"{request.region}-0", "typ": "JWS", "alg": "RS512"}
    token = f"{_segment(header)}.{_segment(claims)}.{'A' * 342}"
    return OpenIdToken.from_response(
        {"IdentityId": identity_id, "Token": token}, request, obtained=sent, clock=clock
    )


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


# Where users import them from, and so where a repr and the reference place them.
MemoryStore.__module__ = TokenStoreContract.__module__ = __name__
