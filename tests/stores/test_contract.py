"""Every store fulfils the same contract."""

from collections.abc import Callable, Iterator

import pytest

from cognito_devtoken.stores import StoreKeys
from cognito_devtoken.stores.redis import RedisStore
from cognito_devtoken.testing import MemoryStore, TokenStoreContract
from cognito_devtoken.typing import LogPage
from redis_stores import without_time_limits
from servers import Server


class TestMemoryStore(TokenStoreContract):
    @pytest.fixture(autouse=True)
    def set_up(self) -> None:
        self.store = MemoryStore()

    def open_store(self) -> MemoryStore:
        return self.store


class TestRedisStore(TokenStoreContract):
    @pytest.fixture(autouse=True)
    def set_up(self, redis_server: Server) -> Iterator[None]:
        self.url = redis_server.url
        self.stores: list[RedisStore] = []
        yield
        for store in self.stores:
            store.close()

    def open_store(self) -> RedisStore:
        self.stores.append(without_time_limits(RedisStore(self.url, keys=StoreKeys.generate())))
        return self.stores[-1]


class RenewsForAnyOwner(MemoryStore):
    def renew(self, name: str, owner: str, seconds: float) -> bool:
        return self._owner(name) is not None


class DoesNotExtend(MemoryStore):
    def renew(self, name: str, owner: str, seconds: float) -> bool:
        return self._owner(name) == owner


class ClaimsAgain(MemoryStore):
    def renew(self, name: str, owner: str, seconds: float) -> bool:
        return super().renew(name, owner, seconds) or self.claim(name, owner, seconds)[0]


class AlwaysSaysReleased(MemoryStore):
    def release(self, name: str, owner: str) -> bool:
        super().release(name, owner)
        return True


class AlwaysSaysHeldByTheWriter(MemoryStore):
    def write(
        self, name: str, value: bytes, remaining: Callable[[], float], owner: str | None
    ) -> bool:
        super().write(name, value, remaining, owner)
        return True


class SaysLostWithoutAnOwner(MemoryStore):
    def write(
        self, name: str, value: bytes, remaining: Callable[[], float], owner: str | None
    ) -> bool:
        return super().write(name, value, remaining, owner) and owner is not None


class CountsAfterTheCall(MemoryStore):
    def write(
        self, name: str, value: bytes, remaining: Callable[[], float], owner: str | None
    ) -> bool:
        seconds = remaining()
        return super().write(name, value, lambda: seconds, owner)


class NeverEndsTheLog(MemoryStore):
    def publish(
        self, message: bytes, seconds: float, keep: int, ending: str | None = None
    ) -> tuple[str, int]:
        return super().publish(message, seconds, keep)


class StartsAfterThePosition(MemoryStore):
    def published(self, start: int | None, seconds: float) -> LogPage:
        return super().published((start or 0) + 1, seconds)


class KeepsTheLastMark(MemoryStore):
    def mark(self, name: str, log: str, position: int, seconds: float) -> None:
        self._marks.pop(name, None)
        super().mark(name, log, position, seconds)


@pytest.mark.parametrize(
    ("broken", "caught_by"),
    {
        CountsAfterTheCall: (
            "test_a_value_expires_counted_from_when_its_remaining_life_was_asked_for"
        ),
        NeverEndsTheLog: "test_a_log_keeps_its_id_until_it_is_ended",
        StartsAfterThePosition: "test_messages_are_read_in_order_from_a_position_on",
        KeepsTheLastMark: "test_only_a_later_position_of_the_same_log_replaces_a_mark",
        RenewsForAnyOwner: "test_only_the_owner_renews_a_lock",
        DoesNotExtend: "test_a_renewed_lock_expires_counted_from_its_renewal",
        ClaimsAgain: "test_an_expired_lock_that_is_still_free_is_not_renewed",
        AlwaysSaysReleased: "test_only_the_owner_releases_a_lock",
        AlwaysSaysHeldByTheWriter: "test_only_a_write_by_the_owner_releases_the_lock",
        SaysLostWithoutAnOwner: "test_only_a_write_by_the_owner_releases_the_lock",
    }.items(),
)
def test_a_broken_store_fails_the_contract(broken: type[MemoryStore], caught_by: str) -> None:
    class Tests(TokenStoreContract):
        store = broken()

        def open_store(self) -> MemoryStore:
            return self.store

    with pytest.raises(AssertionError):
        getattr(Tests(), caught_by)()


def test_a_store_passes_the_contract_although_the_machine_is_too_slow_to_renew_in_time() -> None:
    class Slow(MemoryStore):
        late = True

        def renew(self, name: str, owner: str, seconds: float) -> bool:
            if self.late:
                self._locks.clear()  # as if they had expired before this call
            self.late = False
            return super().renew(name, owner, seconds)

    class Tests(TokenStoreContract):
        store = Slow()

        def open_store(self) -> MemoryStore:
            return self.store

    Tests().test_a_renewed_lock_expires_counted_from_its_renewal()


def test_the_contract_requires_open_store() -> None:
    with pytest.raises(NotImplementedError):
        TokenStoreContract().open_store()
