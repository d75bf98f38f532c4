"""Actions that wait until the lock of a cache is released."""

from collections import deque
from collections.abc import Callable

from cognito_devtoken._cache.recorder import StatsRecorder


class TakenByAnotherThread(deque[Callable[[], object]]):
    """A queue that another thread empties right after this one has seen that it is not empty."""

    def __bool__(self) -> bool:
        found = len(self) > 0
        self.clear()
        return found


def test_an_action_that_another_thread_has_taken_is_left_to_it() -> None:
    ran: list[str] = []
    recorder = StatsRecorder([])
    recorder._deferred = TakenByAnotherThread()
    recorder.defer(lambda: ran.append("wake a caller"))

    assert not recorder.run_deferred()
    assert ran == []


def test_an_action_that_an_action_defers_is_run_too() -> None:
    ran: list[str] = []
    recorder = StatsRecorder([])
    recorder.defer(lambda: recorder.defer(lambda: ran.append("the second")))

    assert recorder.run_deferred()
    assert ran == ["the second"]
