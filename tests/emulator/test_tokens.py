"""The tokens look like Cognito's, and an independent JOSE library verifies them."""

import base64
import json
import urllib.request
from datetime import timedelta
from typing import Any

import attrs
import jwt
import pytest

from cognito_devtoken import DevTokenClient, TokenRequest
from cognito_devtoken.emulator import Behavior, Emulator, Pool
from cognito_devtoken.emulator._directory import Login, StoredPool
from cognito_devtoken.emulator._tokens import amr_of, claims_of
from pools import OTHER_POOL, POOL


ISSUER = "https://cognito-identity.amazonaws.com"


def get_token(emulator: Emulator, **members: Any) -> str:
    pool = emulator.pools[0]
    request = TokenRequest(pool.identity_pool_id, {pool.developer_provider: "user-42"}, **members)
    with DevTokenClient(endpoint_url=emulator.endpoint_url) as client:
        return client.fetch(request).token


def verify(token: str, emulator: Emulator, audience: str = POOL.identity_pool_id) -> dict[str, Any]:
    """Verify a token with PyJWT, using the keys that the emulator serves."""
    key = jwt.PyJWKClient(emulator.jwks_uri).get_signing_key_from_jwt(token)
    return jwt.decode(token, key, ["RS512"], audience=audience, issuer=ISSUER)


def test_a_token_is_verified_with_the_served_keys(emulator: Emulator) -> None:
    claims = verify(get_token(emulator, principal_tags={"team": "blue"}), emulator)

    assert claims["exp"] - claims["iat"] == 900
    assert claims["https://aws.amazon.com/tags"] == {"principal_tags": {"team": ["blue"]}}


def test_a_token_for_another_pools_audience_is_refused(emulator: Emulator) -> None:
    with pytest.raises(jwt.InvalidAudienceError):
        verify(get_token(emulator), emulator, OTHER_POOL.identity_pool_id)


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("place", [0, 0.3, 0.6, 0.9])
def test_a_token_with_one_byte_changed_is_refused(
    emulator: Emulator, part: int, place: float
) -> None:
    parts = get_token(emulator).split(".")
    raw = bytearray(base64.urlsafe_b64decode(parts[part] + "=="))
    raw[int(place * len(raw))] ^= 1
    parts[part] = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    with pytest.raises(jwt.PyJWTError):
        verify(".".join(parts), emulator)


@pytest.mark.external
def test_an_expired_token_is_refused() -> None:
    past = attrs.make_class("Clock", ["at"])(1_700_000_000.0)
    with Emulator(POOL, clock=lambda: past.at) as emulator:
        with pytest.raises(jwt.ExpiredSignatureError):
            verify(get_token(emulator), emulator)


def test_a_token_of_another_emulator_is_refused(emulator: Emulator) -> None:
    with Emulator(POOL) as other:
        with pytest.raises(jwt.InvalidSignatureError):
            verify(get_token(other), emulator)


def test_header_and_claims_have_cognitos_order_and_no_spaces(emulator: Emulator) -> None:
    segments = get_token(emulator, principal_tags={"team": "blue"}).split(".")
    header, claims = (base64.urlsafe_b64decode(segment + "==") for segment in segments[:2])

    assert json.loads(header) == {"kid": "eu-central-1-1", "typ": "JWS", "alg": "RS512"}
    assert list(json.loads(header)) == ["kid", "typ", "alg"]
    assert list(json.loads(claims)) == [
        "sub",
        "aud",
        "amr",
        "https://aws.amazon.com/tags",
        "iss",
        "https://cognito-identity.amazonaws.com/identity-pool-arn",
        "exp",
        "iat",
    ]
    assert b" " not in claims


def test_claims_have_the_observed_shape() -> None:
    pool = Pool("us-east-1:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", developer_provider="login.app")
    identity_id = "us-east-1:11111111-2222-3333-4444-555555555555"
    stored = StoredPool.of(pool)
    amr = amr_of(stored, [Login("login.app", "user-42")], Behavior())

    assert claims_of(stored, identity_id, amr, {"team": "blue"}, 900, 1_700_000_000, ISSUER) == {
        "sub": identity_id,
        "aud": pool.identity_pool_id,
        "amr": ["authenticated", "login.app", f"login.app:{pool.identity_pool_id}:user-42"],
        "https://aws.amazon.com/tags": {"principal_tags": {"team": ["blue"]}},
        "iss": ISSUER,
        "https://cognito-identity.amazonaws.com/identity-pool-arn": (
            f"arn:aws:cognito-identity:us-east-1:123456789012:identitypool/{pool.identity_pool_id}"
        ),
        "exp": 1_700_000_900,
        "iat": 1_700_000_000,
    }


ANA, USER_42 = Login("idp.example", "ana"), Login(POOL.developer_provider, "user-42")
OF_ANA = ["idp.example", "arn:aws:iam::123456789012:oidc-provider/idp.example:OIDC:ana"]
OF_USER_42 = [
    "login.example.com",
    f"login.example.com:{POOL.identity_pool_id}:user-42",
]


@pytest.mark.parametrize(
    ("setting", "logins", "wanted"),
    [
        ("developer", [ANA, USER_42], ["authenticated", *OF_USER_42]),
        ("all", [ANA, USER_42], ["authenticated", *OF_ANA, *OF_USER_42]),
        ("developer", [ANA], ["authenticated", *OF_ANA]),
        ("developer", [], ["unauthenticated"]),
    ],
)
def test_amr_contains_public_providers_beside_a_developer_only_if_configured(
    setting: Any, logins: list[Login], wanted: list[str]
) -> None:
    assert amr_of(StoredPool.of(POOL), logins, Behavior(amr=setting)) == wanted


def test_amr_of_a_provider_without_an_arn_names_the_pool() -> None:
    pool = StoredPool.of(Pool("us-east-1:0", public_providers=["graph.facebook.com"]))

    amr = amr_of(pool, [Login("graph.facebook.com", "1")], Behavior())

    assert amr == ["authenticated", "graph.facebook.com", "graph.facebook.com:us-east-1:0:1"]


def test_a_guests_token_has_neither_tags_nor_the_arn_of_the_pool() -> None:
    claims = claims_of(StoredPool.of(POOL), "i", ["unauthenticated"], None, 600, 0, ISSUER)

    assert list(claims) == ["sub", "aud", "amr", "iss", "exp", "iat"]


@pytest.mark.parametrize("seconds", [1, 1800, 86_400])
def test_the_duration_is_honoured(emulator: Emulator, seconds: int) -> None:
    claims = jwt.decode(
        get_token(emulator, token_duration=timedelta(seconds=seconds)),
        options={"verify_signature": False},
    )

    assert claims["exp"] - claims["iat"] == seconds


def test_each_region_has_its_own_key_in_one_document(emulator: Emulator) -> None:
    keys = jwt.PyJWKClient(emulator.jwks_uri).get_jwk_set().keys

    assert [key.key_id for key in keys] == ["eu-central-1-1", "us-east-1-1"]


def fetch_json(url: str) -> Any:
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def test_keys_are_public_and_have_the_observed_form(emulator: Emulator) -> None:
    document = fetch_json(emulator.jwks_uri)

    assert [list(key) for key in document["keys"]] == [["kty", "alg", "use", "kid", "n", "e"]] * 2
    assert document["keys"][0]["alg"] == "RS512"


@pytest.mark.external
def test_legacy_keys_encode_the_same_numbers_the_old_way() -> None:
    with Emulator(POOL, behavior=Behavior(legacy_keys=True)) as emulator:
        token = get_token(emulator)
        (key,) = fetch_json(emulator.jwks_uri)["keys"]

    modulus = base64.b64decode(key["n"], validate=True)
    assert len(modulus) == 257
    assert modulus[0] == 0
    repaired = key | {"n": base64.urlsafe_b64encode(modulus[1:]).rstrip(b"=").decode()}
    assert jwt.decode(token, jwt.PyJWK(repaired), ["RS512"], audience=POOL.identity_pool_id)


def test_discovery_names_the_url_of_the_keys(emulator: Emulator) -> None:
    document = fetch_json(f"{emulator.endpoint_url}/.well-known/openid-configuration")

    assert document["issuer"] == ISSUER
    assert document["jwks_uri"] == emulator.jwks_uri
    assert document["id_token_signing_alg_values_supported"] == ["RS512"]


@pytest.mark.external
def test_the_issuer_can_be_the_emulator() -> None:
    behavior = Behavior(issuer="http://localhost:9229")
    with Emulator(POOL, behavior=behavior) as emulator:
        claims = jwt.decode(get_token(emulator), options={"verify_signature": False})

    assert claims["iss"] == "http://localhost:9229"
