"""Ask whoever sits at the terminal."""

from __future__ import annotations

import getpass
import sys

from .sources import unusable


def is_terminal() -> bool:
    """Tell whether standard input is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()  # pyright: ignore[reportUnnecessaryComparison]  # closed


def ask_hidden(option: str, prompt: str) -> str:
    """
    Ask for a value that the terminal does not show.

    Raises:
        ParameterError: If the input ends, or cannot be decoded.
    """
    try:
        return getpass.getpass(prompt, sys.stderr)
    except EOFError:
        why = "Standard input is empty"
    except UnicodeDecodeError:  # the error contains what was typed
        why = "Standard input cannot be decoded"
    raise unusable(option, why)


def is_confirmed(question: str) -> bool:
    """Ask a question. Only "y" and "yes" confirm it; the end of the input does not."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        answer = sys.stdin.readline()
    except UnicodeDecodeError:
        return False
    return answer.strip().lower() in ("y", "yes")
