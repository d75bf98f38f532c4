"""
How fast fetches may start once Cognito has said that they come too fast.

Law of this module: nothing is held back before the first throttling, and nothing for ever
after it. A throttling halves the rate, which then creeps up again: every host finds its share
of a quota that none of them knows.
"""

from __future__ import annotations

from .._values.clock import Instant


# A throttling that comes while the last one still takes effect says nothing new.
_SETTLE = 1.0
_SLOWEST = 0.5
# What the rate gains each second without a throttling: back to what it was in 7 s. In
# proportion, because a fixed gain on each of fifty hosts would be a throttling a second.
_GROWTH = 1.1
# Faster than this the quota of no account is in sight.
_FREE = 200.0


class AdaptiveRateLimiter:
    """How many fetches may start per second. To be used under a lock."""

    def __init__(self) -> None:
        self.rate: float | None = None  # fetches per second; None holds nothing back
        self._throttled: Instant | None = None
        self._grown: Instant | None = None
        # By how many seconds what has been reserved lies ahead of the last reservation.
        self._ahead = 0.0
        self._last: Instant | None = None
        self._window: tuple[Instant, int] | None = None
        self._measured = 0

    def reserve(self, now: Instant) -> float:
        """Take the next start. Returns for how many seconds to wait before it."""
        self._recover(now)
        self._count(now)
        if self.rate is None:
            return 0.0
        since = self._last.age(now) if self._last else 0.0
        self._ahead = max(self._ahead - since, 0.0)
        wait = self._ahead
        self._last = now
        self._ahead += 1 / self.rate
        return wait

    def _count(self, now: Instant) -> None:
        if self._window is None or self._window[0].age(now) >= 1:
            self._measured = self._window[1] if self._window else 0
            self._window = (now, 0)
        self._window = (self._window[0], self._window[1] + 1)

    def throttled(self, now: Instant) -> bool:
        """Cognito has throttled a fetch. Returns whether the rate has changed."""
        if self._throttled is not None and self._throttled.age(now) < _SETTLE:
            return False
        self._throttled = self._grown = now
        seen = max(self._measured, self._window[1] if self._window else 0)
        rate = seen if self.rate is None else min(self.rate, max(seen, 1))
        self.rate = max(rate / 2, _SLOWEST)
        if self._last is None:
            self._last, self._ahead = now, 1 / self.rate
        return True

    def _recover(self, now: Instant) -> None:
        if self.rate is None or self._grown is None:
            return
        rate = self.rate * _GROWTH ** min(max(self._grown.age(now), 0.0), 100.0)
        self.rate, self._grown = rate, now
        if rate >= _FREE:
            self.rate = self._last = None
            self._ahead = 0.0
