"""
Two clocks, one age rule.

Law of this module: whatever the clocks do, a token only ever looks older than it is,
never younger.
"""

from __future__ import annotations

import time
from functools import partial
from typing import NamedTuple, Protocol


# How many seconds the wall clock may fall behind the other hand before that is called a step.
CLOCK_STEP = 2.0


class Clock(Protocol):
    """
    Two hands that are read together, because each lies in a way the other does not.

    A monotonic clock may stand still while a function is frozen; a wall clock may be
    set. The age of a token is the larger of what the two say.
    """

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never stepping back."""
        ...

    def time(self) -> float:
        """Seconds since the Unix epoch, as this machine believes."""
        ...


class Instant(NamedTuple):
    """One reading of both clocks, in seconds."""

    monotonic: float
    wall: float

    @classmethod
    def now(cls, clock: Clock) -> Instant:
        """Read both clocks."""
        return cls(clock.monotonic(), clock.time())

    def age(self, now: Instant) -> float:
        """Seconds since this instant: the larger of what the two clocks say."""
        return max(now.monotonic - self.monotonic, now.wall - self.wall)


# Where users import them from, as repr(), help() and tracebacks show it.
Clock.__module__ = Instant.__module__ = "cognito_devtoken.typing"


class SystemClock:
    """The clocks of this machine."""

    __slots__ = ()

    # CLOCK_BOOTTIME goes on counting while the machine is suspended or the function
    # is frozen; CLOCK_MONOTONIC, which time.monotonic() reads on Linux, does not.
    monotonic = staticmethod(
        partial(time.clock_gettime, time.CLOCK_BOOTTIME)
        if hasattr(time, "CLOCK_BOOTTIME")
        else time.monotonic
    )
    time = staticmethod(time.time)


SYSTEM_CLOCK: Clock = SystemClock()
