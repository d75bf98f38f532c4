"""The system's randomness, threads and waiting, which tests replace."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from .context import CallerContext


R = TypeVar("R")


def random_fraction() -> float:
    """Return a random number from 0 to 1."""
    # From the operating system, because forked children would have copies of the same generator.
    return int.from_bytes(os.urandom(6), "big") / 2**48


def wait(gate: threading.Lock, seconds: float) -> bool:
    """Wait at most *seconds* for a gate to be released. Return whether it was released."""
    return gate.acquire(timeout=seconds)


def start_daemon(run: Callable[[], None]) -> None:
    """
    Run a function in a new daemon thread.

    Raises:
        RuntimeError: If no thread can be started.
    """
    # A daemon thread, so that a hanging fetch does not keep the interpreter from exiting.
    threading.Thread(target=run, name="cognito-devtoken", daemon=True).start()


async def in_thread(run: Callable[[], R]) -> R:
    """
    Run a blocking function in a daemon thread, and await its result.

    If the caller is cancelled, the function continues to run.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    future: asyncio.Future[R] = loop.create_future()

    def settle(how: Callable[[], None]) -> None:
        if not future.done():  # the caller may have been cancelled
            how()

    def work() -> None:
        try:
            settle_it = partial(future.set_result, context.run(run))
        except StopIteration as error:  # which a future refuses, and a coroutine cannot raise
            failure = RuntimeError("The function raised StopIteration.")
            failure.__cause__ = error
            settle_it = partial(future.set_exception, failure)
        except BaseException as error:  # noqa: BLE001  # for the caller
            settle_it = partial(future.set_exception, error)
        with suppress(RuntimeError):  # the loop is closed, so the caller no longer waits
            loop.call_soon_threadsafe(settle, settle_it)

    context = CallerContext.of_caller()
    start_daemon(work)
    return await future
