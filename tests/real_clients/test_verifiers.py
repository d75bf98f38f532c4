"""Libraries that verify tokens accept the emulator's, by the keys that it serves, and no others."""

import json
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.errors import BadSignatureError, ExpiredTokenError, InvalidClaimError, JoseError
from joserfc.jwk import KeySet
from observing import LateClock, altered, observed

from calling import ask, boto
from cognito_devtoken.emulator import Behavior, Emulator
from pools import OTHER_POOL, POOL


pytestmark = pytest.mark.external

SOMEBODY = f"{POOL.region}:00000000-0000-4000-8000-00000000dead"
# Returns the claims of a token; the second argument is the identity pool, by default POOL.
Verify = Callable[..., Any]


def token_of(emulator: Emulator, **members: Any) -> str:
    return str(ask(boto("cognito-identity", emulator), **members)["Token"])


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What a verifier needs: addresses over TLS, a token, and tokens to refuse."""
    clock = LateClock()
    own = Behavior(issuer="self")
    with (
        Emulator(POOL, tls=True, behavior=own, clock=clock) as emulator,
        Emulator(POOL, tls=True) as services,
        pytest.MonkeyPatch.context() as patch,
    ):
        bundle = tmp_path_factory.mktemp("certificates") / "bundle.pem"
        bundle.write_text(
            "".join(Path(each.ca_bundle).read_text() for each in (emulator, services))
        )
        patch.setenv("AWS_CA_BUNDLE", str(bundle))
        issuer = emulator.endpoint_url
        with Emulator(POOL, behavior=Behavior(issuer=issuer)) as impostor:
            token = token_of(emulator)
            clock.late = 3600
            expired = token_of(emulator)
            clock.late = 0
            yield {
                "issuer": issuer,
                "audience": POOL.identity_pool_id,
                "otherAudience": OTHER_POOL.identity_pool_id,
                "subject": ask(boto("cognito-identity", emulator))["IdentityId"],
                "bundle": str(bundle),
                "http": impostor.jwks_uri,
                "services": services.endpoint_url,
                "servicesToken": token_of(services),
                "token": token,
                "changed": altered(token, 1, sub=SOMEBODY),
                "expired": expired,
                "foreign": token_of(impostor),
                "unknown": altered(token, 0, kid=f"{POOL.region}-2"),
            }


@pytest.fixture(scope="module")
def aws_jwt_verify(given: dict[str, Any], request: pytest.FixtureRequest) -> dict[str, Any]:
    return observed("aws_jwt_verify", given, request, NODE_EXTRA_CA_CERTS=given["bundle"])


@pytest.fixture(scope="module")
def openid_client(given: dict[str, Any], request: pytest.FixtureRequest) -> dict[str, Any]:
    return observed("openid_client", given, request, NODE_EXTRA_CA_CERTS=given["bundle"])


class TestAwsJwtVerify:
    def test_a_token_is_verified_by_the_keys_below_its_issuer(
        self, aws_jwt_verify: dict[str, Any], given: dict[str, Any]
    ) -> None:
        assert aws_jwt_verify["verified"] == given["subject"]
        assert aws_jwt_verify["synchronously"] == given["subject"]

    def test_a_token_with_the_services_issuer_is_verified_by_the_emulators_keys(
        self, aws_jwt_verify: dict[str, Any], given: dict[str, Any]
    ) -> None:
        assert aws_jwt_verify["byTheServicesIssuer"] == given["subject"]

    @pytest.mark.parametrize(
        ("observation", "error"),
        [
            ("changed", "JwtInvalidSignatureError: Invalid signature"),
            ("expired", "JwtExpiredError: Token expired at "),
            ("signedByAnotherKey", "JwtInvalidSignatureError: Invalid signature"),
            ("signedByAnUnknownKey", "KidNotFoundInJwksError: JWK for kid "),
            ("forAnotherPool", "JwtInvalidAudienceError: Audience not allowed: "),
            ("ofAnotherIssuer", "JwtInvalidIssuerError: Issuer not allowed: "),
            # So the emulator needs TLS for it.
            ("byHttp", "ERR_INVALID_PROTOCOL: Protocol "),
        ],
    )
    def test_any_other_token_is_refused(
        self, aws_jwt_verify: dict[str, Any], observation: str, error: str
    ) -> None:
        assert aws_jwt_verify[observation].startswith(error)


class TestOpenidClient:
    def test_keys_are_discovered_at_the_issuer(
        self, openid_client: dict[str, Any], given: dict[str, Any]
    ) -> None:
        assert openid_client["discovered"] == {
            "issuer": given["issuer"],
            "jwks_uri": f"{given['issuer']}/.well-known/jwks_uri",
        }

    def test_keys_of_the_services_issuer_are_discovered_by_the_address_of_the_document(
        self, openid_client: dict[str, Any], given: dict[str, Any]
    ) -> None:
        assert openid_client["discoveredByTheAddressOfTheDocument"] == {
            "issuer": "https://cognito-identity.amazonaws.com",
            "jwks_uri": f"{given['services']}/.well-known/jwks_uri",
        }
        assert openid_client["discoveredElsewhereThanAtTheIssuer"].startswith(
            "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED: "
        )

    def test_a_token_is_verified(
        self, openid_client: dict[str, Any], given: dict[str, Any]
    ) -> None:
        assert openid_client["verified"] == given["subject"]

    @pytest.mark.parametrize(
        ("observation", "error"),
        [
            ("changed", "OAUTH_INVALID_RESPONSE: JWT signature verification failed"),
            ("expired", "OAUTH_JWT_TIMESTAMP_CHECK_FAILED: "),
            ("signedByAnotherKey", "OAUTH_INVALID_RESPONSE: JWT signature verification failed"),
            ("signedByAnUnknownKey", "OAUTH_KEY_SELECTION_FAILED: "),
            ("forAnotherPool", "OAUTH_JWT_CLAIM_COMPARISON_FAILED: "),
        ],
    )
    def test_any_other_token_is_refused(
        self, openid_client: dict[str, Any], observation: str, error: str
    ) -> None:
        assert openid_client[observation].startswith(error)


class TestPyJwt:
    @pytest.fixture
    def verify(self, given: dict[str, Any]) -> Verify:
        context = ssl.create_default_context(cafile=given["bundle"])

        def verify(token: str, audience: str = POOL.identity_pool_id) -> Any:
            address = f"{given['issuer']}/.well-known/jwks.json"
            keys = pyjwt.PyJWKClient(address, ssl_context=context)
            key = keys.get_signing_key_from_jwt(token)
            return pyjwt.decode(token, key, ["RS512"], audience=audience, issuer=given["issuer"])

        return verify

    def test_a_token_is_verified(self, verify: Verify, given: dict[str, Any]) -> None:
        assert verify(given["token"])["sub"] == given["subject"]

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("changed", pyjwt.InvalidSignatureError),
            ("expired", pyjwt.ExpiredSignatureError),
            ("foreign", pyjwt.InvalidSignatureError),
            ("unknown", pyjwt.PyJWKClientError),
        ],
    )
    def test_any_other_token_is_refused(
        self, verify: Verify, given: dict[str, Any], name: str, error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            verify(given[name])

    def test_a_token_for_another_pool_is_refused(
        self, verify: Verify, given: dict[str, Any]
    ) -> None:
        with pytest.raises(pyjwt.InvalidAudienceError):
            verify(given["token"], given["otherAudience"])


class TestJoserfc:
    @pytest.fixture
    def verify(self, given: dict[str, Any]) -> Verify:
        context = ssl.create_default_context(cafile=given["bundle"])

        def verify(token: str, audience: str = POOL.identity_pool_id) -> Any:
            address = f"{given['issuer']}/.well-known/jwks.json"
            with urllib.request.urlopen(address, context=context) as answer:
                keys = KeySet.import_key_set(json.load(answer))
            claims = joserfc_jwt.decode(token, keys, ["RS512"]).claims
            joserfc_jwt.JWTClaimsRegistry(
                iss={"essential": True, "value": given["issuer"]},
                aud={"essential": True, "value": audience},
                exp={"essential": True},
            ).validate(claims)
            return claims

        return verify

    def test_a_token_is_verified(self, verify: Verify, given: dict[str, Any]) -> None:
        assert verify(given["token"])["sub"] == given["subject"]

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("changed", BadSignatureError),
            ("expired", ExpiredTokenError),
            ("foreign", BadSignatureError),
            ("unknown", (JoseError, ValueError)),
        ],
    )
    def test_any_other_token_is_refused(
        self, verify: Verify, given: dict[str, Any], name: str, error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            verify(given[name])

    def test_a_token_for_another_pool_is_refused(
        self, verify: Verify, given: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidClaimError):
            verify(given["token"], given["otherAudience"])
