"""
Limit how fast fetches start after Cognito has throttled a fetch.

Law of this module: nothing is delayed before Cognito throttles a fetch, and no limit is permanent.
When Cognito throttles, the rate is halved, and then recovers slowly. So each host finds its share
of the quota, although no host knows the quota.
"""

from __future__ import annotations

from .._values.clock import Instant


# If Cognito throttles again within this many seconds, the rate is not halved again: the last
# change has not taken full effect yet.
_SETTLE = 1.0
# The lowest rate, in fetches per second.
_SLOWEST = 0.5
# Each second without throttling, the rate grows by this factor, so that it doubles in 7 s. If fifty
# hosts each added a fixed amount instead, Cognito would throttle every second.
_GROWTH = 1.1
# The limit is lifted at this many fetches per second, which is far above the usual quota.
_FREE = 200.0


class AdaptiveRateLimiter:
    """Limits how many fetches start per second. Use it under a lock."""

    def __init__(self) -> None:
        self.rate: float | None = None  # fetches per second; None is unlimited
        self._throttled: Instant | None = None
        self._grown: Instant | None = None
        # How many seconds after the last reservation the next fetch may start.
        self._ahead = 0.0
        self._last: Instant | None = None
        # How many fetches have started in the current second, and in the one before.
        self._second: Instant | None = None
        self._started = 0
        self._measured = 0

    def reserve(self, now: Instant) -> float:
        """Reserve the start of a fetch. Return how many seconds to wait before it starts."""
        if self.rate is not None and self._grown is not None:
            self._recover(self.rate, self._grown, now)
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
        if self._second is None or self._second.age(now) >= 1:
            self._measured, self._started = self._started, 0
            self._second = now
        self._started += 1

    def throttled(self, now: Instant) -> bool:
        """Record that Cognito throttled a fetch. Return whether the rate has changed."""
        if self._throttled is not None and self._throttled.age(now) < _SETTLE:
            return False
        self._throttled = self._grown = now
        seen = max(self._measured, self._started)
        rate = seen if self.rate is None else min(self.rate, max(seen, 1))
        self.rate = max(rate / 2, _SLOWEST)
        if self._last is None:
            self._last, self._ahead = now, 1 / self.rate
        return True

    def _recover(self, rate: float, since: Instant, now: Instant) -> None:
        rate *= _GROWTH ** min(max(since.age(now), 0.0), 100.0)
        self.rate, self._grown = rate, now
        if rate >= _FREE:
            self.rate = self._last = None
            self._ahead = 0.0
