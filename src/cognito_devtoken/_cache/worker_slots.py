"""
The workers of a cache, and how many more may be started.

Law of this module: no count is kept, because an exception could leave it wrong. Instead, a Worker
object takes a slot until it is marked as ended, or no longer exists. Only its thread refers to it.
So whatever is raised, the slot becomes free when the thread ends, or if the thread never starts.

All classes of this module are used under the cache's lock.
"""

from __future__ import annotations

import threading
from typing import Generic, Protocol, TypeVar
from weakref import ReferenceType, ref


class Ends(Protocol):
    """The part of a flight that a worker uses."""

    done: bool


F = TypeVar("F", bound=Ends)

# If a fetch never returns, its worker stays behind, and another worker takes its place. At most
# *max_concurrent* times this number of workers exist.
_WORKERS_PER_FETCH = 4


class Worker(Generic[F]):
    """
    Runs flights in its own thread, or in a caller's thread if no thread can be started.

    Attributes:
        gate: Released to wake the worker while it is idle.

        idle: Whether the worker waits for a flight.

        available: Whether the worker will soon take another flight. False while it calls hooks,
            which may take long, and in a caller's thread, where it runs only one flight.

        ended: Whether the worker's thread has ended, or is about to end. The object may still exist
            then, for example because a traceback refers to it.

        flight: The flight that the worker runs, if any.
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
        """Whether the worker is available, and its flight, if any, has not been abandoned."""
        return self.available and not (self.flight and self.flight.done)

    @property
    def occupied(self) -> bool:
        """Whether the worker is active, or runs its only flight in a caller's thread."""
        return self.active if self.flight is None else not self.flight.done


class WorkerSlots(Generic[F]):
    """The workers that exist, the oldest first. At most *max_concurrent* should be occupied."""

    def __init__(self, max_concurrent: int) -> None:
        self._max_concurrent = max_concurrent
        self._refs: dict[ReferenceType[Worker[F]], None] = {}

    def workers(self) -> list[Worker[F]]:
        """Return the workers that exist and have not ended."""
        return [
            worker
            for reference in tuple(self._refs)  # a copy: a worker may cease to exist at any time
            if (worker := reference()) and not worker.ended
        ]

    def active(self) -> int:
        """Return how many workers are active."""
        return sum(worker.active for worker in self.workers())

    def too_many_active(self) -> bool:
        """
        Return whether more workers are active than allowed.

        That happens if the fetch of an abandoned flight returns after its worker was replaced.
        """
        return len(self._refs) > self._max_concurrent < self.active()

    def reserve(self) -> Worker[F] | None:
        """Wake an idle worker for a queued flight or, if allowed, return a new one to start."""
        workers = self.workers()
        for worker in workers:
            if worker.idle:
                worker.wake()
                return None
        if sum(worker.occupied for worker in workers) >= self._max_concurrent:
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
