"""The system's randomness, threads and waiting, which tests replace."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable


def random_fraction() -> float:
    """Return a random number from 0 to 1."""
    # From the operating system, because every forked child would copy the state of a generator.
    return int.from_bytes(os.urandom(6), "big") / 2**48


def wait(gate: threading.Lock, seconds: float) -> bool:
    """Wait until a gate is released, for at most *seconds*. Returns whether it was released."""
    return gate.acquire(timeout=seconds)


def start_daemon(run: Callable[[], None]) -> None:
    """
    Run a function in a new daemon thread.

    Raises:
        RuntimeError: If no thread can be started.
    """
    # A daemon, so that a fetch that hangs does not keep the interpreter from exiting.
    threading.Thread(target=run, name="cognito-devtoken", daemon=True).start()
