"""
What a caller does for a token: who gets which, who waits, and for what.

Laws of this module: no token is returned that is as old as its life, whatever has failed. No
caller gets what another one asked for.
"""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from .._values.clock import Instant
from .._values.request import DEFAULT_DURATION, TokenRequest
from .._values.token import OpenIdToken, remaining_of
from ..events import Reason, ServedInGrace
from ..exceptions import DevTokenError, SessionClosedError, TokenUnavailableError
from .entries import Key
from .failures import Trouble, again
from .flights import Flight, Steps
from .policy import Failure, Seconds, State, as_seconds
from .publication import closed
from .workers import Engine


# How long a call waits for a refresh where threads stand still between requests.
_INLINE = 1.0
_REASONS = {
    State.GRACE: Reason.GRACE,
    State.EXPIRED: Reason.EXPIRED,
}


class _Wait(NamedTuple):
    """
    What a caller waits for, and how long; whether the token at hand will do instead, and as
    what the call counts.
    """

    flight: Flight
    seconds: float = float("inf")
    or_at_hand: bool = False
    counts_as: str = "misses"


class Callers:
    """Decides, under the engine's lock, what each caller gets or waits for."""

    def __init__(self, engine: Engine, developer_provider: str | None) -> None:
        self._engine = engine
        self._entries = engine.entries
        self._journal = engine.journal
        self._policy = engine.policy
        self._developer_provider = developer_provider
        # AWS Lambda freezes the process between requests: what runs behind a caller's back
        # would stand still there until the next one.
        self._freezes = "AWS_LAMBDA_FUNCTION_NAME" in os.environ

    def steps(
        self,
        request: TokenRequest,
        min_remaining: Seconds | None,
        timeout: Seconds | None,
        *,
        forced: bool = False,
    ) -> Steps:
        """What a caller does for a token, whichever way it waits."""
        if not isinstance(request, TokenRequest):  # pyright: ignore[reportUnnecessaryIsInstance]
            kind = type(request).__name__
            del request  # it may be a user id in the wrong place
            raise TypeError(f"It takes a TokenRequest, not {kind}.")
        least = None if min_remaining is None else as_seconds("min_remaining", min_remaining)
        life = request.token_duration or DEFAULT_DURATION
        if least is not None and least >= life:
            raise ValueError(f"min_remaining must be less than the token's life of {life} s.")
        patience = float("inf") if timeout is None else as_seconds("timeout", timeout)
        key = Key.of(request, self._developer_provider)
        engine = self._engine
        asked = engine.now()
        try:
            with engine.lock:
                plan = self._plan(key, request, asked, least, forced=forced)
                if isinstance(plan, _Wait):
                    plan.flight.wanted = max(plan.flight.wanted, least or 0.0)
                if engine.closed:  # by a signal handler, in the middle of it
                    engine.close()
                    raise closed()  # noqa: TRY301  # it counts, too
            if isinstance(plan, OpenIdToken):
                token = plan
            else:
                while not plan.flight.done:
                    now = engine.now()
                    left = min(plan.seconds, patience) - asked.age(now)
                    if left <= 0:
                        break
                    with engine.lock:
                        engine.look_after(plan.flight, now)
                    self._journal.catch_up()
                    if not plan.flight.done:
                        yield plan.flight, left
                now = engine.now()
                with engine.lock:
                    token = self._outcome(plan, key, now)
            self._journal.catch_up()
            # Hooks may have taken their time, and so may a fetch for want of a thread.
            if not remaining_of(token, engine.now()):
                expired = "The token had expired before it could be returned."
                raise TokenUnavailableError(expired)  # noqa: TRY301
            return token  # noqa: TRY300
        except BaseException as error:
            if isinstance(error, DevTokenError):
                with engine.lock:
                    self._journal.counts.update(["misses", "errors"])
            self._journal.catch_up()
            raise

    def _plan(
        self, key: Key, request: TokenRequest, now: Instant, least: float | None, *, forced: bool
    ) -> OpenIdToken | _Wait:
        self._engine.check_open()
        self._engine.keep_house(now)
        if present := self._engine.flights.table.get(key):
            self._engine.abandon_if_overdue(present, now)
        token = self._entries.tokens.get(key)
        trouble = self._entries.trouble(key)
        if forced:
            return self._miss(key, request, Reason.FORCED, now, trouble, newer=True)
        if token is None:
            return self._miss(key, request, Reason.MISS, now, trouble)
        if least is not None and least >= token._seconds:
            raise ValueError(f"min_remaining must be less than the life of {token._seconds:g} s.")
        state, reason = self._state_of(token, now, least)
        if state is State.EXPIRED:
            return self._miss(key, request, reason, now, trouble)
        if trouble and trouble.kind is Failure.TERMINAL:
            wait = self._miss(key, request, reason, now, trouble)
            return wait._replace(or_at_hand=True)
        if state is State.FRESH:
            self._journal.hits += 1
            return token
        strict = state is State.GRACE and self._policy.strict_grace
        left_alone = trouble is not None and trouble.left(now, usable=not strict) > 0
        # No thread can be started any more, and none that waits wakes up.
        left_alone = left_alone or sys.is_finalizing()
        if state is State.DUE:
            if not left_alone:
                flight = self._depart(key, request, reason, now, needed=self._freezes)
                if self._freezes:
                    return _Wait(flight, _INLINE, or_at_hand=True, counts_as="due_hits")
            self._journal.counts["due_hits"] += 1
            return token
        if left_alone:
            self._journal.counts["back_offs"] += 1
            return self._serve_in_grace(key, token, trouble, now)
        # The token at hand must not expire while its caller waits for a better one.
        patience = remaining_of(token, now) / 2
        return _Wait(self._depart(key, request, reason, now), patience, or_at_hand=True)

    def _state_of(
        self, token: OpenIdToken, now: Instant, least: float | None
    ) -> tuple[State, Reason]:
        age = token._sent.age(now)
        state = self._policy.state(age, token._seconds, token._due, least)
        if state is State.FRESH and now.monotonic - now.wall >= token._ahead:
            # Should the other hand stand still some day, this one would not tell.
            return State.DUE, Reason.CLOCK
        if state is State.GRACE and least is not None:
            return state, Reason.MIN_REMAINING
        return state, _REASONS.get(state, Reason.DUE)

    def _miss(
        self,
        key: Key,
        request: TokenRequest,
        reason: Reason,
        now: Instant,
        trouble: Trouble | None,
        *,
        newer: bool = False,
    ) -> _Wait:
        if trouble and trouble.left(now, usable=False) > 0:
            self._journal.counts["back_offs"] += 1
            trouble.refuse(now, usable=False)
        if sys.is_finalizing():
            raise TokenUnavailableError("No call is made while the interpreter ends.")
        return _Wait(self._depart(key, request, reason, now, newer=newer))

    def _depart(
        self,
        key: Key,
        request: TokenRequest,
        reason: Reason,
        now: Instant,
        *,
        needed: bool = True,
        newer: bool = False,
    ) -> Flight:
        """Join the flight for a key, or start one."""
        flights = self._engine.flights
        flight, made = flights.join(key, request, reason, now, needed=needed, newer=newer)
        if made:
            self._engine.staff()
        elif needed:
            self._journal.counts["joined"] += 1
        return flight

    def _serve_in_grace(
        self, key: Key, token: OpenIdToken, trouble: Trouble | None, now: Instant
    ) -> OpenIdToken:
        if self._policy.strict_grace:
            if trouble:
                trouble.refuse(now, usable=False)
            raise TokenUnavailableError("No new token has come in time.")
        self._journal.counts["grace_hits"] += 1
        self._journal.tell(ServedInGrace, key, token, remaining_of(token, now))
        return token

    def _outcome(self, plan: _Wait, key: Key, now: Instant) -> OpenIdToken:
        flight, error = plan.flight, plan.flight.error
        if flight.token:
            self._journal.counts[plan.counts_as] += 1
            return flight.token
        final = isinstance(error, SessionClosedError) or (
            error is not None and Failure.of(error) is Failure.TERMINAL
        )
        # What is at hand now: the one that was may have been refused meanwhile.
        token = self._entries.tokens.get(key)
        if plan.or_at_hand and not final and token and remaining_of(token, now):
            if plan.counts_as == "due_hits":
                self._journal.counts["due_hits"] += 1
                return token
            if not (error and self._policy.strict_grace):
                return self._serve_in_grace(key, token, None, now)
        if error:
            raise again(error)
        raise TokenUnavailableError(
            "No token has come in time.",
            hint="The fetch goes on: ask again, or allow more time.",
        )
