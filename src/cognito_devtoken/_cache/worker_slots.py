"""
The workers of a cache, and how many more may be started.

Law of this module: no count is kept. A worker takes a slot for as long as it exists, and only its
thread refers to it. So a thread that never starts gives its slot back, whatever was raised.

Used under the cache's lock.
"""

from __future__ import annotations

import threading
from typing import Generic, Protocol, TypeVar
from weakref import ReferenceType, ref


class Ends(Protocol):
    """What a worker needs to know about its flight."""

    done: bool


F = TypeVar("F", bound=Ends)

# A worker whose fetch never returns is left behind and another one takes its place, until there
# are this many times as many workers as fetches allowed at once.
_WORKERS_PER_FETCH = 4


class Worker(Generic[F]):
    """
    What flies flights: a thread, or a caller if no thread can be started.

    Attributes:
        gate: What it waits for while it is idle.

        idle: Whether it waits for a flight.

        available: Whether it will take another flight soon, as it will not while it calls hooks.

        ended: Whether its thread has ended, or has decided to. A traceback may still refer to it.

        flight: The flight that it flies.
    """

    __slots__ = ("__weakref__", "available", "ended", "flight", "gate", "idle")

    def __init__(self) -> None:
        self.gate = threading.Lock()
        self.gate.acquire()
        self.idle = False
        self.available = True
        self.ended = False
        self.flight: F | None = None

    def wake(self) -> None:
        """Let an idle worker continue."""
        if self.gate.locked():
            self.gate.release()
        self.idle = False

    @property
    def active(self) -> bool:
        """Whether it is available, and has not been left behind with an abandoned flight."""
        return self.available and not (self.flight and self.flight.done)


class WorkerSlots(Generic[F]):
    """The workers that exist, the oldest first; *max_concurrent* may be active at once."""

    def __init__(self, max_concurrent: int) -> None:
        self._max_concurrent = max_concurrent
        self._refs: dict[ReferenceType[Worker[F]], None] = {}

    def workers(self) -> list[Worker[F]]:
        """Return the workers that exist and have not ended."""
        # A copy, because a worker may cease to exist at any time.
        found = [reference() for reference in tuple(self._refs)]
        return [worker for worker in found if worker and not worker.ended]

    def active(self) -> int:
        """Return how many workers are active."""
        return sum(worker.active for worker in self.workers())

    def too_many_active(self) -> bool:
        """Tell whether a worker that was left behind has returned after it was replaced."""
        return len(self._refs) > self._max_concurrent < self.active()

    def reserve(self) -> Worker[F] | None:
        """Wake an idle worker for a queued flight, or return a new one that must be started."""
        workers = self.workers()
        for worker in workers:
            if worker.idle:
                worker.wake()
                return None
        if sum(worker.active for worker in workers) >= self._max_concurrent:
            return None
        if len(workers) >= _WORKERS_PER_FETCH * self._max_concurrent:
            return None
        new: Worker[F] = Worker()
        self._refs[ref(new, self._refs.__delitem__)] = None
        return new

    def wake_all(self) -> None:
        """Let every idle worker continue."""
        for worker in self.workers():
            if worker.idle:
                worker.wake()
