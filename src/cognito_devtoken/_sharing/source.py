"""
A source that looks in a store shared by many hosts before it calls Cognito.

Laws of this module: whatever the store does, a caller still gets a token soon. A token from the
store is checked like a response from Cognito. A lock only saves calls: a host that does not get the
lock eventually calls Cognito anyway.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha256
from secrets import token_hex
from typing import Any

import attrs

from .._cache.flights import DEADLINE, Flight
from .._cache.scopes import InvalidationScope
from .._cache.source import FetcherSource, check_needed
from .._cache.state import CacheState, session_closed
from .._runtime.threads import wait
from .._values.clock import Instant
from .._values.key import Key
from .._values.lease import remaining_of
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from ..events import Reason
from ..exceptions import InvalidTokenResponseError
from ..stores._sealing import CannotOpenError
from ..typing import Stored, TokenStore
from .guarded_store import GuardedStore, StoreFailedError
from .invalidation_index import LogPosition
from .invalidation_log import InvalidationLog
from .locks import LOCK_SECONDS, HeldLock, HeldLocks


# How many seconds to wait while another host calls Cognito and renews its lock. A DevTokenClient
# waits that long for responses: it makes two attempts, and waits up to 5 s for each response.
LOCK_WAIT = 10.0
# The wait ends this many seconds before the flight's deadline. Otherwise, the last lookup in the
# store might exceed the deadline, and the flight would be abandoned before it called Cognito.
_RESERVE = 1.0
# The pauses between two looks at the store, in seconds: the first pause, the factor by which each
# pause grows, and the longest pause.
_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE = 0.05, 1.5, 0.25

_Flight = Flight[TokenRequest, OpenIdToken]


@attrs.define(repr=False)
class _StoreLookup:
    """
    The state of one flight that looks for its token in the store.

    Attributes:
        flight: The flight.

        digest: The digest of the flight's cache key, the same on every host.

        names: The names under which the token may be stored: first the name derived from the
            current encryption key, then those derived from the other keys.

        rate_limited: Whether the flight has waited for the rate limiter.

        usable: Whether the store is usable.

        since: The position of the invalidation log before Cognito was called.

        lock: The lock that the flight holds, if any.

        refused: A stored value that could not be used, and that is not tried again.
    """

    flight: _Flight
    digest: bytes
    names: Sequence[str]
    rate_limited: bool = False
    usable: bool = False
    since: LogPosition | None = None
    lock: HeldLock | None = None
    refused: bytes | None = None


class SharedSource:
    """
    Looks in the store first, then calls the fetcher.

    Attributes:
        wait: Waits until a gate is released or a number of seconds has passed. Returns whether
            the gate was released.
    """

    def __init__(
        self,
        state: CacheState[TokenRequest, OpenIdToken],
        fetcher: FetcherSource[TokenRequest, OpenIdToken],
        store: TokenStore,
        developer_provider: str | None,
    ) -> None:
        self.shared = True
        self.wait: Callable[[threading.Lock, float], bool] = wait
        self._state = state
        self._fetcher = fetcher
        self._store = GuardedStore(state, store)
        self.log = InvalidationLog(state, self._store, developer_provider)
        self.locks = HeldLocks(state, self._store)

    def reserve(self, now: Instant) -> float:
        """Return 0, because the token may be in the store, which has no rate limit."""
        return 0.0

    def bring(self, flight: _Flight) -> OpenIdToken:
        """Return another host's token, or fetch one that other hosts may use."""
        # Read the clock again: the process may have been frozen since a worker took the flight.
        flight.sent = self._state.now()
        # Run deferred hooks and wake-ups now, so that the store does not delay them.
        self._state.recorder.run_deferred()
        # Listen even if the store is unavailable, because other hosts may later invalidate the
        # token that is fetched.
        self.log.ensure_listener()
        digest = digest_of(flight.key)
        lookup = _StoreLookup(flight, digest, self._store.keys.names(digest))
        try:
            if token := self._look(lookup):
                return token
            if lookup.lock:
                self.locks.hold(lookup.lock)
            token = self._call(lookup)
            self._share(lookup, token)
            return token
        finally:
            self._release(lookup)

    def announce(self, scope: InvalidationScope, *, again: bool) -> None:
        """Queue an invalidation for the other hosts. The caller holds the lock."""
        self.log.announce(scope, again=again)

    def announce_now(self) -> None:
        """Announce queued invalidations; if the store fails, they are announced later."""
        if self._store.allows():
            with suppress(StoreFailedError):
                self.log.catch_up()

    def close(self) -> None:
        """Tell the threads to stop. The caller holds the lock."""
        self.log.close()
        self.locks.close()

    def flush(self) -> None:
        """Announce the invalidations that are still queued, before the store is closed."""
        self.log.announce_remaining()

    def after_fork(self) -> Callable[[], None] | None:
        """
        Reset in a forked child, which keeps the tokens of its parent.

        Returns:
            A function that starts the listener; None if the child has no tokens.
        """
        self._store.reset()
        self.log.reset()
        self.locks.reset()
        if not self._state.entries.leases:
            return None
        # Do not start the listener at once: other libraries may not have handled the fork yet, and
        # most forked children are short-lived.
        return partial(self.log.ensure_listener, at_once=False)

    # Using another host's token

    def _look(self, lookup: _StoreLookup) -> OpenIdToken | None:
        """Return a stored token that outlives the cached one; None means to call Cognito."""
        if not self._store.allows():
            self._count("store_skipped")
            return None
        try:
            lookup.since, lookup.usable = self._begin(lookup.flight), True
            if lookup.flight.reason is Reason.FORCED:
                return None  # a stored token is older than this request
            token = self._read(lookup) or self._claim(lookup)
        except StoreFailedError:
            # A host that has the lock shares its token, because other hosts wait for it.
            lookup.usable = lookup.lock is not None
            return None
        if token is None:
            self._count("store_misses")
        return token

    def _begin(self, flight: _Flight) -> LogPosition:
        """
        Read the pending invalidations, and return the position of the log after them.

        Invalidations up to that position do not affect the token that the flight will fetch,
        because the flight has not sent its request yet.

        Raises:
            NotNeededError: If an invalidation affects the flight, and no caller waits for the
                flight.
        """
        for _ in range(2):
            self.log.catch_up()
            with self._state.lock:
                if self.log.is_all_announced():
                    check_needed(flight)
                    flight.stale = flight.obsolete = False
                    flight.forgotten.clear()
                    return self.log.index.latest
        raise StoreFailedError  # invalidations come faster than they can be announced

    def _read(self, lookup: _StoreLookup) -> OpenIdToken | None:
        for name in lookup.names:
            asked = self._state.now()
            stored: Stored | None = self._store.use("read", name)
            if token := self._better(lookup, stored, asked):
                return token
        return None

    def _claim(self, lookup: _StoreLookup) -> OpenIdToken | None:
        """Take the lock, or wait for the token of its holder. None means to call Cognito."""
        self._wait_for_rate_limiter(lookup)
        name, owner = lookup.names[0], token_hex(16)
        began = self._state.now()
        left = DEADLINE - _RESERVE - (lookup.flight.sent or began).age(began)
        patience = min(LOCK_WAIT, left)
        pause = waited = 0.0
        while True:
            asked = self._state.now()
            granted, stored = self._store.use("claim", name, owner, LOCK_SECONDS)
            if granted:
                lookup.lock = HeldLock(lookup.flight, name, owner, asked)
            token = self._better(lookup, stored, asked)
            if token or lookup.lock:
                return token
            if self._state.closed:
                raise session_closed()
            # Use the elapsed time or the sum of the pauses, whichever is larger, because either may
            # lag.
            now = self._state.now()
            if max(waited, began.age(now)) >= patience:
                with self._state.lock:
                    # Do not let flights that are queued behind this one be abandoned.
                    self._state.flights.note_progress(now)
                return None
            pause = min(max(pause * _GROWTH, _FIRST_PAUSE), _LONGEST_PAUSE, patience - waited)
            waited += pause
            self._pause(pause)

    def _better(
        self, lookup: _StoreLookup, stored: Stored | None, asked: Instant
    ) -> OpenIdToken | None:
        """Return the stored token if it is usable and outlives the cached one."""
        state, flight = self._state, lookup.flight
        if stored is None or stored.value == lookup.refused:
            return None
        token = self._open(lookup, stored, asked)
        if token is None:
            return None
        now = state.now()
        remaining = remaining_of(token, now)
        present = state.entries.leases.get(flight.key)
        least = max(flight.min_life, state.policy.grace_period(token._seconds))
        if present and present != token:
            least = max(least, remaining_of(present, now))
        return token if remaining > least and token != present else None

    def _open(self, lookup: _StoreLookup, stored: Stored, asked: Instant) -> OpenIdToken | None:
        """Return the token in a value; None if the value has no usable token for the request."""
        state, flight = self._state, lookup.flight
        try:
            response = json.loads(self._store.keys.open(stored.value, lookup.digest).decode())
            log, position = response["Since"]
            since = LogPosition(str(log), int(position))
            token = OpenIdToken.from_response(
                response, flight.request, obtained=asked, clock=state.clock
            )
        except CannotOpenError as error:
            why = str(error)
        except (
            ArithmeticError,
            InvalidTokenResponseError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
        ):
            why = "not a token for this request"
        else:
            # The token's age follows from how long the store will still keep the value. It is
            # counted from the time before the value was read, so that a token never looks younger
            # than it is.
            age = max(token._seconds - stored.remaining, 0.0)
            sent = Instant(asked.monotonic - age, asked.wall - age)
            if self._is_invalid(flight, token, since):
                lookup.refused = stored.value
                return None
            return state.stamp(token, flight.key, sent)
        lookup.refused = stored.value
        self._store.refuse(flight.key, why)
        return None

    def _is_invalid(self, flight: _Flight, token: OpenIdToken, since: LogPosition) -> bool:
        """
        Return whether a stored token was invalidated after it was requested.

        If it was not, the cache checks again under its lock before it keeps the token.
        """
        index = self.log.index
        with self._state.lock:
            if index.refuses(flight.key, token, since):
                return True
            flight.is_invalidated = partial(index.refuses, flight.key, token, since)
            known = index.knows_all_since(since)
        return not known and self.log.is_marked(flight.key, token, since)

    # Calling Cognito

    def _call(self, lookup: _StoreLookup) -> OpenIdToken:
        self._wait_for_rate_limiter(lookup)
        lookup.flight.is_invalidated = None
        return self._fetcher.bring(lookup.flight)

    def _wait_for_rate_limiter(self, lookup: _StoreLookup) -> None:
        if lookup.rate_limited:
            return
        lookup.rate_limited = True
        now = self._state.now()
        with self._state.lock:
            delay = self._state.rate_limiter.reserve(now)
        if delay:
            # The pause does not count towards the flight's deadline.
            lookup.flight.sent = Instant(now.monotonic + delay, now.wall + delay)
            self._pause(delay)
            lookup.flight.sent = self._state.now()

    def _share(self, lookup: _StoreLookup, token: OpenIdToken) -> None:
        """Store a new token, so that other hosts may use it."""
        state, flight = self._state, lookup.flight

        def remaining() -> float:
            return remaining_of(token, state.now())

        if lookup.usable and remaining() and not (flight.stale or flight.done):
            response = json.dumps({**token.to_aws(), "Since": lookup.since})
            value = self._store.keys.seal(response.encode(), lookup.digest)
            owner = lookup.lock.owner if lookup.lock else None
            # Pass the function and not its result, which would be too large if the process were
            # frozen before the store used it.
            self._release_by(lookup, "write", lookup.names[0], value, remaining, owner)

    def _release(self, lookup: _StoreLookup) -> None:
        """Release the flight's lock, if it still holds one."""
        if lookup.lock:
            self._release_by(lookup, "release", lookup.lock.name, lookup.lock.owner)

    def _release_by(self, lookup: _StoreLookup, operation: str, *arguments: Any) -> None:
        """Run an operation that releases the flight's lock; report the lock if it had expired."""
        lock, lookup.lock = lookup.lock, None
        if lock:
            self.locks.stop_renewing(lock)
        held = self._store.attempt(operation, *arguments)
        if lock and held is False:
            self.locks.expired(lock)

    def _pause(self, seconds: float) -> None:
        gate = threading.Lock()
        gate.acquire()
        self.wait(gate, seconds)  # waits for the whole pause: nothing releases the gate

    def _count(self, name: str) -> None:
        with self._state.lock:
            self._state.recorder.counts[name] += 1


def digest_of(key: Key) -> bytes:
    """Return the digest of a cache key. It is the same on every host, and reveals no user id."""
    named = b"" if key.user_id is None else b"\0" + key.user_id.encode()
    return sha256(key.rest + named).digest()
