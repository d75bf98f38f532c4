"""
A scheduler that runs threads one at a time, in an order that is drawn from a seed.

Its threads are greenlets. They change only where they pause: at a reading of the clock, around
the lock, and wherever else the test says. So a seed gives the same run again.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from threading import Lock
from types import TracebackType
from typing import Any, TypeVar

from greenlet import GreenletExit, greenlet

from cognito_devtoken.typing import Instant


Item = TypeVar("Item")

# More turns than any run needs that comes to an end.
_ENDLESS = 20_000


class Task(greenlet):
    """What runs as a thread, and what is known of it."""

    def __init__(self, run: Callable[[], Any], scheduler: greenlet) -> None:
        super().__init__(run, scheduler)
        self.monotonic = 0.0
        self.reading: Instant | None = None  # the last one of the clock, since it last slept
        self.waits_for: Any = None
        self.call: Any = None
        self.doing: Any = None  # the next time that it holds the lock


class Scheduler:
    """
    Tasks, of which one runs at a time.

    Attributes:
        broken: What has gone against the rules. It is collected and not raised, because what
            a fetcher or a hook raises is caught.

        quiet: Called when no task can run before time passes.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed).random
        self.broken: list[str] = []
        self.quiet: Callable[[], None] = lambda: None
        self.clock = ScheduledClock(self)
        self.lock = CooperativeLock(self)
        self.asleep: dict[Task, float] = {}
        self.gates: dict[Task, Lock] = {}
        self.over = False
        self._hub = greenlet.getcurrent()
        self._ready: list[Task] = []
        self._dropped: list[Task] = []
        self.task: Task

    def pick(self, items: Sequence[Item]) -> Item:
        """One of several."""
        return items[int(self.random() * len(items))]

    def start(self, run: Callable[[], Any]) -> None:
        """Start a thread."""
        self._ready.append(Task(run, self._hub))

    def pause(self) -> None:
        """A place where another thread may go on."""
        if self.over:
            raise GreenletExit
        if self.lock.depth:
            self.broken.append("the lock is held over a clock, a fetch, a hook or a wait")
        elif self.random() < 0.4:
            self._ready.append(self.task)
            self._hub.switch()

    def sleep(self, seconds: float) -> None:
        """Let the others go on until so much time has passed, or until wake()."""
        if self.over:
            raise GreenletExit
        if self.lock.depth:
            self.broken.append("the lock is held over a wait")
        self.asleep[self.task] = self.clock.instant.monotonic + seconds
        self._hub.switch()

    def wait(self, gate: Lock, seconds: float) -> bool:
        """Acquire a real lock as soon as it is open, within so much time."""
        self.pause()
        until = self.clock.instant.monotonic + seconds
        while not (opened := gate.acquire(blocking=False)):
            left = until - self.clock.instant.monotonic
            if left <= 0:
                break
            self.gates[self.task] = gate
            self.sleep(left)
        self.pause()
        return opened

    def wake(self, task: Task) -> None:
        """Have a sleeping task go on."""
        self.gates.pop(task, None)
        if self.asleep.pop(task, None) is not None:
            self._ready.append(task)

    def time_passed(self) -> None:
        """Wake those who have slept long enough."""
        for task in [
            t for t, until in self.asleep.items() if until <= self.clock.instant.monotonic
        ]:
            self.wake(task)

    def drop_others(self) -> None:
        """Have no other thread go on, as in a forked child."""
        self._dropped += [*self._ready, *self.asleep]
        self._ready.clear()
        self.asleep.clear()
        self.gates.clear()

    def run(self) -> None:
        """Run the tasks until all have ended."""
        turns = 0
        while self._ready or self.asleep:
            while self._ready:
                ready = self._ready
                index = int(self.random() * len(ready))
                ready[index], ready[-1] = ready[-1], ready[index]
                self.task = ready.pop()
                self.task.switch()
                self._look_at_gates()
                turns += 1
                if turns > _ENDLESS:
                    raise AssertionError("it goes on for ever")
            if self.asleep:
                self.quiet()
                self._let_time_pass()
        self._end()

    def _look_at_gates(self) -> None:
        for task in [task for task, gate in self.gates.items() if not gate.locked()]:
            self.wake(task)

    def _let_time_pass(self) -> None:
        first = min(self.asleep.values())
        if first == float("inf"):
            for task in list(self.asleep):
                self.wake(task)
            return
        # All wake up late, and some very late.
        late = self.pick((0, 0, 3, 12)) + self.random() / 1000
        self.clock.move(max(first - self.clock.instant.monotonic, 0) + late)

    def _end(self) -> None:
        self.over = True
        for task in self._dropped:
            with suppress(Exception):  # what it was at work on is gone
                task.throw()


class ScheduledClock:
    """A clock at each reading of which another thread may go on."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.instant = Instant(1_000.0, 1_700_000_000.0)
        self.moved: Callable[[], None] = lambda: None
        self._scheduler = scheduler

    def monotonic(self) -> float:
        self._scheduler.pause()
        task = self._scheduler.task
        task.reading = None
        task.monotonic = self.instant.monotonic
        return task.monotonic

    def time(self) -> float:
        self._scheduler.pause()
        task = self._scheduler.task
        task.reading = Instant(task.monotonic, self.instant.wall)
        return self.instant.wall

    def move(self, seconds: float, *, wall: float | None = None) -> None:
        """Move the monotonic hand, and the other one as far if it is not said how far."""
        monotonic, shown = self.instant
        self.instant = Instant(monotonic + seconds, shown + (seconds if wall is None else wall))
        self.moved()
        self._scheduler.time_passed()


class CooperativeLock:
    """
    A reentrant lock before and after which another thread may go on.

    While it is held none can, so nobody ever waits for it.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self.depth = 0
        self.released: Callable[[], None] = lambda: None
        self._scheduler = scheduler

    def acquire(self, *, timeout: float = -1) -> bool:
        if not self.depth:
            self._scheduler.pause()
        self.depth += 1
        return True

    def release(self) -> None:
        if self.depth == 1:
            self.released()
        self.depth -= 1
        if not self.depth:
            self._scheduler.pause()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


class Wake:
    """Wakes a task. Its place in a set is the same in every run."""

    def __init__(self, scheduler: Scheduler, task: Task, number: int) -> None:
        self._scheduler, self._task, self._number = scheduler, task, number

    def __call__(self) -> None:
        self._scheduler.wake(self._task)
        self._scheduler.pause()

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other
