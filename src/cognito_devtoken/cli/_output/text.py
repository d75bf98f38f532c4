"""Data as lines of values between tabs, as ``--output text`` of the AWS CLI has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast


def text_of(data: Any) -> str:
    """
    The lines of some data.

    Raises:
        AttributeError: If a list has objects and something else.
    """
    return "".join(f"{line}\n" for line in _lines(data))


def _lines(
    data: Any, name: str | None = None, columns: Sequence[str] | None = None
) -> Iterator[str]:
    if isinstance(data, Mapping):
        yield from _lines_of_map(cast("Mapping[str, Any]", data), name, columns)
    elif isinstance(data, list):
        yield from _lines_of_list(cast("Sequence[Any]", data), name)
    else:
        yield str(data)


def _lines_of_map(
    data: Mapping[str, Any], name: str | None, columns: Sequence[str] | None
) -> Iterator[str]:
    """The scalars in one line, behind the name of the whole; then the rest."""
    if columns is None:
        columns = sorted(key for key, value in data.items() if _is_scalar(value))
    cells = [str(data.get(column, "")) for column in columns]
    if cells:
        yield "\t".join([name.upper(), *cells] if name is not None else cells)
    for key in sorted(data.keys() - set(columns)):
        yield from _lines(data[key], key)


def _lines_of_list(data: Sequence[Any], name: str | None) -> Iterator[str]:
    if any(isinstance(each, Mapping) for each in data):
        # All have the columns of all.
        columns = sorted({k for each in data for k, v in each.items() if _is_scalar(v)})
        for each in data:
            yield from _lines(each, name, columns)
        return
    scalars = [str(each) for each in data if _is_scalar(each)]
    if scalars and name is not None:
        yield from (f"{name.upper()}\t{each}" for each in scalars)
    elif scalars:
        yield "\t".join(scalars)
    for each in data:
        if not _is_scalar(each):
            yield from _lines(each, name)


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, Mapping | list)
