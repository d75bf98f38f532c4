"""What may happen to a store: it loses everything, or its latest writes."""

from collections.abc import Callable

from cognito_devtoken._sharing.log_reader import KEEP
from cognito_devtoken.testing import MemoryStore
from cognito_devtoken.typing import TokenStore
from servers import Server


class LosingStore:
    """
    A store that tests can damage.

    Attributes:
        store: The store.
    """

    store: TokenStore

    def lose_everything(self) -> None:
        raise NotImplementedError

    def snapshot(self) -> Callable[[], None]:
        """Return a function that takes the store back to its present contents."""
        raise NotImplementedError

    def jump(self, position: int) -> None:
        """Set the position of the last message."""
        raise NotImplementedError

    def delete_log(self) -> None:
        raise NotImplementedError

    def flood(self, count: int) -> None:
        """Append nonsense to the log, as someone without the key can."""
        raise NotImplementedError


class LosingMemoryStore(LosingStore):
    def __init__(self, store: MemoryStore) -> None:
        self.store = self._memory = store

    def lose_everything(self) -> None:
        self._memory.values.clear()
        self._memory._locks.clear()
        self._memory._marks.clear()
        self.delete_log()

    def snapshot(self) -> Callable[[], None]:
        names = ("values", "_locks", "_marks", "_messages")
        copies = {name: getattr(self._memory, name).copy() for name in names}
        copies |= {name: getattr(self._memory, name) for name in ("_log", "_last")}
        return lambda: self._memory.__dict__.update(copies)

    def jump(self, position: int) -> None:
        distance = position - self._memory._last
        self._memory._last = position
        self._memory._messages[:] = [
            (before + distance, text) for before, text in self._memory._messages
        ]

    def delete_log(self) -> None:
        self._memory._start_log()

    def flood(self, count: int) -> None:
        for number in range(count):
            self._memory.publish(b"nonsense %d" % number, 600, KEEP)


class LosingRedisStore(LosingStore):
    def __init__(self, server: Server, store: TokenStore) -> None:
        self.store = store
        self._server = server

    def lose_everything(self) -> None:
        with self._server.client() as client:
            client.flushall()

    def snapshot(self) -> Callable[[], None]:
        with self._server.client() as client:
            dumped = {name: (client.pttl(name), client.dump(name)) for name in client.scan_iter()}

        def restore() -> None:
            with self._server.client() as client:
                client.flushall()
                for name, (milliseconds, dump) in dumped.items():
                    client.restore(name, milliseconds, dump)

        return restore

    def jump(self, position: int) -> None:
        with self._server.client() as client:
            client.hset("cognito-devtoken:{log}:head", "last", position)

    def delete_log(self) -> None:
        with self._server.client() as client:
            client.delete("cognito-devtoken:{log}")

    def flood(self, count: int) -> None:
        name = "cognito-devtoken:{log}"
        with self._server.client() as client:
            client.hincrby(f"{name}:head", "last", count)
            client.rpush(name, *(b"nonsense %d" % number for number in range(count)))
            client.ltrim(name, -KEEP, -1)
