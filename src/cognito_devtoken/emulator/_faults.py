"""What is made to go wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import attrs

from ._wire import Answer, Refusal


@attrs.frozen
class Fault:
    """
    What happens to one call.

    Attributes:
        kind: ``"refuse"`` answers with *refusal*. ``"drop"`` and ``"cut"`` carry the call
            out, and give no answer or half of one.

        refusal: What to answer.
    """

    kind: Literal["refuse", "drop", "cut"]
    refusal: Refusal | None = None


def half_of(answer: Answer) -> bytes:
    """An HTTP response that ends in the middle of its body."""
    head = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
    length = len(answer.body)
    start = f"HTTP/1.1 {answer.status} OK\r\n{head}content-length: {length}\r\n\r\n"
    return start.encode("latin-1") + answer.body[: length // 2]


class TokenBucket:
    """
    Lets so many calls a second through, and as many at once after a pause.

    Args:
        clock: The time in seconds, from any start.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._spent = 0.0
        self._at = clock()

    def take(self, per_second: float) -> bool:
        """Whether one more call may pass now."""
        now = self._clock()
        self._spent = max(0.0, self._spent - (now - self._at) * per_second)
        self._at = now
        if self._spent + 1 > max(per_second, 1):
            return False
        self._spent += 1
        return True
