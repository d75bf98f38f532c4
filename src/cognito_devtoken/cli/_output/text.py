"""Format data as lines of tab-separated values, as ``--output text`` of the AWS CLI does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast


def text_of(data: Any) -> str:
    """
    Format data as lines.

    Raises:
        AttributeError: If a list mixes objects with other values.
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
    """Yield the scalars in one line, after the name of the map, and then the rest."""
    if columns is None:
        columns = sorted(key for key, value in data.items() if is_scalar(value))
    cells = [str(data.get(column, "")) for column in columns]
    if cells:
        yield "\t".join([name.upper(), *cells] if name is not None else cells)
    for key in sorted(data.keys() - set(columns)):
        yield from _lines(data[key], key)


def _lines_of_list(data: Sequence[Any], name: str | None) -> Iterator[str]:
    if any(isinstance(each, Mapping) for each in data):
        # Each line has the columns of all maps.
        columns = sorted({k for each in data for k, v in each.items() if is_scalar(v)})
        for each in data:
            yield from _lines(each, name, columns)
        return
    scalars = [str(each) for each in data if is_scalar(each)]
    if scalars and name is not None:
        yield from (f"{name.upper()}\t{each}" for each in scalars)
    elif scalars:
        yield "\t".join(scalars)
    for each in data:
        if not is_scalar(each):
            yield from _lines(each, name)


def is_scalar(value: Any) -> bool:
    return not isinstance(value, Mapping | list)
