"""What a store must do, as tests for a class of your own."""

from __future__ import annotations

import time
from collections.abc import Callable
from secrets import token_hex

from ..typing import TokenStore


# After how many seconds values and locks expire, and how long a test waits for that.
_SOON = 0.05
_PATIENCE = 60.0
# For values and locks that must not expire during a test, however slow the machine is.
_LONG = 600.0


class TokenStoreContract:
    """
    Tests for any :class:`~cognito_devtoken.typing.TokenStore`.

    ::

        class TestMyStore(TokenStoreContract):
            def open_store(self) -> MyStore:
                return MyStore(...)

    They use random names, and wait for nothing that takes longer than a tenth of a second.
    """

    def open_store(self) -> TokenStore:
        """Return a store. All stores that it returns share their contents."""
        raise NotImplementedError

    def test_a_value_is_read_unchanged_with_its_remaining_life(self) -> None:
        store, name = self.open_store(), token_hex(32)
        value = bytes(range(256)) * 8
        store.write(name, value, _LONG, None)
        found = self.open_store().read(name)
        assert found is not None
        assert found.value == value
        assert _LONG / 2 < found.remaining <= _LONG

    def test_a_name_without_a_value_reads_as_none(self) -> None:
        store, name = self.open_store(), token_hex(32)
        assert store.read(name) is None
        granted, found = store.claim(name, "me", _LONG)
        assert (granted, found) == (True, None)

    def test_a_write_replaces_the_value(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.write(name, b"one", _LONG, None)
        store.write(name, b"two", _LONG / 2, None)
        found = store.read(name)
        assert found is not None
        assert found.value == b"two"
        assert found.remaining <= _LONG / 2

    def test_a_value_expires(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.write(name, b"value", _SOON, None)
        _until(lambda: store.read(name) is None)

    def test_only_the_first_claim_gets_the_lock(self) -> None:
        store, name = self.open_store(), token_hex(32)
        owners = [token_hex(16) for _ in range(3)]
        assert [store.claim(name, owner, _LONG)[0] for owner in owners] == [True, False, False]

    def test_a_claim_returns_the_value_whether_granted_or_not(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.write(name, b"value", _LONG, None)
        for granted in (True, False):
            claimed, found = store.claim(name, token_hex(16), _LONG)
            assert claimed is granted
            assert found is not None
            assert found.value == b"value"

    def test_locks_of_different_names_are_independent(self) -> None:
        store = self.open_store()
        assert store.claim(token_hex(32), "me", _LONG)[0]
        assert store.claim(token_hex(32), "you", _LONG)[0]

    def test_only_the_owner_releases_a_lock(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.claim(name, "me", _LONG)
        assert store.release(name, "you") is False
        assert not store.claim(name, "you", _LONG)[0]
        assert store.release(name, "me") is True
        assert store.claim(name, "you", _LONG)[0]

    def test_only_the_owner_renews_a_lock(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.claim(name, "me", _LONG)
        assert store.renew(name, "you", _LONG) is False
        assert store.renew(name, "me", _LONG) is True
        assert store.release(name, "me") is True

    def test_a_renewed_lock_expires_counted_from_its_renewal(self) -> None:
        store, seconds = self.open_store(), _SOON
        while True:
            name = token_hex(32)
            store.claim(name, "me", seconds)
            claimed = time.monotonic()
            if store.renew(name, "me", _LONG):
                break
            seconds *= 2  # it had expired before this machine renewed it
        _until(lambda: time.monotonic() - claimed > seconds)
        assert not store.claim(name, "you", _LONG)[0]
        assert store.renew(name, "me", _SOON) is True
        _until(lambda: store.claim(name, "you", _LONG)[0])

    def test_an_expired_lock_that_is_still_free_is_not_renewed(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.claim(name, "me", _SOON)
        claimed = time.monotonic()
        _until(lambda: time.monotonic() - claimed > 2 * _SOON)
        assert store.renew(name, "me", _LONG) is False
        assert store.release(name, "me") is False
        assert store.write(name, b"value", _LONG, "me") is False
        assert store.claim(name, "you", _LONG)[0]

    def test_only_a_write_by_the_owner_releases_the_lock(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.claim(name, "me", _LONG)
        assert store.write(name, b"value", _LONG, "you") is False
        assert store.write(name, b"value", _LONG, None) is True
        assert not store.claim(name, "you", _LONG)[0]
        assert store.write(name, b"value", _LONG, "me") is True
        assert store.claim(name, "you", _LONG)[0]

    def test_a_lock_whose_owner_died_expires(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.claim(name, "me", _SOON)
        _until(lambda: store.claim(name, "you", _LONG)[0])
        assert store.release(name, "me") is False
        assert store.renew(name, "me", _LONG) is False
        assert store.write(name, b"value", _LONG, "me") is False
        assert not store.claim(name, "me", _LONG)[0], "it has another owner now"

    def test_messages_are_read_in_order_and_once(self) -> None:
        store = self.open_store()
        begin = store.publish(b"begin", _LONG, 1000)
        positions = [store.publish(message, _LONG, 1000) for message in (b"one", b"two", b"three")]
        assert sorted({begin, *positions}) == [begin, *positions]
        found = list(self.open_store().published(begin))
        assert found == list(zip(positions, (b"one", b"two", b"three"), strict=True))
        assert list(store.published(positions[1])) == found[2:]
        assert list(store.published(positions[2])) == []

    def test_the_latest_messages_are_kept(self) -> None:
        store = self.open_store()
        begin = store.publish(b"begin", _LONG, 1000)
        positions = [store.publish(b"%d" % number, _LONG, 2) for number in range(5)]
        kept = list(store.published(begin))
        assert kept[-2:] == [(positions[3], b"3"), (positions[4], b"4")]
        assert list(store.published(0))[-2:] == kept[-2:]


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "the condition did not become true in time"
