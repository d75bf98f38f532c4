"""Every store is held to the same contract."""

from collections.abc import Iterator

import pytest

from cognito_devtoken.stores import StoreKeys
from cognito_devtoken.stores.redis import RedisStore
from cognito_devtoken.testing import MemoryStore, TokenStoreContract
from servers import Server


class TestMemoryStore(TokenStoreContract):
    @pytest.fixture(autouse=True)
    def opened(self) -> None:
        self.store = MemoryStore()

    def open_store(self) -> MemoryStore:
        return self.store


class TestRedisStore(TokenStoreContract):
    @pytest.fixture(autouse=True)
    def opened(self, redis_server: Server) -> Iterator[None]:
        self.url = redis_server.url
        self.stores: list[RedisStore] = []
        yield
        for store in self.stores:
            store.close()

    def open_store(self) -> RedisStore:
        self.stores.append(RedisStore(self.url, keys=StoreKeys.generate(), timeout=1))
        return self.stores[-1]


def test_it_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError):
        TokenStoreContract().open_store()
