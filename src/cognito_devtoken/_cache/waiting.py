"""
Wait for a flight: block a thread, or await in a task.

The cache stores no asyncio object: each waiting task has a future on its own loop. So one cache
serves any number of loops.
"""

from __future__ import annotations

import threading
from typing import TypeVar

from .._values.lease import Lease
from .flights import Flight, Steps


R = TypeVar("R")
L = TypeVar("L", bound=Lease)

# The longest single wait, in seconds. After a freeze, a wait goes on as if no time had passed, so
# long waits are cut into slices, and the clock is read after each.
_SLICE = 1.0


def wait_blocking(steps: Steps[R, L]) -> L:
    """Run the steps of a caller. Where they wait for a flight, block this thread."""
    gate = threading.Lock()
    gate.acquire()
    flight: Flight[R, L] | None = None
    try:
        while True:
            flight, seconds = next(steps)
            flight.waiters.add(gate.release)
            if not flight.done:
                gate.acquire(timeout=min(seconds, _SLICE))
    except StopIteration as stop:
        lease: L = stop.value
        return lease
    finally:
        if flight is not None:
            flight.waiters.discard(gate.release)


async def wait_async(steps: Steps[R, L]) -> L:
    """Run the steps of a caller. Where they wait for a flight, await it."""
    import asyncio

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "AsyncTokenSession and aget() need a running event loop of asyncio. With trio, use a "
            "TokenSession in a thread: trio.to_thread.run_sync(session.get_token, user_id)."
        ) from None
    future: asyncio.Future[None]

    def resume() -> None:
        if not future.done():  # it may have been cancelled
            future.set_result(None)

    def wake() -> None:
        try:
            loop.call_soon_threadsafe(resume)
        except RuntimeError:
            return  # the loop is closed, so the task no longer waits

    flight: Flight[R, L] | None = None
    try:
        while True:
            flight, seconds = next(steps)
            future = loop.create_future()
            flight.waiters.add(wake)
            if not flight.done:
                # asyncio.wait() would do the same, but costs 10 µs more.
                timer = loop.call_later(min(seconds, _SLICE), resume)
                try:
                    await future
                finally:
                    timer.cancel()
    except StopIteration as stop:
        lease: L = stop.value
        return lease
    finally:
        if flight is not None:
            flight.waiters.discard(wake)
