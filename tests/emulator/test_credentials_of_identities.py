"""GetCredentialsForIdentity answers boto3 as the service does."""

import re
from typing import Any

import attrs
import pytest

from calling import COGNITO, ROLE, USER, Clock, ask, boto, caller_identity, refusal
from cognito_devtoken.emulator import Behavior, Emulator, Role
from pools import OTHER_POOL, POOL


def credentials_of(cognito: Any, identity_id: str, **logins: str) -> Any:
    return cognito.get_credentials_for_identity(
        IdentityId=identity_id,
        Logins={COGNITO if name == "token" else name: text for name, text in logins.items()},
    )


class TestGetCredentialsForIdentity:
    def test_a_token_is_exchanged_for_credentials(self, cognito: Any) -> None:
        answer = ask(cognito)

        got = credentials_of(cognito, answer["IdentityId"], token=answer["Token"])

        assert got["IdentityId"] == answer["IdentityId"]
        assert got["Credentials"].keys() == {
            "AccessKeyId",
            "SecretKey",
            "SessionToken",
            "Expiration",
        }
        assert re.fullmatch(r"ASIA[A-Z2-7]{16}", got["Credentials"]["AccessKeyId"])

    def test_a_token_signed_by_another_service_is_refused(self, cognito: Any) -> None:
        identity_id = ask(cognito)["IdentityId"]
        with Emulator(POOL) as other:
            token = ask(boto("cognito-identity", other))["Token"]

        for bad in (token, "nonsense", "ü.ü.ü", token[:-4]):
            assert refusal(credentials_of, cognito, identity_id, token=bad) == (
                "NotAuthorizedException",
                "Invalid login token. Couldn't verify signed token.",
            )

    @pytest.mark.external
    def test_an_expired_token_is_refused(self) -> None:
        clock = Clock()
        with Emulator(POOL, clock=clock) as emulator:
            cognito = boto("cognito-identity", emulator)
            answer = ask(cognito, TokenDuration=60)
            clock.at += 59
            credentials_of(cognito, answer["IdentityId"], token=answer["Token"])
            clock.at += 1

            assert refusal(
                credentials_of, cognito, answer["IdentityId"], token=answer["Token"]
            ) == (
                "NotAuthorizedException",
                "Invalid login token. Token expired: 1700000060 >= 1700000060",
            )

    def test_a_token_of_another_identity_is_refused(self, cognito: Any) -> None:
        identity_id = ask(cognito)["IdentityId"]
        other = ask(cognito, {POOL.developer_provider: "user-43"})

        code, message = refusal(credentials_of, cognito, identity_id, token=other["Token"])

        assert code == "NotAuthorizedException"
        assert message.startswith("Logins don't match.")

    def test_an_identity_with_logins_requires_one(self, cognito: Any) -> None:
        identity_id = ask(cognito)["IdentityId"]

        assert refusal(credentials_of, cognito, identity_id) == (
            "NotAuthorizedException",
            f"Access to Identity '{identity_id}' is forbidden.",
        )

    def test_a_guest_needs_no_login(self, cognito: Any) -> None:
        guest = cognito.get_id(IdentityPoolId=OTHER_POOL.identity_pool_id)["IdentityId"]

        assert credentials_of(cognito, guest)["Credentials"]["AccessKeyId"]

    def test_a_public_login_is_accepted_in_place_of_the_token(self, cognito: Any) -> None:
        identity_id = ask(cognito, USER | {"idp.example": "ana"})["IdentityId"]

        assert credentials_of(cognito, identity_id, **{"idp.example": "ana"})["Credentials"]
        code, _ = refusal(credentials_of, cognito, identity_id, **{"idp.example": "bob"})
        assert code == "NotAuthorizedException"

    def test_one_invalid_login_among_valid_ones_is_refused(self, cognito: Any) -> None:
        answer = ask(cognito, USER | {"idp.example": "ana"})
        good = {"token": answer["Token"], "idp.example": "ana"}

        assert credentials_of(cognito, answer["IdentityId"], **good)
        code, _ = refusal(credentials_of, cognito, answer["IdentityId"], **good, nobody="x")
        assert code == "InvalidParameterException"

    @pytest.mark.external
    def test_an_identity_merged_into_another_is_forbidden(self) -> None:
        merge = Behavior(public_login_of_another_identity="merge")
        with Emulator(POOL, behavior=merge) as emulator:
            cognito = boto("cognito-identity", emulator)
            ask(cognito)
            pool_id, logins = POOL.identity_pool_id, {"idp.example": "ana"}
            gone = cognito.get_id(IdentityPoolId=pool_id, Logins=logins)["IdentityId"]
            ask(cognito, USER | logins)

            code, message = refusal(credentials_of, cognito, gone)

        assert (code, message) == (
            "NotAuthorizedException",
            f"Access to Identity '{gone}' is forbidden.",
        )

    @pytest.mark.external
    def test_credentials_without_roles_are_an_invalid_configuration(self) -> None:
        pool = attrs.evolve(POOL, authenticated_role=None)
        with Emulator(pool) as emulator:
            cognito = boto("cognito-identity", emulator)
            answer = ask(cognito)

            assert refusal(
                credentials_of, cognito, answer["IdentityId"], token=answer["Token"]
            ) == (
                "InvalidIdentityPoolConfigurationException",
                "Invalid identity pool configuration. Check assigned IAM roles for this pool.",
            )

    def test_a_role_may_be_chosen(self, cognito: Any, emulator: Emulator) -> None:
        answer = ask(cognito)

        def whoami(**members: str) -> str:
            got = cognito.get_credentials_for_identity(
                IdentityId=answer["IdentityId"], Logins={COGNITO: answer["Token"]}, **members
            )
            return str(caller_identity(emulator, got["Credentials"])["Arn"])

        assumed = "arn:aws:sts::123456789012:assumed-role"
        assert whoami() == f"{assumed}/authenticated/CognitoIdentityCredentials"
        assert whoami(CustomRoleArn=ROLE) == f"{assumed}/app/CognitoIdentityCredentials"
        code, _ = refusal(whoami, CustomRoleArn="arn:aws:iam::123456789012:user/app")
        assert code == "InvalidParameterException"

    @pytest.mark.external
    def test_only_a_role_of_the_pool_may_be_chosen_if_configured(self) -> None:
        with Emulator(POOL, behavior=Behavior(custom_role="of_pool")) as emulator:
            cognito = boto("cognito-identity", emulator)
            answer = ask(cognito)

            def trade(role: str | None) -> Any:
                return cognito.get_credentials_for_identity(
                    IdentityId=answer["IdentityId"],
                    Logins={COGNITO: answer["Token"]},
                    CustomRoleArn=role,
                )

            assert trade(POOL.authenticated_role)["Credentials"]
            assert refusal(trade, ROLE) == (
                "NotAuthorizedException",
                f"Access to Role '{ROLE}' is forbidden.",
            )

    def test_a_guest_gets_the_role_of_guests(self, cognito: Any, emulator: Emulator) -> None:
        guest = cognito.get_id(IdentityPoolId=OTHER_POOL.identity_pool_id)["IdentityId"]

        got = cognito.get_credentials_for_identity(IdentityId=guest)["Credentials"]

        assert "/unauthenticated/" in caller_identity(emulator, got)["Arn"]

    @pytest.mark.external
    @pytest.mark.parametrize("forwards", [True, False])
    def test_a_role_without_tag_session_refuses_tags_if_they_are_forwarded(
        self, forwards: bool
    ) -> None:
        role = Role(str(POOL.authenticated_role), allows_tag_session=False)
        with Emulator(POOL, roles=[role], behavior=Behavior(forwards_tags=forwards)) as emulator:
            cognito = boto("cognito-identity", emulator)
            plain, tagged = ask(cognito), ask(cognito, PrincipalTags={"team": "blue"})

            assert credentials_of(cognito, plain["IdentityId"], token=plain["Token"])
            if forwards:
                code, _ = refusal(
                    credentials_of, cognito, tagged["IdentityId"], token=tagged["Token"]
                )
                assert code == "InvalidIdentityPoolConfigurationException"
            else:
                assert credentials_of(cognito, tagged["IdentityId"], token=tagged["Token"])

    def test_an_unknown_identity_is_not_found(self, cognito: Any) -> None:
        assert refusal(credentials_of, cognito, "us-east-1:0") == (
            "ResourceNotFoundException",
            "Identity 'us-east-1:0' not found.",
        )
