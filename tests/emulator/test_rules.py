"""The rules of the emulator's operations, without HTTP."""

import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from calling import COGNITO, ROLE, Clock
from cognito_devtoken.emulator import Behavior, Pool, Role
from cognito_devtoken.emulator._operations import OPERATIONS
from cognito_devtoken.emulator._operations.inputs import INPUTS
from cognito_devtoken.emulator._operations.paging import page
from cognito_devtoken.emulator._operations.roles import packed_size
from cognito_devtoken.emulator._operations.world import Session, World
from cognito_devtoken.emulator._shapes import validate
from cognito_devtoken.emulator._sigv4 import Caller
from cognito_devtoken.emulator._tokens import Keys
from cognito_devtoken.emulator._wire import Refusal
from pools import OTHER_POOL, POOL


POOL_ID, PROVIDER = POOL.identity_pool_id, POOL.developer_provider
KEYS: Keys = {}  # generated once
Call = Callable[..., Any]


def world_of(*pools: Pool, roles: tuple[Role, ...] = (), behavior: Behavior | None = None) -> World:
    pools = pools or (POOL, OTHER_POOL)
    return World(pools, roles, behavior or Behavior(), Clock(), KEYS, lambda: "http://here")


def caller_of(world: World) -> Call:
    def call(operation: str, caller: Caller = Caller(), **members: Any) -> Any:  # noqa: B008
        validate(INPUTS[operation], members)
        return OPERATIONS[operation].run(world, members, caller)

    return call


@pytest.fixture
def call() -> Call:
    return caller_of(world_of())


def token_of(call: Call, user: str = "ana", **members: Any) -> Any:
    logins = {PROVIDER: user} | members.pop("Logins", {})
    return call(
        "GetOpenIdTokenForDeveloperIdentity", IdentityPoolId=POOL_ID, Logins=logins, **members
    )


def code_of(call: Call, operation: str, **members: Any) -> str:
    with pytest.raises(Refusal) as caught:
        call(operation, **members)
    return caught.value.code


def test_a_user_is_looked_up_unlinked_and_new(call: Call) -> None:
    first = token_of(call)["IdentityId"]
    user = {"IdentityPoolId": POOL_ID, "DeveloperUserIdentifier": "ana"}

    assert call("LookupDeveloperIdentity", **user)["IdentityId"] == first
    of = user | {"IdentityId": first, "DeveloperProviderName": PROVIDER}
    assert call("UnlinkDeveloperIdentity", **of) == {}
    assert code_of(call, "LookupDeveloperIdentity", **user) == "ResourceNotFoundException"
    assert code_of(call, "UnlinkDeveloperIdentity", **of) == "ResourceNotFoundException"
    assert token_of(call)["IdentityId"] != first


def test_a_deleted_identity_is_gone_and_one_left_out_is_listed() -> None:
    world = world_of()
    call = caller_of(world)
    ids = [token_of(call, user)["IdentityId"] for user in ("ana", "ben")]
    world.undeletable.append("AccessDenied")

    answer = call("DeleteIdentities", IdentityIdsToDelete=ids)

    assert answer["UnprocessedIdentityIds"] == [{"IdentityId": ids[0], "ErrorCode": "AccessDenied"}]
    assert call("DescribeIdentity", IdentityId=ids[0])["Logins"] == [PROVIDER]
    assert code_of(call, "DescribeIdentity", IdentityId=ids[1]) == "ResourceNotFoundException"


def test_two_users_are_merged_once(call: Call) -> None:
    source, destination = (token_of(call, user)["IdentityId"] for user in ("ana", "ben"))
    users = {
        "IdentityPoolId": POOL_ID,
        "DeveloperProviderName": PROVIDER,
        "SourceUserIdentifier": "ana",
        "DestinationUserIdentifier": "ben",
    }

    for _ in range(2):
        assert call("MergeDeveloperIdentities", **users) == {"IdentityId": destination}
    listed = call("ListIdentities", IdentityPoolId=POOL_ID, MaxResults=60, HideDisabled=True)
    assert [each["IdentityId"] for each in listed["Identities"]] == [destination]
    assert code_of(call, "GetCredentialsForIdentity", IdentityId=source) == "NotAuthorizedException"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_pages_have_each_key_once_and_in_order(size: int) -> None:
    keys = list("gfedcba")
    found: list[str] = []
    more: dict[str, str] = {}
    for _ in range(8):
        names, more = page(keys, {"MaxResults": size} | more, "keys")
        assert len(names) <= size
        found += names
        if not more:
            break

    assert found == sorted(keys)


@pytest.mark.parametrize("token", ["", "x", "é", "W10=", "WyJrZXlzIiwgMV0=", "[" * 9])
def test_a_page_of_an_invalid_token_is_refused(token: str) -> None:
    with pytest.raises(Refusal, match="Invalid NextToken"):
        page("abc", {"NextToken": token}, "keys")


def test_a_pool_lives_from_creation_to_deletion(call: Call) -> None:
    settings = {"IdentityPoolName": "shop", "AllowUnauthenticatedIdentities": True}
    caller = Caller("AKIA", "ap-south-1")
    pool_id = call("CreateIdentityPool", caller, **settings)["IdentityPoolId"]
    of = {"IdentityPoolId": pool_id}

    assert pool_id.startswith("ap-south-1:")
    guest = call("GetId", **of)["IdentityId"]
    assert code_of(call, "GetCredentialsForIdentity", IdentityId=guest) == (
        "InvalidIdentityPoolConfigurationException"
    )
    call("SetIdentityPoolRoles", **of, Roles={"unauthenticated": ROLE})
    assert call("GetCredentialsForIdentity", IdentityId=guest)["Credentials"]
    assert code_of(call, "GetOpenIdToken", IdentityId=guest) == "InvalidParameterException"
    call("UpdateIdentityPool", **of, **settings, AllowClassicFlow=True)
    assert call("GetOpenIdToken", IdentityId=guest)["Token"]
    call("DeleteIdentityPool", **of)
    assert code_of(call, "GetOpenIdToken", IdentityId=guest) == "ResourceNotFoundException"
    listed = call("ListIdentityPools", MaxResults=60)["IdentityPools"]
    assert [each["IdentityPoolId"] for each in listed] == [POOL_ID, OTHER_POOL.identity_pool_id]


@pytest.mark.parametrize("allowed", [True, False])
def test_a_role_decides_about_tags_and_duration(allowed: bool) -> None:
    call = caller_of(world_of(roles=(Role(ROLE, allows_tag_session=allowed),)))
    token = token_of(call, PrincipalTags={"team": "blue"})["Token"]
    of = {"RoleArn": ROLE, "RoleSessionName": "me", "WebIdentityToken": token}

    if allowed:
        assert call("AssumeRoleWithWebIdentity", **of)["Credentials"]
        code = code_of(call, "AssumeRoleWithWebIdentity", **of, DurationSeconds=3601)
        assert code == "ValidationError"
    else:
        assert code_of(call, "AssumeRoleWithWebIdentity", **of) == "AccessDenied"


def test_a_caller_is_who_the_credentials_were_given_to() -> None:
    world = world_of()
    call = caller_of(world)
    answer = token_of(call)
    got = call(
        "GetCredentialsForIdentity",
        IdentityId=answer["IdentityId"],
        Logins={COGNITO: answer["Token"]},
        CustomRoleArn=ROLE,
    )["Credentials"]
    caller = Caller(got["AccessKeyId"])

    assert call("GetCallerIdentity", caller)["Arn"].endswith(
        ":assumed-role/app/CognitoIdentityCredentials"
    )
    assert call("GetCallerIdentity")["Arn"].endswith(":user/emulator")
    world.clock.at += 3600  # type: ignore[attr-defined]
    with pytest.raises(Refusal, match="expired"):
        call("GetCallerIdentity", caller)


def test_a_session_shows_no_secret() -> None:
    session = Session("ASIA", "canary-key", "canary-token", 0, "arn", "AROA", "1")

    assert "canary" not in repr(session)


STATEMENT = {"Effect": "Allow", "NotAction": "s3:*", "NotResource": "*"}


@pytest.mark.parametrize(("length", "percent"), [(100, 5), (2048, 100), (2049, None)], ids=str)
def test_policies_take_their_length_of_the_space(length: int, percent: int | None) -> None:
    text = json.dumps({"Statement": [STATEMENT]})
    arns = ["a" * (length - len(text))]

    if percent:
        assert packed_size(text, arns) == percent
    else:
        with pytest.raises(Refusal, match="consumes 101% of allotted space"):
            packed_size(text, arns)


def test_no_policies_take_no_space() -> None:
    assert packed_size(None, []) is None


def test_the_emulator_is_its_own_issuer_if_configured() -> None:
    assert world_of(behavior=Behavior(issuer="self")).issuer("us-east-1") == "http://here"
    assert world_of(behavior=Behavior(issuer="https://a/")).issuer("us-east-1") == "https://a/"


def test_a_pool_without_a_role_is_an_invalid_configuration() -> None:
    call = caller_of(world_of(attrs.evolve(POOL, authenticated_role=None)))
    answer = token_of(call)
    of = {"IdentityId": answer["IdentityId"], "Logins": {COGNITO: answer["Token"]}}

    code = code_of(call, "GetCredentialsForIdentity", **of)
    assert code == "InvalidIdentityPoolConfigurationException"
