"""Files and standard input from Windows editors: byte order marks, CRLF and UTF-16."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from terminals import piped

from cognito_devtoken.cli import parser_of
from cognito_devtoken.cli._errors import ParameterError
from cognito_devtoken.cli._input import members
from cognito_devtoken.cli._input.sources import load, load_or_read
from cognito_devtoken.cli.inspect import _token


MARK = b"\xef\xbb\xbf"
JSON = b'{"IdentityPoolId": "us-east-1:0", "Logins": {"a": "user-42"}}'
YAML = b"IdentityPoolId: us-east-1:0\nLogins:\n  a: user-42\n"
Source = Callable[[bytes], str]


def in_file(folder: Path) -> Source:
    def put(content: bytes) -> str:
        (folder / "file").write_bytes(content)
        return f"file://{folder}/file"

    return put


@pytest.fixture(params=["file", "stdin"])
def source(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Source:
    """Puts a content into a file or on standard input, and returns the argument that reads it."""
    if request.param == "file":
        return in_file(tmp_path)

    def put(content: bytes) -> str:
        monkeypatch.setattr(sys, "stdin", piped(content))
        return "-"

    return put


def read(*words: str) -> object:
    arguments = argparse.Namespace()
    parser_of("credentials").read(words, arguments)
    return members.read(arguments)


@pytest.mark.parametrize(
    ("option", "content"),
    [("--cli-input-json", JSON), ("--cli-input-yaml", YAML)],
)
@pytest.mark.parametrize("mark", [b"", MARK])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_mark_and_windows_line_ends_change_no_parameter(
    option: str, content: bytes, mark: bytes, line_end: bytes, source: Source
) -> None:
    content = mark + content.replace(b"\n", line_end) + line_end

    assert read(option, source(content)) == {
        "IdentityPoolId": "us-east-1:0",
        "Logins": {"a": "user-42"},
    }


@pytest.mark.parametrize("content", [b"a=user-42", b"a=user-42\n", b"a=user-42\r\n"])
@pytest.mark.parametrize("mark", [b"", MARK])
def test_a_mark_and_windows_line_ends_change_no_map(
    content: bytes, mark: bytes, source: Source
) -> None:
    wanted = {"IdentityPoolId": "us-east-1:0", "Logins": {"a": "user-42"}}

    assert read("--identity-pool-id", "us-east-1:0", "--logins", source(mark + content)) == wanted


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (MARK + b"user-42", "user-42"),
        # Like the AWS CLI, it keeps the final line end.
        (b"user-42\n", "user-42\n"),
        (MARK + b"user-42\r\n", "user-42\n"),
        # A mark elsewhere belongs to the value.
        (b"user\xef\xbb\xbf", "user\ufeff"),
    ],
)
def test_a_mark_before_a_value_in_a_file_is_not_part_of_it(
    content: bytes, value: str, tmp_path: Path
) -> None:
    logins = f"a@={in_file(tmp_path)(content)}"

    assert read("--identity-pool-id", "us-east-1:0", "--logins", logins) == {
        "IdentityPoolId": "us-east-1:0",
        "Logins": {"a": value},
    }


def test_inspect_reads_the_token_of_a_windows_file(source: Source) -> None:
    content = MARK + b'{\r\n    "IdentityId": "x",\r\n    "Token": "a.b.c"\r\n}\r\n'

    assert _token(source(content)).reveal() == "a.b.c"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named_with_what_to_do(encoding: str, source: Source) -> None:
    with pytest.raises(ParameterError) as caught:
        load_or_read("--logins", source("a=user-42".encode(encoding)))

    assert str(caught.value).endswith(": it is UTF-16, not UTF-8")
    (hint,) = caught.value.__notes__
    assert "UTF-8" in hint.upper()


@pytest.mark.parametrize("encoding", ["utf-16", "UTF-16LE", "utf_16_be"])
def test_utf_16_is_read_if_the_environment_says_so(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CLI_FILE_ENCODING", encoding)

    assert load("--logins", in_file(tmp_path)("\ufeffa=ü".encode(encoding))) == "a=ü"


def test_a_mark_of_utf_8_wins_over_the_encoding_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CLI_FILE_ENCODING", "cp1252")

    assert load("--logins", in_file(tmp_path)("a=ü".encode("cp1252"))) == "a=ü"
    assert load("--logins", in_file(tmp_path)("\ufeffa=ü".encode())) == "a=ü"


def test_standard_input_in_its_own_encoding_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", piped("a=ü", "utf-16"))

    assert load_or_read("--logins", "-") == "a=ü"
