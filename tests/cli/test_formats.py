"""Any query result is printed as the AWS CLI prints it."""

import argparse
import io
from typing import Any

from aws_cli import module, quietly
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cognito_devtoken.cli._errors import OutputError
from cognito_devtoken.cli._output.formats import OUTPUTS, rendered
from cognito_devtoken.cli._output.table import table_of


TITLE = "GetOpenIdTokenForDeveloperIdentity"
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 10**12)
    | st.sampled_from(["", "x", "字 wide", "a longer text " * 4, "Token"])
)
NAMES = st.sampled_from(["a", "b", "Id", "Token", "ein langer Name"])
ROWS = st.lists(st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=2), max_size=3))
DATA = st.recursive(
    SCALARS | ROWS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200)
@given(DATA)
@example({"a": {"b": 1, "c": ["x", "y"]}, "d": "z"})
@example([{"a": 1, "b": {"c": 2}}, {"a": 3, "b": {"c": 4, "d": [5]}}])
@example([{"a": "x" * 60, "b": "y" * 60}])
@example([[1], [2, 3]])
@example([1, [2, [3]], [{"a": 4, "b": [5]}, {"a": 6, "b": [7]}]])
@example([{"a": 1}, 2])
@example([[[1, 2], [3, 4]], [{"a": 1}], [{"a": 1, "b": 2, "c": 3}]])
def test_json_text_and_table_match_the_aws_cli(data: Any) -> None:
    for output in ("json", "text", "table"):
        assert ours(data, output) == theirs(data, output), output


def ours(data: Any, output: str) -> str | None:
    try:
        return rendered(TITLE, data, output)
    except OutputError:
        return None


def theirs(data: Any, output: str) -> str | None:
    """Return None where the AWS CLI fails."""
    formatter = module("awscli.formatter")
    options = argparse.Namespace(query=None, color="off")
    shown = io.StringIO()
    if isinstance(data, dict):
        data = dict(data)  # it removes the keys it knows
    with quietly():
        try:
            formatter.get_formatter(output, options)._format_response(*_words(output, data), shown)
        except (AttributeError, LookupError, TypeError, ValueError):
            return None
    return shown.getvalue()


def _words(output: str, data: Any) -> tuple[Any, ...]:
    return (data,) if output == "text" else (TITLE, data)


def test_a_wide_table_is_turned_on_its_side_only_on_a_narrow_terminal() -> None:
    data = {"a": "x" * 60, "b": "y" * 60}

    assert table_of("t", data, width=200, is_colored=False).count("\n") == 7
    assert table_of("t", data, width=80, is_colored=False).count("\n") == 6  # on its side


def test_colours_do_not_change_the_layout() -> None:
    data = {"a": 1, "b": {"c": "ü"}}

    colored = table_of("t", data, width=80, is_colored=True)

    assert "\x1b[2m\x1b[33m|\x1b[0m|" in colored
    plain = colored
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[33m", "\x1b[34m"):
        plain = plain.replace(code, "")
    assert plain == table_of("t", data, width=80, is_colored=False)


def test_an_empty_result_prints_nothing() -> None:
    for output in OUTPUTS:
        assert rendered("title", {}, output) == ""
