"""
A lease: a secret that is valid for a limited time, with the instant at which it was requested.

The cache handles leases, and does not know what they are for. OpenID tokens and AWS credentials
are leases.

Law of this module: a lease may look older than it is, never younger.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import timedelta
from typing import Any, Self

import attrs

from .clock import CLOCK_STEP, Clock, Instant
from .secret import NeverPickled, Secret


class _Hidden(NeverPickled):
    """Holds the secret and the key outside the fields, so that attrs.asdict() cannot show them."""

    __slots__ = ("_key", "_secret")

    _key: Hashable
    _secret: str


# A cache holds thousands of leases, so each has only the slots and objects that it needs.
@attrs.frozen(kw_only=True, repr=False, eq=False, weakref_slot=False)
class Lease(_Hidden):
    """
    A secret that is valid for a while: immutable, never pickled, and shown in no repr.

    Attributes:
        identity_id: The Cognito identity that the lease belongs to, ``REGION:GUID``.
    """

    identity_id: str
    # How many seconds the lease is certainly valid, counted from when the request was sent.
    _seconds: float = attrs.field(alias="seconds")
    # Until when the lease is certainly valid, by the monotonic clock.
    _expires: float = attrs.field(alias="expires")
    # When the lease is due, by the wall clock. A hit compares only this field and the next one with
    # the clocks. If both checks pass, the lease has not expired by the monotonic clock, either.
    _due_wall: float = attrs.field(alias="due_wall")
    # How far the monotonic clock may be ahead of the wall clock. If it is further ahead,
    # the wall clock was set back.
    _ahead: float = attrs.field(alias="ahead")
    _clock: Clock = attrs.field(alias="clock")

    @classmethod
    def _make(
        cls,
        identity_id: str,
        secret: Secret,
        seconds: float,
        sent: Instant,
        clock: Clock,
        **fields: Any,
    ) -> Self:
        """Make a lease that no cache holds yet. *fields* are the fields of the subclass."""
        made = cls(
            identity_id=identity_id,
            seconds=seconds,
            expires=sent.monotonic + seconds,
            due_wall=sent.wall,
            ahead=sent.monotonic - sent.wall + _slack(seconds),
            clock=clock,
            **fields,
        )
        object.__setattr__(made, "_secret", secret.reveal())
        return made

    def _held(self, key: Hashable, sent: Instant, clock: Clock, due: float) -> Self:
        """
        Return a copy of this lease for a cache.

        Args:
            key: The key under which the cache holds it.

            sent: When the request was sent.

            clock: The clock of the cache.

            due: The age in seconds at which the lease is due.
        """
        expires = sent.monotonic + self._seconds
        ahead = sent.monotonic - sent.wall + _slack(self._seconds)
        if self._clock is clock and self._expires < expires:
            # The lease was requested before *sent*, because the fetcher has a cache of its own.
            expires, ahead = self._expires, self._ahead
        return self._copy(key, expires, ahead, clock, due)

    def _due_at(self, due: float) -> Self:
        """Return a copy that is due at another age. Only for a lease that a cache holds."""
        return self._copy(self._key, self._expires, self._ahead, self._clock, due)

    def _copy(self, key: Hashable, expires: float, ahead: float, clock: Clock, due: float) -> Self:
        slack = _slack(self._seconds)
        sent_wall = expires - self._seconds - ahead + slack
        due_wall = sent_wall + min(due, self._seconds - slack)
        copy = attrs.evolve(self, expires=expires, due_wall=due_wall, ahead=ahead, clock=clock)
        object.__setattr__(copy, "_secret", self._secret)
        object.__setattr__(copy, "_key", key)
        return copy

    @property
    def fingerprint(self) -> str:
        """The first 8 hex digits of the secret's SHA-256, for logs, which must not show secrets."""
        import hashlib

        return hashlib.sha256(self._secret.encode()).hexdigest()[:8]

    def expires_in(self) -> timedelta:
        """
        Return how long the lease is still valid; zero once it has expired.

        The time counts from when the request was sent, by the monotonic or the wall clock of this
        machine, whichever has moved further. So the result may be too short, but never too long. A
        wrong local time does not matter.
        """
        return timedelta(seconds=self._remaining(Instant.now(self._clock)))

    @property
    def _sent(self) -> Instant:
        """When the request was sent, exact to a microsecond."""
        monotonic = self._expires - self._seconds
        return Instant(monotonic, monotonic - self._ahead + _slack(self._seconds))

    @property
    def _due(self) -> float:
        """The age in seconds at which the lease is due."""
        return self._due_wall - self._sent.wall

    def _remaining(self, now: Instant) -> float:
        """Return how many seconds the lease is still valid."""
        expires_wall = self._expires - self._ahead + _slack(self._seconds)
        return max(min(self._expires - now.monotonic, expires_wall - now.wall), 0.0)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Lease):
            return NotImplemented
        return self._secret == other._secret and self.identity_id == other.identity_id

    def __hash__(self) -> int:
        return hash(self._secret)


def remaining_of(lease: Lease | None, now: Instant) -> float:
    """Return how many seconds a lease is still valid; 0 if there is no lease."""
    return lease._remaining(now) if lease else 0.0


def _slack(seconds: float) -> float:
    """
    Return how many seconds the wall clock may fall behind the monotonic clock during the life of a
    lease. If it falls further behind, it was set back.
    """
    return min(CLOCK_STEP, seconds / 10)
