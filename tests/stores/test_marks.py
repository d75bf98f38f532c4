"""Whether an old token in the store is still valid does not depend on the length of the log."""

from collections.abc import Callable
from typing import Any

import pytest
from in_flight import open_calls

from caching import Recorder, request_for
from cognito_devtoken import OpenIdToken, TokenCache
from cognito_devtoken._sharing import announcements, invalidation_log, messages
from cognito_devtoken._sharing.announcements import Announcements
from cognito_devtoken._sharing.key_check import NAME as NAME_OF_KEY_IN_USE
from cognito_devtoken._sharing.locks import LOCK_SECONDS, RENEW_EVERY
from cognito_devtoken._sharing.log_reader import KEEP
from cognito_devtoken.events import StoreLockExpired
from cognito_devtoken.exceptions import InternalServiceError, TokenUnavailableError
from cognito_devtoken.stores import StoreKeys
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from hosts import HostFactory, listen, locks_of, log_of, source_of


WAYS: dict[str, Callable[[TokenCache, OpenIdToken], None]] = {
    "invalidate": lambda cache, token: cache.invalidate(token),
    "forget": lambda cache, token: cache.forget("user-42"),
    "forget_identity": lambda cache, token: cache.forget_identity(token.identity_id),
    "clear": lambda cache, token: cache.clear(),
}


def fill_log(store: MemoryStore) -> None:
    """Have so many other users forgotten that nothing else is left in the log."""
    text = messages.seal([("user", "another")], store.keys)
    for _ in range(KEEP + 1):
        store.publish(text, 600, KEEP)
    store._messages = store._messages[-10:]


def test_a_host_that_starts_adopts_tokens_older_than_the_log(
    new_host: HostFactory, store: MemoryStore, fetcher: FakeFetcher
) -> None:
    token = new_host().get(request_for())
    fill_log(store)
    host = new_host()

    assert host.get(request_for()) == token
    assert len(fetcher.calls) == 1
    assert (host.stats().store_hits, host.stats().store_misses) == (1, 0)


@pytest.mark.parametrize("way", list(WAYS))
def test_a_host_that_starts_does_not_adopt_what_the_log_no_longer_names(
    new_host: HostFactory, store: MemoryStore, way: str
) -> None:
    first = new_host()
    old = first.get(request_for())
    first.get(request_for("another"))
    WAYS[way](first, old)
    listen(first)
    fill_log(store)
    host = new_host()

    assert host.get(request_for()) != old
    assert host.stats().store_misses == 1
    host.get(request_for("another"))
    assert host.stats().store_hits == (way != "clear")


def test_a_host_that_starts_adopts_a_token_newer_than_its_users_mark(
    new_host: HostFactory, store: MemoryStore, fetcher: FakeFetcher
) -> None:
    first = new_host()
    first.get(request_for())
    first.forget("user-42")
    token = first.get(request_for())
    fill_log(store)

    assert new_host().get(request_for()) == token
    assert len(fetcher.calls) == 2


def test_a_recent_token_is_adopted_with_one_operation(
    new_host: HostFactory, store: MemoryStore
) -> None:
    token = new_host().get(request_for())
    host = new_host()
    host.get(request_for("another"))
    store.claim = lambda *arguments: pytest.fail("claim")  # type: ignore[method-assign]
    store.marks = lambda names: pytest.fail("marks")  # type: ignore[method-assign]
    store.published = lambda *arguments: pytest.fail("published")  # type: ignore[method-assign]

    assert host.get(request_for()) == token


def test_a_host_that_starts_reads_only_the_latest_messages(
    new_host: HostFactory, store: MemoryStore
) -> None:
    fill_log(store)
    starts: list[int | None] = []
    read = store.published

    def published(start: int | None, seconds: float) -> object:
        starts.append(start)
        return read(start, seconds)

    store.published = published  # type: ignore[assignment]
    new_host().get(request_for())

    assert starts == [None, KEEP + 1]


def test_a_token_refused_by_a_mark_is_checked_once_while_a_host_waits_for_the_lock(
    new_host: HostFactory, store: MemoryStore
) -> None:
    first = new_host()
    old = first.get(request_for())
    first.forget("user-42")
    listen(first)
    fill_log(store)
    host = new_host()
    checks: list[object] = []
    marks = store.marks

    def count(names: list[str]) -> object:
        checks.append(names)
        return marks(names)

    store.marks = count  # type: ignore[assignment]
    store.claim = lambda *arguments: (False, store.read(arguments[0]))  # type: ignore[method-assign]
    source_of(host).wait = lambda gate, seconds: False

    assert host.get(request_for()) != old
    assert len(checks) == 1


def test_a_store_that_fails_to_return_marks_costs_a_call(
    new_host: HostFactory, store: MemoryStore, fetcher: FakeFetcher
) -> None:
    old = new_host().get(request_for())
    fill_log(store)
    store.marks = lambda names: [("", 1)]  # type: ignore[method-assign]
    host = new_host()

    assert host.get(request_for()) != old
    assert host.stats().store_errors == 1


def test_marks_that_fail_are_set_later_and_hold_up_no_message(
    new_host: HostFactory, store: MemoryStore
) -> None:
    first, second = new_host(), new_host()
    first.get(request_for("another"))
    old = second.get(request_for())
    mark = store.mark

    def fail(*arguments: object) -> None:
        raise OSError

    store.mark = fail  # type: ignore[method-assign, assignment]
    first.forget("user-42")
    listen(first, second)
    assert second.stats().entries == 0
    assert store._marks == {}

    store.mark = mark  # type: ignore[method-assign]
    listen(first)
    fill_log(store)
    assert new_host().get(request_for()) != old


def test_a_store_that_takes_messages_but_no_marks_has_hosts_discard_everything(
    new_host: HostFactory, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = new_host(), new_host()
    second.get(request_for())

    def fail(*arguments: object) -> None:
        raise OSError

    store.mark = fail  # type: ignore[method-assign, assignment]
    monkeypatch.setattr(announcements, "_MOST", 100)
    for batch in range(3):
        for number in range(99):
            first.forget(f"{batch} {number}")
        log_of(first)._announcements.send()
    listen(first, second)

    assert second.stats().entries == 0
    assert len(log_of(first)._announcements._unmarked) < 200


def test_the_listener_goes_on_setting_marks_until_none_is_left(
    new_host: HostFactory, store: MemoryStore
) -> None:
    host = new_host()
    host.get(request_for())
    for number in range(500):
        host.forget(str(number))

    pauses = [log_of(host).listen_once() for _ in range(4)]

    assert pauses == [0, 0, 2, 2]
    assert len(store._marks.keys() - {NAME_OF_KEY_IN_USE}) == 500


def test_a_caller_sets_only_a_few_marks(new_host: HostFactory, store: MemoryStore) -> None:
    host = new_host()
    for number in range(500):
        host.forget(str(number))

    host.get(request_for())

    assert len(store._messages) == 5
    assert len(store._marks) == invalidation_log._CALLERS_MARKS


def test_marks_are_found_while_keys_are_rotated(new_host: HostFactory, store: MemoryStore) -> None:
    old, new = StoreKeys.generate(), StoreKeys.generate()
    store._keys = StoreKeys([old, new])
    first = new_host()
    token = first.get(request_for())
    first.forget("user-42")
    listen(first)
    fill_log(store)

    for keys in ([old], [new, old]):
        store._keys = StoreKeys(keys)
        assert not store.values.get("x")
        assert new_host().get(request_for()) != token
        store.values = dict(list(store.values.items())[:1])


def test_a_message_that_the_store_refuses_holds_up_no_other(
    new_host: HostFactory, store: MemoryStore
) -> None:
    first, second = new_host(), new_host()
    for user in range(20):
        second.get(request_for(str(user)))
    publish = store.publish
    sent: list[int] = []

    def refuse_some(message: bytes, *arguments: object) -> tuple[str, int]:
        scopes = messages.read(message, store.keys)
        if refused in scopes:
            raise ValueError
        sent.append(len(scopes))
        return publish(message, *arguments)  # type: ignore[arg-type]

    store.publish = refuse_some  # type: ignore[assignment]
    for user in range(20):
        first.forget(str(user))
    refused = next(iter(log_of(first)._announcements._queued))

    for _ in range(20):
        store.error = None
        source_of(first)._store.reset()
        log_of(first).listen_once()
    listen(second)

    assert second.stats().entries == 1
    assert sum(sent) == 19
    assert not log_of(first).is_all_announced(), "so it adopts nothing"


def test_an_interrupted_announcement_is_repeated(
    new_host: HostFactory, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = new_host()
    host.forget("user-42")

    def interrupt(self: object, scopes: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Announcements, "_publish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            log_of(host).listen_once()
    listen(host)

    assert len(store._messages) == 1


def test_closing_sets_the_last_marks(new_host: HostFactory, store: MemoryStore) -> None:
    host = new_host()
    host.forget("user-42")

    host.close()

    assert len(store._marks) == 1


def find_token_when_locked(host: TokenCache, other: TokenCache, store: MemoryStore) -> None:
    """Have a host find another host's token, whose marks it must read, when it takes the lock."""
    other.get(request_for())
    fill_log(store)
    store.read = lambda name: None  # type: ignore[method-assign]  # it is not there yet


def fail(*arguments: object) -> Any:
    raise ConnectionError


@pytest.fixture
def host(new_host: HostFactory, store: MemoryStore) -> TokenCache:
    host = new_host()
    find_token_when_locked(host, new_host(), store)
    return host


@pytest.mark.parametrize("fails", [False, True])
def test_a_host_that_cannot_read_the_marks_renews_its_lock_until_its_call_ends(
    host: TokenCache, fetcher: FakeFetcher, store: MemoryStore, clock: ManualClock, *, fails: bool
) -> None:
    store.marks = fail  # type: ignore[assignment]
    (stored,) = store.values.values()

    with open_calls(fetcher) as call:
        flight = call(host)
        for _ in range(int(2 * LOCK_SECONDS / RENEW_EVERY)):
            clock.advance(RENEW_EVERY)
            locks_of(host).renew_due()
        (name,) = store.values
        assert not store.claim(name, "another host", LOCK_SECONDS)[0]
        if fails:
            fetcher.fail_next(InternalServiceError("Down."))
        flight.complete()

    assert store._locks == {}
    assert host.stats().store_locks_expired == 0
    assert [stored] == list(store.values.values()) if fails else stored not in store.values.values()


def test_a_lock_of_a_host_that_cannot_read_the_marks_is_counted_if_it_expires(
    host: TokenCache,
    fetcher: FakeFetcher,
    store: MemoryStore,
    clock: ManualClock,
    recorder: Recorder,
) -> None:
    store.marks = fail  # type: ignore[assignment]

    with open_calls(fetcher) as call:
        flight = call(host)
        clock.advance(LOCK_SECONDS)
        flight.complete()

    assert host.stats().store_locks_expired == 1
    assert recorder.of(StoreLockExpired)


def test_an_error_that_interrupts_the_lookup_in_the_store_releases_the_lock(
    host: TokenCache, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((stored, _, _),) = store.values.values()
    open_value = StoreKeys.open

    def interrupt(keys: StoreKeys, value: bytes, context: bytes) -> bytes:
        if value == stored:
            raise KeyboardInterrupt
        return open_value(keys, value, context)

    monkeypatch.setattr(StoreKeys, "open", interrupt)

    with pytest.raises(TokenUnavailableError, match="KeyboardInterrupt"):
        host.get(request_for())

    assert store._locks == {}
