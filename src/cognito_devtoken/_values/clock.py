"""
Two clocks, and one rule for the age of a token.

Law of this module: if at least one of the clocks is right, a token may look older than it is, never
younger.
"""

from __future__ import annotations

import time
from functools import partial
from typing import NamedTuple, Protocol


# The wall clock was set if it gains or loses more seconds than this against the monotonic clock.
CLOCK_STEP = 2.0


class Clock(Protocol):
    """
    A monotonic clock and a wall clock, which are read together.

    A monotonic clock may stand still while a serverless function is frozen, and a wall clock may be
    set to another time. So the age of a token is the larger of the two times that they measure.
    """

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary start. They never decrease."""
        ...

    def time(self) -> float:
        """Return the seconds since the Unix epoch, by this machine's wall clock."""
        ...


class Instant(NamedTuple):
    """One reading of both clocks, in seconds."""

    monotonic: float
    wall: float

    @classmethod
    def now(cls, clock: Clock) -> Instant:
        """Read both clocks."""
        # This costs half as much as cls(…), and a miss reads the clocks eight times.
        both = (clock.monotonic(), clock.time())
        return tuple.__new__(cls, both)  # pyright: ignore[reportUnknownMemberType]

    def age(self, now: Instant) -> float:
        """Return the seconds since this instant: the larger of what the two clocks measure."""
        return max(now.monotonic - self.monotonic, now.wall - self.wall)


# repr(), help() and tracebacks show the module that users import these from.
Clock.__module__ = Instant.__module__ = "cognito_devtoken.typing"


class SystemClock:
    """The clocks of this machine."""

    __slots__ = ()

    # CLOCK_BOOTTIME keeps counting while the machine is suspended or a serverless function is
    # frozen; CLOCK_MONOTONIC, which time.monotonic() reads on Linux, does not.
    monotonic = staticmethod(
        partial(time.clock_gettime, time.CLOCK_BOOTTIME)
        if hasattr(time, "CLOCK_BOOTTIME")
        else time.monotonic
    )
    time = staticmethod(time.time)


SYSTEM_CLOCK: Clock = SystemClock()
