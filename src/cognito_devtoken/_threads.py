"""What the engine takes from the system, and a test from elsewhere: chance, threads, waiting."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable


def draw() -> float:
    """A number from 0 to 1."""
    # From the operating system: what a fork has copied would be drawn again in each child.
    return int.from_bytes(os.urandom(6), "big") / 2**48


def wait(gate: threading.Lock, seconds: float) -> bool:
    """Wait for a gate to open. Returns whether it has."""
    return gate.acquire(timeout=seconds)


def start_daemon(run: Callable[[], None]) -> None:
    """
    Run this in another thread.

    Raises:
        RuntimeError: If no thread can be started.
    """
    # A daemon, so that a fetch that hangs does not keep the interpreter from ending.
    threading.Thread(target=run, name="cognito-devtoken", daemon=True).start()
