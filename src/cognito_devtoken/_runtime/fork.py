"""
Prepare objects for a fork, so that a child gets free locks and its own connections.

If another thread of the parent holds a lock during the fork, nobody releases it in the child. If
parent and child use the same connection, each may receive responses for the other.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING


# How many seconds a fork waits for a lock. Locks are held only for moments.
FORK_WAIT = 1.0


if TYPE_CHECKING:
    # Only for type checkers, because importing typing here would make a process exit more slowly.
    # The interpreter keeps the functions below until its very end, and with them whatever this
    # module refers to. The caches of typing refer to every object that was an argument of a type.
    from typing import Protocol

    class Forkable(Protocol):
        """An object that must act when its process forks."""

        def _before_fork(self) -> None:
            """
            Take the locks of this object, so that no other thread is in the middle of a change.

            Give up after a moment, to avoid a deadlock: the forking thread holds the lock of
            logging and perhaps others, and the thread that owns this object's locks may be waiting
            for those.
            """
            ...

        def _after_fork(self, *, in_child: bool) -> Callable[[], None] | None:
            """
            Release the locks. In a child, also replace what belongs to the parent.

            Return None, or a function to call after this method has been called on every
            object.
            """


class Forks:
    """The objects that act when this process forks."""

    def __init__(self, patience: float = FORK_WAIT) -> None:
        self._patience = patience
        # An RLock, because only the thread that holds it can release it: see after().
        self._lock = threading.RLock()
        self._watched: weakref.WeakSet[Forkable] = weakref.WeakSet()
        self._mine = threading.local()  # because two threads may fork at the same time

    def watch(self, forkable: Forkable) -> None:
        """Call an object's methods at each fork, for as long as the object lives."""
        with self._lock:
            self._watched.add(forkable)

    def before(self) -> None:
        """Prepare every object for the fork."""
        self._lock.acquire(timeout=self._patience)
        self._mine.forking = forking = list(self._watched)
        for each in forking:
            each._before_fork()

    def after(self, *, in_child: bool) -> None:
        """
        Let every object continue after the fork.

        This works even if a signal handler raised an exception in before(): Python ignores the
        exception, and forks.
        """
        forking: list[Forkable] = getattr(self._mine, "forking", [])
        self._mine.forking = []
        if in_child:
            self._lock = threading.RLock()
        else:
            release_if_owned(self._lock)
        rest = [each._after_fork(in_child=in_child) for each in forking]
        for finish in filter(None, rest):
            finish()


def release_if_owned(lock: threading.RLock) -> None:
    """Release a lock if this thread holds it."""
    with suppress(RuntimeError):
        lock.release()


_forks = Forks()
watch = _forks.watch
if hasattr(os, "register_at_fork"):  # pragma: no branch  # Windows has no fork
    os.register_at_fork(
        before=_forks.before,
        after_in_parent=partial(_forks.after, in_child=False),
        after_in_child=partial(_forks.after, in_child=True),
    )
