"""
The same calls to moto and to the emulator: where they agree, and the list of where they do not.

The calls follow the subjects of moto's own tests of Cognito identity pools, which many test suites
have come to rely on. A difference that is not listed here, or no longer exists, fails a test.
"""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from calling import ONE_ATTEMPT, boto
from cognito_devtoken.emulator import Emulator
from pools import POOL


pytestmark = pytest.mark.external

Observe = Callable[[Any], Any]
GONE = f"{POOL.region}:00000000-0000-4000-8000-00000000dead"
PUBLIC = {"AllowUnauthenticatedIdentities": True, "AllowClassicFlow": True}
SETTINGS: dict[str, Any] = {
    "IdentityPoolName": "shop",
    "AllowUnauthenticatedIdentities": False,
    "SupportedLoginProviders": {"graph.facebook.com": "123456789012345"},
    "DeveloperProviderName": "login.shop.example",
    "OpenIdConnectProviderARNs": ["arn:aws:iam::123456789012:oidc-provider/idp.example"],
    "CognitoIdentityProviders": [
        {
            "ProviderName": "cognito-idp.eu-central-1.amazonaws.com/eu-central-1_a",
            "ClientId": "abc",
            "ServerSideTokenCheck": True,
        }
    ],
    "SamlProviderARNs": ["arn:aws:iam::123456789012:saml-provider/staff"],
    "IdentityPoolTags": {"team": "blue"},
}
CASES: dict[str, Observe] = {}


@pytest.fixture(scope="module")
def moto_client() -> Iterator[Any]:
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    session: Any = boto3.session.Session(region_name=POOL.region)
    url = f"http://{host}:{port}"
    yield session.client("cognito-identity", endpoint_url=url, config=ONE_ATTEMPT)
    server.stop()


@pytest.fixture(scope="module")
def our_client() -> Iterator[Any]:
    with Emulator(POOL) as emulator:
        yield boto("cognito-identity", emulator)


def case(observe: Observe) -> Observe:
    CASES[observe.__name__] = observe
    return observe


def pool_of(cognito: Any, **settings: Any) -> str:
    settings = {"IdentityPoolName": "any", **PUBLIC} | settings
    return str(cognito.create_identity_pool(**settings)["IdentityPoolId"])


def is_id(text: object) -> bool:
    return isinstance(text, str) and text.startswith(f"{POOL.region}:")


@case
def create_a_pool(cognito: Any) -> Any:
    made = cognito.create_identity_pool(**SETTINGS)
    return is_id(made["IdentityPoolId"]), {name: made[name] for name in SETTINGS}


@case
def create_a_pool_with_an_invalid_name(cognito: Any) -> Any:
    return cognito.create_identity_pool(IdentityPoolName="a?b", **PUBLIC)


@case
def create_a_pool_with_an_invalid_name_and_read_the_message(cognito: Any) -> Any:
    with pytest.raises(ClientError) as caught:
        cognito.create_identity_pool(IdentityPoolName="a?b", **PUBLIC)
    return caught.value.response["Error"]["Message"]


@case
def create_two_pools_of_one_name(cognito: Any) -> Any:
    return pool_of(cognito) == pool_of(cognito)


@case
def describe_a_pool(cognito: Any) -> Any:
    made = cognito.create_identity_pool(**SETTINGS)
    found = cognito.describe_identity_pool(IdentityPoolId=made["IdentityPoolId"])
    return {name: found[name] for name in ("IdentityPoolId", *SETTINGS)} == {
        name: made[name] for name in ("IdentityPoolId", *SETTINGS)
    }


@case
def describe_a_pool_without_tags(cognito: Any) -> Any:
    found = cognito.describe_identity_pool(IdentityPoolId=pool_of(cognito))
    return "IdentityPoolTags" in found


@case
def describe_an_unknown_pool(cognito: Any) -> Any:
    return cognito.describe_identity_pool(IdentityPoolId=GONE)


@case
def describe_an_unknown_pool_and_read_the_message(cognito: Any) -> Any:
    with pytest.raises(ClientError) as caught:
        cognito.describe_identity_pool(IdentityPoolId=GONE)
    return caught.value.response["Error"]["Message"]


@case
def read_whether_a_pool_has_the_classic_flow(cognito: Any) -> Any:
    found = cognito.describe_identity_pool(IdentityPoolId=pool_of(cognito))
    return found.get("AllowClassicFlow")


@case
def update_the_providers_of_a_pool(cognito: Any) -> Any:
    pool_id = pool_of(cognito)
    changes = {name: SETTINGS[name] for name in SETTINGS if name != "IdentityPoolName"}
    cognito.update_identity_pool(IdentityPoolId=pool_id, IdentityPoolName="any", **changes)
    found = cognito.describe_identity_pool(IdentityPoolId=pool_id)
    return {name: found[name] for name in changes}


@case
def update_the_name_of_a_pool(cognito: Any) -> Any:
    pool_id = pool_of(cognito)
    cognito.update_identity_pool(IdentityPoolId=pool_id, IdentityPoolName="new", **PUBLIC)
    return cognito.describe_identity_pool(IdentityPoolId=pool_id)["IdentityPoolName"]


@case
def update_a_pool_without_naming_its_providers(cognito: Any) -> Any:
    pool_id = pool_of(cognito, SupportedLoginProviders={"www.amazon.com": "a"})
    cognito.update_identity_pool(IdentityPoolId=pool_id, IdentityPoolName="any", **PUBLIC)
    return cognito.describe_identity_pool(IdentityPoolId=pool_id).get("SupportedLoginProviders")


@case
def list_pools(cognito: Any) -> Any:
    pool_id = pool_of(cognito)
    found = cognito.list_identity_pools(MaxResults=60)["IdentityPools"]
    return pool_id in [each["IdentityPoolId"] for each in found]


@case
def list_pools_in_pages(cognito: Any) -> Any:
    pool_of(cognito)
    pool_of(cognito)
    return len(cognito.list_identity_pools(MaxResults=1)["IdentityPools"]) == 1


@case
def delete_a_pool(cognito: Any) -> Any:
    pool_id = pool_of(cognito)
    cognito.delete_identity_pool(IdentityPoolId=pool_id)
    return cognito.describe_identity_pool(IdentityPoolId=pool_id)


@case
def delete_an_unknown_pool(cognito: Any) -> Any:
    return cognito.delete_identity_pool(IdentityPoolId=GONE)


@case
def get_an_id(cognito: Any) -> Any:
    pool_id = pool_of(cognito)
    ids = [cognito.get_id(IdentityPoolId=pool_id)["IdentityId"] for _ in range(2)]
    return all(map(is_id, ids)), ids[0] == ids[1]


@case
def get_an_id_without_access_for_guests(cognito: Any) -> Any:
    pool_id = pool_of(cognito, AllowUnauthenticatedIdentities=False)
    return is_id(cognito.get_id(IdentityPoolId=pool_id)["IdentityId"])


@case
def list_identities(cognito: Any) -> Any:
    pool_id = pool_of(cognito)
    identity_id = cognito.get_id(IdentityPoolId=pool_id)["IdentityId"]
    found = cognito.list_identities(IdentityPoolId=pool_id, MaxResults=60)
    return found["IdentityPoolId"] == pool_id, identity_id in [
        each["IdentityId"] for each in found["Identities"]
    ]


@case
def list_identities_in_pages(cognito: Any) -> Any:
    pool_id = pool_of(cognito)
    for _ in range(3):
        cognito.get_id(IdentityPoolId=pool_id)
    found = cognito.list_identities(IdentityPoolId=pool_id, MaxResults=2)
    return len(found["Identities"]), "NextToken" in found


@case
def list_the_identity_of_a_developers_user(cognito: Any) -> Any:
    pool_id = pool_of(cognito, DeveloperProviderName="login.example")
    cognito.get_open_id_token_for_developer_identity(
        IdentityPoolId=pool_id, Logins={"login.example": "ana"}
    )
    return len(cognito.list_identities(IdentityPoolId=pool_id, MaxResults=60)["Identities"])


@case
def get_credentials_of_a_guest(cognito: Any) -> Any:
    guest = cognito.get_id(IdentityPoolId=pool_of(cognito))["IdentityId"]
    return sorted(cognito.get_credentials_for_identity(IdentityId=guest)["Credentials"])


@case
def get_credentials_of_an_unknown_identity(cognito: Any) -> Any:
    return sorted(cognito.get_credentials_for_identity(IdentityId=GONE)["Credentials"])


@case
def set_roles(cognito: Any) -> Any:
    roles = {"authenticated": "arn:aws:iam::123456789012:role/users"}
    pool_id = pool_of(cognito)
    cognito.set_identity_pool_roles(IdentityPoolId=pool_id, Roles=roles)
    return cognito.get_identity_pool_roles(IdentityPoolId=pool_id)["Roles"]


@case
def get_a_token_for_a_named_identity(cognito: Any) -> Any:
    pool_id = pool_of(cognito, DeveloperProviderName="login.example")
    guest = cognito.get_id(IdentityPoolId=pool_id)["IdentityId"]
    got = cognito.get_open_id_token_for_developer_identity(
        IdentityPoolId=pool_id, IdentityId=guest, Logins={"login.example": "ana"}
    )
    return got["IdentityId"] == guest, bool(got["Token"])


@case
def get_a_token_for_a_developers_user(cognito: Any) -> Any:
    got = cognito.get_open_id_token_for_developer_identity(
        IdentityPoolId=pool_of(cognito, DeveloperProviderName="login.example"),
        Logins={"login.example": "ana"},
    )
    return is_id(got["IdentityId"]), bool(got["Token"])


@case
def get_two_tokens_for_a_developers_user(cognito: Any) -> Any:
    pool_id = pool_of(cognito, DeveloperProviderName="login.example")
    ids = {
        cognito.get_open_id_token_for_developer_identity(
            IdentityPoolId=pool_id, Logins={"login.example": "ana"}
        )["IdentityId"]
        for _ in range(2)
    }
    return len(ids)


@case
def get_a_token_that_is_a_jwt(cognito: Any) -> Any:
    got = cognito.get_open_id_token_for_developer_identity(
        IdentityPoolId=pool_of(cognito, DeveloperProviderName="login.example"),
        Logins={"login.example": "ana"},
    )
    return got["Token"].count(".") == 2


@case
def get_a_token_with_an_unknown_provider(cognito: Any) -> Any:
    got = cognito.get_open_id_token_for_developer_identity(
        IdentityPoolId=pool_of(cognito), Logins={"login.other": "ana"}
    )
    return bool(got["Token"])


@case
def get_a_token_for_an_unknown_pool(cognito: Any) -> Any:
    got = cognito.get_open_id_token_for_developer_identity(
        IdentityPoolId=GONE, Logins={"login.example": "ana"}
    )
    return bool(got["Token"])


@case
def get_a_guests_token(cognito: Any) -> Any:
    guest = cognito.get_id(IdentityPoolId=pool_of(cognito))["IdentityId"]
    got = cognito.get_open_id_token(IdentityId=guest)
    return got["IdentityId"] == guest, bool(got["Token"])


@case
def get_a_token_of_an_unknown_identity(cognito: Any) -> Any:
    return bool(cognito.get_open_id_token(IdentityId=GONE)["Token"])


@case
def look_up_a_developers_user(cognito: Any) -> Any:
    pool_id = pool_of(cognito, DeveloperProviderName="login.example")
    made = cognito.get_open_id_token_for_developer_identity(
        IdentityPoolId=pool_id, Logins={"login.example": "ana"}
    )
    found = cognito.lookup_developer_identity(IdentityPoolId=pool_id, DeveloperUserIdentifier="ana")
    return found["IdentityId"] == made["IdentityId"]


CREDENTIALS = ["AccessKeyId", "Expiration", "SecretKey", "SessionToken"]
NOT_IMPLEMENTED = "500"
# What the emulator does, and what moto does.
DIFFERENCES: dict[str, tuple[Any, Any]] = {
    # Members that were not given are absent; moto returns them empty, or lacks them.
    "describe_a_pool_without_tags": (False, True),
    "read_whether_a_pool_has_the_classic_flow": (True, None),
    "update_the_name_of_a_pool": ("new", "any"),
    "update_a_pool_without_naming_its_providers": (None, {"www.amazon.com": "a"}),
    "describe_an_unknown_pool_and_read_the_message": (f"IdentityPool '{GONE}' not found.", GONE),
    # Moto knows the region of an unsigned call from nowhere.
    "get_an_id": ((True, False), (False, False)),
    # Moto does not page, stores no users, and checks neither identities nor logins.
    "list_pools_in_pages": (True, False),
    "list_identities_in_pages": ((2, True), (3, False)),
    "list_the_identity_of_a_developers_user": (1, 0),
    "get_two_tokens_for_a_developers_user": (1, 2),
    "get_a_token_that_is_a_jwt": (True, False),
    "get_an_id_without_access_for_guests": ("NotAuthorizedException", False),
    "get_a_token_with_an_unknown_provider": ("NotAuthorizedException", True),
    "get_a_token_for_an_unknown_pool": ("ResourceNotFoundException", True),
    "get_a_token_of_an_unknown_identity": ("ResourceNotFoundException", True),
    "get_credentials_of_an_unknown_identity": ("ResourceNotFoundException", CREDENTIALS),
    # A new pool has no roles.
    "get_credentials_of_a_guest": ("InvalidIdentityPoolConfigurationException", CREDENTIALS),
    "set_roles": ({"authenticated": "arn:aws:iam::123456789012:role/users"}, NOT_IMPLEMENTED),
    "look_up_a_developers_user": (True, NOT_IMPLEMENTED),
}


@pytest.mark.parametrize("name", CASES)
def test_moto_and_the_emulator_agree_but_for_the_listed_differences(
    name: str, our_client: Any, moto_client: Any
) -> None:
    observed = [observed_by(CASES[name], client) for client in (our_client, moto_client)]

    if name in DIFFERENCES:
        assert tuple(observed) == DIFFERENCES[name]
        assert observed[0] != observed[1]
    else:
        assert observed[0] == observed[1]


def observed_by(observe: Observe, cognito: Any) -> Any:
    try:
        return observe(cognito)
    except ClientError as error:
        return error.response["Error"]["Code"]


def test_each_listed_difference_is_one_of_the_calls() -> None:
    assert DIFFERENCES.keys() <= CASES.keys()
