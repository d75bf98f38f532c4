"""
When a lease is fresh, due, in its grace period or expired.

Law of this module: it only calculates. It reads no clock, draws no random number and sends nothing.

The windows scale with the life T of a lease, because Cognito issues tokens of 1 s to 24 h, and
a fixed window of several minutes would be the whole life of a short token::

    obtained                          due                     hard            T
       |----------- fresh -------------|--------- due ---------|---- grace ----|  expired
                                ~~~~~~~|
                                 jitter        refresh window, up to T
"""

from datetime import timedelta
from enum import Enum

import attrs

from .._values.arguments import Seconds, as_seconds, check_kind


# AWS says in the documentation of TokenDuration: "Please provide for a small grace period, usually
# no more than 5 minutes, to account for clock skew."
MAX_GRACE = timedelta(minutes=5)

# For a token of 900 s, refreshing at 500 to 600 s leaves at least 300 s to ride out an outage.
_WINDOW_SHARE = 1 / 3
_JITTER_SHARE = 1 / 3
_GRACE_SHARE = 1 / 10


def _grace(value: Seconds) -> timedelta:
    return timedelta(seconds=as_seconds("grace", value))


def _refresh_ahead(value: Seconds) -> timedelta:
    return timedelta(seconds=as_seconds("refresh_ahead", value))


class Freshness(Enum):
    """How usable a lease is, by its age."""

    FRESH = "fresh"
    """Returned as it is."""

    DUE = "due"
    """Returned, and refreshed in the background."""

    GRACE = "grace"
    """Still valid, but perhaps expired by another clock, so returned only if a refresh fails."""

    EXPIRED = "expired"
    """Never returned."""


@attrs.frozen(kw_only=True)
class RefreshPolicy:
    """
    When a token is fresh, due, in its grace period or expired.

    The table is for a token that is valid for T seconds, with the default settings. For Cognito's
    tokens, T is ``exp`` minus ``iat``, minus a second, because Cognito rounds ``iat`` down to a
    whole second.

    ======================  ==========================  ======  ========  ==========  ==============
    ..                      rule                        T=60    T=900     T=3600      T=86,400
    ======================  ==========================  ======  ========  ==========  ==============
    refresh window W        min(T/3, refresh_ahead)     20      300       1200        3600
    due at an age of        T - W - U(0, W/3)           33-40   500-600   2000-2400   81,600-82,800
    grace period G          min(T/10, grace)            6       90        300         300
    hard line at an age of  T - G                       54      810       3300        86,100
    ======================  ==========================  ======  ========  ==========  ==============

    The jitter U is drawn once per token and process. It only moves the refresh earlier; a later
    refresh would leave less time to ride out an outage.

    Args:
        grace: The longest grace period before the expiry, in seconds or as a timedelta. The grace
            period is a tenth of the token's life if that is shorter. During the grace period, a
            caller waits for a new token, and gets the old one only if the refresh fails.

        refresh_ahead: The longest refresh window, in seconds or as a timedelta. The window is a
            third of the token's life if that is shorter.

        strict_grace: Whether to raise an error, instead of returning a token in its grace period,
            when no new token is available.

        allow_long_grace: Whether *grace* may be longer than 5 minutes, which AWS calls the usual
            maximum.

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
                f"not {self.refresh_ahead}; otherwise, a caller would wait for every refresh."
            )

    def refresh_window(self, lifetime: float) -> float:
        """Return the latest time at which a lease becomes due, in seconds before its expiry."""
        return min(lifetime * _WINDOW_SHARE, self.refresh_ahead.total_seconds())

    def grace_period(self, lifetime: float) -> float:
        """Return the seconds of the grace period, in which callers wait for a new lease."""
        return min(lifetime * _GRACE_SHARE, self.grace.total_seconds())

    def due_age(self, lifetime: float, draw: float) -> float:
        """
        Return the age in seconds at which a lease becomes due.

        Args:
            lifetime: The life of the lease, in seconds.

            draw: A random number from 0 to 1, drawn once per lease: the jitter.
        """
        window = self.refresh_window(lifetime)
        return lifetime - window - draw * window * _JITTER_SHARE

    def hard_age(self, lifetime: float) -> float:
        """Return the age in seconds from which callers wait for a new lease."""
        return lifetime - self.grace_period(lifetime)

    def state(
        self, age: float, lifetime: float, due_age: float, min_remaining: float | None = None
    ) -> Freshness:
        """
        Tell how usable a lease is.

        Args:
            age: The age of the lease, in seconds.

            lifetime: The life of the lease, in seconds.

            due_age: The result of :meth:`due_age` for the lease.

            min_remaining: How many seconds of life this caller needs; None uses the grace period
                instead.
        """
        if age >= lifetime:
            return Freshness.EXPIRED
        hard = self.hard_age(lifetime) if min_remaining is None else lifetime - min_remaining
        if age >= hard:
            return Freshness.GRACE
        return Freshness.DUE if age >= due_age else Freshness.FRESH


# repr(), help() and tracebacks then show the module from which users import this class.
RefreshPolicy.__module__ = "cognito_devtoken"
