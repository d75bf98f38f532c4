"""An emulator that holds its responses back until the test releases them."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from cognito_devtoken.emulator import Call, Emulator, Pool
from patience import PATIENCE


class Gate:
    """Holds every response back until the gate is opened."""

    def __init__(self) -> None:
        self._reached, self._opened = threading.Event(), threading.Event()

    def __call__(self, call: Call) -> None:
        self._reached.set()
        assert self._opened.wait(PATIENCE)

    def wait_for_a_call(self) -> None:
        """Wait until the emulator has processed a call without responding to it."""
        assert self._reached.wait(PATIENCE)

    def open(self) -> None:
        self._opened.set()


@contextmanager
def gated(*pools: Pool) -> Generator[tuple[Emulator, Gate]]:
    gate = Gate()
    with Emulator(*pools, on_call=gate) as emulator:
        try:
            yield emulator, gate
        finally:
            gate.open()
