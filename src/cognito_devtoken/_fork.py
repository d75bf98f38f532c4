"""
What a forked child needs: locks that are free, and nothing that belongs to its parent.

A lock that another thread of the parent holds at that moment is never released in the child,
and a connection that both use mixes up their answers.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Protocol


# For how many seconds a fork waits for a lock, which is held for moments.
PATIENCE = 1.0


class Forkable(Protocol):
    """What has something to do when its process forks."""

    def _before_fork(self) -> bool:
        """
        Let no other thread be in the middle of a change. Returns whether none is.

        Without waiting for a thread that may wait for something else: the one that forks
        holds the lock of logging, and who knows which others.
        """
        ...

    def _after_fork(self, *, ready: bool, in_child: bool) -> Callable[[], None] | None:
        """
        Go on, in a child with what it needs of its own.

        Returns what else there is to do, once everybody has gone on.
        """


class Forks:
    """Who has something to do when this process forks."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._watched: weakref.WeakSet[Forkable] = weakref.WeakSet()
        self._mine = threading.local()  # two threads may fork at once

    def watch(self, forkable: Forkable) -> None:
        """Tell it of forks, for as long as it lives."""
        with self._lock:
            self._watched.add(forkable)

    def before(self) -> None:
        """Make ready."""
        self._mine.locked = self._lock.acquire(timeout=self._patience)
        self._mine.forking = [(each, each._before_fork()) for each in list(self._watched)]

    def after(self, *, in_child: bool) -> None:
        """Go on."""
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
if hasattr(os, "register_at_fork"):  # pragma: no branch  # Windows has none
    os.register_at_fork(
        before=_forks.before,
        after_in_parent=partial(_forks.after, in_child=False),
        after_in_child=partial(_forks.after, in_child=True),
    )
