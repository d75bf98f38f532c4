"""
Prepares objects for a fork: a child needs free locks, and nothing that belongs to its parent.

A lock that another thread of the parent holds during the fork is never released in the child, and
a connection that both use mixes up their responses.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol


# For how many seconds a fork waits for a lock, which is only held for moments.
FORK_WAIT = 1.0


class Forkable(Protocol):
    """An object that must act when its process forks."""

    def _before_fork(self) -> None:
        """
        Keep other threads out of the middle of a change, if that is possible in a moment.

        It must not wait for a thread that may wait for something else: the forking thread holds
        logging's lock, and perhaps others.
        """
        ...

    def _after_fork(self, *, in_child: bool) -> Callable[[], None] | None:
        """
        Continue; in a child, with resources of its own.

        Returns what to do once every object has continued.
        """


class Forks:
    """The objects that act when this process forks."""

    def __init__(self, patience: float = FORK_WAIT) -> None:
        self._patience = patience
        # Reentrant, because only its owner can release it: see after().
        self._lock = threading.RLock()
        self._watched: weakref.WeakSet[Forkable] = weakref.WeakSet()
        self._mine = threading.local()  # two threads may fork at the same time

    def watch(self, forkable: Forkable) -> None:
        """Notify an object of forks, for as long as it lives."""
        with self._lock:
            self._watched.add(forkable)

    def before(self) -> None:
        """Prepare every object."""
        self._lock.acquire(timeout=self._patience)
        self._mine.forking = forking = list(self._watched)
        for each in forking:
            each._before_fork()

    def after(self, *, in_child: bool) -> None:
        """
        Let every object continue, also if a signal handler raised an exception in before().

        Python ignores what is raised before and after a fork.
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
    """Release a lock if this thread has it."""
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
