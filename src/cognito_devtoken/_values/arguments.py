"""
Checks arguments: durations, counts and types.

Law of this module: an error names the argument and its limit.
"""

from __future__ import annotations

from datetime import timedelta


# 31 years: longer than any duration that makes sense here.
_LONGEST = 1_000_000_000

Seconds = float | timedelta


def as_seconds(name: str, value: object) -> float:
    """
    Return a duration in seconds.

    Raises:
        ValueError: If it is negative, longer than 31 years or not finite; the message includes
            *name*.

        TypeError: If it is neither a number nor a timedelta.
    """
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be seconds or a timedelta, not {type(value).__name__}.")
    if not 0 <= value <= _LONGEST:
        raise ValueError(f"{name} must be from 0 s to {_LONGEST} s, not {value} s.")
    return float(value)


def check_kind(name: str, value: object, kind: type) -> None:
    """
    Refuse a value that is not of the given type.

    Raises:
        TypeError: If the value is of another type; the message includes *name*.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be of type {kind.__name__}, not {type(value).__name__}.")


def check_count(name: str, value: object) -> None:
    """
    Refuse a value that is not a positive whole number.

    Raises:
        ValueError: If it is less than 1; the message includes *name*.

        TypeError: If it is not a whole number.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {type(value).__name__}.")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}.")
