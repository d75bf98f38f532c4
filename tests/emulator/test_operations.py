"""GetId and the operations that return tokens answer boto3 as the service does."""

import base64
import json
from typing import Any

import attrs
import jwt as pyjwt
import pytest
from test_credentials_of_identities import credentials_of

from calling import COGNITO, ROLE, USER, Clock, ask, boto, jwt, refusal
from cognito_devtoken.emulator import Behavior, Emulator, Pool
from pools import OTHER_POOL, POOL


class TestGetOpenIdTokenForDeveloperIdentity:
    def test_the_same_user_has_the_same_identity(self, cognito: Any) -> None:
        assert ask(cognito)["IdentityId"] == ask(cognito)["IdentityId"]

    def test_a_missing_pool_is_not_found(self, cognito: Any) -> None:
        gone = Pool("us-east-1:0")

        assert refusal(ask, cognito, pool=gone) == (
            "ResourceNotFoundException",
            "IdentityPool 'us-east-1:0' not found.",
        )

    def test_logins_without_the_developer_provider_are_refused(self, cognito: Any) -> None:
        assert refusal(ask, cognito, {"idp.example": "a"}) == (
            "NotAuthorizedException",
            "This identity pool does not support the specified developer provider",
        )

    def test_an_unknown_additional_provider_is_refused(self, cognito: Any) -> None:
        code, message = refusal(ask, cognito, USER | {"graph.facebook.com": "a"})

        assert code == "NotAuthorizedException"
        assert message == "Token is not from a supported provider of this identity pool."

    def test_an_identity_of_another_user_is_refused(self, cognito: Any) -> None:
        identity_id = ask(cognito)["IdentityId"]
        other = {POOL.developer_provider: "user-43"}

        code, message = refusal(ask, cognito, other, IdentityId=identity_id)

        assert code == "NotAuthorizedException"
        assert message.startswith("Logins don't match. Please include at least one valid login")

    def test_an_unauthenticated_identity_is_upgraded(self, cognito: Any) -> None:
        guest = cognito.get_id(IdentityPoolId=OTHER_POOL.identity_pool_id)["IdentityId"]
        logins = {OTHER_POOL.developer_provider: "user-42"}

        assert ask(cognito, logins, OTHER_POOL, IdentityId=guest)["IdentityId"] == guest
        assert ask(cognito, logins, OTHER_POOL)["IdentityId"] == guest

    def test_an_exceeded_limit_is_a_validation_error(self, cognito: Any) -> None:
        code, message = refusal(ask, cognito, TokenDuration=86_401)

        assert code == "ValidationException"
        assert message.startswith("1 validation error detected: Value '86401' at 'tokenDuration'")

    @pytest.mark.parametrize(
        ("provider_token", "why"),
        [
            (jwt(iss="https://other.example", sub="a", aud="b", exp=2e9), "Issuer doesn't match"),
            (jwt(iss="https://idp.example", sub="a", exp=2e9), "Missing a required claim: aud"),
            (jwt(iss="https://idp.example//", sub="a", aud="b", exp=2e9), "Issuer doesn't match"),
            (jwt(iss="idp.example", sub="a", aud="b", exp=1_600_000_000), ">= 1600000000"),
            (jwt(iss="idp.example", sub="a", aud="b", exp=2e9).replace(".", ".e30", 1), "Couldn't"),
        ],
    )
    def test_an_invalid_token_of_a_public_provider_is_refused(
        self, cognito: Any, provider_token: str, why: str
    ) -> None:
        code, message = refusal(ask, cognito, USER | {"idp.example": provider_token})

        assert code == "NotAuthorizedException"
        assert message.startswith("Invalid login token. ")
        assert why in message

    @pytest.mark.parametrize(
        "changes",
        [
            {"exp": "never"},
            {"exp": None},
            {"exp": float("nan")},
            {"exp": 10**400},
            {"exp": True},
            {"sub": None},
            {"sub": ""},
            {"sub": [1]},
            {"sub": "\ud800"},
            {"aud": None},
        ],
    )
    def test_a_public_provider_token_with_invalid_claims_is_refused(
        self, cognito: Any, changes: dict[str, Any]
    ) -> None:
        good = {"iss": "idp.example", "sub": "a", "aud": "b", "exp": 2e9}
        payload = json.dumps(good | changes)
        provider_token = f"e30.{base64.urlsafe_b64encode(payload.encode()).decode().rstrip('=')}.x"

        assert "Couldn't verify" in refusal(ask, cognito, USER | {"idp.example": provider_token})[1]

    @pytest.mark.external
    def test_a_public_provider_token_expires_at_its_exp(self) -> None:
        clock = Clock()
        provider_token = jwt(iss="idp.example", sub="a", aud="b", exp=clock.at + 1)
        with Emulator(POOL, clock=clock) as emulator:
            cognito = boto("cognito-identity", emulator)
            ask(cognito, USER | {"idp.example": provider_token})
            clock.at += 1

            _, message = refusal(ask, cognito, USER | {"idp.example": provider_token})

        assert message == "Invalid login token. Token expired: 1700000001 >= 1700000001.0"

    def test_a_valid_public_provider_token_stands_for_its_subject(self, cognito: Any) -> None:
        first, second = (
            jwt(iss="https://idp.example", sub="ana", aud="app", exp=2e9, iat=iat) for iat in (1, 2)
        )

        identity_id = ask(cognito, USER | {"idp.example": first})["IdentityId"]

        by_google = cognito.get_id(
            IdentityPoolId=POOL.identity_pool_id, Logins={"idp.example": second}
        )
        assert by_google["IdentityId"] == identity_id

    def test_an_issuer_that_ends_in_a_slash_is_named_without_it(self, cognito: Any) -> None:
        token = jwt(iss="https://idp.example/", sub="ana", aud="app", exp=2e9)

        assert ask(cognito, USER | {"idp.example": token})["Token"]

    @pytest.mark.parametrize("provider", [POOL.developer_provider, COGNITO])
    def test_a_cognito_token_is_not_accepted_as_a_login(self, cognito: Any, provider: str) -> None:
        token = ask(cognito)["Token"]

        code, message = refusal(ask, cognito, USER | {provider: token})

        assert code == "NotAuthorizedException"
        assert message == "Invalid login token. Can't pass in a Cognito token."

    def test_a_public_login_of_another_user_is_a_conflict(self, cognito: Any) -> None:
        other = {POOL.developer_provider: "user-43"}
        ask(cognito, USER | {"idp.example": "ana"})
        ask(cognito, other)

        code, _ = refusal(ask, cognito, other | {"idp.example": "ana"})

        assert code == "ResourceConflictException"

    def test_a_user_registered_with_another_identity_is_refused(self, cognito: Any) -> None:
        logins = {OTHER_POOL.developer_provider: "user-42"}
        ask(cognito, logins, OTHER_POOL)
        guest = cognito.get_id(IdentityPoolId=OTHER_POOL.identity_pool_id)["IdentityId"]

        code, _ = refusal(ask, cognito, logins, OTHER_POOL, IdentityId=guest)

        assert code == "DeveloperUserAlreadyRegisteredException"


class TestGetId:
    def test_each_guest_gets_a_new_identity(self, cognito: Any) -> None:
        pool_id = OTHER_POOL.identity_pool_id

        assert cognito.get_id(IdentityPoolId=pool_id) != cognito.get_id(IdentityPoolId=pool_id)

    def test_guests_are_refused_if_the_pool_does_not_allow_them(self, cognito: Any) -> None:
        assert refusal(cognito.get_id, IdentityPoolId=POOL.identity_pool_id) == (
            "NotAuthorizedException",
            "Unauthenticated access is not supported for this identity pool.",
        )

    def test_a_developer_provider_is_not_accepted_as_a_public_one(self, cognito: Any) -> None:
        assert refusal(cognito.get_id, IdentityPoolId=POOL.identity_pool_id, Logins=USER) == (
            "InvalidParameterException",
            "Please provide a valid public provider",
        )


class TestGetOpenIdToken:
    def token(self, cognito: Any, identity_id: str, **logins: str) -> Any:
        logins = {COGNITO if name == "token" else name: text for name, text in logins.items()}
        return cognito.get_open_id_token(IdentityId=identity_id, Logins=logins)

    def test_a_guest_gets_a_token_of_ten_minutes_that_sts_takes(
        self, cognito: Any, sts: Any
    ) -> None:
        guest = cognito.get_id(IdentityPoolId=OTHER_POOL.identity_pool_id)["IdentityId"]

        got = self.token(cognito, guest)

        claims = pyjwt.decode(got["Token"], options={"verify_signature": False})
        assert got["IdentityId"] == claims["sub"] == guest
        assert claims["amr"] == ["unauthenticated"]
        assert claims["exp"] - claims["iat"] == 600
        assumed = sts.assume_role_with_web_identity(
            RoleArn=ROLE, RoleSessionName="app", WebIdentityToken=got["Token"]
        )
        assert assumed["SubjectFromWebIdentityToken"] == guest

    def test_a_public_login_gets_a_token_that_names_its_provider(self, cognito: Any) -> None:
        logins = {"idp.example": "ana"}
        identity_id = cognito.get_id(IdentityPoolId=POOL.identity_pool_id, Logins=logins)

        got = self.token(cognito, identity_id["IdentityId"], **logins)

        claims = pyjwt.decode(got["Token"], options={"verify_signature": False})
        assert claims["amr"][:2] == ["authenticated", "idp.example"]

    @pytest.mark.external
    def test_a_guest_who_logs_in_keeps_the_identity(self) -> None:
        pool = attrs.evolve(POOL, allow_unauthenticated=True)
        with Emulator(pool) as emulator:
            cognito = boto("cognito-identity", emulator)
            guest = cognito.get_id(IdentityPoolId=pool.identity_pool_id)["IdentityId"]

            assert self.token(cognito, guest, **{"idp.example": "ana"})["IdentityId"] == guest
            assert refusal(self.token, cognito, guest)[0] == "NotAuthorizedException"

    def test_an_identity_with_logins_requires_one(self, cognito: Any) -> None:
        identity_id = ask(cognito)["IdentityId"]

        assert refusal(self.token, cognito, identity_id) == (
            "NotAuthorizedException",
            f"Access to Identity '{identity_id}' is forbidden.",
        )

    def test_a_guest_is_refused_once_the_pool_does_not_allow_them(self, cognito: Any) -> None:
        pool_id = OTHER_POOL.identity_pool_id
        guest = cognito.get_id(IdentityPoolId=pool_id)["IdentityId"]
        cognito.update_identity_pool(
            IdentityPoolId=pool_id,
            IdentityPoolName="closed",
            AllowUnauthenticatedIdentities=False,
            AllowClassicFlow=True,
        )

        for call in (self.token, credentials_of):
            assert refusal(call, cognito, guest) == (
                "NotAuthorizedException",
                "Unauthenticated access is not supported for this identity pool.",
            )

    @pytest.mark.external
    def test_a_pool_without_the_classic_flow_refuses(self) -> None:
        with Emulator(attrs.evolve(OTHER_POOL, allow_classic_flow=False)) as emulator:
            cognito = boto("cognito-identity", emulator)
            guest = cognito.get_id(IdentityPoolId=OTHER_POOL.identity_pool_id)["IdentityId"]

            assert refusal(self.token, cognito, guest) == (
                "InvalidParameterException",
                "Basic (classic) flow is not enabled, please use enhanced flow.",
            )

    def test_an_unknown_identity_is_not_found(self, cognito: Any) -> None:
        assert refusal(self.token, cognito, "us-east-1:0") == (
            "ResourceNotFoundException",
            "Identity 'us-east-1:0' not found.",
        )

    def test_a_developers_name_or_token_is_refused(self, cognito: Any) -> None:
        answer = ask(cognito)

        assert refusal(
            self.token, cognito, answer["IdentityId"], **{POOL.developer_provider: "user-42"}
        ) == ("InvalidParameterException", "Please provide a valid public provider")
        assert refusal(self.token, cognito, answer["IdentityId"], token=answer["Token"]) == (
            "NotAuthorizedException",
            "Invalid login token. Can't pass in a Cognito token.",
        )

    @pytest.mark.external
    def test_a_developers_token_is_accepted_if_configured(self) -> None:
        behavior = Behavior(
            own_login_in_classic_flow="accept", public_login_of_another_identity="merge"
        )
        with Emulator(POOL, behavior=behavior) as emulator:
            cognito = boto("cognito-identity", emulator)
            answer = ask(cognito)
            other = ask(cognito, {POOL.developer_provider: "user-43"})

            got = self.token(cognito, answer["IdentityId"], token=answer["Token"])

            old, new = (
                pyjwt.decode(each["Token"], options={"verify_signature": False})
                for each in (answer, got)
            )
            assert (new["sub"], new["amr"]) == (old["sub"], old["amr"])
            assert new["exp"] - new["iat"] == 600
            code, _ = refusal(self.token, cognito, answer["IdentityId"])
            assert code == "NotAuthorizedException"
            code, _ = refusal(self.token, cognito, answer["IdentityId"], token=other["Token"])
            assert code == "NotAuthorizedException"
            cognito.merge_developer_identities(
                IdentityPoolId=POOL.identity_pool_id,
                DeveloperProviderName=POOL.developer_provider,
                SourceUserIdentifier="user-43",
                DestinationUserIdentifier="user-42",
            )
            code, message = refusal(self.token, cognito, other["IdentityId"], token=other["Token"])
            assert message == f"Access to Identity '{other['IdentityId']}' is forbidden."
