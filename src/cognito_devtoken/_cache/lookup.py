"""
Look up a lease, and decide whether the caller gets it, waits for a flight, or fails.

Laws of this module: an expired lease is never returned, whatever has failed. A caller never gets
a lease for another request.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from typing import Generic, NamedTuple, TypeVar

from .._values.arguments import Seconds, as_seconds
from .._values.clock import Instant
from .._values.key import Key
from .._values.lease import Lease, remaining_of
from ..events import Reason, ServedInGrace
from ..exceptions import DevTokenError, SessionClosedError, TokenUnavailableError
from .failures import Failure, RememberedFailure, copy_of
from .flights import DEADLINE, Flight, Steps
from .housekeeping import abandon_if_overdue, clean_up, supervise
from .policy import Freshness
from .state import CacheState, session_closed


R = TypeVar("R")
L = TypeVar("L", bound=Lease)

# How many seconds a caller without a timeout waits at most. Two fetches fit into this time: a fetch
# that is already running, and the next one.
LONGEST_WAIT = 2 * DEADLINE
# If threads are frozen between requests, a caller waits at most this many seconds for a refresh.
_INLINE = 1.0
_TOO_SHORT = "Request a longer token_duration; up to 1 s of it is lost to rounding by Cognito."
_REASONS = {
    Freshness.GRACE: Reason.GRACE,
    Freshness.EXPIRED: Reason.EXPIRED,
}


class Wait(NamedTuple, Generic[R, L]):
    """
    A flight that a caller waits for, and how long.

    Attributes:
        flight: The flight.

        seconds: How many seconds to wait at most.

        or_present: Whether the caller gets the cached lease if the flight fails or takes too long.

        counts_as: The field of Stats in which the call is counted.
    """

    flight: Flight[R, L]
    seconds: float = float("inf")
    or_present: bool = False
    counts_as: str = "misses"


class Lookup(Generic[R, L]):
    """
    Decides, under the cache's lock, which lease a caller gets, or which flight it waits for.

    Args:
        state: The state of the cache.

        describe: Returns the key of a request, and the longest life of its lease, in seconds.
            Raises TypeError if the argument is not a request.
    """

    def __init__(self, state: CacheState[R, L], describe: Callable[[R], tuple[Key, float]]) -> None:
        self._state = state
        self._describe = describe
        # AWS Lambda freezes the process between requests, so a refresh in the background would
        # freeze, too.
        self.refreshes_inline = "AWS_LAMBDA_FUNCTION_NAME" in os.environ

    def steps(
        self,
        request: R,
        min_remaining: Seconds | None,
        timeout: Seconds | None,
        *,
        forced: bool = False,
        waits: bool = True,
        awaited: bool = True,
    ) -> Steps[R, L]:
        """
        Look up a lease: yield the flights to wait for, and return the lease.

        Args:
            request: What to request.

            min_remaining: How much life the lease must have left; None uses the grace period.

            timeout: How long to wait at most; None means LONGEST_WAIT.

            forced: Whether to fetch a new lease, whatever is cached.

            waits: Whether the caller can wait for a fetch. If not, nothing is yielded, and the
                fetch never runs in the caller's thread, even if no other thread can be started.

            awaited: Whether the fetch counts as one that a caller waits for. If not, and the lease
                is invalidated before the fetch is sent, a NotNeededError is raised.
        """
        try:
            key, life = self._describe(request)
        except TypeError:
            del request  # it may be a user id in the wrong place
            raise
        least = None if min_remaining is None else seconds_left(min_remaining, life)
        patience = LONGEST_WAIT if timeout is None else as_seconds("timeout", timeout)
        patience = patience if waits else 0.0
        awaited = awaited and waits
        state, recorder = self._state, self._state.recorder
        asked = state.now()
        try:
            with state.lock:
                found = self._decide(key, request, asked, least, forced=forced, awaited=awaited)
                if state.closed:  # a signal handler has closed the cache in the meantime
                    state.close()
                    raise session_closed()  # noqa: TRY301  # so that it is counted below
                if isinstance(found, Wait):
                    found.flight.min_life = max(found.flight.min_life, least or 0.0)
                else:
                    recorder.counts[found[1]] += 1
            now = asked
            if isinstance(found, Wait):
                now = yield from self._wait_for(found.flight, asked, min(found.seconds, patience))
                with state.lock:
                    found = self._outcome(found, key, now)
                    recorder.counts[found[1]] += 1
            lease, counted_as = found
            if recorder.run_deferred():
                now = state.now()  # a hook may have been slow, so the lease may have expired
            if not remaining_of(lease, now):
                with state.lock:
                    recorder.counts[counted_as] -= 1  # because it is counted below
                expired = f"The {recorder.lease} expired before the call could return."
                raise TokenUnavailableError(expired, hint=_TOO_SHORT)  # noqa: TRY301
            return lease  # noqa: TRY300
        except BaseException as error:
            if isinstance(error, DevTokenError):
                with state.lock:
                    recorder.counts.update(["misses", "errors"])
            recorder.run_deferred()
            raise

    def _wait_for(
        self, flight: Flight[R, L], asked: Instant, patience: float
    ) -> Generator[tuple[Flight[R, L], float], None, Instant]:
        """
        Yield the flight and how many seconds to wait, until it is done or the time is up.

        Returns the current instant.
        """
        state, now = self._state, asked
        while not flight.done and (left := patience - asked.age(now)) > 0:
            if now is not asked:  # _decide() has supervised the flights at that instant
                with state.lock:
                    supervise(state, flight, now)
            state.recorder.run_deferred()
            if not flight.done:
                yield flight, left
            now = state.now()
        return now

    def _decide(
        self,
        key: Key,
        request: R,
        now: Instant,
        least: float | None,
        *,
        forced: bool,
        awaited: bool,
    ) -> tuple[L, str] | Wait[R, L]:
        """
        Return a lease and the field of Stats in which the call is counted, or what to wait for.

        Raises:
            DevTokenError: If there is neither.
        """
        state, recorder, policy = self._state, self._state.recorder, self._state.policy
        state.check_open()
        clean_up(state, now)
        if present := state.flights.by_key.get(key):
            abandon_if_overdue(state, present, now)
        lease = state.entries.leases.get(key)
        failure = state.entries.failure(key)
        if forced:
            return self._miss(
                key, request, Reason.FORCED, now, failure, awaited=awaited, newer=True
            )
        if lease is None:
            return self._miss(key, request, Reason.MISS, now, failure, awaited=awaited)
        if least is not None and least >= lease._seconds:
            raise ValueError(f"min_remaining must be less than the life of {lease._seconds:g} s.")
        freshness, reason = self._freshness(lease, now, least)
        if freshness is Freshness.EXPIRED:
            return self._miss(key, request, reason, now, failure, awaited=awaited)
        if failure.kind is Failure.TERMINAL if failure else state.entries.is_expedited(lease):
            # Cognito has refused this identity since the lease was fetched, so ask Cognito first.
            wait = self._miss(key, request, reason, now, failure, awaited=awaited)
            return wait._replace(or_present=True)
        if freshness is Freshness.FRESH:
            return lease, "hits"
        strict = freshness is Freshness.GRACE and policy.strict_grace
        backing_off = failure is not None and failure.remaining(now, usable=not strict) > 0
        # While the interpreter shuts down, no worker can start, and idle workers do not wake up.
        can_fetch = not (backing_off or sys.is_finalizing())
        if freshness is Freshness.DUE:
            if can_fetch:
                inline = self.refreshes_inline and awaited
                flight = self._join(key, request, reason, now, awaited=inline)
                if inline:
                    return Wait(flight, _INLINE, or_present=True, counts_as="due_hits")
            return lease, "due_hits"
        if not can_fetch:
            recorder.counts["back_offs"] += backing_off
            return self._serve_in_grace(key, lease, failure if backing_off else None, now)
        # The cached lease must not expire while the caller waits for a better one.
        patience = remaining_of(lease, now) / 2
        flight = self._join(key, request, reason, now, awaited=awaited)
        return Wait(flight, patience, or_present=True)

    def _freshness(self, lease: L, now: Instant, least: float | None) -> tuple[Freshness, Reason]:
        """Return how usable a lease is, and the reason to refresh it."""
        age = lease._sent.age(now)
        freshness = self._state.policy.state(age, lease._seconds, lease._due, least)
        if freshness is Freshness.FRESH and now.monotonic - now.wall >= lease._ahead:
            # The wall clock was set back. If the monotonic clock also stands still at times,
            # neither clock shows the lease's age, so refresh the lease soon.
            return Freshness.DUE, Reason.CLOCK
        if freshness is Freshness.GRACE and least is not None:
            return freshness, Reason.MIN_REMAINING
        return freshness, _REASONS.get(freshness, Reason.DUE)

    def _miss(
        self,
        key: Key,
        request: R,
        reason: Reason,
        now: Instant,
        failure: RememberedFailure | None,
        *,
        awaited: bool,
        newer: bool = False,
    ) -> Wait[R, L]:
        if failure and failure.remaining(now, usable=False) > 0:
            self._state.recorder.counts["back_offs"] += 1
            failure.refuse(now, usable=False)
        if sys.is_finalizing():
            what = self._state.recorder.lease
            raise TokenUnavailableError(
                f"No {what} can be fetched while the interpreter shuts down."
            )
        return Wait(self._join(key, request, reason, now, awaited=awaited, newer=newer))

    def _join(
        self,
        key: Key,
        request: R,
        reason: Reason,
        now: Instant,
        *,
        awaited: bool,
        newer: bool = False,
    ) -> Flight[R, L]:
        """Join the flight for a key, or start one."""
        state = self._state
        flight, made = state.flights.join(key, request, reason, now, awaited=awaited, newer=newer)
        if made:
            state.ensure_worker()
        elif awaited:
            state.recorder.counts["joined"] += 1
        return flight

    def _serve_in_grace(
        self, key: Key, lease: L, failure: RememberedFailure | None, now: Instant
    ) -> tuple[L, str]:
        recorder = self._state.recorder
        if self._state.policy.strict_grace:
            if failure:
                failure.refuse(now, usable=False)
            raise TokenUnavailableError(f"No new {recorder.lease} arrived in time.")
        recorder.emit(ServedInGrace, key, lease, remaining_of(lease, now))
        return lease, "grace_hits"

    def _outcome(self, wait: Wait[R, L], key: Key, now: Instant) -> tuple[L, str]:
        flight, error = wait.flight, wait.flight.error
        recorder = self._state.recorder
        if flight.lease:
            return flight.lease, wait.counts_as
        final = isinstance(error, SessionClosedError) or (
            error is not None and Failure.of(error) is Failure.TERMINAL
        )
        # Look the lease up again, because the one found earlier may have been rejected meanwhile.
        lease = self._state.entries.leases.get(key)
        if wait.or_present and not final and lease and remaining_of(lease, now):
            if wait.counts_as == "due_hits":
                return lease, wait.counts_as
            if not (error and self._state.policy.strict_grace):
                return self._serve_in_grace(key, lease, None, now)
        if error:
            raise copy_of(error)
        raise TokenUnavailableError(
            f"No {recorder.lease} arrived in time.",
            hint="Try again, or pass a longer timeout; the fetch continues in the background.",
        )


def seconds_left(min_remaining: Seconds, life: float) -> float:
    """
    Return the number of seconds that a lease must still be valid.

    Args:
        min_remaining: The value that the caller passed.

        life: The longest life of the lease, in seconds.

    Raises:
        ValueError: If *min_remaining* is negative, or not less than *life*.
    """
    seconds = as_seconds("min_remaining", min_remaining)
    if seconds >= life:
        raise ValueError(f"min_remaining must be less than the life of {life:g} s.")
    return seconds
