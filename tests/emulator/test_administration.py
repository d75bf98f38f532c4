"""Administrators look up, unlink, merge, list and delete identities through boto3's client."""

from collections.abc import Iterator
from typing import Any

import pytest

from calling import Clock, ask, boto, refusal
from cognito_devtoken.emulator import Behavior, Emulator
from pools import OTHER_POOL, POOL


POOL_ID, PROVIDER = POOL.identity_pool_id, POOL.developer_provider
GONE = "eu-central-1:0"
NO_POOL = ("ResourceNotFoundException", f"IdentityPool '{GONE}' not found.")
NO_IDENTITY = ("ResourceNotFoundException", f"Identity '{GONE}' not found.")
NO_PROVIDER = (
    "NotAuthorizedException",
    "This identity pool does not support the specified developer provider",
)
NOT_LINKED = "The developer user identifier is not linked to the identity."
NO_USER = ("ResourceNotFoundException", "Developer user identifier not found.")


def identity_of(cognito: Any, user: str, **logins: str) -> str:
    names = {"idp": "idp.example"}
    public = {names[name]: text for name, text in logins.items()}
    return str(ask(cognito, {PROVIDER: user} | public)["IdentityId"])


def lookup(cognito: Any, **members: Any) -> Any:
    return cognito.lookup_developer_identity(**({"IdentityPoolId": POOL_ID} | members))


def unlink(cognito: Any, identity_id: str, user: str, **changes: Any) -> Any:
    members = {
        "IdentityPoolId": POOL_ID,
        "IdentityId": identity_id,
        "DeveloperProviderName": PROVIDER,
        "DeveloperUserIdentifier": user,
    }
    return cognito.unlink_developer_identity(**(members | changes))


def merge(cognito: Any, source: str, destination: str, **changes: Any) -> Any:
    members = {
        "IdentityPoolId": POOL_ID,
        "DeveloperProviderName": PROVIDER,
        "SourceUserIdentifier": source,
        "DestinationUserIdentifier": destination,
    }
    return cognito.merge_developer_identities(**(members | changes))


def delete(cognito: Any, *ids: str) -> Any:
    return cognito.delete_identities(IdentityIdsToDelete=list(ids))["UnprocessedIdentityIds"]


def pages(call: Any, **members: Any) -> Iterator[Any]:
    """Yield all pages of a list."""
    token = None
    while True:
        page = call(**members, **({"NextToken": token} if token else {}))
        yield page
        token = page.get("NextToken")
        if token is None:
            return


def with_many_names(cognito: Any, count: int) -> str:
    """Return an identity that is linked to users named user-00, user-01 and so on."""
    identity_id = identity_of(cognito, "user-00", idp="ana")
    for number in range(1, count):
        logins = {PROVIDER: f"user-{number:02}", "idp.example": "ana"}
        ask(cognito, logins, IdentityId=identity_id)
    return identity_id


@pytest.fixture
def unchecked(emulator: Emulator) -> Any:
    return boto("cognito-identity", emulator, parameter_validation=False)


class TestLookup:
    def test_a_user_is_found_without_being_created(self, cognito: Any, emulator: Emulator) -> None:
        assert refusal(lookup, cognito, DeveloperUserIdentifier="ana") == NO_USER
        assert not emulator._front.service.world.directory.identities

    def test_either_member_finds_the_other(self, cognito: Any) -> None:
        identity_id = identity_of(cognito, "ana")

        by_user = lookup(cognito, DeveloperUserIdentifier="ana")
        by_identity = lookup(cognito, IdentityId=identity_id)

        for found in (by_user, by_identity):
            assert found["IdentityId"] == identity_id
            assert found["DeveloperUserIdentifierList"] == ["ana"]

    def test_both_members_are_returned_if_they_fit(self, cognito: Any) -> None:
        identity_id = with_many_names(cognito, 3)

        found = lookup(cognito, IdentityId=identity_id, DeveloperUserIdentifier="user-01")

        assert found["DeveloperUserIdentifierList"] == ["user-01"]

    def test_both_members_that_differ_are_a_conflict(self, cognito: Any) -> None:
        identity_id = identity_of(cognito, "ana")
        identity_of(cognito, "ben")

        for user in ("ben", "nobody"):
            assert refusal(
                lookup, cognito, IdentityId=identity_id, DeveloperUserIdentifier=user
            ) == ("ResourceConflictException", NOT_LINKED)

    def test_neither_member_is_an_invalid_parameter(self, cognito: Any) -> None:
        assert refusal(lookup, cognito) == (
            "InvalidParameterException",
            "Either IdentityId or DeveloperUserIdentifier must be given.",
        )

    def test_users_are_paged_to_the_end(self, cognito: Any) -> None:
        identity_id = with_many_names(cognito, 7)

        found = list(
            pages(
                cognito.lookup_developer_identity,
                IdentityPoolId=POOL_ID,
                IdentityId=identity_id,
                MaxResults=3,
            )
        )

        assert [len(page["DeveloperUserIdentifierList"]) for page in found] == [3, 3, 1]
        users = [user for page in found for user in page["DeveloperUserIdentifierList"]]
        assert users == [f"user-{number:02}" for number in range(7)]

    def test_a_token_of_another_list_is_refused(self, cognito: Any) -> None:
        with_many_names(cognito, 3)
        token = lookup(cognito, DeveloperUserIdentifier="user-00", MaxResults=1)["NextToken"]
        identity_of(cognito, "ben")

        for wrong in (token, "nonsense", "W10=", "eyJhIjogMX0="):
            assert refusal(lookup, cognito, DeveloperUserIdentifier="ben", NextToken=wrong) == (
                "InvalidParameterException",
                "Invalid NextToken.",
            )

    def test_an_unknown_pool_or_identity_is_not_found(self, cognito: Any) -> None:
        elsewhere = cognito.get_id(IdentityPoolId=OTHER_POOL.identity_pool_id)["IdentityId"]

        assert refusal(lookup, cognito, IdentityPoolId=GONE, IdentityId=GONE) == NO_POOL
        assert refusal(lookup, cognito, IdentityId=GONE) == NO_IDENTITY
        assert refusal(lookup, cognito, IdentityId=elsewhere)[0] == "ResourceNotFoundException"

    def test_a_guest_has_no_users(self, cognito: Any) -> None:
        pool_id = OTHER_POOL.identity_pool_id
        guest = cognito.get_id(IdentityPoolId=pool_id)["IdentityId"]

        found = lookup(cognito, IdentityPoolId=pool_id, IdentityId=guest)

        assert found["DeveloperUserIdentifierList"] == []

    def test_a_broken_limit_is_a_validation_error(self, unchecked: Any) -> None:
        code, message = refusal(lookup, unchecked, IdentityId=GONE, MaxResults=61)

        assert code == "ValidationException"
        assert "'maxResults' failed to satisfy constraint" in message


class TestUnlink:
    def test_an_unlinked_user_gets_another_identity(self, cognito: Any) -> None:
        first = identity_of(cognito, "ana")

        unlink(cognito, first, "ana")

        assert refusal(lookup, cognito, DeveloperUserIdentifier="ana") == NO_USER
        second = identity_of(cognito, "ana")
        assert second not in (first, identity_of(cognito, "ben"))
        assert identity_of(cognito, "ana") == second

    def test_an_identity_without_a_login_is_open_to_nobody(self, cognito: Any) -> None:
        identity_id = identity_of(cognito, "ana")
        unlink(cognito, identity_id, "ana")

        for user in ("ana", "ben"):
            code, _ = refusal(ask, cognito, {PROVIDER: user}, IdentityId=identity_id)
            assert code == "NotAuthorizedException"
        code, _ = refusal(cognito.get_credentials_for_identity, IdentityId=identity_id)
        assert code == "NotAuthorizedException"

    def test_other_logins_stay(self, cognito: Any) -> None:
        identity_id = identity_of(cognito, "ana", idp="ana")

        unlink(cognito, identity_id, "ana")

        logins = {"idp.example": "ana"}
        assert cognito.get_id(IdentityPoolId=POOL_ID, Logins=logins)["IdentityId"] == identity_id

    def test_a_user_of_another_identity_is_refused(self, cognito: Any) -> None:
        identity_id = identity_of(cognito, "ana")
        identity_of(cognito, "ben")

        for user in ("ben", "nobody"):
            assert refusal(unlink, cognito, identity_id, user) == (
                "ResourceNotFoundException",
                NOT_LINKED,
            )

    @pytest.mark.external
    def test_the_code_for_a_user_of_another_identity_is_a_setting(self) -> None:
        behavior = Behavior(unlink_mismatch_code="NotAuthorizedException")
        with Emulator(POOL, behavior=behavior) as emulator:
            cognito = boto("cognito-identity", emulator)
            identity_id = identity_of(cognito, "ana")

            assert refusal(unlink, cognito, identity_id, "ben")[0] == "NotAuthorizedException"

    def test_an_unknown_pool_identity_or_provider_is_refused(self, cognito: Any) -> None:
        identity_id = identity_of(cognito, "ana")

        assert refusal(unlink, cognito, identity_id, "ana", IdentityPoolId=GONE) == NO_POOL
        assert refusal(unlink, cognito, GONE, "ana") == NO_IDENTITY
        assert (
            refusal(unlink, cognito, identity_id, "ana", DeveloperProviderName="idp.example")
            == NO_PROVIDER
        )
        other = OTHER_POOL.identity_pool_id
        code, _ = refusal(unlink, cognito, identity_id, "ana", IdentityPoolId=other)
        assert code == "ResourceNotFoundException"

    def test_a_broken_limit_is_a_validation_error_without_the_user(self, cognito: Any) -> None:
        code, message = refusal(unlink, cognito, GONE, "ana" * 1000)

        assert code == "ValidationException"
        assert "'developerUserIdentifier' failed" in message
        assert "ana" not in message


class TestMerge:
    def test_both_users_have_the_destinations_identity(self, cognito: Any) -> None:
        source, destination = identity_of(cognito, "ana", idp="ana"), identity_of(cognito, "ben")

        assert merge(cognito, "ana", "ben")["IdentityId"] == destination

        assert identity_of(cognito, "ana") == identity_of(cognito, "ben") == destination
        logins = {"idp.example": "ana"}
        assert cognito.get_id(IdentityPoolId=POOL_ID, Logins=logins)["IdentityId"] == destination
        assert refusal(cognito.get_credentials_for_identity, IdentityId=source) == (
            "NotAuthorizedException",
            f"Access to Identity '{source}' is forbidden.",
        )

    def test_users_of_one_identity_are_merged_already(self, cognito: Any) -> None:
        identity_id = with_many_names(cognito, 2)

        assert merge(cognito, "user-00", "user-01")["IdentityId"] == identity_id
        assert merge(cognito, "user-00", "user-00")["IdentityId"] == identity_id

    def test_an_unknown_user_pool_or_provider_is_refused(self, cognito: Any) -> None:
        identity_of(cognito, "ana")

        assert refusal(merge, cognito, "ana", "nobody") == NO_USER
        assert refusal(merge, cognito, "nobody", "ana") == NO_USER
        assert refusal(merge, cognito, "ana", "ana", IdentityPoolId=GONE) == NO_POOL
        assert refusal(merge, cognito, "ana", "ana", DeveloperProviderName="other") == NO_PROVIDER

    @pytest.mark.external
    @pytest.mark.parametrize("code", ["ResourceConflictException", "NotAuthorizedException"])
    def test_two_logins_of_one_public_provider_or_too_many_logins_are_refused(
        self, code: str
    ) -> None:
        with Emulator(POOL, behavior=Behavior(merge_refused_code=code)) as emulator:
            cognito = boto("cognito-identity", emulator)
            with_many_names(cognito, 18)  # and a login of idp.example
            identity_of(cognito, "ben")
            assert merge(cognito, "ben", "user-00")  # now it has 20
            identity_of(cognito, "eva")
            identity_of(cognito, "ida", idp="ida")
            identity_of(cognito, "joe", idp="joe")

            assert refusal(merge, cognito, "eva", "user-00") == (
                code,
                "An identity can have 20 linked logins, not 21.",
            )
            assert refusal(merge, cognito, "ida", "joe")[0] == code
            assert identity_of(cognito, "ida") != identity_of(cognito, "joe")

    @pytest.mark.external
    def test_a_pool_without_a_developer_provider_has_no_users(self) -> None:
        with Emulator(POOL) as emulator:
            cognito = boto("cognito-identity", emulator)
            pool = cognito.create_identity_pool(
                IdentityPoolName="public", AllowUnauthenticatedIdentities=True
            )["IdentityPoolId"]

            assert refusal(merge, cognito, "a", "b", IdentityPoolId=pool) == NO_PROVIDER
            found = refusal(lookup, cognito, IdentityPoolId=pool, DeveloperUserIdentifier="ana")
            assert found == NO_USER


class TestDescribeAndList:
    @pytest.mark.external
    def test_an_identity_is_described_by_providers_and_dates(self) -> None:
        clock = Clock()
        with Emulator(POOL, clock=clock) as emulator:
            cognito = boto("cognito-identity", emulator)
            identity_id = identity_of(cognito, "ana")
            clock.at += 60
            identity_of(cognito, "ana")
            assert cognito.describe_identity(IdentityId=identity_id)[
                "LastModifiedDate"
            ].timestamp() == (Clock.at)
            identity_of(cognito, "ana", idp="ana")

            found = cognito.describe_identity(IdentityId=identity_id)

        assert found["IdentityId"] == identity_id
        assert found["Logins"] == ["idp.example", PROVIDER]
        assert found["CreationDate"].timestamp() == Clock.at
        assert found["LastModifiedDate"].timestamp() == Clock.at + 60

    def test_an_unknown_identity_is_not_found(self, cognito: Any) -> None:
        assert refusal(cognito.describe_identity, IdentityId=GONE) == NO_IDENTITY

    def test_identities_are_paged_to_the_end(self, cognito: Any) -> None:
        wanted = sorted(identity_of(cognito, f"user-{number}") for number in range(7))
        cognito.get_id(IdentityPoolId=OTHER_POOL.identity_pool_id)

        found = list(pages(cognito.list_identities, IdentityPoolId=POOL_ID, MaxResults=3))

        assert [len(page["Identities"]) for page in found] == [3, 3, 1]
        assert {page["IdentityPoolId"] for page in found} == {POOL_ID}
        assert [each["IdentityId"] for page in found for each in page["Identities"]] == wanted
        assert found[0]["Identities"][0]["Logins"] == [PROVIDER]

    def test_a_page_that_is_full_but_the_last_has_no_next(self, cognito: Any) -> None:
        identity_of(cognito, "ana")

        assert "NextToken" not in cognito.list_identities(IdentityPoolId=POOL_ID, MaxResults=1)

    def test_deleting_between_two_pages_skips_no_identity(self, cognito: Any) -> None:
        ids = sorted(identity_of(cognito, f"user-{number}") for number in range(4))
        first = cognito.list_identities(IdentityPoolId=POOL_ID, MaxResults=2)
        delete(cognito, *ids[:2])

        second = cognito.list_identities(
            IdentityPoolId=POOL_ID, MaxResults=2, NextToken=first["NextToken"]
        )

        assert [each["IdentityId"] for each in second["Identities"]] == ids[2:]

    def test_disabled_identities_may_be_hidden(self, cognito: Any) -> None:
        source, destination = identity_of(cognito, "ana"), identity_of(cognito, "ben")
        merge(cognito, "ana", "ben")

        def ids(**members: bool) -> set[str]:
            found = cognito.list_identities(IdentityPoolId=POOL_ID, MaxResults=60, **members)
            return {each["IdentityId"] for each in found["Identities"]}

        assert ids() == ids(HideDisabled=False) == {source, destination}
        assert ids(HideDisabled=True) == {destination}

    def test_an_unknown_pool_or_token_is_refused(self, cognito: Any) -> None:
        def call(**members: Any) -> Any:
            return cognito.list_identities(
                **({"IdentityPoolId": POOL_ID, "MaxResults": 1} | members)
            )

        assert refusal(call, IdentityPoolId=GONE) == NO_POOL
        assert refusal(call, NextToken="x")[0] == "InvalidParameterException"
        assert refusal(call, MaxResults=61)[0] == "ValidationException"


class TestDelete:
    def test_a_deleted_identity_is_gone_and_its_user_gets_another(self, cognito: Any) -> None:
        first = identity_of(cognito, "ana", idp="ana")
        token = ask(cognito)

        assert delete(cognito, first) == []

        assert refusal(cognito.describe_identity, IdentityId=first)[0] == (
            "ResourceNotFoundException"
        )
        code, _ = refusal(ask, cognito, {PROVIDER: "ana"}, IdentityId=first)
        assert code == "ResourceNotFoundException"
        second = identity_of(cognito, "ana")
        assert second != first
        logins = {"idp.example": "ana"}
        third = cognito.get_id(IdentityPoolId=POOL_ID, Logins=logins)["IdentityId"]
        assert third not in (first, second)
        assert ask(cognito)["IdentityId"] == token["IdentityId"]

    def test_a_token_of_a_deleted_identity_is_worth_nothing_to_cognito(
        self, cognito: Any, sts: Any
    ) -> None:
        answer = ask(cognito)
        delete(cognito, answer["IdentityId"])

        code, _ = refusal(
            cognito.get_credentials_for_identity,
            IdentityId=answer["IdentityId"],
            Logins={"cognito-identity.amazonaws.com": answer["Token"]},
        )

        assert code == "ResourceNotFoundException"

    def test_after_clear_a_user_has_the_first_id_again(
        self, cognito: Any, emulator: Emulator
    ) -> None:
        first = identity_of(cognito, "ana")
        delete(cognito, first)

        emulator.clear()

        assert identity_of(cognito, "ana") == first

    def test_identities_left_out_are_listed_inside_a_success(
        self, cognito: Any, emulator: Emulator
    ) -> None:
        ids = [identity_of(cognito, f"user-{number}") for number in range(3)]
        emulator.leave_undeleted()
        emulator.leave_undeleted("AccessDenied")

        assert delete(cognito, *ids) == [
            {"IdentityId": ids[0], "ErrorCode": "InternalServerError"},
            {"IdentityId": ids[1], "ErrorCode": "AccessDenied"},
        ]
        for identity_id, stays in zip(ids, [True, True, False], strict=True):
            if stays:
                assert cognito.describe_identity(IdentityId=identity_id)["Logins"]
            else:
                assert refusal(cognito.describe_identity, IdentityId=identity_id)
        assert delete(cognito, *ids) == []

    def test_clear_forgets_what_was_to_be_left_out(self, cognito: Any, emulator: Emulator) -> None:
        emulator.leave_undeleted(times=9)

        emulator.clear()

        assert delete(cognito, identity_of(cognito, "ana")) == []

    def test_a_code_that_does_not_exist_is_refused(self, emulator: Emulator) -> None:
        with pytest.raises(ValueError, match="must be AccessDenied or InternalServerError"):
            emulator.leave_undeleted("InternalErrorException")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="times must be 1 or more, not 0"):
            emulator.leave_undeleted(times=0)

    @pytest.mark.external
    @pytest.mark.parametrize(
        ("setting", "wanted"),
        [
            ("ignore", []),
            ("AccessDenied", [{"IdentityId": GONE, "ErrorCode": "AccessDenied"}]),
        ],
    )
    def test_what_happens_to_an_unknown_identity_is_a_setting(
        self, setting: Any, wanted: Any
    ) -> None:
        with Emulator(POOL, behavior=Behavior(deleting_unknown_identity=setting)) as emulator:
            cognito = boto("cognito-identity", emulator)
            identity_id = identity_of(cognito, "ana")

            assert delete(cognito, identity_id, GONE, identity_id) == wanted

    def test_the_limits_are_1_and_60(self, unchecked: Any) -> None:
        assert refusal(delete, unchecked)[0] == "ValidationException"
        assert refusal(delete, unchecked, *[GONE] * 61)[0] == "ValidationException"
        assert delete(unchecked, *[GONE] * 60) == []
