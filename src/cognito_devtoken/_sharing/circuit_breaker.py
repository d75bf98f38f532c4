"""
Decide when to use a store again after it has failed.

Law of this module: operations do not wait for a store that is unavailable. The only exceptions are
the first three operations, and one probe after each pause.
"""

from __future__ import annotations

from .._values.clock import Instant


_FAILURES_TO_OPEN = 3
# How many seconds the breaker stays open: the first pause and the longest pause. The pause doubles
# each time, up to the longest pause, which is less than 30 s even with jitter.
_SHORTEST, _LONGEST = 5.0, 25.0
# The share of a pause that is added to it at random, so that the hosts do not all probe at once.
_JITTER = 0.1


class CircuitBreaker:
    """Closed while the store works, open for a pause after failures. Use it under a lock."""

    def __init__(self) -> None:
        self.succeeded()

    def succeeded(self) -> None:
        """Close the breaker, because an operation succeeded."""
        self._failures = 0  # in a row
        self._openings = 0
        self._since: Instant | None = None
        self._wait = 0.0
        self._probing = False

    def allows(self, now: Instant) -> bool:
        """Return whether to use the store. After the pause, the first caller probes it."""
        if self._since is None:
            return True
        if self._since.age(now) < self._wait:
            return False
        # If the probe never returns, the next one comes after the next pause.
        self._since, self._probing = now, True
        return True

    def failed(self, now: Instant, draw: float) -> float:
        """
        Count a failed operation.

        Args:
            now: The current instant.

            draw: A random number from 0 to 1.

        Returns:
            For how many seconds from now the store is not used; 0 if this failure does not open the
            breaker.
        """
        self._failures += 1
        if self._failures < _FAILURES_TO_OPEN or (self._since and not self._probing):
            return 0.0
        wait = min(_SHORTEST * 2**self._openings, _LONGEST)
        self._openings += 1
        self._since, self._probing = now, False
        self._wait = wait * (1 + draw * _JITTER)
        return self._wait
