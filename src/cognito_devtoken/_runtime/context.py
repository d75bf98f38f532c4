"""
Take the context of a caller to another thread, which works on behalf of the caller.

OpenTelemetry, structlog and similar libraries need only the context variables. AWS X-Ray keeps its
segment in a thread-local variable instead. In a thread without a segment, it logs an error or
raises one.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from typing import Any, TypeVar


R = TypeVar("R")

# A program that uses X-Ray has imported the module of this name. Otherwise, there is no segment.
_XRAY = "aws_xray_sdk.core"


class CallerContext:
    """
    A copy of a caller's context variables, and its X-Ray segment.

    Args:
        variables: The context variables.

        segment: The X-Ray segment or subsegment.
    """

    __slots__ = ("_segment", "_variables")

    def __init__(self, variables: Context, segment: Any = None) -> None:
        self._variables = variables
        self._segment = segment

    @classmethod
    def of_caller(cls) -> CallerContext:
        """Copy the context of the current caller, at a cost that does not depend on its size."""
        return cls(copy_context(), _segment_of_this_thread() if _XRAY in sys.modules else None)

    def run(self, function: Callable[[], R]) -> R:
        """Call a function in this context, and return its result. Use a context only once."""
        recorder, local = _xray() if _XRAY in sys.modules else (None, None)
        if recorder is None:
            return self._variables.run(function)
        with _in_segment(self._segment, recorder, local):
            return self._variables.run(function)


NO_CALLER = CallerContext(Context())
"""Replaces a context that is no longer needed, so that the values in it are not kept alive."""


def _xray() -> tuple[Any, Any]:
    """Return X-Ray's recorder and its thread-local storage; (None, None) if it has none."""
    module = sys.modules[_XRAY]
    recorder = getattr(module, "xray_recorder", None)
    local = getattr(getattr(recorder, "context", None), "_local", None)
    # X-Ray's AsyncContext keeps the segment in a task, which no other thread may touch.
    return (recorder, local) if isinstance(local, threading.local) else (None, None)


def _segment_of_this_thread() -> Any:
    # get_trace_entity() is not called: without a segment, it logs an error or raises one.
    _, local = _xray()
    entities = getattr(local, "entities", None)
    return entities[-1] if entities else None


@contextmanager
def _in_segment(segment: Any, recorder: Any, local: Any) -> Generator[None]:
    """Make a segment the current one in this thread, if it has not ended."""
    before = dict(local.__dict__)
    # If X-Ray raises an error, the call is made without a trace.
    with suppress(Exception):
        if getattr(segment, "in_progress", False):
            recorder.set_trace_entity(segment)
        elif recorder.context.context_missing is not None:
            # Set a dummy segment, which is not sent. X-Ray's context for AWS Lambda has no
            # context_missing, and needs no dummy: it finds the segment itself.
            models: Any = sys.modules["aws_xray_sdk.core.models.dummy_entities"]
            recorder.set_trace_entity(models.DummySegment())
    try:
        yield
    finally:
        local.__dict__.clear()
        local.__dict__.update(before)
