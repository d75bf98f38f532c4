"""Find the places where an error shows a secret."""

import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType


TESTS = str(Path(__file__).parent)


def find_leaks(error: BaseException, *canaries: str) -> list[str]:
    """
    Return every place where a canary shows.

    The search covers the error's texts, its attributes, the locals of its frames, and the same
    for its cause and context. It skips the frames of tests.
    """
    return [
        f"{place}: {text[:300]}"
        for place, text in _texts(error)
        if any(canary in text for canary in canaries)
    ]


def _texts(error: BaseException) -> Iterator[tuple[str, str]]:
    name = type(error).__name__
    yield f"str of {name}", str(error)
    yield f"repr of {name}", repr(error)
    yield f"args of {name}", repr(error.args)
    yield f"attributes of {name}", repr(vars(error))
    if type(error).__module__.startswith("cognito_devtoken"):
        yield f"pickle of {name}", repr(pickle.dumps(error))
    yield from _locals(error.__traceback__)
    for other in (error.__cause__, error.__context__):
        if other is not None:
            yield from _texts(other)


def _locals(tb: TracebackType | None) -> Iterator[tuple[str, str]]:
    for frame, line in traceback.walk_tb(tb):
        if not frame.f_code.co_filename.startswith(TESTS):
            for name, value in frame.f_locals.items():
                yield f"{frame.f_code.co_qualname}:{line} {name}", _deep_repr(value)


def _deep_repr(value: object) -> str:
    """Show a value as a crash reporter that inspects objects does: repr and attributes."""
    try:
        return repr((value, getattr(value, "__dict__", None)))
    except AttributeError:  # of an object whose __init__ has failed
        return object.__repr__(value)
