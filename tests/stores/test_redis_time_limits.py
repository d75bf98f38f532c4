"""An operation of a store ends within its time limit, whatever the server does."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
import redis
import redis.asyncio

from cognito_devtoken._runtime.deadline import Connecting, _operation, within
from cognito_devtoken.stores._connection import _Socket
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


class SlowSocket:
    """A socket whose calls take 30 ms each, whatever their timeout."""

    def __init__(self, clock: ManualClock) -> None:
        self.timeouts: list[float] = []
        self._clock = clock

    def gettimeout(self) -> float:
        return 1.0

    def settimeout(self, seconds: float) -> None:
        self.timeouts.append(seconds)

    def recv(self, size: int) -> bytes:
        self._clock.advance(0.03)
        return b"+"

    recv_into = recv
    sendall = recv


@pytest.mark.parametrize("call", ["recv", "recv_into", "sendall"])
def test_each_call_of_a_socket_gets_the_remaining_time_of_its_operation(call: str) -> None:
    clock = ManualClock()
    slow = SlowSocket(clock)
    bounded = _Socket(slow)  # type: ignore[arg-type]

    with timed_by(clock.monotonic), within(0.1):
        for _ in range(4):
            getattr(bounded, call)(b"")
        with pytest.raises(TimeoutError):
            getattr(bounded, call)(b"")

    assert slow.timeouts == pytest.approx([0.1, 0.07, 0.04, 0.01])


def test_the_time_limit_of_an_operation_is_100_ms_by_default(keys: str) -> None:
    with RedisStore("redis://localhost", keys=keys) as store:
        assert store._timeout == 0.1


@pytest.mark.external
def test_the_time_limit_ends_the_reading_of_an_endless_response(open_store: StoreOpener) -> None:
    readings = count()

    def flood(connection: socket.socket) -> None:
        for _ in range(20_000):
            connection.sendall(b"A" * 1000)

    with fake_server(flood) as url:
        store = open_store(url)
        store._timeout = 10
        # Each reading of the clock takes a second.
        with timed_by(lambda: float(next(readings))), pytest.raises(redis.TimeoutError):
            store.read(NAME)

    assert next(readings) <= 12


def test_a_slow_name_resolution_is_subject_to_the_time_limit() -> None:
    looked_up = threading.Event()
    closed: list[str] = []

    class Late:
        def close(self) -> None:
            closed.append("closed")

    def resolve() -> Any:
        looked_up.wait()
        return Late()

    connecting = Connecting(resolve)
    with pytest.raises(TimeoutError):
        connecting.wait(0.01)
    looked_up.set()
    connecting.thread.join()
    assert closed == ["closed"]


@pytest.mark.external
def test_a_server_that_never_completes_tls_holds_a_thread_and_a_socket_for_a_second(
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


def test_the_time_limit_applies_to_a_parser_that_reads_into_its_own_buffer() -> None:
    here, there = socket.socketpair()
    clock = ManualClock()
    with here, there, timed_by(clock.monotonic):
        bounded, buffer = _Socket(here), bytearray(10)
        there.sendall(b"abcdef")
        with within(0.1):
            assert bounded.recv_into(buffer) == 6
            clock.advance(0.1)
            there.sendall(b"too late")
            with pytest.raises(TimeoutError):
                bounded.recv_into(buffer)
            with pytest.raises(TimeoutError):
                bounded.sendall(b"abc")
        assert bounded.fileno() == here.fileno()
