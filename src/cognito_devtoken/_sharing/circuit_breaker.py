"""
Whether a store that fails is asked at all.

Law of this module: a store in trouble costs the first three that ask it, and then one every now
and then, until it answers again. Nothing waits for it in between.
"""

from __future__ import annotations

from .._values.clock import Instant


_PATIENCE = 3
# For how many seconds it is left alone: doubled each time, so that it is asked again within 30 s.
_SHORTEST, _LONGEST = 5.0, 25.0
# So that a fleet does not come back as one.
_JITTER = 0.1


class Breaker:
    """What is known of a store. To be used under a lock."""

    def __init__(self) -> None:
        self.succeeded()

    def succeeded(self) -> None:
        """It has answered."""
        self._failures = 0  # in a row
        self._openings = 0
        self._since: Instant | None = None
        self._wait = 0.0
        self._probing = False

    def allows(self, now: Instant) -> bool:
        """Whether to ask it now. Of those who come once its time is over, the first one may."""
        if self._since is None:
            return True
        if self._since.age(now) < self._wait:
            return False
        # Should the probe never come back, there will be another.
        self._since, self._probing = now, True
        return True

    def failed(self, now: Instant, draw: float) -> float:
        """
        It has not.

        Args:
            now: The time.

            draw: A number from 0 to 1.

        Returns:
            For how many seconds it is left alone from now on.
        """
        self._failures += 1
        if self._failures < _PATIENCE or (self._since and not self._probing):
            return 0.0
        wait = min(_SHORTEST * 2**self._openings, _LONGEST)
        self._openings += 1
        self._since, self._probing = now, False
        self._wait = wait * (1 + draw * _JITTER)
        return self._wait
