"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import timedelta

from .._values.arguments import Seconds, as_seconds


class ManualClock:
    """
    A clock whose two hands move when you say so, each for itself if you like.

    A caller's ``timeout=`` is measured by it, too: while it stands still, it does not run out.

    Args:
        wall: What the wall clock shows at first, in seconds since the Unix epoch.
    """

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._monotonic = 1_000.0
        self._wall = wall

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return self._monotonic

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        return self._wall

    def advance(self, duration: Seconds) -> None:
        """Let time pass: both hands move, by seconds or a timedelta."""
        seconds = as_seconds("duration", duration)
        self._monotonic += seconds
        self._wall += seconds

    def freeze(self, duration: Seconds) -> None:
        """
        Let time pass while the process stands still, as between two requests to a function:
        the wall clock moves, the monotonic one does not.
        """
        self._wall += as_seconds("duration", duration)

    def set_wall(self, step: Seconds) -> None:
        """Set the wall clock forward, or back if *step* is negative."""
        self._wall += step.total_seconds() if isinstance(step, timedelta) else step
