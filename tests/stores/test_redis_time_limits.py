"""An operation of a store ends in time, whatever the server does."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
import redis
import redis.asyncio

from cognito_devtoken.stores._connection import _Connecting, _operation, _Socket, within
from cognito_devtoken.stores.redis import RedisStore
from cognito_devtoken.testing import ManualClock
from patience import PATIENCE
from redis_stores import NAME, StoreOpener
from servers import fake_server


@contextmanager
def timed_by(clock: Callable[[], float]) -> Iterator[None]:
    """Measure the operations of this thread by another clock."""
    _operation.clock = clock
    yield
    del _operation.clock


class Dribbling:
    """A socket on which each call takes 30 ms, whatever its time-out."""

    def __init__(self, clock: ManualClock) -> None:
        self.time_outs: list[float] = []
        self._clock = clock

    def gettimeout(self) -> float:
        return 1.0

    def settimeout(self, seconds: float) -> None:
        self.time_outs.append(seconds)

    def recv(self, size: int) -> bytes:
        self._clock.advance(0.03)
        return b"+"

    recv_into = recv
    sendall = recv


@pytest.mark.parametrize("call", ["recv", "recv_into", "sendall"])
def test_each_call_of_a_socket_has_the_rest_of_the_time_of_its_operation(call: str) -> None:
    clock = ManualClock()
    dribbling = Dribbling(clock)
    bounded = _Socket(dribbling)  # type: ignore[arg-type]

    with timed_by(clock.monotonic), within(0.1):
        for _ in range(4):
            getattr(bounded, call)(b"")
        with pytest.raises(TimeoutError):
            getattr(bounded, call)(b"")

    assert dribbling.time_outs == pytest.approx([0.1, 0.07, 0.04, 0.01])


def test_an_operation_takes_100_ms_unless_told_otherwise(keys: str) -> None:
    with RedisStore("redis://localhost", keys=keys) as store:
        assert store._timeout == 0.1


@pytest.mark.external
def test_an_answer_that_does_not_end_is_not_read_to_its_end(open_store: StoreOpener) -> None:
    looks = count()

    def flood(connection: socket.socket) -> None:
        for _ in range(20_000):
            connection.sendall(b"A" * 1000)

    with fake_server(flood) as url:
        store = open_store(url)
        store._timeout = 10
        # Each look at the clock takes a second.
        with timed_by(lambda: float(next(looks))), pytest.raises(redis.TimeoutError):
            store.read(NAME)

    assert next(looks) <= 12


def test_a_name_that_nobody_resolves_takes_no_longer_than_anything_else() -> None:
    looked_up = threading.Event()
    closed: list[str] = []

    class Late:
        def close(self) -> None:
            closed.append("closed")

    def resolve() -> Any:
        looked_up.wait()
        return Late()

    connecting = _Connecting(resolve)
    with pytest.raises(TimeoutError):
        connecting.wait(0.01)
    looked_up.set()
    connecting.thread.join()
    assert closed == ["closed"]


@pytest.mark.external
def test_a_server_that_never_answers_in_tls_holds_a_thread_and_a_socket_for_a_second(
    open_store: StoreOpener,
) -> None:
    ended = threading.Event()

    def hang(connection: socket.socket) -> None:
        try:
            while connection.recv(1000):
                pass
        finally:
            ended.set()

    with fake_server(hang) as url:
        store = open_store(url.replace("redis://", "rediss://"), timeout=0.1)
        assert store._client.connection_pool.connection_kwargs["socket_timeout"] == 1
        with pytest.raises(redis.TimeoutError):
            store.read(NAME)
        left = [t for t in threading.enumerate() if t.name == "cognito-devtoken-connect"]
        assert ended.wait(PATIENCE), "the socket is still open"
        for thread in left:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in left)


def test_a_parser_that_reads_into_its_own_memory_is_held_to_the_time_too() -> None:
    here, there = socket.socketpair()
    clock = ManualClock()
    with here, there, timed_by(clock.monotonic):
        bounded, memory = _Socket(here), bytearray(10)
        there.sendall(b"abcdef")
        with within(0.1):
            assert bounded.recv_into(memory) == 6
            clock.advance(0.1)
            there.sendall(b"too late")
            with pytest.raises(TimeoutError):
                bounded.recv_into(memory)
            with pytest.raises(TimeoutError):
                bounded.sendall(b"abc")
        assert bounded.fileno() == here.fileno()
