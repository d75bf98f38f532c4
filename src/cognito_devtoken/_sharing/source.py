"""
A store that hosts share, asked before Cognito is.

Laws of this module: whatever the store does, a caller gets a token all the same, and soon. What
comes out of it is checked like an answer of Cognito's. A lock saves calls and protects nothing:
without it, Cognito is called anyway.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from hashlib import sha256
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import attrs

from .._cache.entries import Key
from .._cache.flights import DEADLINE, Flight
from .._cache.invalidation import Scope
from .._values.clock import Instant
from .._values.token import OpenIdToken, remaining_of
from ..events import Reason, TokenAdopted
from ..exceptions import InvalidTokenResponseError
from ..stores._sealing import CannotOpenError
from ..typing import Stored, TokenStore
from .guarded_store import FailedError, Guarded
from .invalidation_log import Exchange
from .leases import LEASE, Lease, Leases


if TYPE_CHECKING:
    from .._cache.workers import Engine

# How many seconds to wait for a lock that another host keeps renewing, because it is calling
# Cognito: as long as the two attempts of up to 5 s take that the library's own client makes.
PATIENCE = 10.0
# The wait ends this long before the flight's deadline, so that a last look at the store does not
# take the flight past it: it would be given up before Cognito was called.
_RESERVE = 1.0
# How many seconds to wait between two looks.
_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE = 0.05, 1.5, 0.25


@attrs.define(repr=False)
class _Turn:
    """A flight's turn at the store."""

    flight: Flight
    digest: bytes
    names: Sequence[str]
    paced: bool = False
    usable: bool = False
    since: int = 0  # where the log was before Cognito was asked
    lease: Lease | None = None
    refused: bytes | None = None


class Shared:
    """What a cache does with a store."""

    def __init__(self, engine: Engine, store: TokenStore, developer_provider: str | None) -> None:
        self._engine = engine
        self._store = Guarded(engine, store)
        self.exchange = Exchange(engine, self._store, developer_provider)
        self.leases = Leases(engine, self._store)

    def bring(self, flight: Flight) -> OpenIdToken:
        """A token for a flight: another host's, or a new one that others may take."""
        # Whether or not the store is there: what it brings may be thrown away elsewhere.
        self.exchange.listen_from_now_on()
        digest = _digest(flight.key)
        turn = _Turn(flight, digest, self._store.keys.names(digest))
        if token := self._look(turn):
            return token
        try:
            token = self._engine.fetch(flight, self._depart(turn))
        except BaseException:
            self._give_back(turn)
            raise
        self._keep(turn, token)
        return token

    def landed(self, flight: Flight, token: OpenIdToken, since: int, now: Instant) -> None:
        """Under the lock: a token of another host has arrived."""
        journal = self._engine.journal
        journal.counts["store_hits"] += 1
        took = (flight.sent or now).age(now)
        left = remaining_of(token, now)
        journal.tell(TokenAdopted, flight.key, flight.reason, took, token, left)
        # What has been heard since it was read.
        flight.stale |= self.exchange.news.refuses(flight.key, token, since)

    def tell_others(self, scope: Scope) -> None:
        """Under the lock: tell other hosts what has been thrown away."""
        self.exchange.tell(scope)

    def close(self) -> None:
        """Under the lock: let its threads end."""
        self.exchange.close()
        self.leases.close()

    def after_fork(self) -> None:
        """In a forked child: begin anew, with what is known."""
        self._store.reset()
        self.exchange.renew()
        self.leases.reset()

    def listen(self) -> None:
        """Once everything is ready in a forked child: hear what is thrown away elsewhere."""
        # Not at once: other libraries may not be ready yet, and most children of a fork are short.
        self.exchange.listen_from_now_on(at_once=False)

    def tell_the_rest(self) -> None:
        """Before the store is closed: tell what is untold."""
        self.exchange.tell_the_rest()

    def _look(self, turn: _Turn) -> OpenIdToken | None:
        """A token that is better than the one at hand; without one, Cognito is to be called."""
        if not self._store.allows():
            self._count("store_skipped")
            return None
        try:
            turn.since, turn.usable = self._begin(turn.flight), True
            if turn.flight.reason is Reason.FORCED:
                return None  # what is there has been asked for before
            token = self._read(turn) or self._claim(turn)
        except FailedError:
            turn.usable = False
            return None
        if token is None:
            self._count("store_misses")
        return token

    def _begin(self, flight: Flight) -> int:
        """
        Know what must not be taken from the store. Returns where the log is.

        What has been thrown away up to here does not concern the flight, which has not asked for
        anything yet.
        """
        for _ in range(2):
            self.exchange.catch_up()
            with self._engine.lock:
                if self.exchange.has_told_all():
                    flight.stale = False
                    return self.exchange.news.latest
        raise FailedError  # so much is thrown away that nobody can keep up

    def _read(self, turn: _Turn) -> OpenIdToken | None:
        for name in turn.names:
            asked = self._engine.now()
            stored: Stored | None = self._store.use("read", name)
            if token := self._better(turn, stored, asked):
                return token
        return None

    def _claim(self, turn: _Turn) -> OpenIdToken | None:
        """Be the one who calls Cognito, or wait for what the one who is brings."""
        self._keep_pace(turn)
        name, owner = turn.names[0], token_hex(16)
        began = self._engine.now()
        left = DEADLINE - _RESERVE - (turn.flight.sent or began).age(began)
        patience = min(PATIENCE, left)
        pause = waited = 0.0
        while True:
            asked = self._engine.now()
            granted, stored = self._store.use("claim", name, owner, LEASE)
            if granted:
                turn.lease = Lease(turn.flight, name, owner, asked)
            if token := self._better(turn, stored, asked):
                self._give_back(turn)
                return token
            if turn.lease:
                self.leases.hold(turn.lease)
                return None
            # By the clock and by what was to be waited: either may stand still.
            if max(waited, began.age(self._engine.now())) >= patience:
                return None
            pause = min(max(pause * _GROWTH, _FIRST_PAUSE), _LONGEST_PAUSE, patience - waited)
            waited += pause
            self._pause(pause)

    def _better(self, turn: _Turn, stored: Stored | None, asked: Instant) -> OpenIdToken | None:
        """What is stored, if it is of use, and better than the token at hand."""
        engine, flight = self._engine, turn.flight
        if stored is None or stored.value == turn.refused:
            return None
        token = self._opened(turn, stored, asked)
        if token is None:
            return None
        now = engine.now()
        remaining = remaining_of(token, now)
        at_hand = engine.entries.tokens.get(flight.key)
        least = max(flight.wanted, engine.policy.grace_period(token._seconds))
        if at_hand and at_hand != token:
            least = max(least, remaining_of(at_hand, now))
        return token if remaining > least and token != at_hand else None

    def _opened(self, turn: _Turn, stored: Stored, asked: Instant) -> OpenIdToken | None:
        """The token in what is stored, unless it is not what was asked for, or thrown away."""
        engine, flight = self._engine, turn.flight
        try:
            answer = json.loads(self._store.keys.open(stored.value, turn.digest).decode())
            since = int(answer["Since"])
            token = OpenIdToken.from_response(
                answer, flight.request, obtained=asked, clock=engine.clock
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
            why = "no such token"
        else:
            # By the store's clock, and from before it was asked: rather too old than too young.
            age = max(token._seconds - stored.remaining, 0.0)
            sent = Instant(asked.monotonic - age, asked.wall - age)
            with engine.lock:
                if self.exchange.news.refuses(flight.key, token, since):
                    return None
                flight.adopted = since
            return engine.hold(token, flight.key, sent)
        turn.refused = stored.value
        self._store.refuse(flight.key, why)
        return None

    def _keep(self, turn: _Turn, token: OpenIdToken) -> None:
        """Let other hosts have a token of Cognito's."""
        remaining = remaining_of(token, self._engine.now())
        if turn.flight.stale or turn.flight.done or not remaining:
            self._give_back(turn)
        elif turn.usable:
            answer = json.dumps({**token.to_aws(), "Since": turn.since})
            value = self._store.keys.seal(answer.encode(), turn.digest)
            owner = turn.lease.owner if turn.lease else None
            self._end_lease(turn, "write", turn.names[0], value, remaining, owner)

    def _give_back(self, turn: _Turn) -> None:
        if turn.lease:
            self._end_lease(turn, "release", turn.lease.name, turn.lease.owner)

    def _end_lease(self, turn: _Turn, operation: str, *arguments: Any) -> None:
        """Release the lock, if there is one, by an operation that tells whether it was held."""
        lease, turn.lease = turn.lease, None
        if lease:
            self.leases.let_go(lease)
        held = self._store.attempt(operation, *arguments)
        if lease and held is False:
            self.leases.expired(lease)

    def _depart(self, turn: _Turn) -> Instant:
        """Cognito is called after all: its time to answer begins now."""
        engine, flight = self._engine, turn.flight
        self._keep_pace(turn)
        flight.adopted = None
        flight.sent = sent = engine.now()
        with engine.lock:
            engine.count_call(flight, sent)
        engine.journal.catch_up()
        return sent

    def _keep_pace(self, turn: _Turn) -> None:
        """Wait for as long as Cognito wants those who call it to."""
        if turn.paced:
            return
        turn.paced = True
        now = self._engine.now()
        with self._engine.lock:
            delay = self._engine.flights.pace.reserve(now)
        if delay:
            self._pause(delay)
            turn.flight.sent = self._engine.now()

    def _pause(self, seconds: float) -> None:
        gate = threading.Lock()
        gate.acquire()
        self._engine.wait(gate, seconds)  # nobody opens it

    def _count(self, name: str) -> None:
        with self._engine.lock:
            self._engine.journal.counts[name] += 1


def _digest(key: Key) -> bytes:
    """What a key of the cache is to the store: the same on every host, and never in the clear."""
    user_id, rest = key
    return sha256(rest + (b"" if user_id is None else b"\0" + user_id.encode())).digest()
