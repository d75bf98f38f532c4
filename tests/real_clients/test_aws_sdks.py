"""The AWS SDKs for JavaScript, versions 2 and 3, take the emulator for AWS in both flows."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.loaders import Loader
from observing import LateClock, altered, observed

from calling import COGNITO, ROLE, ask, boto
from cognito_devtoken.emulator import Behavior, Emulator
from pools import OTHER_POOL, POOL


pytestmark = pytest.mark.external

UNKNOWN = f"{POOL.region}:00000000-0000-4000-8000-00000000dead"
SESSION = "arn:aws:sts::123456789012:assumed-role"
OF_A_USER = f"{SESSION}/authenticated/CognitoIdentityCredentials"
OF_A_GUEST = f"{SESSION}/unauthenticated/CognitoIdentityCredentials"
NOT_FOUND = f"Identity '{UNKNOWN}' not found."
NOT_VERIFIED = "Invalid login token. Couldn't verify signed token."
NOT_VERIFIED_BY_STS = (
    "Couldn't retrieve verification key from your identity provider,  please reference "
    "AssumeRoleWithWebIdentity documentation for requirements"
)
PAGES = sorted([each.identity_pool_id] for each in (POOL, OTHER_POOL))


def modeled_errors(service: str, operation: str | None = None) -> dict[str, str]:
    """Return the codes of a service's errors, or of an operation's, by the names of the shapes."""
    model = Loader().load_service_model(service, "service-2")
    shapes = model["shapes"]
    names = [name for name, shape in shapes.items() if shape.get("exception")]
    if operation:
        names = [error["shape"] for error in model["operations"][operation]["errors"]]
    return {name: shapes[name].get("error", {}).get("code", name) for name in names}


COGNITO_ERRORS = modeled_errors("cognito-identity")
STS_ERRORS = modeled_errors("sts", "AssumeRoleWithWebIdentity")


@pytest.fixture(scope="module")
def given() -> Iterator[dict[str, Any]]:
    """What the scripts need: emulators, and tokens that are refused."""
    keys = {"AKIATEST": "test-secret"}
    lenient = Behavior(own_login_in_classic_flow="accept")
    clock = LateClock()
    with (
        Emulator(POOL, OTHER_POOL, credentials=keys, behavior=lenient, clock=clock) as emulator,
        Emulator(POOL) as default,
        Emulator(POOL, credentials=keys, clock=LateClock(3600)) as late,
    ):
        default.drop_next(operation="LookupDeveloperIdentity")
        default.cut_next(operation="LookupDeveloperIdentity")
        default.fail_next("TooManyRequestsException", operation="ListIdentities")
        # For version 2, which waits for ever for the rest of a response that was cut.
        default.drop_next(operation="GetIdentityPoolRoles")
        default.fail_next("TooManyRequestsException", operation="GetIdentityPoolRoles")
        for code in COGNITO_ERRORS.values():
            default.fail_next(code, operation="DescribeIdentity")
        for code in STS_ERRORS.values():
            default.fail_next(code, operation="AssumeRoleWithWebIdentity")
        cognito = boto("cognito-identity", emulator)
        clock.late = 200  # a signature that is older is refused
        expired = ask(cognito, TokenDuration=1)["Token"]
        clock.late = 0
        yield {
            "region": POOL.region,
            "endpoint": emulator.endpoint_url,
            "default": default.endpoint_url,
            "late": late.endpoint_url,
            "pool": POOL.identity_pool_id,
            "guests": OTHER_POOL.identity_pool_id,
            "developer": POOL.developer_provider,
            "own": COGNITO,
            "logins": {"idp.example": "user-42"},
            "role": ROLE,
            "unknown": UNKNOWN,
            "changed": altered(ask(cognito)["Token"], 1, sub=UNKNOWN),
            "expired": expired,
            "cognitoErrors": len(COGNITO_ERRORS),
            "stsErrors": len(STS_ERRORS),
        }


@pytest.fixture(scope="module")
def v3(given: dict[str, Any], request: pytest.FixtureRequest) -> dict[str, Any]:
    return observed("aws_sdk_v3", given, request)


@pytest.fixture(scope="module")
def v2(given: dict[str, Any], request: pytest.FixtureRequest) -> dict[str, Any]:
    return observed("aws_sdk_v2", given, request)


class TestVersion3:
    def test_a_developers_token_gets_credentials_that_sign(self, v3: dict[str, Any]) -> None:
        assert v3["enhanced"] == {"signer": OF_A_USER, "sameIdentity": True, "expires": True}

    def test_guests_and_public_logins_get_credentials_that_sign(self, v3: dict[str, Any]) -> None:
        assert v3["guest"] == OF_A_GUEST
        assert v3["publicLogin"] == OF_A_USER
        assert v3["customRole"] == f"{SESSION}/app/CognitoIdentityCredentials"

    def test_a_developers_token_assumes_a_role(self, v3: dict[str, Any]) -> None:
        assert v3["basic"] == f"{SESSION}/app/ana"

    def test_a_guests_token_assumes_a_role(self, v3: dict[str, Any]) -> None:
        assert v3["basicOfAGuest"] == {
            "audience": OTHER_POOL.identity_pool_id,
            "sameSubject": True,
            "expires": True,
        }

    def test_dates_are_dates(self, v3: dict[str, Any]) -> None:
        assert v3["describe"] == {"logins": [POOL.developer_provider], "isDate": True}

    def test_pages_are_read_to_the_end(self, v3: dict[str, Any]) -> None:
        assert sorted(v3["pages"]) == PAGES

    @pytest.mark.parametrize(
        ("observation", "name", "message"),
        [
            ("unknownIdentity", "ResourceNotFoundException", NOT_FOUND),
            ("changedToken", "NotAuthorizedException", NOT_VERIFIED),
            ("changedTokenInSts", "InvalidIdentityTokenException", NOT_VERIFIED_BY_STS),
        ],
    )
    def test_an_error_is_an_instance_of_its_class(
        self, v3: dict[str, Any], observation: str, name: str, message: str
    ) -> None:
        assert v3[observation] == {
            "class": name,
            "message": message,
            "status": 400,
            "hasRequestId": True,
        }

    def test_lost_responses_and_throttling_are_retried(self, v3: dict[str, Any]) -> None:
        assert v3["attempts"] == [3, 2]

    def test_a_clock_that_differs_from_the_emulators_is_corrected(self, v3: dict[str, Any]) -> None:
        assert v3["attemptsByALateClock"] == [2, 1]

    def test_an_expired_token_and_a_wrong_signature_are_refused(self, v3: dict[str, Any]) -> None:
        assert v3["expiredToken"]["class"] == "ExpiredTokenException"
        assert v3["wrongKey"]["name"] == "SignatureDoesNotMatch"

    def test_each_modeled_error_is_an_instance_of_its_class(self, v3: dict[str, Any]) -> None:
        assert v3["cognitoErrors"] == list(COGNITO_ERRORS)
        assert v3["stsErrors"] == list(STS_ERRORS)


class TestVersion2:
    @pytest.mark.parametrize(
        ("observation", "signer"),
        [
            ("enhanced", OF_A_USER),
            ("enhancedWithAPublicLogin", OF_A_USER),
            ("enhancedOfAGuest", OF_A_GUEST),
            ("classic", f"{SESSION}/app/ana"),
            ("classicWithAPublicLogin", f"{SESSION}/app/web-identity"),
            ("classicOfAGuest", f"{SESSION}/app/web-identity"),
        ],
    )
    def test_both_flows_get_credentials_that_sign_and_are_refreshed(
        self, v2: dict[str, Any], observation: str, signer: str
    ) -> None:
        assert v2[observation] == {"signer": signer, "hasIdentity": True, "refreshed": True}

    def test_the_classic_flow_refuses_a_developers_token_by_default(
        self, v2: dict[str, Any]
    ) -> None:
        assert v2["classicByDefault"] == (
            "NotAuthorizedException: Invalid login token. Can't pass in a Cognito token."
        )

    def test_a_developers_token_assumes_a_role(self, v2: dict[str, Any]) -> None:
        assert v2["webIdentity"] == f"{SESSION}/app/ana"

    def test_lost_responses_and_throttling_are_retried(self, v2: dict[str, Any]) -> None:
        assert v2["retries"] == 2

    def test_a_clock_that_differs_from_the_emulators_is_corrected(self, v2: dict[str, Any]) -> None:
        assert v2["retriesByALateClock"] == 1

    def test_pages_are_read_to_the_end(self, v2: dict[str, Any]) -> None:
        assert sorted(v2["pages"]) == PAGES

    @pytest.mark.parametrize(
        ("observation", "code", "message"),
        [
            ("unknownIdentity", "ResourceNotFoundException", NOT_FOUND),
            ("changedToken", "NotAuthorizedException", NOT_VERIFIED),
            ("changedTokenInSts", "InvalidIdentityToken", NOT_VERIFIED_BY_STS),
        ],
    )
    def test_an_error_has_its_code_and_text(
        self, v2: dict[str, Any], observation: str, code: str, message: str
    ) -> None:
        assert v2[observation] == {
            "code": code,
            "message": message,
            "statusCode": 400,
            "hasRequestId": True,
        }
