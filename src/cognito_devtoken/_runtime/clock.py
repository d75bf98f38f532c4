"""
A monotonic clock for deadlines and event loops, which test tools do not replace.

freezegun replaces ``time.monotonic`` wherever it finds it, even in code that is imported while
time is frozen. Anything that waits by that clock then waits for ever. ``time.clock_gettime`` is not
replaced.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial


monotonic: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_MONOTONIC)
    if hasattr(time, "CLOCK_MONOTONIC")
    else time.monotonic
)
