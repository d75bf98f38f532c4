"""YAML is read and written as YAML 1.2, as by AWS CLI v2. The outcomes are those of 2.36.7."""

import json
import warnings
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cognito_devtoken.cli import main
from cognito_devtoken.cli._yaml import read_yaml, write_yaml


DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab :"), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("017", 17),
        ("0o17", 15),
        ("1:30", "1:30"),
        ("yes", "yes"),
        ("on", "on"),
        ("1e3", 1000.0),
        ("true", True),
        ("~", None),
        ("\ufeffa: b", {"a": "b"}),
        ('{"a": "b"}', {"a": "b"}),
    ],
)
def test_a_scalar_is_read_as_yaml_1_2(text: str, value: object) -> None:
    found = read_yaml(text)

    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    "text",
    ["a: 1\na: 2", "a: b\n---\nc: d", "a: *b", "!foo bar", "2020-99-99", "!!bool x", "[1," * 600],
)
def test_what_is_not_one_readable_document_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^The text is not YAML\.$"):
        read_yaml(text)


def test_reading_issues_no_warning_that_quotes_the_text() -> None:
    with warnings.catch_warnings(record=True) as issued:
        assert read_yaml("%YAML 1.1\n---\n[1e3, &a b, &a c]") == [1000.0, "b", "c"]

    assert issued == []


@pytest.mark.skipif(
    find_spec("_ruamel_yaml") is None, reason="ruamel.yaml.clib is not installed, as on Python 3.15"
)
class TestWithTheLibraryInC:
    @pytest.mark.parametrize(
        ("text", "written"),
        [
            ("yes", "yes"),
            ("on", "on"),
            ("1:30", "1:30"),
            ("1e3", "'1e3'"),
            ("0o17", "'0o17'"),
            ("017", "'017'"),
            ("ä", "ä"),
            ("😀", r'"\U0001F600"'),
            ("a\x01", r'"a\x01"'),
        ],
    )
    def test_text_is_quoted_where_the_aws_cli_quotes_it(self, text: str, written: str) -> None:
        assert write_yaml([text]) == f"- {written}\n"

    @given(DATA)
    @example(["\x85", "\u2028", "a b" * 90])
    @example({"a": [{"b": None}]})
    def test_what_is_written_reads_back_as_the_same_data(self, data: Any) -> None:
        assert read_yaml(write_yaml([data])) == [data]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("TokenDuration: 1:30", "TokenDuration must be a whole number"),
        ("TokenDuration: 1e3", "TokenDuration must be a whole number"),
        ("Logins: {a: 1e3}", "Logins['a'] must be a string of 1 to 50000 characters, not float"),
        ("Logins: {a: b, a: canary}", "Invalid YAML received."),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_before_anything_is_sent(
    line: str, why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", "http://127.0.0.1:1")
    members = "IdentityPoolId: us-east-1:0\n" + ("" if "Logins" in line else "Logins: {a: b}\n")

    assert main(["get-token", "--cli-input-yaml", members + line]) == 252

    err = capsys.readouterr().err
    assert why in err
    assert "canary" not in err


def test_json_is_written_for_a_scalar() -> None:
    assert write_yaml("ä") == json.dumps("ä", ensure_ascii=False) + "\n"
