"""A shared store that fails is skipped, and callers do not notice."""

from itertools import pairwise

import pytest

from caching import Recorder, request_for
from cognito_devtoken.events import (
    StoreFailed,
)
from cognito_devtoken.testing import ManualClock, MemoryStore
from hosts import HostFactory


def test_a_store_that_fails_is_left_alone_and_nobody_notices(
    new_host: HostFactory, store: MemoryStore, clock: ManualClock, recorder: Recorder
) -> None:
    host = new_host()
    store.error = ConnectionError("down")

    for number in range(10):
        host.get(request_for(str(number)))

    stats = host.stats()
    assert (stats.store_errors, stats.store_skipped) == (3, 7)
    assert [event.skipped_for for event in recorder.of(StoreFailed)] == [0, 0, 5]
    assert {event.error for event in recorder.of(StoreFailed)} == {"ConnectionError"}
    assert stats.errors == 0
    assert stats.fetches_succeeded == 10


def test_it_is_asked_again_soon_and_used_as_soon_as_it_answers(
    new_host: HostFactory, store: MemoryStore, clock: ManualClock, recorder: Recorder
) -> None:
    host = new_host(random_fraction=1.0)
    store.error = ConnectionError("down")
    asked_at = [0.0]
    for number in range(400):
        host.get(request_for(str(number)))
        clock.advance(0.5)
        if len(recorder.of(StoreFailed)) > len(asked_at):
            asked_at.append(number * 0.5)

    pauses = [b - a for a, b in pairwise(asked_at[2:])]
    assert pauses[:5] == [5.5, 11, 22, 28, 28], "of half a second each"
    assert max(pauses) <= 30

    store.error = None
    clock.advance(27.5)
    host.get(request_for("again"))
    host.get(request_for("and again"))
    assert len(store.values) == 2


def test_one_failure_in_between_does_not_count(new_host: HostFactory, store: MemoryStore) -> None:
    host = new_host()
    for number in range(9):
        store.error = ConnectionError("down") if number % 3 else None
        host.get(request_for(str(number)))

    assert host.stats().store_skipped == 0


def test_of_those_that_come_when_its_time_is_over_one_asks(clock: ManualClock) -> None:
    from cognito_devtoken._sharing.circuit_breaker import CircuitBreaker
    from cognito_devtoken.typing import Instant

    breaker = CircuitBreaker()
    for _ in range(3):
        assert breaker.allows(Instant.now(clock))
        breaker.failed(Instant.now(clock), 0.0)
    assert not breaker.allows(Instant.now(clock))
    clock.advance(5)
    assert [breaker.allows(Instant.now(clock)) for _ in range(3)] == [True, False, False]
    assert breaker.failed(Instant.now(clock), 0.0) == 10
    assert breaker.failed(Instant.now(clock), 0.0) == 0, "one that was asked before"
    clock.advance(10)
    assert breaker.allows(Instant.now(clock))
    breaker.succeeded()
    assert breaker.allows(Instant.now(clock))


@pytest.mark.parametrize("operation", ["read", "claim", "write", "release", "publish", "published"])
@pytest.mark.parametrize("error", [OSError, SystemExit, KeyboardInterrupt])
def test_whatever_fails_with_whatever_a_caller_gets_a_token(
    new_host: HostFactory, store: MemoryStore, operation: str, error: type[BaseException]
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    setattr(store, operation, fail)
    host = new_host()

    for number in range(5):
        host.invalidate(host.get(request_for(str(number))))
        host.get(request_for(str(number)))

    assert host.stats().errors == 0


@pytest.mark.parametrize("operation", ["read", "claim", "publish", "published"])
@pytest.mark.parametrize("answer", [True, "text", (b"a",), (1, 2, 3)])
def test_what_makes_no_sense_is_a_failure_too(
    new_host: HostFactory, store: MemoryStore, operation: str, answer: object
) -> None:
    if (operation, answer) == ("publish", True):
        return  # it is a position
    setattr(store, operation, lambda *arguments: answer)
    host = new_host()

    host.invalidate(host.get(request_for()))
    host.get(request_for())

    assert host.stats().store_errors
    assert host.stats().errors == 0
