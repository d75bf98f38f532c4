"""What erasing a user does with responses that the emulator does not give."""

import pickle
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import pytest

from cognito_devtoken import ErasedUser
from cognito_devtoken._aws.identities import Identities, Question
from cognito_devtoken._values.operations import DELETE, LOOKUP, UNLINK
from cognito_devtoken._values.secret import Secret
from cognito_devtoken.exceptions import (
    IncompleteEraseError,
    InvalidTokenResponseError,
    ResourceNotFoundError,
)


USER = "canary-user"
FOUND = {"IdentityId": "us-east-1:0", "DeveloperUserIdentifierList": [USER]}
NOBODY = ResourceNotFoundError("ResourceNotFoundException: not found.")

Answer = Mapping[str, Any] | Exception


class Service:
    """Gives answers by operation, one after the other, and records the calls."""

    def __init__(self, **answers: list[Answer]) -> None:
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self._answers = answers

    def __call__(self, question: Question, read: Callable[[Any], Any]) -> Any:
        self.calls.append((question.operation, question.to_params()))
        answer = self._answers[question.operation].pop(0)
        if isinstance(answer, Exception):
            raise answer
        return read(answer)

    def identities(self) -> Identities:
        return Identities(self, "us-east-1:1", "login.example.com", Secret(USER))


def test_a_link_that_outlives_the_identity_is_unlinked_last() -> None:
    service = Service(
        LookupDeveloperIdentity=[FOUND, FOUND, FOUND, NOBODY, NOBODY],
        DeleteIdentities=[{"UnprocessedIdentityIds": []}],
        UnlinkDeveloperIdentity=[{}],
    )

    erased = service.identities().erase()

    assert [operation for operation, _ in service.calls] == [
        *(LOOKUP, LOOKUP, DELETE),
        *(LOOKUP, LOOKUP, UNLINK),
        LOOKUP,
    ]
    assert service.calls[5][1]["DeveloperUserIdentifier"] == USER
    assert erased == ErasedUser(["us-east-1:0"], [USER])


@pytest.mark.parametrize("identity_id", [None, 7, "", "canary", "us-east-1:0\n"])
def test_a_look_up_without_an_identity_id_is_refused(identity_id: object) -> None:
    service = Service(LookupDeveloperIdentity=[{"IdentityId": identity_id}])

    with pytest.raises(InvalidTokenResponseError, match=r"returned no identity id\."):
        service.identities().find()


def test_pages_without_an_end_are_refused() -> None:
    more = FOUND | {"NextToken": "again"}
    service = Service(LookupDeveloperIdentity=[FOUND, *[more] * 50])

    with pytest.raises(InvalidTokenResponseError, match="more than 50 pages"):
        service.identities().erase()

    tokens = [members.get("NextToken") for _, members in service.calls]
    assert tokens == [None, None, *["again"] * 49]


@pytest.mark.parametrize(
    "unprocessed",
    [[{"ErrorCode": "canary-user"}], [{}], ["canary-user"], "canary-user", {"canary-user": 1}],
)
def test_an_unknown_reason_for_not_deleting_is_not_quoted(unprocessed: object) -> None:
    service = Service(
        LookupDeveloperIdentity=[FOUND] * 9,
        DeleteIdentities=[{"UnprocessedIdentityIds": unprocessed}] * 4,
    )

    with pytest.raises(IncompleteEraseError) as caught:
        service.identities().erase()

    assert str(caught.value).endswith(". DeleteIdentities did not delete the identity.")
    assert "canary" not in str(caught.value)


def test_a_call_shows_no_user_id() -> None:
    user = Secret("canary")
    question = Question(UNLINK, {"DeveloperUserIdentifier": user}, (user,))

    assert "canary" not in f"{question!r} {attrs.asdict(question)}"
    with pytest.raises(TypeError):
        pickle.dumps(question)
    assert list(question.logins.values()) == ["canary"]
    assert question.to_params() == {"DeveloperUserIdentifier": "canary"}


class TestErasedUser:
    def test_it_shows_no_user_id_and_is_not_pickled(self) -> None:
        erased = ErasedUser(["us-east-1:0"], [USER, "canary-other"])

        assert "us-east-1:0" in repr(erased)
        assert "canary" not in f"{erased!r} {erased} {attrs.asdict(erased)}"
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(erased)

    def test_it_is_immutable_and_equal_by_value(self) -> None:
        erased = ErasedUser(["us-east-1:0"], [USER, USER])

        assert erased == ErasedUser(("us-east-1:0",), (USER,)) != ErasedUser()
        assert (erased.identity_ids, erased.user_ids) == (("us-east-1:0",), (USER,))
        assert len({erased, ErasedUser(["us-east-1:0"], [USER])}) == 1
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            erased.identity_ids = ()  # type: ignore[misc]
