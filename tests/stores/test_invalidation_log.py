"""Hosts tell each other what to throw away, in messages to the log of the shared store."""

from contextlib import nullcontext

import pytest

from caching import PROVIDER, Recorder, request_for
from cognito_devtoken._cache.invalidation import EVERYTHING
from cognito_devtoken._sharing.guarded_store import FailedError
from cognito_devtoken._sharing.invalidation_index import KEEP, InvalidationIndex
from cognito_devtoken._values.key import Key
from cognito_devtoken.events import StoredValueRefused
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore, make_token
from hosts import HostFactory, listen, log_of


def test_what_cannot_be_told_is_told_as_soon_as_the_store_answers(
    new_host: HostFactory, store: MemoryStore, clock: ManualClock
) -> None:
    here, there = new_host(), new_host()
    old = here.get(request_for())
    there.get(request_for())
    store.error = ConnectionError("down")
    here.forget("user-42")
    for _ in range(3):
        listen(here)
    new = here.get(request_for())
    assert new != old, "it goes on without the store"
    store.error = None
    clock.advance(6)

    listen(here, there)

    assert there.get(request_for()) not in (old, new)


def test_who_has_too_much_to_tell_tells_to_throw_everything_away(
    new_host: HostFactory, store: MemoryStore
) -> None:
    here, there = new_host(), new_host()
    there.get(request_for("another"))
    store.error = ConnectionError("down")
    for number in range(10_001):
        here.forget(str(number))
    store.error = None

    listen(here, there)

    assert len(store._messages) == 1
    assert there.stats().entries == 0


def test_many_who_are_forgotten_are_told_of_in_few_messages_and_nobody_else_is(
    new_host: HostFactory, store: MemoryStore
) -> None:
    here, there = new_host(), new_host()
    token = there.get(request_for("another"))
    there.get(request_for("999"))
    for number in range(1000):
        here.forget(str(number))

    listen(here, there)

    assert len(store._messages) == 2
    assert there.stats().entries == 1
    assert there.get(request_for("another")) == token


def test_who_has_missed_messages_takes_nothing_from_before(
    new_host: HostFactory, fetcher: FakeFetcher, store: MemoryStore
) -> None:
    here, there = new_host(), new_host()
    old = there.get(request_for())
    for number in range(KEEP + 1):
        store.publish(store.keys.seal(b'[["identity", "%d"]]' % number, b"message"), 1, KEEP)
    listen(there)

    assert there.stats().entries == 0
    assert here.get(request_for()) != old
    assert new_host().get(request_for()) == here.get(request_for())
    assert len(fetcher.calls) == 2
    assert len(log_of(there).index._invalidated) <= KEEP


def test_older_news_are_forgotten_with_all_that_they_may_have_meant() -> None:
    news, key, token = InvalidationIndex(PROVIDER), Key.of(request_for(), PROVIDER), make_token()
    news.read_messages((number, [("identity", str(number))]) for number in range(1, KEEP + 3))

    assert len(news._invalidated) == KEEP
    assert [news.refuses(key, token, since) for since in (0, 1, 2, 3)] == [True, True, False, False]


@pytest.mark.parametrize(
    "message", [b"", b"{}", b"[1]", b"nonsense", b'["of a later version", "1"]']
)
def test_a_message_that_nobody_understands_does_no_harm(
    new_host: HostFactory, store: MemoryStore, message: bytes
) -> None:
    host = new_host()
    token = host.get(request_for())
    store.publish(store.keys.seal(message, b"message"), 1, KEEP)

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


def test_what_is_told_just_before_the_end_is_told(
    new_host: HostFactory, store: MemoryStore
) -> None:
    host = new_host()
    host.get(request_for())
    host.forget("user-42")

    host.close()

    assert len(store._messages) == 1
    assert not log_of(host).listen_once()


def test_a_close_does_not_wait_for_a_store_that_is_slow_to_be_told(
    new_host: HostFactory, store: MemoryStore
) -> None:
    host = new_host()
    exchange = log_of(host)
    waited: list[float] = []

    class HeldByAnother:
        def acquire(self, timeout: float) -> bool:
            waited.append(timeout)
            return False

    exchange._exchanging = HeldByAnother()
    host.forget("user-42")
    with pytest.raises(FailedError):
        exchange.catch_up()
    assert host.get(request_for()).token, "it goes on without the store"

    host.close()

    assert waited == [1, 1, 0.3]
    assert store._messages == []


@pytest.mark.parametrize("heard", [True, False])
def test_what_another_thread_has_heard_while_this_one_waited_is_not_asked_for_again(
    new_host: HostFactory, store: MemoryStore, *, heard: bool
) -> None:
    host = new_host()
    exchange = log_of(host)

    class HeldByAnother:
        def acquire(self, timeout: float) -> bool:
            exchange._attempts += 1
            exchange._up_to_date = heard
            return True

        def release(self) -> None: ...

    exchange._exchanging = HeldByAnother()
    store.published = lambda after: pytest.fail("it asks")  # type: ignore[method-assign]

    with nullcontext() if heard else pytest.raises(FailedError):
        exchange._exchange()
    assert host.stats().store_errors == 0


def test_a_close_tells_no_more_than_takes_a_moment(
    new_host: HostFactory, store: MemoryStore
) -> None:
    host = new_host()
    for number in range(2000):
        host.forget(str(number))

    host.close()

    assert len(store._messages) == 3


def test_what_is_told_may_become_everything_in_the_middle_of_it(
    new_host: HostFactory, store: MemoryStore
) -> None:
    host = new_host()
    host.forget("user-0")
    publish = store.publish

    def publish_slowly(message: bytes, seconds: float, keep: int) -> int:
        store.publish = publish  # type: ignore[method-assign]
        for number in range(10_001):
            host.forget(str(number))
        return publish(message, seconds, keep)

    store.publish = publish_slowly  # type: ignore[method-assign]
    listen(host)

    assert len(store._messages) < 10
    assert EVERYTHING in log_of(host).index._invalidated
