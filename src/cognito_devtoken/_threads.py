"""Randomness, threads and waiting, as the system has them; tests inject their own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable


def random_fraction() -> float:
    """Return a random number from 0 to 1."""
    # From the operating system: forked children would share the state of a generator.
    return int.from_bytes(os.urandom(6), "big") / 2**48


def wait(gate: threading.Lock, seconds: float) -> bool:
    """Wait for a gate to be released. Returns whether it was."""
    return gate.acquire(timeout=seconds)


def start_daemon(run: Callable[[], None]) -> None:
    """
    Run this in a thread of its own.

    Raises:
        RuntimeError: If no thread can be started.
    """
    # A daemon, so that a fetch that hangs does not keep the interpreter from ending.
    threading.Thread(target=run, name="cognito-devtoken", daemon=True).start()
