"""
The two doors of the one engine: how a thread waits for a flight, and how a task does.

No asyncio primitive is kept anywhere: each waiting task has a future of its own loop, so one
cache serves any number of loops.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from .._values.token import OpenIdToken


if TYPE_CHECKING:
    from .flights import Steps

# Waits are cut into slices, because a wait does not notice that its machine was frozen.
_SLICE = 1.0


def wait_in_thread(steps: Steps) -> OpenIdToken:
    """Go the steps, blocking this thread where there is something to wait for."""
    gate = threading.Lock()
    gate.acquire()
    flight = None
    try:
        while True:
            flight, seconds = next(steps)
            flight.waiters.add(gate.release)
            if not flight.done:
                gate.acquire(timeout=min(seconds, _SLICE))
    except StopIteration as stop:
        token: OpenIdToken = stop.value
        return token
    finally:
        if flight is not None:
            flight.waiters.discard(gate.release)


async def wait_in_loop(steps: Steps) -> OpenIdToken:
    """Go the steps, awaiting where there is something to wait for."""
    import asyncio

    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def wake() -> None:
        with suppress(RuntimeError):  # its loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(future.set_result, None)

    flight = None
    try:
        while True:
            flight, seconds = next(steps)
            flight.waiters.add(wake)
            if not flight.done:
                await asyncio.wait((future,), timeout=min(seconds, _SLICE))
    except StopIteration as stop:
        token: OpenIdToken = stop.value
        return token
    finally:
        if flight is not None:
            flight.waiters.discard(wake)
