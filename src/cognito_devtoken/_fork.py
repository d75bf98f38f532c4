"""
What a forked child needs: locks that are free, and nothing that belongs to its parent.

A lock that another thread of the parent holds at that moment is never released in the child,
and a connection that both use mixes up their answers.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol


class Forkable(Protocol):
    """What has something to do when its process forks."""

    def _before_fork(self) -> None:
        """
        Let no other thread be in the middle of a change.

        Without waiting for a thread that may wait for something else: the one that forks
        holds the lock of logging, and who knows which others.
        """

    def _after_fork(self, *, in_child: bool) -> None:
        """Go on, in a child with what it needs of its own."""


class _Forks:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: weakref.WeakSet[Forkable] = weakref.WeakSet()
        self._forking: list[Forkable] = []
        if hasattr(os, "register_at_fork"):  # pragma: no branch  # Windows has none
            os.register_at_fork(
                before=self._before,
                after_in_parent=lambda: self._after(in_child=False),
                after_in_child=lambda: self._after(in_child=True),
            )

    def watch(self, forkable: Forkable) -> None:
        """Tell it of forks, for as long as it lives."""
        with self._lock:
            self._watched.add(forkable)

    def _before(self) -> None:
        self._ready = self._lock.acquire(timeout=1)
        self._forking = list(self._watched)
        for forkable in self._forking:
            forkable._before_fork()

    def _after(self, *, in_child: bool) -> None:
        forking, self._forking = self._forking, []
        if self._ready:
            self._lock.release()
        for forkable in forking:
            forkable._after_fork(in_child=in_child)


_forks = _Forks()
watch = _forks.watch
