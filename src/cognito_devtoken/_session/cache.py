"""The token cache on which both sessions are built, for programs that need no session."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from .._cache.cache import LeaseCache
from .._cache.health import Health
from .._cache.invalidation import Invalidation
from .._cache.policy import RefreshPolicy
from .._cache.recorder import StatsRecorder
from .._cache.source import FetcherSource, Source
from .._cache.state import CacheState
from .._cache.waiting import wait_async, wait_blocking
from .._events.log import LoggingHook, WarningLog
from .._values.arguments import Seconds, check_count, check_kind
from .._values.clock import SYSTEM_CLOCK
from .._values.key import Key
from .._values.request import DEFAULT_DURATION, TokenRequest
from .._values.token import OpenIdToken
from ..exceptions import DevTokenError
from ..typing import Clock, EventHook, TokenFetcher, TokenStore


if TYPE_CHECKING:
    from .._cache.stats import Stats


# How many tokens a cache holds by default. ``plan`` compares this with the users of a session.
DEFAULT_MAX_ENTRIES = 10_000


class TokenCache:
    """
    Tokens by request. Concurrent requests for the same token share one fetch.

    :class:`TokenSession` and :class:`AsyncTokenSession` are built on this class, and most programs
    need only a session. Any number of threads and event loops may share one cache.

    Args:
        fetcher: Gets one token from Cognito, such as a :class:`DevTokenClient`. The cache does
            not close it.

        developer_provider: The provider whose login is your own id for the user. :meth:`forget`
            needs it. The cache keeps this login in clear text, but only digests of other logins.

        policy: When tokens are refreshed; None uses the defaults.

        store: Shares tokens with other hosts, such as a
            :class:`~cognito_devtoken.stores.redis.RedisStore`. The cache does not close it.

        max_entries: How many tokens to hold at most. 10,000 of them take about 15 MB.

        max_concurrent_fetches: How many fetches to make at once.

        clock: Measures the age of tokens; None uses this machine's clocks.

        on_event: Hooks, which are called with each :class:`~cognito_devtoken.events.Event`, outside
            every lock. Exceptions that they raise are swallowed, and counted in :meth:`stats`.

    Raises:
        ValueError: If *max_entries* or *max_concurrent_fetches* is less than 1.
    """

    def __init__(
        self,
        fetcher: TokenFetcher,
        *,
        developer_provider: str | None = None,
        policy: RefreshPolicy | None = None,
        store: TokenStore | None = None,
        max_entries: int = DEFAULT_MAX_ENTRIES,
        max_concurrent_fetches: int = 8,
        clock: Clock | None = None,
        on_event: Iterable[EventHook] = (),
    ) -> None:
        check_count("max_entries", max_entries)
        check_count("max_concurrent_fetches", max_concurrent_fetches)
        policy = RefreshPolicy() if policy is None else policy
        clock = SYSTEM_CLOCK if clock is None else clock
        check_kind("policy", policy, RefreshPolicy)
        check_kind("on_event", on_event, Iterable)
        hooks = tuple(on_event)
        for name, value, method in (
            ("client", fetcher, "fetch"),
            ("clock", clock, "monotonic"),
            ("clock", clock, "time"),
            *(
                [("store", store, name) for name in ("claim", "renew", "mark")]
                if store is not None
                else []
            ),
            *(("on_event", hook, "__call__") for hook in hooks),
        ):
            found = getattr(value, method, None)
            if not callable(found):
                raise TypeError(
                    f"{name} must have a method {method}(); see its protocol in "
                    "cognito_devtoken.typing."
                )
            if iscoroutinefunction(value if method == "__call__" else found):
                raise TypeError(
                    f"{name} must be a plain function, not async, because it is not awaited."
                )
        # A LoggingHook logs the warnings, too.
        logs = any(isinstance(hook, LoggingHook) for hook in hooks)
        log = None if logs else WarningLog()
        self._developer_provider = developer_provider
        self._new_recorder = partial(StatsRecorder, hooks, log)
        self._limits: Any = {
            "policy": policy,
            "clock": clock,
            "max_entries": max_entries,
            "max_concurrent": max_concurrent_fetches,
        }
        self._leases: LeaseCache[TokenRequest, OpenIdToken] = LeaseCache(
            partial(_describe, developer_provider),
            partial(_source, fetcher, store, developer_provider),
            recorder=self._new_recorder(),
            **self._limits,
        )
        self._state = self._leases.state

    def get(
        self,
        request: TokenRequest,
        *,
        min_remaining: Seconds | None = None,
        timeout: Seconds | None = None,
    ) -> OpenIdToken:
        """
        Get a token: the cached one, or a new one.

        Args:
            request: What to request.

            min_remaining: How much life the token must have left, in seconds or as a timedelta. If
                the cached token has less, a new one is fetched. For this call, this value replaces
                the policy's grace period. If no new token is available, a cached token that is
                still valid is returned anyway, unless the policy has ``strict_grace``.

            timeout: How long to wait at most, in seconds or as a timedelta; None waits for 30 s.
                After a time-out, the fetch continues for later callers.

        Raises:
            ServiceError: If Cognito returns an error.

            TokenUnavailableError: If no token is available right now, because Cognito cannot be
                reached or does not answer in time, or because a call has just failed.

            InvalidTokenResponseError: If the response does not fit the request.

            ConfigurationError: If there are no AWS credentials.

            SessionClosedError: If the cache is closed.

            ValueError: If *min_remaining* is negative, or not less than the life of the token.
        """
        return wait_blocking(self._leases.lookup.steps(request, min_remaining, timeout))

    async def aget(
        self,
        request: TokenRequest,
        *,
        min_remaining: Seconds | None = None,
        timeout: Seconds | None = None,
    ) -> OpenIdToken:
        """Await a token. Otherwise, this method does the same as :meth:`get`."""
        return await wait_async(self._leases.lookup.steps(request, min_remaining, timeout))

    def refresh(self, request: TokenRequest, *, timeout: Seconds | None = None) -> OpenIdToken:
        """
        Get a new token, whatever is cached.

        Concurrent refreshes of the same token share a fetch, but never one that started before the
        refresh was requested. This method raises the same errors as :meth:`get`.
        """
        return wait_blocking(self._leases.lookup.steps(request, None, timeout, forced=True))

    async def arefresh(
        self, request: TokenRequest, *, timeout: Seconds | None = None
    ) -> OpenIdToken:
        """Await a new token. Otherwise, this method does the same as :meth:`refresh`."""
        return await wait_async(self._leases.lookup.steps(request, None, timeout, forced=True))

    def invalidate(self, token: OpenIdToken) -> None:
        """
        Discard a token that a service rejected.

        The token is discarded only if it is the cached one. So if ten callers report the same
        rejected token, the first discards it, and all of them get the same new token.

        AWS accepts the token, and credentials that it was exchanged for, until they
        expire.
        """
        if not isinstance(token, OpenIdToken):  # pyright: ignore[reportUnnecessaryIsInstance]
            kind = type(token).__name__
            del token  # it may be the text of a token
            raise TypeError(f"invalidate() takes an OpenIdToken, not {kind}.")
        self._leases.invalidate(token)

    def forget(self, user_id: str) -> None:
        """
        Discard every token of a user, identified by the developer provider's login.

        AWS accepts them, and credentials that they were exchanged for, until they expire.

        Raises:
            ConfigurationError: If the cache was made without a *developer_provider*.

            InvalidRequestError: If *user_id* is empty, or longer than 50,000 characters, the limit
                of logins.
        """
        try:
            invalidation = Invalidation.of_user(user_id, self._developer_provider)
        finally:
            del user_id  # a traceback shows the locals of its frames
        self._leases.discard(invalidation)

    def forget_identity(self, identity_id: str) -> None:
        """
        Discard every token of a Cognito identity.

        AWS accepts them, and credentials that they were exchanged for, until they expire.

        Raises:
            InvalidRequestError: If *identity_id* is empty, or longer than 55 characters, the limit
                of an identity id.
        """
        try:
            invalidation = Invalidation.of_identity(identity_id)
        finally:
            del identity_id  # it may be a user id in the wrong place
        self._leases.discard(invalidation)

    def clear(self) -> None:
        """Discard every token. AWS accepts them until they expire."""
        self._leases.discard(Invalidation.of_everything())

    def stats(self) -> Stats:
        """Return what the cache has done so far, and what it holds now."""
        return self._leases.stats()

    def health(self) -> Health:
        """Tell how the last calls to Cognito went. This method makes no call."""
        return self._state.recorder.health

    def _record_check(self, error: DevTokenError | None) -> None:
        """Make health() report the result of a call that bypassed the cache."""
        state, now = self._state, self._state.now()
        with state.lock:
            if error:
                state.recorder.record_failure(error, 0.0, now)
            else:
                state.recorder.record_success(now)

    def _announce_now(self) -> None:
        """Announce invalidations to the other hosts at once, instead of in the background."""
        self._leases.source.announce_now()

    def close(self) -> None:
        """
        Discard every token.

        Waiting callers get a SessionClosedError. Closing does not wait for fetches. If hosts share
        a store, this method also announces queued invalidations, for about a second at most.
        You may call this method more than once, and from a signal handler.
        """
        self._leases.close()


# repr(), help() and tracebacks then show the module from which users import this class.
TokenCache.__module__ = "cognito_devtoken"


def _source(
    fetcher: TokenFetcher,
    store: TokenStore | None,
    developer_provider: str | None,
    state: CacheState[TokenRequest, OpenIdToken],
) -> Source[TokenRequest, OpenIdToken]:
    """Return a source that looks in the store, if there is one, and else calls the fetcher."""
    source = FetcherSource(
        state,
        # Look the method up at each call, because a tracer, for example, may replace it later.
        lambda request: fetcher.fetch(request),  # noqa: PLW0108
        OpenIdToken,
    )
    if store is None:
        return source
    from .._sharing.source import SharedSource

    return SharedSource(state, source, store, developer_provider)


def _describe(developer_provider: str | None, request: TokenRequest) -> tuple[Key, float]:
    if not isinstance(request, TokenRequest):  # pyright: ignore[reportUnnecessaryIsInstance]
        kind = type(request).__name__
        del request  # it may be a user id in the wrong place
        raise TypeError(f"request must be a TokenRequest, not {kind}.")
    return Key.of(request, developer_provider), request.token_duration or DEFAULT_DURATION
