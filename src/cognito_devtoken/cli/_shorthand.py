"""Maps of strings on the command line: ``name=value,name2=value2``, or JSON."""

from __future__ import annotations

import argparse
import json
import re


# As the AWS CLI reads them: a name, then text that a comma ends unless it is escaped or
# stands in quotes around the whole value.
_PAIR = re.compile(
    r"""\s*(?P<name>[A-Za-z0-9._:/#-]+)\s*=\s*
        (?: "(?P<double>(?:[^"\\]|\\.)*)"\s*
          | '(?P<single>(?:[^'\\]|\\.)*)'\s*
          | (?P<bare>(?:[^,\\"']|\\,|\\(?!,))*)
        )(?P<end>,|$)""",
    re.VERBOSE | re.DOTALL,
)


def string_map(text: str) -> dict[str, str]:
    """
    Read a map of strings.

    Raises:
        argparse.ArgumentTypeError: If it is none. It tells the place and not the text,
            which may be a login.
    """
    if text.lstrip().startswith("{"):
        return _json_map(text)
    found: dict[str, str] = {}
    position, more = 0, True
    while more:
        pair = _PAIR.match(text, position)
        if pair is None:
            raise argparse.ArgumentTypeError(
                f"expected NAME=VALUE[,NAME=VALUE...] or a JSON object; "
                f"character {position + 1} is where it goes wrong"
            )
        if pair["name"] in found:
            raise argparse.ArgumentTypeError(f"{pair['name']} is given twice")
        found[pair["name"]] = _value(pair)
        position, more = pair.end(), pair["end"] == ","
    return found


def _value(pair: re.Match[str]) -> str:
    if pair["double"] is not None:
        return re.sub(r'\\(["\\])', r"\1", pair["double"])
    if pair["single"] is not None:
        return re.sub(r"\\(['\\])", r"\1", pair["single"])
    return pair["bare"].replace("\\,", ",").rstrip()


def _json_map(text: str) -> dict[str, str]:
    try:
        value: dict[str, str] = json.loads(text)
    except (ValueError, RecursionError):
        raise argparse.ArgumentTypeError("the JSON cannot be read") from None
    return value
