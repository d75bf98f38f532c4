"""Logins are masked in the service's messages, and secrets in what a program prints."""

import json
from collections.abc import Mapping
from urllib.parse import quote

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cognito_devtoken import TokenRequest
from cognito_devtoken._aws.masking import clean, program_line
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
        ("\nfirst line\nsecond", "first line second"),
        ("first line\r\n\tsecond line\n", "first line second line"),
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

    assert clean("no user\nsecret of the user\nhere", request) == "no <hidden> here"


@pytest.mark.parametrize(
    "signed",
    [
        "The Canonical String for this request should have been\n'POST\n/\n\nhost:…\nTOKEN'",
        "The String-to-Sign should have been\n'AWS4-HMAC-SHA256\nTOKEN'",
        "'POST\n/\nx-amz-security-token:TOKEN'",
    ],
)
def test_a_message_that_shows_the_signed_request_ends_before_it(signed: str) -> None:
    request = TokenRequest(POOL.identity_pool_id, {"a": "user-42"})

    assert clean(f"\nIt does not match.\n\n{signed}\n", request) == "It does not match."


@attrs.frozen
class NotValidated:
    """A request as the command line makes it: its logins can be any text."""

    logins: Mapping[str, str]


ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(message=ANY_TEXT, login=ANY_TEXT)
def test_masking_never_raises(message: str, login: str) -> None:
    request = NotValidated({"a": login})

    assert clean(message, request).isprintable()
    assert clean(message + login, request).isprintable()


@given(login=st.text(st.characters(exclude_categories=()), min_size=8, max_size=100))
def test_any_long_login_is_masked_however_it_is_spelled(login: str) -> None:
    assume(login.strip())
    request = NotValidated({"a": login})

    for spelled in (login, json.dumps(login)[1:-1], quote(login, errors="surrogatepass")):
        assert clean(f"it is [{spelled}].", request) == "it is [<hidden>]."


@pytest.mark.parametrize(
    "spelled",
    [
        "M\udcfcller-4711",
        "M?ller-4711",
        f"M{chr(0xFFFD)}ller-4711",
        "M%ED%B3%BCller-4711",
        "M\\udcfcller-4711",
    ],
)
def test_a_login_that_is_not_unicode_is_masked_whatever_the_service_made_of_it(
    spelled: str,
) -> None:
    request = NotValidated({"a": "M\udcfcller-4711"})

    assert clean(f"Value '{spelled}' at", request) == "Value '<hidden>' at"


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("Please log in at https://corp.example.com/start/0123456789abcdef", "same"),
        ("cannot read /opt/corp/credentials/2026/backend.json", "same"),
        ("Expired session for profile corp-admin, run corp-login", "same"),
        ("AKIAIOSFODNN7EXAMPLE is not valid", "<hidden> is not valid"),
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "<hidden>"),
        ("/JalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "<hidden>"),
        ("got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "got <hidden>"),
        ("SecretAccessKey=abc", "Secret: <hidden>"),
        ("token: abc def", "token: <hidden> def"),
        ("https://user:pass@corp.example.com", "https://<hidden>@corp.example.com"),
        ('failed with {"SecretAccessKey": "abc"}', "failed with"),
        ("\n first\nsecond", "first"),
    ],
)
def test_a_program_may_say_why_it_failed_but_not_show_what_may_be_secret(
    printed: str, shown: str
) -> None:
    assert program_line(printed) == (printed if shown == "same" else shown)


@given(
    key=st.text("abcdefghijKLMNOPQRST0123456789+/", min_size=36, max_size=36).map("aB1+".__add__),
    before=st.text(max_size=20),
)
def test_no_secret_access_key_is_shown_of_what_a_program_prints(key: str, before: str) -> None:
    assert key not in program_line(f"{before} {key}")
    assert key not in program_line(f"{before}={key}")
