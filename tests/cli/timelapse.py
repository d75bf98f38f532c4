"""The life of a token on a clock that only moves while nothing else happens."""

import asyncio
import heapq
import signal
from itertools import count
from typing import Any

from cognito_devtoken import AsyncTokenSession
from cognito_devtoken.cli.demo.callers import Pace, Regulars
from cognito_devtoken.events import Event
from cognito_devtoken.testing import ManualClock


# The regulars, and the task that draws.
SLEEPERS = Regulars.number + 1


class Timelapse:
    """
    Time that only passes while all callers sleep and no fetch is in flight.

    A fetch takes no time, however slow the machine is.

    Args:
        interrupted_after: Seconds until the user presses Ctrl-C; None means never.
    """

    def __init__(self, interrupted_after: float | None = None) -> None:
        self.clock = ManualClock()
        self.pace = Pace(open_session=self._open, sleep=self._sleep)
        self._began = self.clock.monotonic()
        self._interrupted_after = interrupted_after
        self._asleep: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    def _open(self, *arguments: Any, **options: Any) -> AsyncTokenSession:
        options |= {"clock": self.clock, "on_event": [self._on_event]}
        self._session = AsyncTokenSession(*arguments, **options)
        return self._session

    async def _sleep(self, seconds: float) -> None:
        now = self.clock.monotonic()
        if self._interrupted_after is not None and now - self._began >= self._interrupted_after:
            signal.raise_signal(signal.SIGINT)
        self._loop = asyncio.get_running_loop()
        woken = self._loop.create_future()
        heapq.heappush(self._asleep, (now + seconds, next(self._numbers), woken))
        self._move_on()
        await woken

    def _on_event(self, event: Event) -> None:
        # A fetch ends in a worker's thread. The first one ends before any caller sleeps.
        if self._asleep:
            self._loop.call_soon_threadsafe(self._move_on)

    def _move_on(self) -> None:
        if len(self._asleep) == SLEEPERS and not self._session.stats().in_flight:
            until, _, woken = heapq.heappop(self._asleep)
            self.clock.advance(max(until - self.clock.monotonic(), 0.0))
            woken.set_result(None)
