"""Hosts that have no key in common share nothing, and report it."""

from typing import Any

import pytest

from caching import Recorder, request_for
from cognito_devtoken import TokenCache
from cognito_devtoken._events.log import WARNINGS
from cognito_devtoken._sharing.key_check import EVERY, NAME
from cognito_devtoken.events import StoreFailed, StoreKeysDiffer
from cognito_devtoken.stores import PlainText, StoreKeys
from cognito_devtoken.stores.redis import RedisStore
from cognito_devtoken.testing import ManualClock, MemoryStore
from hosts import HostFactory, listen
from redis_stores import StoreOpener
from servers import Server


OLD, NEW, OTHER = (StoreKeys.generate() for _ in range(3))
PLAIN = PlainText()
ZEROS = "0000000000000000"


def id_of(key: str | PlainText) -> str:
    return key.ids[0] if isinstance(key, PlainText) else StoreKeys(key).ids[0]


class Fleet:
    """
    Starts hosts that share one store, each with keys of its own.

    Attributes:
        used: The operations on marks, in order.
    """

    def __init__(self, new_host: HostFactory, store: MemoryStore) -> None:
        self._new_host, self._store = new_host, store
        self.used: list[str] = []
        self._note("mark")
        self._note("marks")

    def _note(self, operation: str) -> None:
        original = getattr(self._store, operation)

        def noted(*arguments: Any) -> Any:
            self.used.append(operation)
            return original(*arguments)

        setattr(self._store, operation, noted)

    def start(self, keys: str | PlainText) -> TokenCache:
        """Start a host, which looks at the keys in use once it has its first token."""
        host = self.open(keys)
        listen(host)
        return host

    def open(self, keys: str | PlainText) -> TokenCache:
        store: Any = self._store
        store._keys = keys if isinstance(keys, PlainText) else StoreKeys(keys)
        host = self._new_host()
        host.get(request_for())
        return host


@pytest.fixture
def fleet(new_host: HostFactory, store: MemoryStore) -> Fleet:
    return Fleet(new_host, store)


@pytest.mark.parametrize(
    ("first", "second"),
    [(OLD, NEW), (OLD, f"{NEW},{OTHER}"), (PLAIN, NEW), (OLD, PLAIN)],
    ids=["one each", "several", "plain text first", "plain text second"],
)
def test_a_host_without_a_common_key_warns_and_emits_an_event_once(
    fleet: Fleet,
    recorder: Recorder,
    caplog: pytest.LogCaptureFixture,
    clock: ManualClock,
    first: str | PlainText,
    second: str | PlainText,
) -> None:
    fleet.start(first)
    assert caplog.messages == []

    odd = fleet.start(second)
    clock.advance(EVERY)
    listen(odd, odd)

    own = id_of(second if isinstance(second, PlainText) else second.partition(",")[0])
    other = id_of(first)
    assert recorder.of(StoreKeysDiffer) == [StoreKeysDiffer(own, other)]
    hint = WARNINGS["StoreKeysDiffer"]
    expected = f'StoreKeysDiffer own={own} other={other} hint="{hint}"'
    assert [text for text in caplog.messages if "Keys" in text] == [expected]


def test_every_start_of_a_host_with_other_keys_is_reported(
    fleet: Fleet, recorder: Recorder
) -> None:
    fleet.start(OLD)
    for _ in range(3):
        fleet.start(NEW)

    assert len(recorder.of(StoreKeysDiffer)) == 3


def test_a_rotation_step_by_step_is_not_reported(
    fleet: Fleet, recorder: Recorder, clock: ManualClock
) -> None:
    steps = [OLD, f"{OLD},{NEW}", f"{NEW},{OLD}", NEW, f"{NEW},{OTHER}", f"{OTHER},{NEW}", OTHER]
    hosts = [fleet.start(OLD) for _ in range(3)]
    for keys in steps:
        for number in range(3):
            hosts[number] = fleet.start(keys)
            listen(*hosts)
        clock.advance(EVERY)
        listen(*hosts, *hosts)

    assert recorder.of(StoreKeysDiffer) == []


def test_the_last_look_of_a_host_before_it_changes_its_keys_does_not_hold_a_rotation_up(
    fleet: Fleet, recorder: Recorder, clock: ManualClock
) -> None:
    staying, leaving = fleet.start(f"{NEW},{OLD}"), fleet.start(f"{OLD},{NEW}")
    clock.advance(EVERY)
    listen(staying, leaving)
    clock.advance(EVERY)
    listen(staying)
    fleet.start(NEW)

    assert recorder.of(StoreKeysDiffer) == []


def test_hosts_that_write_at_the_same_time_find_out(
    fleet: Fleet, store: MemoryStore, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = fleet.open(OLD), fleet.open(NEW)
    read = store.marks

    def while_the_other_starts(names: Any) -> Any:
        found = read(names)
        monkeypatch.undo()
        listen(second)
        return found

    monkeypatch.setattr(store, "marks", while_the_other_starts)
    listen(first, second)

    assert recorder.of(StoreKeysDiffer) == [StoreKeysDiffer(id_of(NEW), id_of(OLD))]


def test_a_host_looks_once_when_it_starts_and_twice_a_day(fleet: Fleet, clock: ManualClock) -> None:
    listen(*[fleet.start(OLD)] * 2)
    assert fleet.used == ["marks", "mark", "marks"], "the first host of all writes"

    fleet.used.clear()
    host = fleet.start(OLD)
    for number in range(20):
        host.get(request_for(str(number)))
        host.get(request_for(str(number)))
        listen(host)
    assert fleet.used == ["marks"]

    clock.advance(EVERY - 1)
    host.get(request_for())
    listen(host)
    assert fleet.used == ["marks"]
    clock.advance(1)
    listen(host, host)
    assert fleet.used == ["marks", "marks"]


def test_a_look_that_fails_is_repeated_after_a_minute(
    fleet: Fleet,
    store: MemoryStore,
    recorder: Recorder,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet.start(OLD)
    host = fleet.open(NEW)

    def fails(names: object) -> None:
        raise OSError

    monkeypatch.setattr(store, "marks", fails)
    listen(host, host)
    assert len(recorder.of(StoreFailed)) == 1
    monkeypatch.undo()
    clock.advance(59)
    listen(host)
    assert recorder.of(StoreKeysDiffer) == []
    clock.advance(1)
    listen(host)

    assert len(recorder.of(StoreKeysDiffer)) == 1
    assert host.stats().errors == 0


@pytest.mark.external
def test_hosts_on_a_real_server_report_other_keys_and_the_id_expires(
    redis_server: Server,
    open_store: StoreOpener,
    new_host: HostFactory,
    recorder: Recorder,
) -> None:
    def start(**arguments: Any) -> RedisStore:
        store = open_store(redis_server.url, **arguments)
        host = new_host(store=store)
        host.get(request_for())
        listen(host, host)
        return store

    right = start()
    start()
    assert recorder.of(StoreKeysDiffer) == []
    wrong = start(keys=OTHER)
    start(keys=None, plain_text=True)
    start(keys=OTHER, prefix="another")

    used = right.keys.ids[0]
    assert recorder.of(StoreKeysDiffer) == [
        StoreKeysDiffer(wrong.keys.ids[0], used),
        StoreKeysDiffer(ZEROS, used),
    ]
    assert recorder.of(StoreFailed) == []
    with redis_server.client() as client:
        assert client.get(f"cognito-devtoken:{NAME}:mark") == f"{used}:1".encode()
