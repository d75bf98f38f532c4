"""Forks at the worst moment: locks, and what a child starts with."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from caching import request_for
from cognito_devtoken import TokenCache
from cognito_devtoken._runtime.fork import Forks, release_if_owned


class Part:
    """An object whose lock is held during a fork."""

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def _before_fork(self) -> None:
        self.lock.acquire(blocking=False)

    def _after_fork(self, *, in_child: bool) -> None:
        release_if_owned(self.lock)


class TestFork:
    def test_two_threads_that_fork_at_once_leave_no_lock_held(self) -> None:
        forks, part = Forks(patience=0), Part()
        forks.watch(part)

        with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
            one.submit(forks.before).result()
            other.submit(forks.before).result()
            one.submit(forks.after, in_child=False).result()
            other.submit(forks.after, in_child=False).result()

        assert forks._lock.acquire(blocking=False)
        assert part.lock.acquire(blocking=False)

    def test_a_child_can_open_a_session_whichever_thread_held_the_registry(self) -> None:
        forks, part = Forks(patience=0), Part()
        with ThreadPoolExecutor(1) as other:
            other.submit(forks._lock.acquire).result()

            forks.before()
            forks.after(in_child=True)

        assert forks._lock.acquire(blocking=False)
        forks._lock.release()
        forks.watch(part)

    def test_a_handler_that_raises_before_the_fork_leaves_no_lock_held(self) -> None:
        class Interrupted(Part):
            def _before_fork(self) -> None:
                super()._before_fork()
                raise KeyboardInterrupt

        forks, parts = Forks(patience=0), [Interrupted(), Interrupted()]
        with ThreadPoolExecutor(1) as other:
            for part in parts:
                forks.watch(part)
            with pytest.raises(KeyboardInterrupt):
                other.submit(forks.before).result()
            other.submit(forks.after, in_child=False).result()

            for lock in (forks._lock, *(part.lock for part in parts)):
                assert lock.acquire(blocking=False)


def test_a_forked_child_draws_its_own_jitter_and_keeps_a_token_expedited(
    cache: TokenCache,
) -> None:
    entries = cache._state.entries
    cache.get(request_for())
    (key,) = entries.leases
    dues = [entries.leases[key]._due]
    cache._state.random_fraction = lambda: 1.0

    for expedited in (False, True):
        if expedited:
            entries.expedite(key)
        cache._leases._before_fork()
        cache._leases._after_fork(in_child=True)
        dues.append(entries.leases[key]._due)

    assert dues == pytest.approx([600, 500, 0])
