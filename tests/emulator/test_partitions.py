"""A pool outside the commercial partition has the names of its own partition."""

import urllib.request
from collections.abc import Iterator
from typing import Any

import jwt as pyjwt
import pytest

from calling import COGNITO, ask, boto, post_form, refusal
from cognito_devtoken.emulator import Behavior, Emulator, Pool


pytestmark = pytest.mark.external

CHINA, WEST, EAST = (
    Pool(f"{region}:0") for region in ("cn-north-1", "us-gov-west-1", "us-gov-east-1")
)
IN_CHINA = "cognito-identity.cn-north-1.amazonaws.com.cn"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Emulator]:
    with Emulator(CHINA, WEST, EAST) as emulator:
        yield emulator


def call(emulator: Emulator, pool: Pool) -> tuple[Any, str, str]:
    """Return a client, and an identity with its token."""
    cognito = boto("cognito-identity", emulator)
    answer = ask(cognito, pool=pool)
    return cognito, answer["IdentityId"], answer["Token"]


def trade(cognito: Any, identity_id: str, logins: dict[str, str]) -> Any:
    return cognito.get_credentials_for_identity(IdentityId=identity_id, Logins=logins)


@pytest.mark.parametrize(
    ("pool", "issuer", "arn"),
    [
        (CHINA, f"https://{IN_CHINA}", "arn:aws-cn:cognito-identity:cn-north-1:"),
        (WEST, f"https://{COGNITO}", "arn:aws-us-gov:cognito-identity:us-gov-west-1:"),
    ],
)
def test_a_token_names_the_issuer_and_the_arn_of_its_partition(
    pool: Pool, issuer: str, arn: str, elsewhere: Emulator
) -> None:
    _, _, token = call(elsewhere, pool)

    claims = pyjwt.decode(token, options={"verify_signature": False})
    assert claims["iss"] == issuer
    assert claims[f"{issuer}/identity-pool-arn"].startswith(arn)


@pytest.mark.parametrize(
    ("pool", "provider"), [(CHINA, IN_CHINA), (WEST, COGNITO), (EAST, COGNITO)]
)
def test_a_token_is_taken_under_the_name_of_its_region(
    pool: Pool, provider: str, elsewhere: Emulator
) -> None:
    cognito, identity_id, token = call(elsewhere, pool)

    assert trade(cognito, identity_id, {provider: token})["IdentityId"] == identity_id


def test_a_token_of_china_is_refused_under_the_global_name(elsewhere: Emulator) -> None:
    cognito, identity_id, token = call(elsewhere, CHINA)

    assert refusal(trade, cognito, identity_id, {COGNITO: token}) == (
        "NotAuthorizedException",
        "Invalid login token. Issuer doesn't match providerName",
    )


@pytest.mark.parametrize("provider", [IN_CHINA, CHINA.developer_provider])
def test_a_token_of_china_is_not_a_login_for_an_identity(
    provider: str, elsewhere: Emulator
) -> None:
    cognito, _, token = call(elsewhere, CHINA)
    logins = {CHINA.developer_provider: "user-42", provider: token}

    assert refusal(ask, cognito, logins, CHINA) == (
        "NotAuthorizedException",
        "Invalid login token. Can't pass in a Cognito token.",
    )


def test_the_name_in_govcloud_is_a_setting() -> None:
    name = "cognito-identity-us-gov.amazonaws.com"
    with Emulator(WEST, behavior=Behavior(login_provider=name)) as emulator:
        cognito, identity_id, token = call(emulator, WEST)

        assert trade(cognito, identity_id, {name: token})["IdentityId"] == identity_id
        code, message = refusal(trade, cognito, identity_id, {COGNITO: token})
    assert (code, message.split(". ")[1]) == (
        "NotAuthorizedException",
        "Issuer doesn't match providerName",
    )


@pytest.mark.parametrize(
    ("pool", "principal"),
    [
        (CHINA, IN_CHINA),
        (WEST, "cognito-identity-us-gov.amazonaws.com"),
        (EAST, "cognito-identity.us-gov-east-1.amazonaws.com"),
    ],
)
def test_sts_names_the_principal_that_a_role_trusts(
    pool: Pool, principal: str, elsewhere: Emulator
) -> None:
    _, _, token = call(elsewhere, pool)

    status, _, body = post_form(
        elsewhere,
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=me"
        f"&RoleArn=arn:aws-cn:iam::123456789012:role/app&WebIdentityToken={token}",
    )
    assert status == 200
    assert f"<Provider>{principal}</Provider>".encode() in body
    assert b"<Arn>arn:aws-cn:sts::123456789012:assumed-role/app/me</Arn>" in body


def test_discovery_names_the_issuer_of_the_first_pool(elsewhere: Emulator) -> None:
    url = f"{elsewhere.endpoint_url}/.well-known/openid-configuration"
    with urllib.request.urlopen(url) as answer:
        assert f'"issuer":"https://{IN_CHINA}"'.encode() in answer.read()
