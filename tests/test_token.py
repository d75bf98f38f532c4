"""A token is checked against its request, knows its lifetime, and is never displayed."""

import base64
import copy
import json
import logging
import pickle
import pprint
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognito_devtoken import OpenIdToken, TokenRequest
from cognito_devtoken._values.clock import Instant
from cognito_devtoken._values.secret import Secret
from cognito_devtoken.exceptions import InvalidTokenResponseError


POOL_ID = "us-east-1:aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
IDENTITY_ID = "us-east-1:11111111-2222-4333-8444-555555555555"
REQUEST = TokenRequest(POOL_ID, {"login.example.com": "user-42"})
IAT = 1_700_000_000


@attrs.define
class FakeClock:
    """A monotonic clock and a wall clock, set by the test."""

    mono: float = 50.0
    wall: float = 1_600_000_000.0

    def monotonic(self) -> float:
        return self.mono

    def time(self) -> float:
        return self.wall


def encode(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def jwt(
    claims: object, *, header: object = {"kid": "us-east-1-7", "typ": "JWS", "alg": "RS512"}
) -> str:
    return f"{encode(header)}.{encode(claims)}.c2lnbmF0dXJl"


def claims(**changes: object) -> dict[str, Any]:
    return {
        "sub": IDENTITY_ID,
        "aud": POOL_ID,
        "amr": ["authenticated", "login.example.com", f"login.example.com:{POOL_ID}:user-42"],
        "https://aws.amazon.com/tags": {"principal_tags": {"team": ["blue"]}},
        "iss": "https://cognito-identity.amazonaws.com",
        "exp": IAT + 900,
        "iat": IAT,
    } | changes


def token_of(
    text: str, request: TokenRequest = REQUEST, clock: FakeClock | None = None
) -> OpenIdToken:
    response = {"IdentityId": IDENTITY_ID, "Token": text}
    return OpenIdToken.from_response(response, request, clock=clock or FakeClock())


def refusal(text: str, request: TokenRequest = REQUEST) -> str:
    with pytest.raises(InvalidTokenResponseError) as caught:
        token_of(text, request)
    assert text not in str(caught.value)
    return str(caught.value)


def test_a_mistake_in_the_instant_shows_no_token(leaks: Any) -> None:
    text = jwt(claims())
    wrong: Any = 1e9

    with pytest.raises(AttributeError) as caught:
        OpenIdToken.from_response(
            {"IdentityId": IDENTITY_ID, "Token": text}, REQUEST, obtained=wrong
        )

    assert not leaks(caught.value, text)


def test_times_are_the_servers() -> None:
    token = token_of(jwt(claims()))

    assert token.identity_id == IDENTITY_ID
    assert token.issued_at == datetime.fromtimestamp(IAT, UTC)
    assert token.lifetime == timedelta(seconds=900)
    assert token.expires_at == datetime.fromtimestamp(IAT + 900, UTC)
    assert token.expires_at.tzinfo is UTC


def test_conversions_use_the_names_of_aws_and_amplify() -> None:
    text = jwt(claims())
    token = token_of(text)

    assert token.token == text
    assert token.to_aws() == {"IdentityId": IDENTITY_ID, "Token": text}
    assert token.to_amplify() == {
        "identity_id": IDENTITY_ID,
        "token": text,
        "expires_at": (IAT + 900) * 1000,
    }
    assert token.to_logins() == {"cognito-identity.amazonaws.com": text}


def test_claims_are_decoded_once_and_read_only() -> None:
    token = token_of(jwt(claims()))

    assert token.claims["amr"][1] == "login.example.com"
    assert token.claims["https://aws.amazon.com/tags"]["principal_tags"] == {"team": ("blue",)}
    assert token.claims is token.claims
    with pytest.raises(TypeError):
        token.claims["sub"] = "x"  # type: ignore[index]
    with pytest.raises(TypeError):
        token.claims["https://aws.amazon.com/tags"]["principal_tags"]["team"] = "red"


@pytest.mark.parametrize(
    "text", ["us-east-1:0b0e-random", "oidct-dev.us-east-1:ab.0b0e", "a.b.c", "..", "é.é.é"]
)
@pytest.mark.parametrize(("asked", "lifetime"), [(None, 900), (60, 60)])
def test_a_token_that_is_not_a_jwt_lives_as_long_as_requested(
    text: str, asked: int | None, lifetime: int
) -> None:
    clock = FakeClock(wall=1_650_000_000)
    token = token_of(text, attrs.evolve(REQUEST, token_duration=asked), clock)

    assert token.lifetime == timedelta(seconds=lifetime)
    assert token.issued_at == datetime.fromtimestamp(1_650_000_000, UTC)
    assert token.claims == {}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "us-east-1:another"}, "not for the requested identity pool"),
        ({"aud": None}, "not for the requested identity pool"),
        ({"aud": [POOL_ID]}, "not for the requested identity pool"),
        ({"sub": "us-east-1:another"}, "for an identity other than its IdentityId"),
        ({"exp": IAT}, "lives for 0 s"),
        ({"exp": IAT - 1}, "lives for -1 s"),
        ({"exp": IAT + 86_401}, "lives for 86401 s; over 0 s and at most 86400 s are allowed"),
        ({"exp": None}, "no valid iat or exp"),
        ({"iat": True}, "no valid iat or exp"),
        ({"iat": "1700000000"}, "no valid iat or exp"),
        ({"exp": float("nan")}, "no valid iat or exp"),
        ({"exp": float("inf")}, "no valid iat or exp"),
        ({"exp": 10**30}, "no valid iat or exp"),
        ({"iat": -1}, "no valid iat or exp"),
    ],
)
def test_a_token_that_contradicts_its_request_is_refused(
    changes: dict[str, Any], reason: str
) -> None:
    assert reason in refusal(jwt(claims(**changes)))


def test_a_token_may_live_shorter_but_not_longer_than_requested() -> None:
    asked = attrs.evolve(REQUEST, token_duration=600)

    assert token_of(jwt(claims(exp=IAT + 599)), asked).lifetime == timedelta(seconds=599)
    assert "lives for 900 s; over 0 s and at most 600 s are allowed" in refusal(
        jwt(claims()), asked
    )


def test_a_token_that_expires_in_the_last_second_of_time_is_accepted() -> None:
    last = 253_402_300_799

    assert token_of(jwt(claims(iat=last - 900, exp=last))).expires_at.year == 9999


@pytest.mark.parametrize(
    "payload",
    [b"not json", b"[1]", b"[" * 12_000, b'{"a": ' + b"9" * 5000 + b"}", b"\xff", b"{}"],
)
def test_a_jwt_without_readable_claims_is_refused(payload: bytes) -> None:
    assert "does not fit" in refusal(jwt(payload))


def test_a_jwt_with_an_unreadable_header_is_still_checked() -> None:
    assert "identity pool" in refusal(jwt(claims(aud="another"), header=b"\xff"))


def test_a_jwt_with_a_header_too_long_to_read_is_still_a_jwt() -> None:
    long = jwt(claims(aud="another", pad="x" * 17_000), header={"pad": "x" * 17_000})

    assert "cannot be read, or exceed 16384 bytes" in refusal(long)


def test_claims_have_at_most_16_kb() -> None:
    room = 16 * 1024 - len(json.dumps(claims(pad="")))

    assert len(token_of(jwt(claims(pad="x" * room))).claims["pad"]) == room
    too_long = refusal(jwt(claims(pad="x" * (room + 1))))
    assert "cannot be read, or exceed 16384 bytes" in too_long


@pytest.mark.parametrize(
    ("response", "missing"),
    [
        ({}, "Token"),
        ({"IdentityId": IDENTITY_ID}, "Token"),
        ({"Token": "a"}, "IdentityId"),
        ({"IdentityId": "", "Token": "a"}, "IdentityId"),
        ({"IdentityId": IDENTITY_ID + "\n", "Token": "a"}, "IdentityId"),
        ({"IdentityId": "a:" + "0" * 54, "Token": "a"}, "IdentityId"),
        ({"IdentityId": IDENTITY_ID, "Token": ""}, "Token"),
        ({"IdentityId": IDENTITY_ID, "Token": 1}, "Token"),
        ({"IdentityId": IDENTITY_ID, "Token": "a\ud800"}, "Token"),
    ],
)
def test_a_response_without_a_required_member_is_refused(
    response: dict[str, Any], missing: str
) -> None:
    with pytest.raises(InvalidTokenResponseError, match=f"it has no {missing}"):
        OpenIdToken.from_response(response, REQUEST)


@pytest.mark.parametrize("changes", [{"aud": "another"}, {"sub": "another"}, {"exp": 0}])
def test_the_frames_of_a_refusal_hold_no_token_and_no_claims(
    changes: dict[str, Any], leaks: Any
) -> None:
    text = jwt(claims(**changes))

    with pytest.raises(InvalidTokenResponseError) as caught:
        OpenIdToken.from_response({"IdentityId": IDENTITY_ID, "Token": text}, REQUEST)

    assert not leaks(caught.value, text, "user-42")


def test_a_response_for_another_identity_is_refused() -> None:
    asked = attrs.evolve(REQUEST, identity_id="us-east-1:0")

    assert "an identity other than the requested one" in refusal(jwt(claims()), asked)
    assert "an identity other than the requested one" in refusal("opaque", asked)


@given(
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary().map(lambda b: f"e30.{encode(b)}.x")
)
def test_any_text_becomes_a_token_or_is_refused(text: str) -> None:
    try:
        token = token_of(text)
    except InvalidTokenResponseError as error:
        assert error.__context__ is None
    else:
        assert token.token == text


def test_age_follows_the_faster_of_the_two_clocks() -> None:
    clock = FakeClock()
    token = token_of(jwt(claims()), clock=clock)

    assert token.expires_in() == timedelta(seconds=899)
    clock.mono += 10  # the wall clock was set back, or stands still
    clock.wall -= 100
    assert token.expires_in() == timedelta(seconds=889)
    clock.wall += 700  # the monotonic clock stood still while the function was frozen
    assert token.expires_in() == timedelta(seconds=299)
    clock.mono += 1000
    assert token.expires_in() == timedelta(0)


def test_age_counts_from_when_the_request_was_sent() -> None:
    clock = FakeClock()
    sent = Instant.now(clock)
    clock.mono += 5

    token = OpenIdToken.from_response(
        {"IdentityId": IDENTITY_ID, "Token": jwt(claims())}, REQUEST, obtained=sent, clock=clock
    )

    assert token.expires_in() == timedelta(seconds=894)


@given(st.floats(0, 1e7), st.floats(0, 900), st.floats(0, 900))
def test_a_copy_that_is_due_earlier_expires_at_exactly_the_same_instant(
    now: float, due: float, earlier: float
) -> None:
    clock = FakeClock()
    clock.mono = now
    token = token_of(jwt(claims()), clock=clock)._held("key", Instant.now(clock), clock, due)

    copied = token._due_at(earlier)

    assert copied == token
    assert copied._expires == token._expires
    assert copied._key == "key"
    assert copied._due == pytest.approx(min(earlier, 897), abs=1e-5)


def test_a_local_clock_that_is_wrong_by_years_does_not_matter() -> None:
    assert token_of(jwt(claims()), clock=FakeClock(wall=0)).expires_in() == timedelta(seconds=899)


@pytest.mark.parametrize(
    ("issued", "expires", "left"),
    [
        (IAT, IAT + 900, 899),
        (IAT, IAT + 899.5, 898.5),
        (IAT, IAT + 1, 0),
        (IAT, IAT + 0.5, 0),
        (IAT + 0.75, IAT + 900.75, 900),
        (IAT + 0.75, IAT + 900, 899.25),
    ],
)
def test_a_whole_iat_counts_as_rounded_down_and_a_fraction_as_exact(
    issued: float, expires: float, left: float
) -> None:
    token = token_of(jwt(claims(iat=issued, exp=expires)))

    assert token.expires_in() == timedelta(seconds=left)
    assert token.lifetime == timedelta(seconds=expires - issued)
    assert token.expires_at == datetime.fromtimestamp(expires, UTC)


def test_tokens_of_the_same_duration_share_the_number_of_seconds() -> None:
    tokens = [token_of(jwt(claims(iat=IAT + n, exp=IAT + n + 5000))) for n in range(2)]

    assert tokens[0]._seconds is tokens[1]._seconds


SHOWS = [
    repr,
    str,
    lambda token: f"{token}",
    lambda token: "%s %r" % (token, [token]),  # noqa: UP031
    pprint.pformat,
    lambda token: repr(attrs.asdict(token)),
    lambda token: repr(attrs.astuple(token)),
    lambda token: logging.LogRecord("n", 10, "p", 1, "%s", (token,), None).getMessage(),
]


@pytest.mark.parametrize("show", SHOWS)
def test_no_representation_shows_the_token(show: Any) -> None:
    text = jwt(claims())
    token = token_of(text)
    assert token.claims["sub"] == IDENTITY_ID

    shown = show(token)

    assert text not in shown
    assert text.split(".")[1] not in shown
    assert "user-42" not in shown
    assert IDENTITY_ID in shown


def test_the_fingerprint_tells_tokens_apart() -> None:
    token = token_of("opaque")

    assert token.fingerprint == "6d229884"  # printf opaque | sha256sum
    assert token.fingerprint in repr(token)
    assert token_of("another").fingerprint != token.fingerprint


def test_a_token_is_frozen_and_hashable_refuses_pickling_and_copies_to_itself() -> None:
    token = token_of("opaque")

    assert token == token_of("opaque", clock=FakeClock(mono=9))
    assert hash(token) == hash(token_of("opaque"))
    assert token != token_of("another")
    assert token != "opaque"
    assert copy.copy(token) is copy.deepcopy(token) is token
    for secret in (token, Secret("opaque")):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(secret)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        token.identity_id = "x"  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        token._secret = "x"
    secret = Secret("opaque")
    assert secret != "opaque"
    assert repr(secret) == "<hidden>"
    assert {secret, Secret("opaque")} == {secret}
    with pytest.raises(AttributeError, match="immutable"):
        secret._text = "x"
