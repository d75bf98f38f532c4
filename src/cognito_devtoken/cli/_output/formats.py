"""Render a response as the AWS CLI prints it."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from .._errors import OutputError, ParameterError


OUTPUTS = ("json", "text", "table", "yaml", "yaml-stream", "off")


def rendered(title: str, data: Any, output: str, color: str = "off") -> str:
    """
    Render data as text.

    Args:
        title: The title of a table.

        data: The data of a JSON document.

        output: One of :data:`OUTPUTS`.

        color: ``on``, ``off`` or ``auto``, which is on for a terminal.

    Raises:
        OutputError: If text or a table cannot show the data.

        ConfigurationError: If the output is YAML, and ruamel.yaml is missing.
    """
    if output == "off" or (data == {} and output != "text"):
        return ""
    if output == "json":
        return json.dumps(data, indent=4, ensure_ascii=False) + "\n"
    if output in ("yaml", "yaml-stream"):
        from .._yaml import write_yaml

        return write_yaml([data] if output == "yaml-stream" else data)
    try:
        if output == "text":
            from .text import text_of

            return text_of(data)
        from .table import table_of

        return table_of(title, data, width=_width(), is_colored=_is_colored(color))
    except (AttributeError, LookupError, TypeError):
        raise OutputError(f"--output {output} cannot show a response of this shape.") from None


def check_output(output: str) -> str:
    """
    Return the output format if it is known and can be written.

    Raises:
        ParameterError: If the format is not one of :data:`OUTPUTS`.

        ConfigurationError: If the format is YAML, and ruamel.yaml is missing.
    """
    if output not in OUTPUTS:
        raise ParameterError(f"Unknown output type: {output}")
    if output.startswith("yaml"):
        from .._yaml import write_yaml

        write_yaml(None)
    return output


def _is_colored(color: str) -> bool:
    if color != "auto":
        return color == "on"
    return sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")  # pyright: ignore[reportUnnecessaryComparison]  # closed


def _width() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (AttributeError, OSError, ValueError):
        return 80
