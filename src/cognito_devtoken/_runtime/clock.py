"""
A monotonic clock that test tools do not replace, for deadlines and event loops.

freezegun replaces ``time.monotonic`` wherever it finds that function, even in code that is imported
while time is frozen. Anything that waits by the replaced clock waits for ever. freezegun does not
replace ``time.clock_gettime``, so this module uses that.
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
