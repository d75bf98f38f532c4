"""Whatever the clocks do, nothing ever looks younger than it is."""

import time

from hypothesis import given
from hypothesis import strategies as st

from cognito_devtoken import DevTokenClient
from cognito_devtoken._values.clock import SYSTEM_CLOCK, SystemClock
from cognito_devtoken.typing import Clock, Instant, TokenFetcher


seconds = st.floats(-1e9, 1e9)


@given(seconds, seconds, seconds, seconds)
def test_age_is_the_larger_of_the_two_elapsed_times(a: float, b: float, c: float, d: float) -> None:
    age = Instant(a, b).age(Instant(c, d))

    assert age >= c - a
    assert age >= d - b
    assert age in (c - a, d - b)


def test_the_librarys_own_objects_satisfy_the_public_protocols() -> None:
    clock: Clock = SYSTEM_CLOCK  # half of the test is that mypy accepts it
    fetcher: TokenFetcher = DevTokenClient()

    assert Instant.now(clock).age(Instant.now(clock)) >= 0
    assert callable(fetcher.fetch)
    assert repr(Clock) == "<class 'cognito_devtoken.typing.Clock'>"


def test_the_system_clock_counts_suspended_time_where_possible() -> None:
    began = time.time()
    before = Instant.now(SYSTEM_CLOCK)
    after = Instant.now(SYSTEM_CLOCK)

    assert after.monotonic >= before.monotonic
    assert began <= before.wall <= time.time()
    if hasattr(time, "CLOCK_BOOTTIME"):
        assert vars(SystemClock)["monotonic"].__func__.args == (time.CLOCK_BOOTTIME,)
