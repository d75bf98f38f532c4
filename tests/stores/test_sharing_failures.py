"""A shared store that fails is skipped, and callers do not notice."""

from itertools import pairwise

import pytest

from caching import Recorder, request_for
from canary import find_leaks
from cognito_devtoken import TokenCache
from cognito_devtoken.events import (
    StoreFailed,
)
from cognito_devtoken.exceptions import DevTokenError, SessionClosedError, TokenUnavailableError
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from hosts import HostFactory, digest_of, record_waits


def test_a_failing_store_is_skipped_and_callers_get_their_tokens(
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


def test_a_skipped_store_is_probed_with_back_off_and_used_once_it_is_back(
    new_host: HostFactory, store: MemoryStore, clock: ManualClock, recorder: Recorder
) -> None:
    host = new_host(random_fraction=1.0)
    store.error = ConnectionError("down")
    probed_at = [0.0]
    for number in range(400):
        host.get(request_for(str(number)))
        clock.advance(0.5)
        if len(recorder.of(StoreFailed)) > len(probed_at):
            probed_at.append(number * 0.5)

    pauses = [b - a for a, b in pairwise(probed_at[2:])]
    assert pauses[:5] == [5.5, 11, 22, 28, 28], "in steps of half a second"
    assert max(pauses) <= 30

    store.error = None
    clock.advance(27.5)
    host.get(request_for("again"))
    host.get(request_for("and again"))
    assert len(store.values) == 2


def test_failures_with_a_success_in_between_do_not_open_the_circuit_breaker(
    new_host: HostFactory, store: MemoryStore
) -> None:
    host = new_host()
    for number in range(9):
        store.error = ConnectionError("down") if number % 3 else None
        host.get(request_for(str(number)))

    assert host.stats().store_skipped == 0


def test_only_the_first_caller_probes_the_store_after_the_pause(clock: ManualClock) -> None:
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
    assert breaker.failed(Instant.now(clock), 0.0) == 0, (
        "an operation that started before the probe"
    )
    clock.advance(10)
    assert breaker.allows(Instant.now(clock))
    breaker.succeeded()
    assert breaker.allows(Instant.now(clock))


@pytest.mark.parametrize("operation", ["read", "claim", "write", "release", "publish", "published"])
@pytest.mark.parametrize("error", [OSError, SystemExit, KeyboardInterrupt])
def test_a_caller_gets_a_token_whichever_operation_fails_with_any_error(
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
@pytest.mark.parametrize("response", [True, "text", (b"a",), (1, 2, 3)])
def test_an_invalid_response_of_the_store_counts_as_a_failure(
    new_host: HostFactory, store: MemoryStore, operation: str, response: object
) -> None:
    if (operation, response) == ("publish", True):
        return  # True is a valid position
    setattr(store, operation, lambda *arguments: response)
    host = new_host()

    host.invalidate(host.get(request_for()))
    host.get(request_for())

    assert host.stats().store_errors
    assert host.stats().errors == 0


def test_no_error_of_a_host_that_shares_tokens_shows_a_login(
    new_host: HostFactory, fetcher: FakeFetcher, store: MemoryStore, clock: ManualClock
) -> None:
    logins = {"idp.example": "canary-login"}
    request = request_for("canary-user", logins=logins)
    errors: list[BaseException] = []

    def fails(host: TokenCache) -> None:
        with pytest.raises(DevTokenError) as caught:
            host.get(request)
        errors.append(caught.value)

    fetcher.error = ConnectionError("Cognito is down.")
    fails(new_host())
    store.error = ConnectionError("The store is down, and names canary-user.")
    fails(new_host())
    store.error = None
    (name, *_) = store.keys.names(digest_of(request))
    assert store.claim(name, "another host", 60)[0]
    closing = new_host()
    record_waits(closing, clock, closing.close)
    fails(closing)

    assert [leak for error in errors for leak in find_leaks(error, "canary")] == []
    kinds = [type(error) for error in errors]
    assert kinds == [TokenUnavailableError, TokenUnavailableError, SessionClosedError]


@pytest.mark.parametrize(
    ("notes", "hint"),
    [
        ([], None),
        (["Check the disk."], "Check the disk."),
        (["Check the disk.", 5], "Check the disk. 5"),
        (5, None),
    ],
)
def test_the_notes_of_an_error_say_what_to_do_about_a_store_that_fails(
    new_host: HostFactory, store: MemoryStore, recorder: Recorder, notes: object, hint: str | None
) -> None:
    store.error = ConnectionError("down")
    store.error.__notes__ = notes  # type: ignore[assignment]
    host = new_host()

    host.get(request_for())

    assert recorder.of(StoreFailed)[0].hint == hint
    assert host.stats().errors == 0
