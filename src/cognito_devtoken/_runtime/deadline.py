"""
End operations on a connection by a deadline, whatever the other side does.

A socket's time-out only limits the wait for the next byte, and no time-out limits a DNS look-up.
So a server that sends a byte now and then, or a resolver that hangs, could block a caller for ever.

There is one exception: if no thread can be started, the connection is made in the caller's thread,
and nothing limits its DNS look-up.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from .clock import monotonic


class _Operation(threading.local):
    """The deadline of the operation that this thread runs, by a monotonic clock."""

    clock: Callable[[], float] = staticmethod(monotonic)
    until: float | None = None


_operation = _Operation()


class within:  # noqa: N801  # used like a function
    """
    Limit how long this thread may spend on connections that call :func:`time_left`.

    Inside the block, operations on such a connection raise TimeoutError once *seconds* have passed.
    None sets no limit.
    """

    # A class, because contextlib's generators would cost every call several microseconds.
    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        seconds = self._seconds
        _operation.until = None if seconds is None else _operation.clock() + seconds

    def __exit__(self, *exc_info: object) -> None:
        _operation.until = None


def time_left(timeout: float | None) -> float | None:
    """
    Return how long a socket call may wait: until its own time-out or the deadline.

    Raises:
        TimeoutError: If the deadline of the operation has passed.
    """
    until = _operation.until
    if until is None or timeout == 0:
        return timeout
    left = until - _operation.clock()
    if left <= 0:
        raise TimeoutError("timed out")
    return left if timeout is None else min(timeout, left)


class Connecting:
    """
    Connects in a new thread, which continues when the caller stops waiting.

    Args:
        connect: Returns a connected socket. It may block for long in a DNS look-up, but must
            eventually return or raise.
    """

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._abandoned = False
        self._sock: socket.socket | None = None
        self._error: Exception | None = None
        # A daemon thread, so that a hanging look-up does not keep the interpreter from exiting.
        name = "cognito-devtoken-connect"
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def wait(self, seconds: float | None) -> socket.socket:
        """
        Return the socket. If no thread can be started, connect in this thread, without a
        deadline.

        Raises:
            TimeoutError: If connecting takes longer than *seconds*.

            Exception: Whatever *connect* raises.
        """
        try:
            self.thread.start()
        except RuntimeError:
            return self._connect()
        self._done.wait(seconds)
        with self._lock:
            self._abandoned = True
        if self._error:
            raise self._error
        if self._sock is None:
            raise TimeoutError("timed out")
        return self._sock

    def _run(self) -> None:
        sock = None
        try:
            sock = self._connect()
        except Exception as error:  # noqa: BLE001  # raised by wait()
            self._error = error.with_traceback(None)
        with self._lock:
            if self._abandoned:
                late = sock
            else:
                late, self._sock = None, sock
        self._done.set()
        if late is not None:
            with suppress(OSError):
                late.close()
