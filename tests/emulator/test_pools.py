"""Administrators create, change, list and delete pools and their roles through boto3's client."""

from collections.abc import Iterator
from typing import Any

import pytest

from calling import COGNITO, ask, boto, refusal
from cognito_devtoken.emulator import Emulator, Pool, Role
from pools import OTHER_POOL, POOL


GONE = "eu-central-1:0"
NO_POOL = ("ResourceNotFoundException", f"IdentityPool '{GONE}' not found.")
ROLES = {
    "authenticated": "arn:aws:iam::123456789012:role/users",
    "unauthenticated": "arn:aws:iam::123456789012:role/guests",
}
SETTINGS: dict[str, Any] = {
    "IdentityPoolName": "shop",
    "AllowUnauthenticatedIdentities": True,
    "AllowClassicFlow": True,
    "DeveloperProviderName": "login.shop.example",
    "SupportedLoginProviders": {"accounts.google.com": "client"},
    "OpenIdConnectProviderARNs": ["arn:aws:iam::123456789012:oidc-provider/tenant.auth0.com"],
    "CognitoIdentityProviders": [
        {"ProviderName": "cognito-idp.us-east-1.amazonaws.com/us-east-1_a", "ClientId": "abc"},
        {"ClientId": "without_a_name"},
    ],
    "SamlProviderARNs": ["arn:aws:iam::123456789012:saml-provider/staff"],
    "IdentityPoolTags": {"team": ""},
}


@pytest.fixture
def cognito() -> Iterator[Any]:
    """A client of an emulator whose pools may change."""
    with Emulator(POOL, OTHER_POOL) as emulator:
        yield boto("cognito-identity", emulator)


pytestmark = pytest.mark.external


def without_metadata(answer: Any) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


class TestPools:
    def test_a_created_pool_is_used_like_any_other(self, cognito: Any) -> None:
        made = without_metadata(cognito.create_identity_pool(**SETTINGS))

        pool_id = made.pop("IdentityPoolId")
        assert made == SETTINGS
        assert pool_id.startswith(f"{POOL.region}:")  # for which boto3 signs
        described = cognito.describe_identity_pool(IdentityPoolId=pool_id)
        assert without_metadata(described) == {"IdentityPoolId": pool_id, **SETTINGS}
        answer = cognito.get_open_id_token_for_developer_identity(
            IdentityPoolId=pool_id,
            Logins={
                "login.shop.example": "ana",
                "accounts.google.com": "ana",
                "tenant.auth0.com": "ana",
                "cognito-idp.us-east-1.amazonaws.com/us-east-1_a": "ana",
                "arn:aws:iam::123456789012:saml-provider/staff": "ana",
            },
        )
        assert len(cognito.describe_identity(IdentityId=answer["IdentityId"])["Logins"]) == 5

    def test_a_created_pool_has_no_roles_until_they_are_set(self, cognito: Any) -> None:
        pool_id = cognito.create_identity_pool(**SETTINGS)["IdentityPoolId"]
        guest = cognito.get_id(IdentityPoolId=pool_id)["IdentityId"]

        assert cognito.get_identity_pool_roles(IdentityPoolId=pool_id)["Roles"] == {}
        code, _ = refusal(cognito.get_credentials_for_identity, IdentityId=guest)
        assert code == "InvalidIdentityPoolConfigurationException"
        cognito.set_identity_pool_roles(IdentityPoolId=pool_id, Roles=ROLES)
        assert cognito.get_credentials_for_identity(IdentityId=guest)["Credentials"]

    def test_the_id_of_a_pool_is_the_same_in_every_run(self) -> None:
        def ids() -> list[str]:
            with Emulator(POOL) as emulator:
                cognito = boto("cognito-identity", emulator)
                return [cognito.create_identity_pool(**SETTINGS)["IdentityPoolId"] for _ in "ab"]

        assert ids() == ids()
        assert len(set(ids())) == 2

    def test_a_pool_is_described_as_it_was_given(self, cognito: Any) -> None:
        found = without_metadata(
            cognito.describe_identity_pool(IdentityPoolId=POOL.identity_pool_id)
        )

        assert found == {
            "IdentityPoolId": POOL.identity_pool_id,
            "IdentityPoolName": "emulator",
            "AllowUnauthenticatedIdentities": False,
            "AllowClassicFlow": True,
            "DeveloperProviderName": POOL.developer_provider,
            "OpenIdConnectProviderARNs": ["arn:aws:iam::123456789012:oidc-provider/idp.example"],
        }

    def test_pools_are_paged_to_the_end(self, cognito: Any) -> None:
        for number in range(3):
            cognito.create_identity_pool(**SETTINGS | {"IdentityPoolName": f"pool {number}"})

        first = cognito.list_identity_pools(MaxResults=3)
        second = cognito.list_identity_pools(MaxResults=3, NextToken=first["NextToken"])

        assert "NextToken" not in second
        names = [
            each["IdentityPoolName"] for page in (first, second) for each in page["IdentityPools"]
        ]
        assert sorted(names) == ["emulator", "emulator", "pool 0", "pool 1", "pool 2"]
        assert refusal(cognito.list_identity_pools, MaxResults=61)[0] == "ValidationException"
        code, _ = refusal(cognito.list_identity_pools, MaxResults=1, NextToken="x")
        assert code == "InvalidParameterException"

    def test_an_update_replaces_all_but_the_developer_provider(self, cognito: Any) -> None:
        pool_id = cognito.create_identity_pool(**SETTINGS)["IdentityPoolId"]
        changes = {"IdentityPoolName": "other", "AllowUnauthenticatedIdentities": False}

        updated = cognito.update_identity_pool(IdentityPoolId=pool_id, **changes)

        wanted = changes | {"DeveloperProviderName": "login.shop.example"}
        assert without_metadata(updated) == {"IdentityPoolId": pool_id, **wanted}
        code, _ = refusal(cognito.get_id, IdentityPoolId=pool_id)
        assert code == "NotAuthorizedException"
        code, _ = refusal(
            cognito.update_identity_pool,
            IdentityPoolId=pool_id,
            **changes,
            DeveloperProviderName="login.other",
        )
        assert code == "InvalidParameterException"

    def test_a_pool_without_a_developer_provider_may_get_one(self, cognito: Any) -> None:
        settings = {"IdentityPoolName": "public", "AllowUnauthenticatedIdentities": True}
        pool_id = cognito.create_identity_pool(**settings)["IdentityPoolId"]
        pool = Pool(pool_id, developer_provider="login.late")

        code, _ = refusal(ask, cognito, {"login.late": "ana"}, pool)
        assert code == "NotAuthorizedException"
        cognito.update_identity_pool(IdentityPoolId=pool_id, **settings)
        assert "DeveloperProviderName" not in cognito.describe_identity_pool(IdentityPoolId=pool_id)
        cognito.update_identity_pool(
            IdentityPoolId=pool_id, **settings, DeveloperProviderName="login.late"
        )
        assert ask(cognito, {"login.late": "ana"}, pool)["Token"]

    def test_a_deleted_pool_is_gone_with_its_identities(self, cognito: Any) -> None:
        identity_id = ask(cognito)["IdentityId"]
        guest = cognito.get_id(IdentityPoolId=OTHER_POOL.identity_pool_id)["IdentityId"]

        cognito.delete_identity_pool(IdentityPoolId=POOL.identity_pool_id)

        assert refusal(ask, cognito)[0] == "ResourceNotFoundException"
        code, _ = refusal(cognito.describe_identity, IdentityId=identity_id)
        assert code == "ResourceNotFoundException"
        assert cognito.describe_identity(IdentityId=guest)["IdentityId"] == guest

    @pytest.mark.parametrize(
        "operation",
        ["describe_identity_pool", "delete_identity_pool", "get_identity_pool_roles"],
    )
    def test_an_unknown_pool_is_not_found(self, cognito: Any, operation: str) -> None:
        assert refusal(getattr(cognito, operation), IdentityPoolId=GONE) == NO_POOL

    def test_changing_an_unknown_pool_is_refused(self, cognito: Any) -> None:
        call = cognito.update_identity_pool
        assert refusal(call, IdentityPoolId=GONE, **SETTINGS) == NO_POOL
        assert refusal(cognito.set_identity_pool_roles, IdentityPoolId=GONE, Roles=ROLES) == NO_POOL

    def test_a_broken_limit_is_a_validation_error(self, cognito: Any) -> None:
        settings = SETTINGS | {"IdentityPoolName": "a/b"}

        code, message = refusal(cognito.create_identity_pool, **settings)

        assert code == "ValidationException"
        assert message == (
            "1 validation error detected: Value 'a/b' at 'identityPoolName' failed to satisfy "
            r"constraint: Member must satisfy regular expression pattern: [\w\s+=,.@-]+"
        )

    def test_clear_returns_to_the_pools_of_the_settings(self) -> None:
        with Emulator(POOL) as emulator:
            cognito = boto("cognito-identity", emulator)
            cognito.create_identity_pool(**SETTINGS)
            cognito.delete_identity_pool(IdentityPoolId=POOL.identity_pool_id)

            emulator.clear()

            (found,) = cognito.list_identity_pools(MaxResults=60)["IdentityPools"]
            assert found["IdentityPoolId"] == POOL.identity_pool_id
            assert emulator.pools == (POOL,)

    def test_a_pool_in_another_region_signs_with_the_key_of_that_region(self) -> None:
        with Emulator(Pool("us-east-1:0")) as emulator:
            cognito = boto("cognito-identity", emulator)
            made = cognito.create_identity_pool(**SETTINGS)
            pool = Pool(made["IdentityPoolId"], developer_provider="login.shop.example")
            answer = ask(cognito, {"login.shop.example": "ana"}, pool)
            cognito.set_identity_pool_roles(IdentityPoolId=pool.identity_pool_id, Roles=ROLES)

            got = cognito.get_credentials_for_identity(
                IdentityId=answer["IdentityId"], Logins={COGNITO: answer["Token"]}
            )

        assert got["Credentials"]


class TestRoles:
    def test_roles_and_mappings_are_returned_as_they_were_set(self, cognito: Any) -> None:
        pool_id = POOL.identity_pool_id
        mappings = {
            "idp.example": {
                "Type": "Rules",
                "AmbiguousRoleResolution": "Deny",
                "RulesConfiguration": {
                    "Rules": [
                        {
                            "Claim": "role",
                            "MatchType": "Equals",
                            "Value": "admin",
                            "RoleARN": "arn:aws:iam::123456789012:role/admin",
                        }
                    ]
                },
            }
        }

        found = cognito.get_identity_pool_roles(IdentityPoolId=pool_id)
        assert found["Roles"] == {
            "authenticated": POOL.authenticated_role,
            "unauthenticated": POOL.unauthenticated_role,
        }
        cognito.set_identity_pool_roles(IdentityPoolId=pool_id, Roles=ROLES, RoleMappings=mappings)
        found = cognito.get_identity_pool_roles(IdentityPoolId=pool_id)
        assert without_metadata(found) == {
            "IdentityPoolId": pool_id,
            "Roles": ROLES,
            "RoleMappings": mappings,
        }

    def test_a_role_of_another_name_is_a_validation_error(self, cognito: Any) -> None:
        code, message = refusal(
            cognito.set_identity_pool_roles,
            IdentityPoolId=POOL.identity_pool_id,
            Roles={"admin": ROLES["authenticated"]},
        )

        assert code == "ValidationException"
        assert "pattern: (un)?authenticated" in message


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "why"),
        [
            ({"account_id": "1"}, "account_id must be 12 digits, not '1'"),
            ({"authenticated_role": "admin"}, "authenticated_role must be the ARN of an IAM role"),
            (
                {"unauthenticated_role": f"arn:aws:iam::123456789012:role/{'a/' * 1024}b"},
                "unauthenticated_role must be the ARN of an IAM role",
            ),
        ],
    )
    def test_an_invalid_pool_is_refused(self, settings: dict[str, str], why: str) -> None:
        with pytest.raises(ValueError, match=why):
            Pool(**settings)  # type: ignore[arg-type]

    def test_an_invalid_role_is_refused(self) -> None:
        with pytest.raises(ValueError, match="arn must be the ARN of an IAM role, not 'app'"):
            Role("app")
        for seconds in (3599, 43_201):
            with pytest.raises(ValueError, match="max_session_duration must be 3600 to 43200"):
                Role(ROLES["authenticated"], max_session_duration=seconds)

    def test_the_roles_of_a_pool_are_of_its_account_and_partition(self) -> None:
        pool = Pool("cn-north-1:0", account_id="210987654321")

        assert pool.authenticated_role == "arn:aws-cn:iam::210987654321:role/authenticated"
