"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import timedelta

from .._values.arguments import Seconds, as_seconds


class ManualClock:
    """
    A monotonic clock and a wall clock that only move when you move them, together or separately.

    If you pass it to a session, it also measures the ``timeout=`` of calls. So no timeout expires
    while the clock stands still.

    Args:
        wall: The initial time of the wall clock, in seconds since the Unix epoch.
    """

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._monotonic = 1_000.0
        self._wall = wall

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start."""
        return self._monotonic

    def time(self) -> float:
        """Return seconds since the Unix epoch."""
        return self._wall

    def advance(self, duration: Seconds) -> None:
        """Let time pass: advance both clocks by seconds or a timedelta."""
        seconds = as_seconds("duration", duration)
        self._monotonic += seconds
        self._wall += seconds

    def freeze(self, duration: Seconds) -> None:
        """
        Simulate a frozen process, such as a serverless function between two requests.

        The wall clock moves, but the monotonic clock does not.
        """
        self._wall += as_seconds("duration", duration)

    def set_wall(self, step: Seconds) -> None:
        """Set the wall clock forward by *step*, or back if *step* is negative."""
        self._wall += step.total_seconds() if isinstance(step, timedelta) else step
