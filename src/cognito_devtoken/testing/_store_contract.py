"""What a store has to do, as tests that pytest finds in a class of yours."""

from __future__ import annotations

import time
from collections.abc import Callable
from secrets import token_hex

from ..typing import TokenStore


# What is given so many seconds to expire may be looked for that long in a store's own time.
_SOON = 0.05
_PATIENCE = 60.0
# What is not to expire during a test: no machine is so slow.
_LONG = 600.0


class TokenStoreContract:
    """
    Tests for any :class:`~cognito_devtoken.typing.TokenStore`.

    ::

        class TestMyStore(TokenStoreContract):
            def open_store(self) -> MyStore:
                return MyStore(...)

    They write under names that nobody else has, and wait for nothing that takes longer than a
    tenth of a second.
    """

    def open_store(self) -> TokenStore:
        """A store. Those that it returns share what they hold."""
        raise NotImplementedError

    def test_a_value_comes_back_as_it_was_with_the_rest_of_its_life(self) -> None:
        store, name = self.open_store(), token_hex(32)
        value = bytes(range(256)) * 8
        store.write(name, value, _LONG, None)
        found = self.open_store().read(name)
        assert found is not None
        assert found.value == value
        assert _LONG / 2 < found.remaining <= _LONG

    def test_a_name_without_a_value_has_none(self) -> None:
        store, name = self.open_store(), token_hex(32)
        assert store.read(name) is None
        granted, found = store.claim(name, "me", _LONG)
        assert (granted, found) == (True, None)

    def test_a_value_takes_the_place_of_another(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.write(name, b"one", _LONG, None)
        store.write(name, b"two", _LONG / 2, None)
        found = store.read(name)
        assert found is not None
        assert found.value == b"two"
        assert found.remaining <= _LONG / 2

    def test_a_value_goes_when_its_life_is_over(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.write(name, b"value", _SOON, None)
        _until(lambda: store.read(name) is None)

    def test_one_of_those_who_claim_a_lock_gets_it(self) -> None:
        store, name = self.open_store(), token_hex(32)
        owners = [token_hex(16) for _ in range(3)]
        assert [store.claim(name, owner, _LONG)[0] for owner in owners] == [True, False, False]

    def test_a_claim_sees_the_value(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.write(name, b"value", _LONG, None)
        for granted in (True, False):
            claimed, found = store.claim(name, token_hex(16), _LONG)
            assert claimed is granted
            assert found is not None
            assert found.value == b"value"

    def test_a_lock_is_of_its_name_only(self) -> None:
        store = self.open_store()
        assert store.claim(token_hex(32), "me", _LONG)[0]
        assert store.claim(token_hex(32), "you", _LONG)[0]

    def test_a_lock_is_released_by_its_owner_and_nobody_else(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.claim(name, "me", _LONG)
        assert store.release(name, "you") is False
        assert not store.claim(name, "you", _LONG)[0]
        assert store.release(name, "me") is True
        assert store.claim(name, "you", _LONG)[0]

    def test_a_lock_is_renewed_by_its_owner_and_nobody_else(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.claim(name, "me", _LONG)
        assert store.renew(name, "you", _LONG) is False
        assert store.renew(name, "me", _LONG) is True
        assert store.release(name, "me") is True

    def test_a_renewed_lock_lasts_from_its_renewal_on(self) -> None:
        store, seconds = self.open_store(), _SOON
        while True:
            name, claimed = token_hex(32), time.monotonic()
            store.claim(name, "me", seconds)
            if store.renew(name, "me", _LONG):
                break
            seconds *= 2  # it had expired before this machine came to renew it
        _until(lambda: time.monotonic() - claimed > seconds)
        assert not store.claim(name, "you", _LONG)[0]
        assert store.renew(name, "me", _SOON) is True
        _until(lambda: store.claim(name, "you", _LONG)[0])

    def test_a_lock_that_has_expired_is_not_renewed_though_nobody_has_taken_it(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.claim(name, "me", _SOON)
        claimed = time.monotonic()
        _until(lambda: time.monotonic() - claimed > 2 * _SOON)
        assert store.renew(name, "me", _LONG) is False
        assert store.release(name, "me") is False
        assert store.write(name, b"value", _LONG, "me") is False
        assert store.claim(name, "you", _LONG)[0]

    def test_a_write_releases_the_lock_of_its_owner_and_nobody_elses(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.claim(name, "me", _LONG)
        assert store.write(name, b"value", _LONG, "you") is False
        assert store.write(name, b"value", _LONG, None) is True
        assert not store.claim(name, "you", _LONG)[0]
        assert store.write(name, b"value", _LONG, "me") is True
        assert store.claim(name, "you", _LONG)[0]

    def test_a_lock_whose_owner_has_died_falls_free(self) -> None:
        store, name = self.open_store(), token_hex(32)
        store.claim(name, "me", _SOON)
        _until(lambda: store.claim(name, "you", _LONG)[0])
        assert store.release(name, "me") is False
        assert store.renew(name, "me", _LONG) is False
        assert store.write(name, b"value", _LONG, "me") is False
        assert not store.claim(name, "me", _LONG)[0], "it is another's now"

    def test_messages_come_in_their_order_and_once(self) -> None:
        store = self.open_store()
        begin = store.publish(b"begin", _LONG, 1000)
        positions = [store.publish(message, _LONG, 1000) for message in (b"one", b"two", b"three")]
        assert sorted({begin, *positions}) == [begin, *positions]
        found = list(self.open_store().published(begin))
        assert found == list(zip(positions, (b"one", b"two", b"three"), strict=True))
        assert list(store.published(positions[1])) == found[2:]
        assert list(store.published(positions[2])) == []

    def test_the_last_messages_are_kept(self) -> None:
        store = self.open_store()
        begin = store.publish(b"begin", _LONG, 1000)
        positions = [store.publish(b"%d" % number, _LONG, 2) for number in range(5)]
        kept = list(store.published(begin))
        assert kept[-2:] == [(positions[3], b"3"), (positions[4], b"4")]
        assert list(store.published(0))[-2:] == kept[-2:]


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it has not come to this"
