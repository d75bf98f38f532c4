"""The cache under both sessions, and what it promises to those who assemble their own."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import iscoroutinefunction

from .._values.clock import SYSTEM_CLOCK
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from ..events import Forgotten, Invalidated
from ..typing import Clock, EventHook, TokenFetcher, TokenStore
from .entries import Entries
from .health import Health
from .invalidation import Removal
from .lookup import Callers
from .policy import RefreshPolicy, Seconds, check_count, check_kind
from .stats import Journal, Stats
from .waiting import wait_in_loop, wait_in_thread
from .workers import Engine


class TokenCache:
    """
    Tokens by what was asked for, each fetched once however many want it.

    It is what :class:`TokenSession` and :class:`AsyncTokenSession` stand on; most programs
    need only those. Any number of threads and event loops may share one cache.

    Args:
        fetcher: Gets one token from Cognito, such as a :class:`DevTokenClient`. It stays
            yours: :meth:`close` leaves it open.

        developer_provider: The provider whose login is your own id of the user, for
            :meth:`forget`. Of other logins only digests are held.

        policy: When tokens are refreshed; None takes the defaults.

        store: What tokens are shared in with other hosts, such as a
            :class:`~cognito_devtoken.stores.redis.RedisStore`. It stays yours.

        max_entries: How many tokens to hold at most. 10,000 of them take about 15 MB.

        max_concurrent_fetches: How many fetches to make at once.

        clock: What measures the age of tokens; None takes the clocks of this machine.

        on_event: Called with each :class:`~cognito_devtoken.events.Event`, outside every
            lock. What they raise is swallowed, and counted in :meth:`stats`.

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
        max_entries: int = 10_000,
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
            *([("store", store, name) for name in ("claim", "renew")] if store is not None else []),
            *(("on_event", hook, "__call__") for hook in hooks),
        ):
            found = getattr(value, method, None)
            if not callable(found):
                raise TypeError(
                    f"{name} must have a method {method}(), to be one of cognito_devtoken.typing."
                )
            if iscoroutinefunction(value if method == "__call__" else found):
                raise TypeError(f"{name} must not be a coroutine function: nobody awaits it.")
        self._developer_provider = developer_provider
        self._policy = policy
        self._journal = Journal(hooks)
        self._entries = Entries(max_entries)
        self._engine = Engine(
            fetcher,
            self._policy,
            clock,
            self._entries,
            max_concurrent_fetches,
            self._journal,
            store,
            developer_provider,
        )
        self._callers = Callers(self._engine, developer_provider)

    def get(
        self,
        request: TokenRequest,
        *,
        min_remaining: Seconds | None = None,
        timeout: Seconds | None = None,
    ) -> OpenIdToken:
        """
        Get a token: the one at hand, or a new one.

        Args:
            request: What to ask for.

            min_remaining: How much life the token is to have left, in seconds or as a
                timedelta; if it has less, a new one is fetched. For this call it takes the
                place of the policy's grace period. If no new token can be had, one that is
                valid is returned all the same, unless the policy has ``strict_grace``.

            timeout: How long to wait at most, in seconds or as a timedelta. The fetch goes
                on without this caller.

        Raises:
            ServiceError: If Cognito says no.

            TokenUnavailableError: If there is no token now: Cognito cannot be reached, does
                not answer in time, or has failed just before.

            InvalidTokenResponseError: If the answer does not fit the request.

            ConfigurationError: If there are no AWS credentials.

            SessionClosedError: If the cache is closed.

            ValueError: If *min_remaining* is as long as the token lives, or negative.
        """
        return wait_in_thread(self._callers.steps(request, min_remaining, timeout))

    async def aget(
        self,
        request: TokenRequest,
        *,
        min_remaining: Seconds | None = None,
        timeout: Seconds | None = None,
    ) -> OpenIdToken:
        """Like :meth:`get`, awaited."""
        return await wait_in_loop(self._callers.steps(request, min_remaining, timeout))

    def refresh(self, request: TokenRequest, *, timeout: Seconds | None = None) -> OpenIdToken:
        """
        Get a token that is asked for from now on, whatever is at hand.

        Those who do so at the same time share one fetch. It raises what :meth:`get` raises.
        """
        return wait_in_thread(self._callers.steps(request, None, timeout, forced=True))

    async def arefresh(
        self, request: TokenRequest, *, timeout: Seconds | None = None
    ) -> OpenIdToken:
        """Like :meth:`refresh`, awaited."""
        return await wait_in_loop(self._callers.steps(request, None, timeout, forced=True))

    def invalidate(self, token: OpenIdToken) -> None:
        """
        Throw a token away that somebody has refused.

        Only if it is the one at hand: when ten callers come with the same refused token, the
        first throws it away, and all of them get the next.
        """
        kind = type(token).__name__
        if not isinstance(token, OpenIdToken):  # pyright: ignore[reportUnnecessaryIsInstance]
            del token  # it may be the text of one
            raise TypeError(f"invalidate() takes an OpenIdToken, not {kind}.")
        with self._engine.lock:
            self._engine.check_open()
            key = self._entries.find(token, shared=self._engine.shared is not None)
            if key is not None:
                self._engine.remove(Removal.of_token(token, key))
            applied = key is not None
            self._journal.counts[f"invalidations_{'applied' if applied else 'ignored'}"] += 1
            self._journal.tell(Invalidated, token.fingerprint, applied)
        self._journal.catch_up()

    def forget(self, user_id: str) -> None:
        """
        Throw every token of a user away, by the login of the developer provider.

        Raises:
            ConfigurationError: If the cache has been given no *developer_provider*.
        """
        try:
            removal = Removal.of_user(user_id, self._developer_provider)
        finally:
            del user_id  # a traceback shows the locals of its frames
        self.throw_away(removal)

    def forget_identity(self, identity_id: str) -> None:
        """Throw every token of a Cognito identity away."""
        self.throw_away(Removal.of_identity(identity_id))

    def clear(self) -> None:
        """Throw every token away."""
        self.throw_away(Removal.of_everything())

    def throw_away(self, removal: Removal) -> None:
        """:meta private: Throw away what matches, and what would bring it back."""
        with self._engine.lock:
            self._engine.check_open()
            self._journal.tell(Forgotten, self._engine.remove(removal))
        self._journal.catch_up()

    def stats(self) -> Stats:
        """What the cache has done so far, and what it holds now."""
        with self._engine.lock:
            return Stats(
                hits=self._journal.hits,
                entries=len(self._entries.tokens),
                in_flight=len(self._engine.flights.table),
                reasons=dict(self._journal.reasons),
                **self._journal.counts,
            )

    def health(self) -> Health:
        """How the last calls to Cognito went. It makes none."""
        return self._journal.health

    def close(self) -> None:
        """
        Throw everything away. Who waits gets a SessionClosedError; nothing is waited for.

        What has been thrown away just before is told to other hosts first, if they share a store:
        that takes a moment, and 0.6 s at most. It may be called more than once, and from a signal
        handler.
        """
        with self._engine.lock:
            self._engine.close()
        self._journal.catch_up()
        if self._engine.shared:
            self._engine.shared.tell_the_rest()
