"""Maps on the command line are parsed as the AWS CLI parses them."""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import pytest
from aws_cli import module, quietly
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cognito_devtoken.cli._input.shorthand import ShorthandError, parse


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("k=v", {"k": "v"}),
        ("k=v,k2=v2", {"k": "v", "k2": "v2"}),
        ("k=v, k2= v2", {"k": "v", "k2": "v2"}),
        ("k=v ,k2=v2 ", {"k": "v", "k2": "v2"}),
        ("k=a b:c=d/e", {"k": "a b:c=d/e"}),
        ("k=joe@example.com", {"k": "joe@example.com"}),
        ('k="a,b"', {"k": "a,b"}),
        ("k='a,b',l=c", {"k": "a,b", "l": "c"}),
        (r'k="say \"a\", b"', {"k": 'say "a", b'}),
        (r"k=a\,b", {"k": "a,b"}),
        (r"k=a\b", {"k": r"a\b"}),
        ("k=", {"k": ""}),
        ("=v", {"": "v"}),
        ("k=a,,l=b", {"k": "a", "l": "b"}),
        ('k="😀"', {"k": "😀"}),
        ("arn:aws:iam::1:saml-provider/x=y", {"arn:aws:iam::1:saml-provider/x": "y"}),
        (
            "cognito-idp.us-east-1.amazonaws.com/us-east-1_A=t",
            {"cognito-idp.us-east-1.amazonaws.com/us-east-1_A": "t"},
        ),
        ("k@=a,l=b,m @ = c", {"k": "<a>", "l": "b", "m": "<c>"}),
    ],
)
def test_a_map_is_parsed(text: str, wanted: dict[str, str]) -> None:
    assert parse(text, "<{}>".format) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expected '=' at character 1"),
        ("k", "Expected '=' at character 2"),
        ("k=v,", "Nothing after the last comma"),
        ("k=v, ", "Nothing after the last comma"),
        ('k=a"b', "Expected ',' at character 4"),
        ('k="a"b', "Expected ',' at character 6"),
        ('k="a', "Expected '\"' at character 5"),
        ("kä=v", "Expected '=' at character 2"),
        ("k=😀", "Expected ',' at character 3"),
        ("k=v,k=w", "Second instance of a key at character 5"),
        ("k=v,w", "Unexpected second value at character 5"),
        ("k=v,w,x=y", "Unexpected second value at character 5"),
        ("k=v,'w=x", "Expected '=' at character 5"),
        ("k=[v]", "Expected text, not a list or a map, at character 3"),
        ("k={l=v}", "Expected text, not a list or a map, at character 3"),
    ],
)
def test_an_invalid_map_is_refused(text: str, message: str) -> None:
    with pytest.raises(ShorthandError) as caught:
        parse(text, str)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text_of",
    [
        lambda size: ",".join(f"k{number}=v" for number in range(size)),
        lambda size: "k=v,a='" + "b," * size + "'",
        lambda size: "k=v,a='" + "b," * size,
        lambda size: "k=😀" + ",b=c" * size,
        lambda size: "k=v" + "\\," * size,
    ],
    ids=["pairs", "quoted", "unfinished", "refused", "escaped"],
)
def test_parsing_time_is_linear_in_the_length(
    text_of: Callable[[int], str],
) -> None:
    def seconds(text: str) -> float:
        began = time.thread_time()
        with suppress(ShorthandError):
            parse(text, str)
        return time.thread_time() - began

    short, long = text_of(1_000), text_of(32_000)

    # 32 times the length takes 32 times the CPU time if linear, 1,024 times if quadratic.
    assert min(seconds(long) for _ in range(3)) < 200 * min(seconds(short) for _ in range(3))


LETTERS = list("ab=,\"'\\ \t\n\x00\x0b\x1b\x1c\x85\xa0\uffff@[]{}:/-.#é字😀;|~^_`")
PIECES = [*LETTERS, ",", "=", "a=b", "k=v,", "\\,", '\\"', ',"c"=']
TEXTS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
PAIRS = st.lists(
    st.tuples(st.text("abc:.", max_size=3), st.sampled_from(["=", "@="]), TEXTS).map("".join),
    max_size=4,
).map(",".join)


@settings(max_examples=600)
@given(TEXTS | PAIRS | st.text(max_size=20))
@example(r"a=b,c\,d=e")
@example('a=b,"x,y"=c')
@example("a=b,'x, k=v'w=x")
def test_the_aws_cli_parses_the_same(text: str) -> None:
    assert _ours(text) == _theirs(text)


def _ours(text: str) -> dict[str, str] | None:
    try:
        return parse(text, str)
    except ShorthandError:
        return None


def _theirs(text: str) -> dict[str, str] | None:
    """Return None also for lists and maps, which are neither logins nor tags."""
    shorthand = _awscli_shorthand()
    with quietly():
        try:
            found: dict[str, str] = shorthand.ShorthandParser().parse(text)
        except (shorthand.ShorthandParseError, TypeError):  # if the text ends in a list
            return None
    return found if all(isinstance(value, str) for value in found.values()) else None


@cache
def _awscli_shorthand() -> Any:
    return module("awscli.shorthand")
