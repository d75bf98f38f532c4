"""Signatures are checked as AWS does: what botocore signs is accepted, any change is refused."""

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from cognito_devtoken.emulator._sigv4 import Caller, check_signature
from cognito_devtoken.emulator._wire import HttpRequest, Refusal


KEY, SECRET = "AKIAEXAMPLE", "secret/key+example"
KNOWN = {KEY: SECRET}


def signed(
    body: bytes, headers: dict[str, str] | None = None, *, token: str | None = None
) -> dict[str, str]:
    """Return the headers of a request that botocore has signed."""
    request = AWSRequest(
        "POST",
        "http://127.0.0.1:9229/",
        headers={"Content-Type": "application/x-amz-json-1.1"} | (headers or {}),
        data=body,
    )
    auth = SigV4Auth(Credentials(KEY, SECRET, token), "cognito-identity", "us-east-1")
    auth.add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()} | {
        "host": "127.0.0.1:9229"
    }


def now() -> float:
    return datetime.now(UTC).timestamp()


def check(known: dict[str, str], headers: dict[str, str], body: bytes, at: float) -> None:
    request = HttpRequest("POST", "", headers, body)
    check_signature(request, "cognito-identity", known.get, at)


def code(headers: dict[str, str], body: bytes = b"{}", *, later: float = 0) -> str | None:
    try:
        check(KNOWN, headers, body, now() + later)
    except Refusal as refusal:
        assert refusal.status == 400
        return refusal.code
    return None


@given(
    st.binary(),
    st.dictionaries(
        st.from_regex(r"x-amz-[a-z]{1,9}", fullmatch=True),
        st.text(st.characters(min_codepoint=33, max_codepoint=126) | st.just(" "), min_size=1),
    ),
    st.none() | st.just("session-token"),
)
def test_what_botocore_signs_is_accepted(
    body: bytes, headers: dict[str, str], token: str | None
) -> None:
    headers = {
        name: value for name, value in headers.items() if value.strip() and name != "x-amz-date"
    }

    assert code(signed(body, headers, token=token), body) is None


@pytest.mark.parametrize("name", ["content-type", "host", "x-amz-target", "x-amz-date"])
def test_a_changed_header_is_refused(name: str) -> None:
    headers = signed(b"{}", {"X-Amz-Target": "AWSCognitoIdentityService.GetId"})
    changed = headers[name][:-3] + "99Z" if name == "x-amz-date" else headers[name] + "x"

    assert code(headers | {name: changed}) == "InvalidSignatureException"


def test_a_changed_body_is_refused() -> None:
    assert code(signed(b"{}"), b"{ }") == "InvalidSignatureException"


def test_another_secret_is_refused() -> None:
    with pytest.raises(Refusal, match="InvalidSignatureException"):
        check({KEY: "another"}, signed(b"{}"), b"{}", now())


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(Refusal, match="UnrecognizedClientException"):
        check({}, signed(b"{}"), b"{}", now())


def test_a_missing_signature_is_refused() -> None:
    assert code({}) == "MissingAuthenticationTokenException"


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [
        ("20200101/us-east-1/cognito-identity/aws4_request", "IncompleteSignatureException"),
        ("{date}/us-east-1/s3/aws4_request", "InvalidSignatureException"),
        ("{date}/us-east-1/cognito-identity/aws3_request", "InvalidSignatureException"),
        ("x", "IncompleteSignatureException"),
    ],
)
def test_a_wrong_scope_is_refused(scope: str, wanted: str) -> None:
    headers = signed(b"{}")
    date = headers["x-amz-date"][:8]
    own = f"{date}/us-east-1/cognito-identity/aws4_request"
    authorization = headers["authorization"].replace(own, scope.format(date=date))

    assert code(headers | {"authorization": authorization}) == wanted


@pytest.mark.parametrize("name", ["host", "x-amz-date"])
def test_host_and_date_must_be_signed(name: str) -> None:
    headers = signed(b"{}")
    authorization = headers["authorization"].replace(f"{name}", "content-type")

    assert code(headers | {"authorization": authorization}) == "IncompleteSignatureException"


@pytest.mark.parametrize(
    "changes",
    [
        {"authorization": "Basic abc"},
        {"authorization": "AWS4-HMAC-SHA256 Credential=a"},
        {"x-amz-date": "yesterday"},
        {"x-amz-date": ""},
    ],
)
def test_an_incomplete_signature_is_refused(changes: dict[str, str]) -> None:
    assert code(signed(b"{}") | changes) == "IncompleteSignatureException"


@pytest.mark.parametrize(
    ("later", "wanted"),
    [
        (-290, None),
        (290, None),
        (-310, "InvalidSignatureException"),
        (310, "InvalidSignatureException"),
    ],
)
def test_a_clock_may_be_off_by_five_minutes(later: float, wanted: str | None) -> None:
    assert code(signed(b"{}"), later=later) == wanted


@pytest.mark.parametrize("query", ["", "Action=GetCallerIdentity&Version=2011-06-15&a=b%20c%2B&e="])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_method_and_the_fields_in_the_address_are_part_of_the_signature(
    method: str, query: str
) -> None:
    request = AWSRequest(method, f"http://127.0.0.1:9229/?{query}")
    SigV4Auth(Credentials(KEY, SECRET), "sts", "us-east-1").add_auth(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers["host"] = "127.0.0.1:9229"

    check_signature(HttpRequest(method, query, headers, b""), "sts", KNOWN.get, now())
    for changed in (
        HttpRequest("PUT", query, headers, b""),
        HttpRequest(method, f"{query}&x=y", headers, b""),
    ):
        with pytest.raises(Refusal, match="InvalidSignatureException"):
            check_signature(changed, "sts", KNOWN.get, now())


def test_a_caller_is_named_by_the_header_or_by_a_signed_address() -> None:
    url = "http://127.0.0.1:9229/?Action=GetCallerIdentity"
    presigned = AWSRequest("GET", url)
    SigV4QueryAuth(Credentials(KEY, SECRET), "sts", "eu-west-1").add_auth(presigned)
    query = str(presigned.url).partition("?")[2]

    assert Caller.of(HttpRequest("POST", "", signed(b""), b"")) == Caller(KEY, "us-east-1")
    assert Caller.of(HttpRequest("GET", query, {}, b"")) == Caller(KEY, "eu-west-1")
    assert Caller.of(HttpRequest("GET", "", {"authorization": "Basic a"}, b"")) == Caller()
