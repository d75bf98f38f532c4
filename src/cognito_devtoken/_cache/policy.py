"""
When a token is fresh, due, in grace or expired, and how long to wait after a failure.

Law of this module: it decides on numbers alone. No clock is read, nothing is drawn, nothing
is sent.

The windows scale with the life T of a token, because Cognito gives tokens of 1 s to 24 h, and
a fixed window of minutes would be the whole life of a short one::

    obtained                          due                     hard            T
       |----------- fresh -------------|--------- due ---------|---- grace ----|  expired
                                ~~~~~~~|
                                 jitter        refresh window, up to T
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum

import attrs

from ..exceptions import (
    CallerDeniedError,
    ConfigurationError,
    ServiceError,
    TooManyRequestsError,
)


# AWS, of this operation's TokenDuration: "Please provide for a small grace period, usually no
# more than 5 minutes, to account for clock skew."
MAX_GRACE = timedelta(minutes=5)

# Of 900 s, refreshing from 500 to 600 s on leaves 300 s and more to ride out an outage.
_WINDOW_SHARE = 1 / 3
_JITTER_SHARE = 1 / 3
_GRACE_SHARE = 1 / 10

# No error is remembered longer: whoever mends the cause is not to wait for us.
MAX_MEMORY = 5.0
_SHORTEST_BACK_OFF = 0.5
MAX_BACK_OFF = 60.0
_LONGEST = 1_000_000_000

Seconds = float | timedelta


def as_seconds(name: str, value: object) -> float:
    """
    A duration as its seconds.

    Raises:
        ValueError: If it is negative or not finite; the message names *name*.

        TypeError: If it is neither a number nor a timedelta.
    """
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be seconds or a timedelta, not {type(value).__name__}.")
    if not 0 <= value <= _LONGEST:
        raise ValueError(f"{name} must be 0 s or more, up to {_LONGEST} s, not {value} s.")
    return float(value)


def check_kind(name: str, value: object, kind: type) -> None:
    """
    Refuse what is of another kind.

    Raises:
        TypeError: If it is; the message names *name*.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be of {kind.__name__}, not {type(value).__name__}.")


def check_count(name: str, value: object) -> None:
    """
    Refuse what is no number of things.

    Raises:
        ValueError: If it is less than 1; the message names *name*.

        TypeError: If it is no whole number.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {type(value).__name__}.")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}.")


def _grace(value: Seconds) -> timedelta:
    return timedelta(seconds=as_seconds("grace", value))


def _refresh_ahead(value: Seconds) -> timedelta:
    return timedelta(seconds=as_seconds("refresh_ahead", value))


class State(Enum):
    """How a token stands, by its age."""

    FRESH = "fresh"
    """Returned as it is."""

    DUE = "due"
    """Returned, and a refresh starts behind the caller's back."""

    GRACE = "grace"
    """Still valid, but a clock elsewhere may differ: returned only if no new one can be had."""

    EXPIRED = "expired"
    """Never returned."""


@attrs.frozen(kw_only=True)
class RefreshPolicy:
    """
    When a token is fresh, due, in grace or expired.

    For a token that lives T seconds, at the defaults:

    ======================  ==========================  ======  ========  ==========  ==============
    ..                      rule                        T=60    T=900     T=3600      T=86,400
    ======================  ==========================  ======  ========  ==========  ==============
    refresh window W        min(T/3, refresh_ahead)     20      300       1200        3600
    due at an age of        T - W - U(0, W/3)           33-40   500-600   2000-2400   81,600-82,800
    grace period G          min(T/10, grace)            6       90        300         300
    hard line at an age of  T - G                       54      810       3300        86,100
    ======================  ==========================  ======  ========  ==========  ==============

    The jitter U is drawn once for a token in a process. It only ever advances the refresh.

    Args:
        grace: The longest grace period before the expiry, in seconds or as a timedelta. It is
            a tenth of the token's life if that is shorter. In it, a caller waits for a new
            token, and gets the old one only if that fails.

        refresh_ahead: The longest refresh window, in seconds or as a timedelta. It is a third
            of the token's life if that is shorter.

        strict_grace: Whether to raise rather than return a token in its grace period when no
            new one can be had.

        allow_long_grace: Whether *grace* may be longer than the 5 minutes that AWS names as
            the usual maximum.

    Raises:
        ValueError: If a duration is negative, *grace* is longer than 5 minutes without
            *allow_long_grace*, or *refresh_ahead* is shorter than *grace*.
    """

    grace: timedelta = attrs.field(default=MAX_GRACE, converter=_grace)
    refresh_ahead: timedelta = attrs.field(default=timedelta(hours=1), converter=_refresh_ahead)
    strict_grace: bool = False
    allow_long_grace: bool = False

    def __attrs_post_init__(self) -> None:
        check_kind("strict_grace", self.strict_grace, bool)
        check_kind("allow_long_grace", self.allow_long_grace, bool)
        if self.grace > MAX_GRACE and not self.allow_long_grace:
            raise ValueError(
                f"grace must be at most {MAX_GRACE}, which AWS calls the usual maximum, "
                f"not {self.grace}; allow_long_grace=True lifts the limit."
            )
        if self.refresh_ahead < self.grace:
            raise ValueError(
                f"refresh_ahead must be at least the grace of {self.grace}, "
                f"not {self.refresh_ahead}: every refresh would make a caller wait."
            )

    def refresh_window(self, lifetime: float) -> float:
        """How many seconds before its expiry a token is due at the latest."""
        return min(lifetime * _WINDOW_SHARE, self.refresh_ahead.total_seconds())

    def grace_period(self, lifetime: float) -> float:
        """How many seconds before its expiry a token is no longer returned without a try."""
        return min(lifetime * _GRACE_SHARE, self.grace.total_seconds())

    def due_age(self, lifetime: float, draw: float) -> float:
        """
        The age in seconds from which a token is refreshed.

        Args:
            lifetime: The life of the token, in seconds.

            draw: A number from 0 to 1, drawn once for each token: the jitter.
        """
        window = self.refresh_window(lifetime)
        return lifetime - window - draw * window * _JITTER_SHARE

    def hard_age(self, lifetime: float) -> float:
        """The age in seconds from which a caller waits for a new token."""
        return lifetime - self.grace_period(lifetime)

    def state(
        self, age: float, lifetime: float, due_age: float, min_remaining: float | None = None
    ) -> State:
        """
        How a token stands.

        Args:
            age: How old it is, in seconds.

            lifetime: How long it lives, in seconds.

            due_age: What :meth:`due_age` gave for it.

            min_remaining: The seconds of life that this caller wants; they take the place of
                the grace period.
        """
        if age >= lifetime:
            return State.EXPIRED
        hard = self.hard_age(lifetime) if min_remaining is None else lifetime - min_remaining
        if age >= hard:
            return State.GRACE
        return State.DUE if age >= due_age else State.FRESH


class Failure(Enum):
    """What the failure of a fetch means for those who want the token."""

    TRANSIENT = "transient"
    """It may work again soon: whatever is valid is served."""

    THROTTLED = "throttled"
    """The same, with more patience."""

    REFUSED = "refused"
    """Our own AWS credentials or configuration: what is valid is served, else it is raised."""

    TERMINAL = "terminal"
    """Cognito says no to this identity: raised, even while a token is valid."""

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """What an error of a fetcher means."""
        if isinstance(error, TooManyRequestsError):
            return cls.THROTTLED
        if isinstance(error, CallerDeniedError | ConfigurationError):
            return cls.REFUSED
        # A code that nobody knows says nothing about the identity.
        if isinstance(error, ServiceError) and type(error) is not ServiceError:
            return cls.TRANSIENT if error.retryable else cls.TERMINAL
        return cls.TRANSIENT


def back_off(kind: Failure, failures: int, remaining: float, draw: float) -> float:
    """
    How many seconds to leave a key alone after a failure.

    Args:
        kind: What failed.

        failures: How many failures there have been in a row, this one included.

        remaining: For how many seconds the token at hand is still valid; 0 without one.

        draw: A number from 0 to 1, so that a fleet does not come back as one.
    """
    doubled = 2.0 ** min(failures - 1, 30)
    if kind is Failure.TERMINAL or (kind is Failure.REFUSED and not remaining):
        return min(doubled, MAX_MEMORY)
    if not remaining:
        return min(doubled * (2 if kind is Failure.THROTTLED else 0.25), MAX_MEMORY)
    wait = min(2 * doubled, MAX_BACK_OFF) if kind is Failure.THROTTLED else min(doubled, 30)
    return max(min(wait, remaining / 4) * (1 + draw) / 2, _SHORTEST_BACK_OFF)
