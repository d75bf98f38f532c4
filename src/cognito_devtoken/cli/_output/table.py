"""Draw data as a table, as ``--output table`` of the AWS CLI does."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import attrs

from ..._values.text import printable
from .text import is_scalar


Paint = Callable[[str, str], str]

_PADDING = 4
# Bright blue for cells, dim yellow for the edges of nested sections: "Select Graphic Rendition"
# of ECMA-48.
_CELL, _EDGE = "\x1b[1m\x1b[34m{}\x1b[0m", "\x1b[2m\x1b[33m{}\x1b[0m"


def table_of(title: str, data: Any, *, width: int, is_colored: bool) -> str:
    """
    Draw data as a table.

    Args:
        title: The title above the table.

        data: The data of a JSON document.

        width: The width of the terminal in columns. A wider table is transposed where possible.

        is_colored: Whether to use colours.

    Raises:
        LookupError, TypeError: If rows differ in length, or a list mixes objects with other
            values.
    """
    if not data:
        return ""
    sections: list[_Section] = []
    _build(sections, title, data, 0)
    if _width(sections) > width:
        sections = [section.transposed() for section in sections]
    total = _width(sections)
    paint = _painted if is_colored else _plain
    lines = ["-" * total]
    for section in sections:
        edge = paint("|", _EDGE) * section.depth
        inner = section.lines(total - 2 * section.depth, paint)
        lines += (f"{edge}{line}{edge}" for line in inner)
    return "".join(f"{line}\n" for line in lines)


@attrs.define
class _Section:
    """A title, a line of headers, and rows; each is optional. Control characters are escaped."""

    title: str | None = attrs.field(converter=attrs.converters.optional(printable))
    depth: int
    headers: Sequence[str] = ()
    rows: list[Sequence[str]] = attrs.Factory(list[Sequence[str]])
    _columns: int | None = None
    _widest: list[int] = attrs.Factory(list[int])

    def head(self, headers: Sequence[str]) -> None:
        self.headers = [printable(header) for header in headers]
        self._measure(self.headers)

    def add(self, row: Sequence[Any]) -> None:
        cells = [printable(str(cell), keep="\t") for cell in row]
        self._measure(cells)
        if len(cells) != self._columns:
            raise TypeError("The rows differ in length.")
        self.rows.append(cells)

    def _measure(self, cells: Sequence[str]) -> None:
        if self._columns is None:
            self._columns = len(cells)
        if not self._widest:
            self._widest = [0] * len(cells)
        for place, cell in enumerate(cells):
            self._widest[place] = max(self._widest[place], _columns(cell))

    @property
    def width(self) -> int:
        cells = sum(self._widest) + _PADDING * len(self._widest)
        return max(_columns(str(self.title)), cells) + 2 + 2 * self.depth

    def transposed(self) -> _Section:
        """Turn a single row with headers into a column of pairs."""
        if len(self.rows) != 1 or not self.headers:
            return self
        turned = _Section(self.title, self.depth)
        for pair in zip(self.headers, self.rows[0], strict=False):
            turned.add(pair)
        return turned

    def lines(self, width: int, paint: Paint) -> Iterator[str]:
        if self.title:
            yield _centered(self.title, width, "|")
            if not self.headers and not self.rows:
                yield f"+{'-' * (width - 2)}+"
        widths = _shares([each + _PADDING for each in self._widest], width)
        rule = "".join(
            f"{'-' * (each - 1)}+" if place else f"+{'-' * (each - 2)}+"
            for place, each in enumerate(widths)
        )
        if self.headers:
            yield rule
            yield "".join(
                _centered(header, each, "" if place else "|")
                for place, (each, header) in enumerate(zip(widths, self.headers, strict=False))
            )
        if self.rows and widths:
            yield rule
            for row in self.rows:
                yield "".join(
                    _left(cell, each, "" if place else "|", paint)
                    for place, (each, cell) in enumerate(zip(widths, row, strict=True))
                )
            yield rule


def _build(sections: list[_Section], title: str | None, data: Any, depth: int) -> None:
    """Add the sections of the data. Without a title, the rows go into the last section."""
    if not data:
        return
    if title is not None:
        sections.append(_Section(title, depth))
    if isinstance(data, Mapping):
        _build_from_map(sections, cast("Mapping[str, Any]", data), depth)
    elif isinstance(data, list) and isinstance(data[0], Mapping):
        _build_from_maps(sections, title, cast("list[Mapping[str, Any]]", data), depth)
    elif isinstance(data, list):
        for each in cast("Sequence[Any]", data):
            if is_scalar(each):
                sections[-1].add([each])
            elif all(map(is_scalar, each)):
                sections[-1].add(list(each))
            else:
                _build(sections, None, each, 0)


def _build_from_map(sections: list[_Section], data: Mapping[str, Any], depth: int) -> None:
    """Add a row for the scalars, and nested sections for the rest."""
    headers, others = _split([data])
    if len(headers) == 1:
        sections[-1].add([headers[0], data[headers[0]]])
    elif headers:
        sections[-1].head(headers)
        sections[-1].add([data[header] for header in headers])
    for other in others:
        _build(sections, other, data[other], depth + 1)


def _build_from_maps(
    sections: list[_Section], title: str | None, data: Sequence[Mapping[str, Any]], depth: int
) -> None:
    """Add a row for each map, in a section of its own if any map has nested data."""
    headers, others = _split(data)
    sections[-1].head(headers)
    for number, each in enumerate(data):
        if number and others:
            sections.append(_Section(title, depth))
            sections[-1].head(headers)
        sections[-1].add([each.get(header, "") for header in headers])
        for other in others:
            if other in each:
                _build(sections, other, each[other], depth + 1)


def _split(data: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Return the names with a scalar value in any map, and the names with any other value."""
    items = [(name, each[name]) for each in data for name in each]
    scalars = {name for name, value in items if is_scalar(value)}
    others = {name for name, value in items if not is_scalar(value)}
    return sorted(scalars), sorted(others)


def _width(sections: Sequence[_Section]) -> int:
    return max(section.width for section in sections)


def _columns(text: str) -> int:
    """Return how many terminal columns a text takes."""
    return sum(1 + (unicodedata.east_asian_width(character) in "WFA") for character in text)


def _shares(needs: Sequence[int], width: int) -> list[int]:
    """Scale columns to a width, and spread the rounding error over the columns in turn."""
    if not needs:
        return []
    scale = width / sum(needs)
    shares = [round(scale * need) for need in needs]
    excess = sum(shares) - width
    sign = 1 if excess > 0 else -1
    places = range(len(shares))[::sign]
    for turn in range(abs(excess)):
        shares[places[turn % len(shares)]] -= sign
    return shares


def _centered(text: str, width: int, left: str) -> str:
    before = width // 2 - _columns(text) // 2 - 1
    after = width - 1 - len(left) - before - _columns(text)
    return f"{left}{' ' * before}{text}{' ' * after}|"


def _left(text: str, width: int, left: str, paint: Paint) -> str:
    room = width - _columns(text) - len(left) - 1
    before = 2 if room >= 2 else 0
    return f"{left}{' ' * before}{paint(text, _CELL)}{' ' * (room - before)}|"


def _painted(text: str, form: str) -> str:
    return form.format(text)


def _plain(text: str, form: str) -> str:
    return text
