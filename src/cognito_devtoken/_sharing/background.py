"""
A background thread that works for an owner, in rounds.

The thread starts on demand, and ends when there is nothing left to do.

Laws of this module: the thread does not keep its owner alive. If a round raises an exception, the
thread reports the exception, pauses, and runs the next round. Whatever has ended the thread, the
next call of ensure() starts another one.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from .._runtime.threads import start_daemon


T = TypeVar("T")

# How many seconds the thread pauses after a round that failed.
AFTER_FAILURE = 0.5


class BackgroundThread(Generic[T]):
    """
    Runs rounds for its owner, with pauses between them.

    Args:
        owner: The object that the rounds work for. The thread ends when the owner is
            garbage-collected.

        run_round: Runs one round. Returns how many seconds to pause, or None to end the thread.
            Before it returns None, it must call :meth:`ended`. If other threads may add work, it
            must hold the lock from the moment it looks for work until it has called :meth:`ended`.
            Otherwise new work might wait for a thread that is about to end.

        report: Reports an exception that was raised by a round, or by the pause before it.

        lock: The lock of the cache.
    """

    def __init__(
        self,
        owner: T,
        run_round: Callable[[T], float | None],
        report: Callable[[T, BaseException], None],
        lock: threading.RLock,
    ) -> None:
        self._owner = weakref.ref(owner)
        self._run_round = run_round
        self._report = report
        self._lock = lock
        self.start_thread: Callable[[Callable[[], None]], None] = start_daemon
        self.reset()

    def reset(self) -> None:
        """Reset in a forked child, which has no other threads."""
        self.running = False
        # A signal handler may close the session, and so call end_pause(), while it interrupts
        # another call of end_pause(). The lock of an Event is not reentrant, so with an Event, the
        # interrupted thread would wait for itself.
        self.wake: SimpleQueue[None] = SimpleQueue()

    def ensure(self, *, first_pause: float) -> None:
        """
        Make sure that the thread runs. If no thread can be started, nothing happens.

        Args:
            first_pause: How many seconds a new thread pauses before its first round.
        """
        with self._lock:
            if self.running:
                return
            self.running = True
        try:
            self.start_thread(partial(self._run, self.wake, first_pause))
        except (RuntimeError, MemoryError):
            self.running = False
        except BaseException:  # such as Ctrl-C
            self.running = False
            raise

    def end_pause(self) -> None:
        """End the pause, so that the next round starts now."""
        self.wake.put(None)

    def ended(self) -> None:
        """Record that the thread runs no further rounds."""
        self.running = False

    def _run(self, wake: SimpleQueue[None], pause: float | None) -> None:
        owner: T | None
        try:
            while pause is not None:
                with suppress(Empty):
                    wake.get(timeout=pause)
                    while True:  # one round serves all calls of end_pause()
                        wake.get_nowait()
                owner = self._owner()
                if owner is None:
                    return
                pause = self._round(owner)
                del owner
        except BaseException as error:  # noqa: BLE001  # no caller could handle it
            self.running = False
            owner = self._owner()
            if owner is not None:
                self._report(owner, error)

    def _round(self, owner: T) -> float | None:
        try:
            return self._run_round(owner)
        except BaseException as error:  # noqa: BLE001  # for example, from a clock or a hook
            self._report(owner, error)
            return AFTER_FAILURE
