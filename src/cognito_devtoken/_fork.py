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
from functools import partial
from typing import Protocol


# For how many seconds a fork waits for a lock, which is only held for moments.
FORK_WAIT = 1.0


class Forkable(Protocol):
    """An object that must act when its process forks."""

    def _before_fork(self) -> bool:
        """
        Keep other threads out of the middle of a change. Returns whether that succeeded.

        It must not wait for a thread that may wait for something else: the forking thread holds
        logging's lock, and perhaps others.
        """
        ...

    def _after_fork(self, *, ready: bool, in_child: bool) -> Callable[[], None] | None:
        """
        Continue; in a child, with resources of its own.

        Returns what to do once every object has continued.
        """


class Forks:
    """The objects that act when this process forks."""

    def __init__(self, patience: float = FORK_WAIT) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._watched: weakref.WeakSet[Forkable] = weakref.WeakSet()
        self._mine = threading.local()  # two threads may fork at the same time

    def watch(self, forkable: Forkable) -> None:
        """Notify an object of forks, for as long as it lives."""
        with self._lock:
            self._watched.add(forkable)

    def before(self) -> None:
        """Prepare every object."""
        self._mine.locked = self._lock.acquire(timeout=self._patience)
        self._mine.forking = [(each, each._before_fork()) for each in list(self._watched)]

    def after(self, *, in_child: bool) -> None:
        """Let every object continue."""
        forking, self._mine.forking = self._mine.forking, []
        if in_child:
            self._lock = threading.Lock()
        elif self._mine.locked:
            self._lock.release()
        rest = [each._after_fork(ready=ready, in_child=in_child) for each, ready in forking]
        for finish in filter(None, rest):
            finish()


_forks = Forks()
watch = _forks.watch
if hasattr(os, "register_at_fork"):  # pragma: no branch  # Windows has no fork
    os.register_at_fork(
        before=_forks.before,
        after_in_parent=partial(_forks.after, in_child=False),
        after_in_child=partial(_forks.after, in_child=True),
    )
