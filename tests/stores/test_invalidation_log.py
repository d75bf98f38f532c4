"""Hosts announce invalidations to each other in the log of the shared store."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from caching import PROVIDER, Recorder, request_for
from cognito_devtoken._cache.scopes import EVERYTHING
from cognito_devtoken._sharing import messages
from cognito_devtoken._sharing.guarded_store import StoreFailedError
from cognito_devtoken._sharing.invalidation_index import (
    REMEMBERED,
    InvalidationIndex,
    LogPosition,
    Message,
)
from cognito_devtoken._sharing.log_reader import KEEP
from cognito_devtoken._values.key import Key
from cognito_devtoken.events import StoredValueRefused
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore, make_token
from cognito_devtoken.typing import Instant
from hosts import HostFactory, listen, log_of


def test_an_invalidation_during_an_outage_is_announced_as_soon_as_the_store_is_back(
    new_host: HostFactory, store: MemoryStore, clock: ManualClock
) -> None:
    first, second = new_host(), new_host()
    old = first.get(request_for())
    second.get(request_for())
    store.error = ConnectionError("down")
    first.forget("user-42")
    for _ in range(3):
        listen(first)
    new = first.get(request_for())
    assert new != old, "it continues without the store"
    store.error = None
    clock.advance(6)

    listen(first, second)

    assert second.get(request_for()) not in (old, new)


def test_a_host_with_too_many_pending_invalidations_invalidates_everything(
    new_host: HostFactory, store: MemoryStore
) -> None:
    first, second = new_host(), new_host()
    second.get(request_for("another"))
    store.error = ConnectionError("down")
    for number in range(10_001):
        first.forget(str(number))
    store.error = None

    listen(first, second)

    assert len(store._messages) == 1
    assert second.stats().entries == 0


def test_many_invalidations_fit_into_few_messages_and_affect_no_other_user(
    new_host: HostFactory, store: MemoryStore
) -> None:
    first, second = new_host(), new_host()
    token = second.get(request_for("another"))
    second.get(request_for("999"))
    for number in range(1000):
        first.forget(str(number))

    listen(first, second)

    assert len(store._messages) == 10
    assert second.stats().entries == 1
    assert second.get(request_for("another")) == token


def test_a_host_that_missed_messages_adopts_no_older_token(
    new_host: HostFactory, fetcher: FakeFetcher, store: MemoryStore
) -> None:
    first, second = new_host(), new_host()
    old = second.get(request_for())
    for number in range(KEEP + 1):
        store.publish(messages.seal([("identity", str(number))], store.keys), 1, KEEP)
    listen(second)

    assert second.stats().entries == 0
    assert first.get(request_for()) == old, "the marks say that it is still valid"
    assert len(fetcher.calls) == 1
    assert len(log_of(second).index._noted) <= REMEMBERED


def test_what_is_older_than_the_oldest_remembered_message_is_not_known(clock: ManualClock) -> None:
    index = InvalidationIndex(PROVIDER)
    index.begin("log")
    index.read_messages(
        (Message(number, b"", [("identity", str(number))]) for number in range(1, REMEMBERED + 3)),
        Instant.now(clock),
    )

    assert len(index._noted) == REMEMBERED
    assert [index.knows_all_since(LogPosition("log", since)) for since in (0, 1, 2, 3)] == [
        False,
        False,
        True,
        True,
    ]


def test_an_earlier_message_of_another_host_does_not_make_a_forgotten_token_valid_again(
    clock: ManualClock,
) -> None:
    index, key, token = InvalidationIndex(PROVIDER), Key.of(request_for(), PROVIDER), make_token()
    now = Instant.now(clock)
    index.begin("log")
    index.announced([EVERYTHING], LogPosition("log", 3), b"own", now)
    index.read_messages([Message(2, b"another host's", [EVERYTHING])], now)

    assert index.refuses(key, token, LogPosition("log", 2))


def test_a_token_of_another_log_is_refused(clock: ManualClock) -> None:
    index, key, token = InvalidationIndex(PROVIDER), Key.of(request_for(), PROVIDER), make_token()
    index.begin("log")

    assert not index.refuses(key, token, LogPosition("log", 0))
    assert index.refuses(key, token, LogPosition("another log", 1))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{}",
        b"[]",
        b"[1]",
        b"[[]]",
        b'["a", []]',
        b'["a", 1]',
        b'["a", ["user"]]',
        b'["a", ["all", ""], [["all"], ""]]',
        b'["a", ["all", 1]]',
        b'["a", ["all", "\\ud800"]]',
        b'["a", ["all", "%s"]]' % (b"x" * 101),
        b"[" * 100_000,
        b"9" * 5000,
        b"nonsense",
        b"\xff",
    ],
)
def test_a_malformed_message_of_a_host_is_counted_and_passed_over(
    new_host: HostFactory, store: MemoryStore, recorder: Recorder, message: bytes
) -> None:
    first, second = new_host(), new_host()
    token = second.get(request_for())
    store.publish(store.keys.seal(message, b"message"), 1, KEEP)

    listen(second)

    assert second.get(request_for()) == token
    assert second.stats().store_undecryptable == 1
    assert [event.why for event in recorder.of(StoredValueRefused)] == ["malformed message"]
    first.forget("user-42")
    listen(first, second)
    assert second.stats().entries == 0, "what comes next is read"


def test_what_a_later_version_announces_is_passed_over(
    new_host: HostFactory, store: MemoryStore
) -> None:
    host = new_host()
    token = host.get(request_for())
    store.publish(messages.seal([("of a later version", "1")], store.keys), 1, KEEP)

    listen(host)

    assert host.get(request_for()) == token
    assert host.stats().store_undecryptable == 0


def test_a_forged_message_is_refused_with_an_event(
    new_host: HostFactory, store: MemoryStore, recorder: Recorder
) -> None:
    host = new_host()
    token = host.get(request_for())
    ((value, _, _),) = store.values.values()
    for forged in (b'["all"]', MemoryStore().keys.seal(b'["all"]', b"message"), value):
        store.publish(forged, 1, KEEP)

    listen(host)

    assert host.get(request_for()) == token
    refused = recorder.of(StoredValueRefused)
    assert [event.why for event in refused] == [
        "unknown format",
        "unknown key",
        "altered or moved",
    ]
    assert {event.key for event in refused} == {None}


def test_no_message_names_a_user_in_the_clear(new_host: HostFactory, store: MemoryStore) -> None:
    host = new_host()
    token = host.get(request_for())
    host.forget("user-42")
    host.forget_identity(token.identity_id)
    listen(host)

    for _, message in store._messages:
        assert b"user" not in message
        assert token.identity_id.encode() not in message


def test_close_announces_pending_invalidations(new_host: HostFactory, store: MemoryStore) -> None:
    host = new_host()
    host.get(request_for())
    host.forget("user-42")

    host.close()

    assert len(store._messages) == 1
    assert not log_of(host).listen_once()


def test_close_does_not_wait_long_for_a_slow_store(
    new_host: HostFactory, store: MemoryStore
) -> None:
    host = new_host()
    log = log_of(host)
    waited: list[float] = []

    class HeldByAnother:
        def acquire(self, timeout: float) -> bool:
            waited.append(timeout)
            return False

        def release(self) -> None:
            raise RuntimeError

    log._exchanging = HeldByAnother()
    host.forget("user-42")
    with pytest.raises(StoreFailedError):
        log.catch_up()
    assert host.get(request_for()).token, "it continues without the store"

    host.close()

    assert waited == [1, 1, 0.3]
    assert store._messages == []


def test_an_interrupt_just_after_the_exchange_began_lets_other_threads_exchange(
    new_host: HostFactory,
) -> None:
    log = log_of(new_host())
    lock = log._exchanging

    class Interrupted:
        def acquire(self, timeout: float) -> bool:
            lock.acquire()
            raise KeyboardInterrupt

        def release(self) -> None:
            lock.release()

    log._exchanging = Interrupted()
    for exchange in (log.catch_up, log.announce_remaining):
        log.announce(EVERYTHING, again=True)
        with pytest.raises(KeyboardInterrupt):
            exchange()

        with ThreadPoolExecutor(1) as other:
            assert other.submit(lock.acquire, blocking=False).result()
            other.submit(lock.release).result()


@pytest.mark.parametrize("up_to_date", [True, False])
def test_the_log_is_not_read_again_if_another_thread_has_just_read_it(
    new_host: HostFactory, store: MemoryStore, *, up_to_date: bool
) -> None:
    host = new_host()
    log = log_of(host)

    class HeldByAnother:
        def acquire(self, timeout: float) -> bool:
            log._attempts += 1
            log._up_to_date = up_to_date
            return True

        def release(self) -> None: ...

    log._exchanging = HeldByAnother()
    store.published = lambda *arguments: pytest.fail("it reads the log")  # type: ignore[method-assign]

    with nullcontext() if up_to_date else pytest.raises(StoreFailedError):
        log._exchange()
    assert host.stats().store_errors == 0


def test_close_announces_only_as_much_as_takes_a_moment(
    new_host: HostFactory, store: MemoryStore
) -> None:
    host = new_host()
    for number in range(2000):
        host.forget(str(number))

    host.close()

    assert len(store._messages) == 3


def test_pending_invalidations_may_collapse_to_everything_during_an_announcement(
    new_host: HostFactory, store: MemoryStore
) -> None:
    host = new_host()
    host.forget("user-0")
    publish = store.publish

    def publish_slowly(message: bytes, seconds: float, keep: int) -> tuple[str, int]:
        store.publish = publish  # type: ignore[method-assign]
        for number in range(10_001):
            host.forget(str(number))
        return publish(message, seconds, keep)

    store.publish = publish_slowly  # type: ignore[method-assign, assignment]
    listen(host)

    assert len(store._messages) < 10
    assert log_of(host).index.knows(EVERYTHING)
