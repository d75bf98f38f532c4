"""Find and erase the identities of users on the wire: each step, with its errors."""

from collections.abc import Callable
from typing import Any

import pytest

from calling import ask
from cognito_devtoken import DevTokenClient, ErasedUser, TokenRequest
from cognito_devtoken._values.operations import DELETE, LOOKUP, UNLINK
from cognito_devtoken.emulator import Behavior, Emulator
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    DevTokenError,
    IncompleteEraseError,
    InternalServiceError,
    InvalidRequestError,
    NotAuthorizedError,
    ResourceNotFoundError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from cognito_devtoken.typing import IdentityAdministrator
from pools import OTHER_POOL, POOL


PROVIDER = POOL.developer_provider
USER = "canary-user"
Leaks = Callable[..., list[str]]


def request_of(user: str = USER, **logins: str) -> TokenRequest:
    return TokenRequest(POOL.identity_pool_id, {PROVIDER: user} | logins)


def link(cognito: Any, *users: str) -> str:
    """Link users to one identity, which also has a public login. Returns its id."""
    ids = {ask(cognito, {PROVIDER: user, "idp.example": "ana"})["IdentityId"] for user in users}
    (found,) = ids
    return str(found)


def after(client: DevTokenClient, operation: str, act: Callable[[], object]) -> None:
    """Run a function once after the client has called an operation, as another host might."""
    boto = client._client_for(POOL.region)
    event = f"after-call.cognito-identity.{operation}"

    def once(**_: object) -> None:
        boto.meta.events.unregister(event, once)
        act()

    boto.meta.events.register(event, once)


def identities(emulator: Emulator) -> set[str]:
    return set(emulator._front.service.world.directory.identities)


class TestFind:
    def test_it_returns_the_identity_and_creates_none(
        self, client: DevTokenClient, emulator: Emulator, cognito: Any
    ) -> None:
        assert client.find_identity(request_of(), PROVIDER) is None
        assert identities(emulator) == set()

        found = ask(cognito, {PROVIDER: USER})["IdentityId"]

        assert client.find_identity(request_of(), PROVIDER) == found

    def test_the_other_logins_of_the_request_do_not_matter(
        self, client: DevTokenClient, cognito: Any
    ) -> None:
        found = ask(cognito, {PROVIDER: USER})["IdentityId"]

        request = request_of(**{"idp.example": "ana"})

        assert client.find_identity(request, PROVIDER) == found

    def test_an_unknown_pool_is_an_error(self, client: DevTokenClient) -> None:
        request = TokenRequest("eu-central-1:0", {PROVIDER: USER})

        for call in (client.find_identity, client.erase_identity):
            with pytest.raises(ResourceNotFoundError, match="IdentityPool 'eu-central-1:0'"):
                call(request, PROVIDER)

    @pytest.mark.parametrize(
        ("code", "error"),
        [
            ("AccessDeniedException", CallerDeniedError),
            ("InternalErrorException", InternalServiceError),
            ("NotAuthorizedException", NotAuthorizedError),
            ("TooManyRequestsException", TooManyRequestsError),
        ],
    )
    def test_an_error_of_the_look_up_is_raised_as_it_is_and_changes_nothing(
        self,
        client: DevTokenClient,
        emulator: Emulator,
        cognito: Any,
        leaks: Leaks,
        code: str,
        error: type[DevTokenError],
    ) -> None:
        found = ask(cognito, {PROVIDER: USER})["IdentityId"]
        for call in (client.find_identity, client.erase_identity):
            emulator.fail_next(code, f"No, {USER}.", operation=LOOKUP, times=2)

            with pytest.raises(error) as caught:
                call(request_of(), PROVIDER)

            emulator._front.faults.clear()
            assert not leaks(caught.value, USER)
        assert identities(emulator) == {found}

    @pytest.mark.parametrize(
        ("code", "hint"),
        [
            ("AccessDeniedException", f"Allow cognito-identity:{LOOKUP} "),
            ("TooManyRequestsException", f"the quota of {LOOKUP}"),
            ("ExpiredTokenException", "are valid and not expired"),
        ],
    )
    def test_the_hint_names_the_operation(
        self, client: DevTokenClient, emulator: Emulator, code: str, hint: str
    ) -> None:
        emulator.fail_next(code, operation=LOOKUP, times=2)

        with pytest.raises(DevTokenError) as caught:
            client.find_identity(request_of(), PROVIDER)

        emulator._front.faults.clear()
        assert hint in caught.value.__notes__[0]

    @pytest.mark.parametrize(
        ("request_", "violation"),
        [
            (request_of("x" * 1025), "user_id must have 1 to 1024 characters, not 1025"),
            (
                TokenRequest(POOL.identity_pool_id, {"idp.example": USER}),
                "logins must name the developer provider",
            ),
        ],
    )
    def test_a_request_without_a_fitting_user_id_is_not_sent(
        self,
        client: DevTokenClient,
        emulator: Emulator,
        leaks: Leaks,
        request_: TokenRequest,
        violation: str,
    ) -> None:
        for call in (client.find_identity, client.erase_identity):
            with pytest.raises(InvalidRequestError) as caught:
                call(request_, PROVIDER)

            assert str(caught.value) == violation
            assert not leaks(caught.value, USER, "x" * 99)
        assert not emulator.calls

    def test_a_user_id_in_the_place_of_the_request_is_not_shown(
        self, client: DevTokenClient, leaks: Leaks
    ) -> None:
        user: Any = USER
        with pytest.raises(TypeError, match="must be a TokenRequest, not str") as caught:
            client.find_identity(user, PROVIDER)

        assert not leaks(caught.value, USER)


class TestErase:
    def test_every_user_id_is_unlinked_and_the_identity_deleted(
        self, client: DevTokenClient, emulator: Emulator, cognito: Any
    ) -> None:
        other = ask(cognito, {PROVIDER: "bob"})["IdentityId"]
        identity_id = link(cognito, USER, "ana-old", "ana@example.com")
        emulator.calls.clear()

        erased = client.erase_identity(request_of(), PROVIDER)

        assert erased.identity_ids == (identity_id,)
        assert set(erased.user_ids) == {USER, "ana-old", "ana@example.com"}
        assert identities(emulator) == {other}
        assert emulator.calls == {LOOKUP: 3, UNLINK: 2, DELETE: 1}
        assert client.find_identity(request_of(), PROVIDER) is None
        assert ask(cognito, {PROVIDER: USER})["IdentityId"] != identity_id

    def test_all_pages_of_user_ids_are_read(
        self, client: DevTokenClient, emulator: Emulator, cognito: Any
    ) -> None:
        users = [USER, *(f"user-{number}" for number in range(61))]
        link(cognito, *users)
        emulator.calls.clear()

        erased = client.erase_identity(request_of(), PROVIDER)

        assert set(erased.user_ids) == set(users)
        assert emulator.calls[LOOKUP] == 4
        assert identities(emulator) == set()

    def test_a_user_without_an_identity_is_erased_already(
        self, client: DevTokenClient, emulator: Emulator
    ) -> None:
        assert client.erase_identity(request_of(), PROVIDER) == ErasedUser()
        assert emulator.calls == {LOOKUP: 1}

    @pytest.mark.parametrize(
        ("operation", "code", "cause"),
        [
            (UNLINK, "TooManyRequestsException", TooManyRequestsError),
            (UNLINK, "AccessDeniedException", CallerDeniedError),
            (UNLINK, "InternalErrorException", InternalServiceError),
            (DELETE, "TooManyRequestsException", TooManyRequestsError),
            (DELETE, "AccessDeniedException", CallerDeniedError),
            (DELETE, "InternalErrorException", InternalServiceError),
        ],
    )
    def test_after_an_error_it_says_what_is_left_and_can_be_repeated(
        self,
        client: DevTokenClient,
        emulator: Emulator,
        cognito: Any,
        leaks: Leaks,
        operation: str,
        code: str,
        cause: type[DevTokenError],
    ) -> None:
        identity_id = link(cognito, USER, "canary-other")
        emulator.fail_next(code, f"No, {USER} canary-other.", operation=operation, times=2)

        with pytest.raises(IncompleteEraseError) as caught:
            client.erase_identity(request_of(), PROVIDER)

        emulator._front.faults.clear()
        error = caught.value
        unlinked = 1 if operation == DELETE else 0
        assert (error.remaining, error.deleted) == (identity_id, ())
        assert type(error.__cause__) is cause
        assert str(error).startswith(
            f"The user is not erased completely: the identity {identity_id} is left. "
            f"Deleted identities: 0, unlinked user ids: {unlinked}. {code}"
        )
        assert "Erase the user again" in error.__notes__[0]
        assert not leaks(error, "canary")
        assert client.find_identity(request_of(), PROVIDER) == identity_id
        again = client.erase_identity(request_of(), PROVIDER)
        assert again.identity_ids == (identity_id,)
        assert client.find_identity(request_of(), PROVIDER) is None

    def test_a_deletion_without_a_response_can_be_repeated(
        self, client: DevTokenClient, emulator: Emulator, cognito: Any
    ) -> None:
        identity_id = link(cognito, USER)
        emulator.drop_next(operation=DELETE, times=2)

        with pytest.raises(IncompleteEraseError) as caught:
            client.erase_identity(request_of(), PROVIDER)

        emulator._front.faults.clear()
        assert caught.value.remaining == identity_id
        assert isinstance(caught.value.__cause__, TokenUnavailableError)
        assert client.erase_identity(request_of(), PROVIDER) == ErasedUser()

    @pytest.mark.parametrize("code", ["AccessDenied", "InternalServerError"])
    def test_an_unprocessed_identity_in_a_success_is_tried_again_and_then_an_error(
        self, client: DevTokenClient, emulator: Emulator, cognito: Any, code: Any
    ) -> None:
        identity_id = link(cognito, USER)
        emulator.leave_undeleted(code, times=4)

        with pytest.raises(IncompleteEraseError) as caught:
            client.erase_identity(request_of(), PROVIDER)

        assert (caught.value.remaining, caught.value.deleted) == (identity_id, ())
        assert f"DeleteIdentities did not delete the identity: {code}." in str(caught.value)
        assert caught.value.__cause__ is None
        emulator.leave_undeleted(code, times=3)
        assert client.erase_identity(request_of(), PROVIDER).identity_ids == (identity_id,)

    def test_after_the_deletion_an_error_leaves_open_whether_there_is_another_identity(
        self, client: DevTokenClient, emulator: Emulator, cognito: Any
    ) -> None:
        identity_id = link(cognito, USER)
        fail = lambda: emulator.fail_next(  # noqa: E731
            "TooManyRequestsException", operation=LOOKUP, times=2
        )
        after(client, DELETE, fail)

        with pytest.raises(IncompleteEraseError, match="it is not known whether") as caught:
            client.erase_identity(request_of(), PROVIDER)

        emulator._front.faults.clear()
        assert (caught.value.remaining, caught.value.deleted) == (None, (identity_id,))
        assert client.erase_identity(request_of(), PROVIDER) == ErasedUser()

    def test_a_wrong_developer_provider_is_an_error(
        self, client: DevTokenClient, emulator: Emulator, cognito: Any
    ) -> None:
        identity_id = link(cognito, USER, "ana-old")
        request = TokenRequest(POOL.identity_pool_id, {"login.typo": USER})

        with pytest.raises(IncompleteEraseError, match="does not support the specified"):
            client.erase_identity(request, "login.typo")

        assert identities(emulator) == {identity_id}


class TestOtherHosts:
    def test_an_identity_that_another_host_creates_meanwhile_is_deleted_too(
        self, client: DevTokenClient, emulator: Emulator, cognito: Any
    ) -> None:
        first = link(cognito, USER)
        created: list[str] = []
        after(client, DELETE, lambda: created.append(ask(cognito)["IdentityId"]))
        after(client, DELETE, lambda: created.append(ask(cognito, {PROVIDER: USER})["IdentityId"]))

        erased = client.erase_identity(request_of(), PROVIDER)

        of_another_user, second = created
        assert erased.identity_ids == (first, second)
        assert erased.user_ids == (USER,)
        assert identities(emulator) == {of_another_user}

    def test_a_user_that_comes_back_each_time_is_an_error(
        self, client: DevTokenClient, cognito: Any
    ) -> None:
        link(cognito, USER)

        def come_back() -> None:
            ask(cognito, {PROVIDER: USER})
            after(client, DELETE, come_back)

        after(client, DELETE, come_back)

        with pytest.raises(IncompleteEraseError, match="a new identity each time") as caught:
            client.erase_identity(request_of(), PROVIDER)

        assert len(caught.value.deleted) == 4
        assert caught.value.remaining == client.find_identity(request_of(), PROVIDER)

    @pytest.mark.external
    @pytest.mark.parametrize("deleting", ["ignore", "AccessDenied", "InternalServerError"])
    @pytest.mark.parametrize("operation", [LOOKUP, UNLINK])
    def test_two_hosts_that_erase_a_user_at_once_both_succeed(
        self, operation: str, deleting: Any
    ) -> None:
        with (
            Emulator(POOL, behavior=Behavior(deleting_unknown_identity=deleting)) as emulator,
            DevTokenClient(endpoint_url=emulator.endpoint_url) as client,
            DevTokenClient(endpoint_url=emulator.endpoint_url) as other,
        ):
            cognito = client._client_for(POOL.region)
            link(cognito, USER, "ana-old", "ana-older")
            after(client, operation, lambda: other.erase_identity(request_of(), PROVIDER))

            client.erase_identity(request_of(), PROVIDER)

            assert identities(emulator) == set()
            assert client.find_identity(request_of(), PROVIDER) is None


def test_a_region_of_the_client_applies_to_every_call(emulator: Emulator, cognito: Any) -> None:
    found = ask(cognito, {POOL.developer_provider: USER}, OTHER_POOL)["IdentityId"]
    request = TokenRequest(OTHER_POOL.identity_pool_id, {PROVIDER: USER})

    with DevTokenClient("eu-west-3", endpoint_url=emulator.endpoint_url) as client:
        administrator: IdentityAdministrator = client
        erased = administrator.erase_identity(request, PROVIDER)
        kinds = {kind.region for kind in client._made.by_kind}

    assert erased.identity_ids == (found,)
    assert kinds == {"eu-west-3"}
