"""A value in the shared store that was altered, moved or sealed with another key is a miss."""

from typing import Any

import pytest

from caching import Recorder, request_for
from cognito_devtoken import TokenCache
from cognito_devtoken.events import (
    StoredValueRefused,
)
from cognito_devtoken.stores import StoreKeys
from cognito_devtoken.testing import FakeFetcher, MemoryStore
from hosts import HostFactory, digest_of, log_of


def stored(store: MemoryStore) -> tuple[str, bytes]:
    ((name, (value, _, _)),) = store.values.items()
    return name, value


def put(store: MemoryStore, name: str, value: bytes) -> None:
    _, since, seconds = store.values.get(name) or next(iter(store.values.values()))
    store.values[name] = value, since, seconds


def test_every_changed_bit_is_a_miss_with_an_event_and_a_count(
    new_host: HostFactory, fetcher: FakeFetcher, store: MemoryStore, recorder: Recorder
) -> None:
    new_host().get(request_for())
    name, value = stored(store)
    host = new_host()

    # One bit of each byte; test_sealing.py changes every bit.
    for bit in range(0, len(value) * 8, 8):
        bit += bit // 8 % 8  # noqa: PLW2901
        changed = bytearray(value)
        changed[bit // 8] ^= 1 << bit % 8
        put(store, name, bytes(changed))
        host.clear()
        host._state.entries.clear()
        log_of(host).reset()
        recorder.events.clear()
        before = host.stats()
        host.get(request_for())
        after = host.stats()
        assert after.store_undecryptable == before.store_undecryptable + 1, bit
        assert after.store_misses == before.store_misses + 1
        (refused,) = recorder.of(StoredValueRefused)
        place = "unknown format" if bit < 8 else "unknown key" if bit < 72 else "altered or moved"
        assert refused.why == place

    assert len(fetcher.calls) == 1 + len(value)


def test_a_value_moved_to_the_name_of_another_user_is_a_miss(
    new_host: HostFactory, fetcher: FakeFetcher, store: MemoryStore, recorder: Recorder
) -> None:
    token = new_host().get(request_for("mallory"))
    _, value = stored(store)
    new_host().get(request_for("victim"))
    (name,) = [name for name in store.values if store.values[name][0] != value]
    put(store, name, value)

    host = new_host()

    assert host.get(request_for("victim")) != token
    assert host.stats().store_undecryptable == 1
    assert [event.why for event in recorder.of(StoredValueRefused)] == ["altered or moved"]


@pytest.mark.parametrize("value", [b"", b"\x01", b"\x01" * 9, b"\x01" * 21, b"x" * 2000])
def test_garbage_is_a_miss(new_host: HostFactory, store: MemoryStore, value: bytes) -> None:
    new_host().get(request_for())
    name, _ = stored(store)
    put(store, name, value)

    host = new_host()
    host.get(request_for())

    assert host.stats().store_undecryptable == 1


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"null", b'"a"', b'{"Since": 0, "Token": 1}', b'{"Since": "x"}']
)
def test_a_sealed_value_that_is_not_a_token_is_a_miss(
    new_host: HostFactory, store: MemoryStore, recorder: Recorder, content: bytes
) -> None:
    new_host().get(request_for())
    name, _ = stored(store)
    host = new_host()
    put(store, name, store.keys.seal(content, digest_of(request_for())))

    host.get(request_for())

    assert [event.why for event in recorder.of(StoredValueRefused)] == [
        "not a token for this request"
    ]
    assert host.stats().store_undecryptable == 1


def test_an_unknown_key_is_a_miss_and_key_rotation_loses_no_token(
    new_host: HostFactory, fetcher: FakeFetcher, store: MemoryStore, recorder: Recorder
) -> None:
    old, new = StoreKeys.generate(), StoreKeys.generate()

    def host(*keys: str) -> TokenCache:
        return new_host(store=WithKeys(store, *keys))

    token = host(old).get(request_for())
    # The new key comes second on all hosts, then first, then alone.
    for keys in ([old], [old, new], [new, old], [old, new]):
        assert host(*keys).get(request_for()) == token
    assert len(fetcher.calls) == 1
    newer = host(new, old).refresh(request_for())
    for keys in ([new, old], [new]):
        assert host(*keys).get(request_for()) == newer
    assert len(fetcher.calls) == 2
    assert recorder.of(StoredValueRefused) == []
    # A stranger does not find the value, and cannot open it when it is moved to its name.
    unknown = StoreKeys.generate()
    name = StoreKeys(unknown).names(digest_of(request_for()))[0]
    put(store, name, stored_by(store, StoreKeys(old), digest_of(request_for())))
    stranger = host(unknown)
    assert stranger.get(request_for()) != newer
    assert [event.why for event in recorder.of(StoredValueRefused)] == ["unknown key"]


def stored_by(store: MemoryStore, keys: StoreKeys, digest: bytes) -> bytes:
    return store.values[keys.names(digest)[0]][0]


class WithKeys:
    """The same store with other keys."""

    def __init__(self, store: MemoryStore, *keys: str) -> None:
        self._store = store
        self.keys = StoreKeys(keys)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
