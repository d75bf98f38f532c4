"""How fast fetches start once Cognito throttles them."""

import pytest

from cognito_devtoken._cache.rate_limiter import AdaptiveRateLimiter
from cognito_devtoken._values.clock import Instant


def at(seconds: float) -> Instant:
    return Instant(seconds, seconds)


def starts(pace: AdaptiveRateLimiter, begin: float, end: float, step: float = 0.0) -> int:
    """How many fetches start if there are always some to be started."""
    count, now = 0, begin
    while now < end:
        count += 1
        now += max(pace.reserve(at(now)), step)
    return count


def test_nothing_is_held_back_before_the_first_throttling() -> None:
    pace = AdaptiveRateLimiter()

    assert [pace.reserve(at(0)) for _ in range(100)] == [0] * 100
    assert pace.rate is None


def test_a_throttling_halves_the_rate_that_was() -> None:
    pace = AdaptiveRateLimiter()
    assert starts(pace, 0, 1, step=0.02) == 50

    assert pace.throttled(at(1))

    assert pace.rate == 25
    assert 24 <= starts(pace, 1, 2) <= 27


def test_throttlings_of_one_moment_count_once() -> None:
    pace = AdaptiveRateLimiter()
    starts(pace, 0, 1, step=0.02)

    assert pace.throttled(at(1))
    assert not pace.throttled(at(1.9))
    assert pace.rate == 25
    assert pace.throttled(at(2.1))


def test_the_rate_never_falls_to_nothing() -> None:
    pace = AdaptiveRateLimiter()
    for second in range(1, 40):
        pace.throttled(at(second * 2))

    assert pace.rate == 0.5
    assert pace.reserve(at(100)) == 0, "one that has waited long enough may start"
    assert pace.reserve(at(100)) == pytest.approx(2, rel=0.9)
    assert pace.reserve(at(100)) == pytest.approx(4, rel=0.9), "each start is taken once"


def test_the_rate_creeps_up_and_then_holds_nothing_back() -> None:
    pace = AdaptiveRateLimiter()
    starts(pace, 0, 1, step=0.02)
    pace.throttled(at(1))

    pace.reserve(at(8))
    assert pace.rate is not None
    assert 45 < pace.rate < 50
    pace.reserve(at(300))

    assert pace.rate is None


def test_a_clock_that_steps_back_does_not_slow_it_down_further() -> None:
    pace = AdaptiveRateLimiter()
    starts(pace, 0, 1, step=0.02)
    pace.throttled(at(1))

    pace.reserve(at(0))

    assert pace.rate == 25


def test_after_a_full_recovery_the_first_start_is_held_back_anew() -> None:
    pace = AdaptiveRateLimiter()
    pace.throttled(at(1))
    for _ in range(5):
        pace.reserve(at(2))  # far ahead
    pace.reserve(at(300))
    starts(pace, 300, 301, step=0.1)

    pace.throttled(at(301))

    assert pace.rate is not None
    assert pace.reserve(at(301)) == pytest.approx(1 / pace.rate)
