"""A background thread goes on whatever its rounds raise, and is replaced if it ends anyway."""

import threading
from queue import Empty

import pytest

from caching import ManualThreads
from cognito_devtoken._sharing.background import AFTER_FAILURE, BackgroundThread


ERRORS = [ZeroDivisionError, MemoryError, KeyboardInterrupt, SystemExit, BaseException]


class Owner:
    """Its rounds raise the given errors, then the thread ends."""

    def __init__(self, *errors: type[BaseException]) -> None:
        self.errors = list(errors)
        self.reported: list[type[BaseException]] = []
        self.threads = ManualThreads()
        self.thread = BackgroundThread(self, Owner.run, Owner.report, threading.RLock())
        self.thread.start_thread = self.threads.start

    def run(self) -> float | None:
        if self.errors:
            raise self.errors.pop(0)
        self.thread.ended()
        return None

    def report(self, error: BaseException) -> None:
        self.reported.append(type(error))


class Pauses:
    """The pauses between rounds, which may raise an error as well."""

    def __init__(self, *errors: type[BaseException]) -> None:
        self.seconds: list[float] = []
        self._errors = list(errors)

    def get(self, timeout: float) -> None:
        self.seconds.append(timeout)
        raise self._errors.pop(0) if self._errors else Empty


def test_a_round_that_raises_is_reported_and_the_next_one_comes_after_a_pause() -> None:
    owner, pauses = Owner(*ERRORS), Pauses()
    owner.thread.wake = pauses  # type: ignore[assignment]

    owner.thread.ensure(first_pause=0)
    owner.threads.run_all()

    assert owner.reported == ERRORS
    assert pauses.seconds == [0, *[AFTER_FAILURE] * len(ERRORS)]
    assert not owner.thread.running


@pytest.mark.parametrize("error", ERRORS)
def test_a_thread_that_ends_in_a_pause_says_so_and_is_replaced(error: type[BaseException]) -> None:
    owner = Owner()
    owner.thread.wake = Pauses(error)  # type: ignore[assignment]
    owner.thread.ensure(first_pause=0)
    owner.threads.run_all()

    assert owner.reported == [error]
    assert not owner.thread.running
    owner.thread.ensure(first_pause=0)
    assert len(owner.threads.jobs) == 1


def test_a_thread_that_ends_after_its_owner_reports_to_no_one() -> None:
    owner = Owner()
    thread, threads, reported = owner.thread, owner.threads, owner.reported

    class Last(Pauses):
        def get(self, timeout: float) -> None:
            nonlocal owner
            del owner
            raise MemoryError

    thread.wake = Last()  # type: ignore[assignment]
    thread.ensure(first_pause=0)
    threads.run_all()

    assert reported == []
    assert not thread.running
