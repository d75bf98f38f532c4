"""Maps on the command line read as the AWS CLI reads them."""

import argparse

import pytest

from cognito_devtoken.cli._shorthand import string_map


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
        ("arn:aws:iam::1:saml-provider/x=y", {"arn:aws:iam::1:saml-provider/x": "y"}),
        (
            "cognito-idp.us-east-1.amazonaws.com/us-east-1_A=t",
            {"cognito-idp.us-east-1.amazonaws.com/us-east-1_A": "t"},
        ),
        ('{"k": "v"}', {"k": "v"}),
        (' {"k": "v"}', {"k": "v"}),
    ],
)
def test_a_map(text: str, wanted: dict[str, str]) -> None:
    assert string_map(text) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "character 1 is where"),
        ("k", "character 1 is where"),
        ("=v", "character 1 is where"),
        ("k=v,", "character 5 is where"),
        ('k=a"b', "character 1 is where"),
        ('k="a"b', "character 1 is where"),
        ("kä=v", "character 1 is where"),
        ("k=v,k=w", "k is given twice"),
        ("{", "the JSON cannot be read"),
        ('{"a":' * 100_000, "the JSON cannot be read"),
    ],
)
def test_no_map(text: str, message: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        string_map(text)
