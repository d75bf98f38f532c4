"""How fast fetches start after Cognito throttles them."""

import pytest

from cognito_devtoken._cache.rate_limiter import AdaptiveRateLimiter
from cognito_devtoken._values.clock import Instant


def at(seconds: float) -> Instant:
    return Instant(seconds, seconds)


def starts(limiter: AdaptiveRateLimiter, begin: float, end: float, step: float = 0.0) -> int:
    """Count the fetches that start while others are always waiting to."""
    count, now = 0, begin
    while now < end:
        count += 1
        now += max(limiter.reserve(at(now)), step)
    return count


def test_nothing_is_delayed_before_the_first_throttling() -> None:
    limiter = AdaptiveRateLimiter()

    assert [limiter.reserve(at(0)) for _ in range(100)] == [0] * 100
    assert limiter.rate is None


def test_throttling_halves_the_current_rate() -> None:
    limiter = AdaptiveRateLimiter()
    assert starts(limiter, 0, 1, step=0.02) == 50

    assert limiter.throttled(at(1))

    assert limiter.rate == 25
    assert 24 <= starts(limiter, 1, 2) <= 27


def test_throttling_within_one_second_counts_once() -> None:
    limiter = AdaptiveRateLimiter()
    starts(limiter, 0, 1, step=0.02)

    assert limiter.throttled(at(1))
    assert not limiter.throttled(at(1.9))
    assert limiter.rate == 25
    assert limiter.throttled(at(2.1))


def test_the_rate_never_falls_below_its_minimum() -> None:
    limiter = AdaptiveRateLimiter()
    for second in range(1, 40):
        limiter.throttled(at(second * 2))

    assert limiter.rate == 0.5
    assert limiter.reserve(at(100)) == 0, "after a long pause, a fetch may start"
    assert limiter.reserve(at(100)) == pytest.approx(2, rel=0.9)
    assert limiter.reserve(at(100)) == pytest.approx(4, rel=0.9), "each start takes its own slot"


def test_the_rate_recovers_until_nothing_is_delayed() -> None:
    limiter = AdaptiveRateLimiter()
    starts(limiter, 0, 1, step=0.02)
    limiter.throttled(at(1))

    limiter.reserve(at(8))
    assert limiter.rate is not None
    assert 45 < limiter.rate < 50
    limiter.reserve(at(300))

    assert limiter.rate is None


def test_a_clock_that_steps_back_does_not_lower_the_rate() -> None:
    limiter = AdaptiveRateLimiter()
    starts(limiter, 0, 1, step=0.02)
    limiter.throttled(at(1))

    limiter.reserve(at(0))

    assert limiter.rate == 25


def test_throttling_after_a_full_recovery_delays_the_first_start() -> None:
    limiter = AdaptiveRateLimiter()
    limiter.throttled(at(1))
    for _ in range(5):
        limiter.reserve(at(2))  # far ahead
    limiter.reserve(at(300))
    starts(limiter, 300, 301, step=0.1)

    limiter.throttled(at(301))

    assert limiter.rate is not None
    assert limiter.reserve(at(301)) == pytest.approx(1 / limiter.rate)
