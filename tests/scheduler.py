"""
A scheduler that runs threads one at a time, in an order drawn from a seed.

Its threads are greenlets. It switches between them only where they pause: when they read the
clock, around the lock, and wherever else the test says. So a seed always gives the same run.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from threading import Lock
from typing import Any, TypeVar

from greenlet import GreenletExit, greenlet

from cognito_devtoken.typing import Instant


Item = TypeVar("Item")

# More turns than any run that ends needs.
_MAX_TURNS = 20_000


class Task(greenlet):
    """A simulated thread and its state."""

    def __init__(self, run: Callable[[], Any], scheduler: greenlet) -> None:
        super().__init__(run, scheduler)
        self.monotonic = 0.0
        self.reading: Instant | None = None  # of the clock, since the task last slept
        self.waits_for: Any = None
        self.call: Any = None
        self.action: Any = None  # what it does the next time it holds the lock


class Scheduler:
    """
    Runs tasks, one at a time.

    Attributes:
        violations: The rules that were broken. They are collected and not raised, because the
            cache catches what a fetcher or a hook raises.

        on_idle: Called when no task can run before time passes.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed).random
        self.violations: list[str] = []
        self.on_idle: Callable[[], None] = lambda: None
        self.clock = ScheduledClock(self)
        self.lock = CooperativeLock(self)
        self.sleeping: dict[Task, float] = {}
        self.gates: dict[Task, Lock] = {}
        self.finished = False
        self._hub = greenlet.getcurrent()
        self._ready: list[Task] = []
        self._dropped: list[Task] = []
        self.task: Task

    def pick(self, items: Sequence[Item]) -> Item:
        """Return one of the items."""
        return items[int(self.random() * len(items))]

    def start(self, run: Callable[[], Any]) -> None:
        """Start a thread."""
        self._ready.append(Task(run, self._hub))

    def pause(self) -> None:
        """Let another thread run here."""
        if self.finished:
            raise GreenletExit
        if self.lock.depth:
            self.violations.append("the lock is held over a clock, a fetch, a hook or a wait")
        elif self.random() < 0.4:
            self._ready.append(self.task)
            self._hub.switch()

    def sleep(self, seconds: float) -> None:
        """Let the other threads run until the time has passed or wake() is called."""
        if self.finished:
            raise GreenletExit
        if self.lock.depth:
            self.violations.append("the lock is held over a wait")
        self.sleeping[self.task] = self.clock.instant.monotonic + seconds
        self._hub.switch()

    def wait(self, gate: Lock, seconds: float) -> bool:
        """Acquire a real lock as soon as it is free, within the given time."""
        self.pause()
        until = self.clock.instant.monotonic + seconds
        while not (acquired := gate.acquire(blocking=False)):
            left = until - self.clock.instant.monotonic
            if left <= 0:
                break
            self.gates[self.task] = gate
            self.sleep(left)
        self.pause()
        return acquired

    def wake(self, task: Task) -> None:
        """Make a sleeping task ready."""
        self.gates.pop(task, None)
        if self.sleeping.pop(task, None) is not None:
            self._ready.append(task)

    def time_passed(self) -> None:
        """Wake the tasks that have slept long enough."""
        for task in [
            t for t, until in self.sleeping.items() if until <= self.clock.instant.monotonic
        ]:
            self.wake(task)

    def drop_others(self) -> None:
        """Stop all other threads, as a fork does in the child."""
        self._dropped += [*self._ready, *self.sleeping]
        self._ready.clear()
        self.sleeping.clear()
        self.gates.clear()

    def run(self) -> None:
        """Run the tasks until all have finished."""
        turns = 0
        while self._ready or self.sleeping:
            while self._ready:
                ready = self._ready
                index = int(self.random() * len(ready))
                ready[index], ready[-1] = ready[-1], ready[index]
                self.task = ready.pop()
                self.task.switch()
                self._wake_opened_gates()
                turns += 1
                if turns > _MAX_TURNS:
                    raise AssertionError("the run does not end")
            if self.sleeping:
                self.on_idle()
                self._advance_time()
        self._end()

    def _wake_opened_gates(self) -> None:
        for task in [task for task, gate in self.gates.items() if not gate.locked()]:
            self.wake(task)

    def _advance_time(self) -> None:
        first = min(self.sleeping.values())
        if first == float("inf"):
            for task in list(self.sleeping):
                self.wake(task)
            return
        # Every task wakes late, and some wake very late.
        late = self.pick((0, 0, 3, 12)) + self.random() / 1000
        self.clock.advance(max(first - self.clock.instant.monotonic, 0) + late)

    def _end(self) -> None:
        self.finished = True
        for task in self._dropped:
            with suppress(Exception):  # its work is discarded
                task.throw()


class ScheduledClock:
    """A clock that lets another thread run whenever it is read."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.instant = Instant(1_000.0, 1_700_000_000.0)
        self.on_advance: Callable[[], None] = lambda: None
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

    def advance(self, seconds: float, *, wall: float | None = None) -> None:
        """Move the monotonic clock, and the wall clock by the same amount unless told otherwise."""
        monotonic, wall_time = self.instant
        self.instant = Instant(monotonic + seconds, wall_time + (seconds if wall is None else wall))
        self.on_advance()
        self._scheduler.time_passed()


class CooperativeLock:
    """
    A reentrant lock that lets another thread run before it is acquired and after it is released.

    No other thread runs while it is held, so no thread ever waits for it.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self.depth = 0
        self.on_release: Callable[[], None] = lambda: None
        self._scheduler = scheduler

    def acquire(self, *, timeout: float = -1) -> bool:
        if not self.depth:
            self._scheduler.pause()
        self.depth += 1
        return True

    def release(self) -> None:
        if self.depth == 1:
            self.on_release()
        self.depth -= 1
        if not self.depth:
            self._scheduler.pause()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self.release()


class Waker:
    """Wakes a task. Its position in a set is the same in every run."""

    def __init__(self, scheduler: Scheduler, task: Task, number: int) -> None:
        self._scheduler, self._task, self._number = scheduler, task, number

    def __call__(self) -> None:
        self._scheduler.wake(self._task)
        self._scheduler.pause()

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other
