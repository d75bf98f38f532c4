"""Logins are masked in the service's messages."""

import pytest

from cognito_devtoken import TokenRequest
from cognito_devtoken._aws.masking import clean
from pools import POOL


LONG = "customer-4711 of the shop"


@pytest.mark.parametrize(
    ("message", "masked"),
    [
        ("user 42 is unknown", "user <hidden> is unknown"),
        ("427 is not 4, '42'", "427 is not 4, '<hidden>'"),
        (f"Value '{LONG}' at", "Value '<hidden>' at"),
        (f"Value '{LONG.upper()}' at", "Value '<hidden>' at"),
        (f"Value '{LONG[:20]}...' at", "Value '<hidden>...' at"),
        (f"{LONG} and {LONG[:16]}", "<hidden> and <hidden>"),
        ("customer of the shop", "customer of the shop"),
        (f"{LONG}2 {LONG}", "<hidden> <hidden>"),
        ('it is "jo\\"e@example.com"', 'it is "<hidden>"'),
        ("it is jo%22e%40example.com", "it is <hidden>"),
        ("it is identity-43 of an IdentityPool", "it is <hidden> of an IdentityPool"),
        ("it is padded", "it is <hidden>"),
        ("it is <hidden>-bob", "it is <hidden>"),
        ("\nfirst line\nsecond", "first line"),
        ("first line\nsecond line", "first line"),
        ("first  http://user:pass@host/", "first http://<hidden>@host/"),
    ],
)
def test_logins_are_masked_in_the_services_messages(message: str, masked: str) -> None:
    logins = ["42", LONG, LONG + "2", 'jo"e@example.com', "identity-43", "  padded ", " "]
    logins += ["<hidden>-bob"]
    request = TokenRequest(POOL.identity_pool_id, dict(zip("abcdefgh", logins, strict=True)))

    assert clean(message, request) == masked


def test_a_multiline_login_is_masked_before_the_message_is_cut_to_one_line() -> None:
    request = TokenRequest(POOL.identity_pool_id, {"a": "user\nsecret of the user"})

    assert clean("no user\nsecret of the user\nhere", request) == "no <hidden>"
