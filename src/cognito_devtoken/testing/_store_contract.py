"""Tests that a store of your own must pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from secrets import token_hex

from ..typing import TokenStore


# How many seconds values and locks live in tests that wait until they have expired.
_SOON = 0.05
# How many seconds these tests wait before they fail.
_PATIENCE = 60.0
# How many seconds values and locks live in tests in which they must not expire, even on a slow
# machine.
_LONG = 600.0


class TokenStoreContract:
    """
    Tests for any :class:`~cognito_devtoken.typing.TokenStore`.

    ::

        class TestMyStore(TokenStoreContract):
            def open_store(self) -> MyStore:
                return MyStore(...)

    The tests use random names. Waits for an expiry take about a tenth of a second.
    """

    def open_store(self) -> TokenStore:
        """Return a store. All stores that this method returns share their contents."""
        raise NotImplementedError

    def test_a_value_is_read_unchanged_with_its_remaining_life(self) -> None:
        store, name = self.open_store(), token_hex(32)
        value = bytes(range(256)) * 8
        store.write(name, value, lambda: _LONG, None)
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
        store.write(name, b"one", lambda: _LONG, None)
        store.write(name, b"two", lambda: _LONG / 2, None)
        found = store.read(name)
        assert found is not None
        assert found.value == b"two"
        assert found.remaining <= _LONG / 2

    def test_a_value_expires(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.write(name, b"value", lambda: _SOON, None)
        _until(lambda: store.read(name) is None)

    def test_only_the_first_claim_gets_the_lock(self) -> None:
        store, name = self.open_store(), token_hex(32)
        owners = [token_hex(16) for _ in range(3)]
        assert [store.claim(name, owner, _LONG)[0] for owner in owners] == [True, False, False]

    def test_a_claim_returns_the_value_whether_granted_or_not(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.write(name, b"value", lambda: _LONG, None)
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
            seconds *= 2  # the lock had expired before this machine renewed it
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
        assert store.write(name, b"value", lambda: _LONG, "me") is False
        assert store.claim(name, "you", _LONG)[0]

    def test_only_a_write_by_the_owner_releases_the_lock(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.claim(name, "me", _LONG)
        assert store.write(name, b"value", lambda: _LONG, "you") is False
        assert store.write(name, b"value", lambda: _LONG, None) is True
        assert not store.claim(name, "you", _LONG)[0]
        assert store.write(name, b"value", lambda: _LONG, "me") is True
        assert store.claim(name, "you", _LONG)[0]

    def test_a_lock_whose_owner_died_expires(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.claim(name, "me", _SOON)
        _until(lambda: store.claim(name, "you", _LONG)[0])
        assert store.release(name, "me") is False
        assert store.renew(name, "me", _LONG) is False
        assert store.write(name, b"value", lambda: _LONG, "me") is False
        assert not store.claim(name, "me", _LONG)[0], "the lock has another owner now"

    def test_a_value_expires_counted_from_when_its_remaining_life_was_asked_for(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.read(name)

        def remaining() -> float:
            began = time.monotonic()  # the process is frozen here
            _until(lambda: time.monotonic() - began > 2 * _SOON)
            return _SOON

        store.write(name, b"value", remaining, None)
        assert store.read(name) is None, "read a clock first, then call remaining()"

    def test_messages_are_read_in_order_from_a_position_on(self) -> None:
        store = self.open_store()
        log, begin = store.publish(b"begin", _LONG, 1000)
        texts = [b"one", b"two", bytes(range(256)) * 20]
        positions = [store.publish(text, _LONG, 1000) for text in texts]
        assert positions == [(log, begin + number) for number in (1, 2, 3)]
        page = self.open_store().published(begin, _LONG)
        assert page.log == log
        assert list(page.messages) == [
            (begin + number, text) for number, text in enumerate([b"begin", *texts])
        ]
        assert list(store.published(begin + 3, _LONG).messages) == [(begin + 3, texts[2])]
        assert list(store.published(begin + 4, _LONG).messages) == []

    def test_the_latest_messages_are_kept_and_read_without_a_position(self) -> None:
        store = self.open_store()
        position = 0
        for number in range(5):
            _, position = store.publish(b"%d" % number, _LONG, 2)
        latest = [(position - 1, b"3"), (position, b"4")]
        assert list(store.published(None, _LONG).messages)[-2:] == latest
        assert list(store.published(0, _LONG).messages)[-2:] == latest
        assert list(store.published(position - 1, _LONG).messages) == latest

    def test_a_log_keeps_its_id_until_it_is_ended(self) -> None:
        store = self.open_store()
        log = store.published(None, _LONG).log
        assert log
        assert store.published(None, _LONG).log == log
        assert store.publish(b"one", _LONG, 1000)[0] == log
        another, position = store.publish(b"two", _LONG, 1000, log)
        assert another != log
        assert position == 1
        assert self.open_store().published(None, _LONG) == (another, [(1, b"two")])
        assert store.publish(b"three", _LONG, 1000, log) == (another, 2), "that log has ended"

    def test_only_a_later_position_of_the_same_log_replaces_a_mark(self) -> None:
        store, one, two = self.open_store(), token_hex(32), token_hex(32)
        first, second = token_hex(8), token_hex(8)
        for log, position in ((first, 9), (first, 10), (first, 2)):
            store.mark(one, log, position, _LONG)
        assert list(self.open_store().marks([one, two])) == [(first, 10), None]
        store.mark(one, second, 1, _LONG)
        store.mark(two, second, 1_000_000_000_000_000, _LONG)
        assert list(store.marks([two, one])) == [(second, 1_000_000_000_000_000), (second, 1)]

    def test_a_mark_and_a_value_of_the_same_name_are_independent(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.mark(name, token_hex(8), 1, _LONG)
        assert store.claim(name, "me", _LONG) == (True, None)


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "the condition did not become true in time"
