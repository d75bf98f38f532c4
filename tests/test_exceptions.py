"""Errors are one sentence, with a hint as a note, and can be copied and pickled."""

import copy
import pickle
from datetime import UTC, datetime

import pytest

from cognito_devtoken import exceptions
from cognito_devtoken.exceptions import (
    ConfigurationError,
    DevTokenError,
    IncompleteEraseError,
    InvalidRequestError,
    ServiceError,
    SessionClosedError,
    TokenUnavailableError,
    TooManyRequestsError,
    Violation,
)


def tree(cls: type[Exception], indent: str = "    ") -> list[str]:
    lines = []
    for child in cls.__subclasses__():
        if child.__module__ != exceptions.__name__:
            continue  # defined by an integration
        if child.__bases__[0] is not cls:
            continue  # shown below its first base
        other = [base.__name__ for base in child.__bases__ if base is not cls]
        lines.append(indent + child.__name__ + (f" ({other[0]})" if other else ""))
        lines += tree(child, indent + "    ")
    return lines


def test_the_tree_in_the_docstring_matches_the_classes() -> None:
    drawn = str(exceptions.__doc__).split("::\n\n")[1].split("\n\n")[0]

    names = [line.translate(str.maketrans("", "", "├─│└")).strip() for line in drawn.splitlines()]

    assert names == ["DevTokenError", *(line.strip() for line in tree(DevTokenError))]


ERRORS = [
    DevTokenError("It failed."),
    ConfigurationError("It failed.", hint="Do this."),
    InvalidRequestError(
        [Violation("logins", "must be", "nothing"), Violation("a", "is no member")]
    ),
    TooManyRequestsError("It failed.", code="TooManyRequestsException", request_id="r", status=400),
    TokenUnavailableError(
        "It failed.",
        retry_at=datetime(2026, 1, 1, tzinfo=UTC),
        last_error=ServiceError("It failed."),
    ),
    IncompleteEraseError("It failed.", deleted=["us-east-1:0"], remaining="us-east-1:1"),
    SessionClosedError("It is closed."),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("duplicate", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_an_error_survives_copying_and_pickling(error: DevTokenError, duplicate: object) -> None:
    again = duplicate(error)  # type: ignore[operator]

    assert type(again) is type(error)
    assert str(again) == str(error)
    assert repr(vars(again)) == repr(vars(error))


def test_the_hint_is_a_note_and_not_part_of_the_message() -> None:
    error = TooManyRequestsError("It failed.")

    assert str(error) == "It failed."
    assert error.__notes__ == [TooManyRequestsError._hint]
    assert not hasattr(DevTokenError("It failed."), "__notes__")
    assert ConfigurationError("It failed.", hint="Do this.").__notes__ == ["Do this."]


def test_an_invalid_request_is_a_value_error_and_a_closed_session_a_runtime_error() -> None:
    assert issubclass(InvalidRequestError, ValueError)
    assert issubclass(SessionClosedError, RuntimeError)
