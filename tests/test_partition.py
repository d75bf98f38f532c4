"""Cognito's names depend on the partition and the region, and one table has them all."""

import pytest
from botocore.session import Session

from cognito_devtoken import TokenRequest
from cognito_devtoken._values.partition import cognito_names
from cognito_devtoken.emulator import Pool
from cognito_devtoken.testing import FakeFetcher, make_token


GLOBAL = "cognito-identity.amazonaws.com"
CHINA = "cognito-identity.cn-north-1.amazonaws.com.cn"
PARTITIONS = [
    (region, partition)
    for partition in Session().get_available_partitions()
    for region in Session().get_available_regions("cognito-identity", partition)
]


@pytest.mark.parametrize(("region", "partition"), PARTITIONS)
def test_every_region_with_cognito_is_in_its_partition(region: str, partition: str) -> None:
    assert cognito_names(region).partition == partition
    assert Pool(f"{region}:0").arn.startswith(f"arn:{partition}:cognito-identity:{region}:")


@pytest.mark.parametrize(
    ("region", "provider"),
    [
        ("us-east-1", GLOBAL),
        ("cn-north-1", CHINA),
        ("cn-northwest-1", "cognito-identity.cn-northwest-1.amazonaws.com.cn"),
        ("us-gov-west-1", GLOBAL),
        ("us-gov-east-1", GLOBAL),
        ("eusc-de-east-1", GLOBAL),
        ("us-east-9", GLOBAL),
    ],
)
def test_logins_have_the_name_that_the_region_accepts(region: str, provider: str) -> None:
    token = FakeFetcher().fetch(TokenRequest(f"{region}:0", {"login.example.com": "user-42"}))

    assert token.to_logins() == {provider: token.token}


@pytest.mark.parametrize(
    ("region", "principal"),
    [
        ("eu-west-1", GLOBAL),
        ("cn-north-1", CHINA),
        ("us-gov-west-1", "cognito-identity-us-gov.amazonaws.com"),
        ("us-gov-east-1", "cognito-identity.us-gov-east-1.amazonaws.com"),
    ],
)
def test_a_role_trusts_the_principal_of_its_region(region: str, principal: str) -> None:
    assert cognito_names(region).trust_principal == principal


def test_the_keys_are_at_the_issuer_of_the_region() -> None:
    assert cognito_names("eu-west-1").keys_url == f"https://{GLOBAL}/.well-known/jwks_uri"
    assert cognito_names("cn-north-1").keys_url == f"https://{CHINA}/.well-known/jwks_uri"


def test_a_made_token_has_the_issuer_of_its_region() -> None:
    assert make_token(identity_pool_id="cn-north-1:0").claims["iss"] == f"https://{CHINA}"
