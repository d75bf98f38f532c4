"""Violated constraints are reported as the service does, at the limits of its model."""

import re
from functools import cache
from typing import Any

import pytest
from botocore.loaders import Loader

from cognito_devtoken.emulator._validation import INPUTS, Long, Map, Text, validate
from cognito_devtoken.emulator._wire import Refusal


GET_TOKEN = "GetOpenIdTokenForDeveloperIdentity"
GOOD = {"IdentityPoolId": "us-east-1:0", "Logins": {"login.example.com": "user-42"}}


def refusal(operation: str = GET_TOKEN, **changes: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        validate(operation, GOOD | changes)
    return caught.value


@cache
def model() -> dict[str, Any]:
    loaded: dict[str, Any] = Loader().load_service_model("cognito-identity", "service-2")
    return loaded


def limits(shape: Any) -> dict[str, Any]:
    """Express our shape in the model's terms."""
    if isinstance(shape, Map):
        return {"max": shape.maximum, "key": limits(shape.keys), "value": limits(shape.values)}
    pattern = shape.pattern.pattern if isinstance(shape, Text) and shape.pattern else None
    return {"max": shape.maximum, "min": shape.minimum, "pattern": pattern}


def limits_of_model(name: str) -> dict[str, Any]:
    shape = model()["shapes"][name]
    if shape["type"] == "map":
        key, value = (limits_of_model(shape[part]["shape"]) for part in ("key", "value"))
        return {"max": shape["max"], "key": key, "value": value}
    return {name: shape.get(name) for name in ("max", "min", "pattern")}


@pytest.mark.parametrize("operation", INPUTS)
def test_the_constraints_match_the_model(operation: str) -> None:
    shape = model()["shapes"][model()["operations"][operation]["input"]["shape"]]

    assert INPUTS[operation].keys() == shape["members"].keys()
    for name, member in shape["members"].items():
        ours = INPUTS[operation][name]
        assert limits(ours) == limits_of_model(member["shape"])
        assert ours.required == (name in shape["required"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"IdentityPoolId": "us-east-2:mock"},
            "1 validation error detected: Value 'us-east-2:mock' at 'identityPoolId' failed to "
            "satisfy constraint: Member must satisfy regular expression pattern: "
            r"[\w-]+:[0-9a-f-]+",
        ),
        (
            {"IdentityId": "a:" + "0" * 54},
            f"1 validation error detected: Value 'a:{'0' * 54}' at 'identityId' failed to "
            "satisfy constraint: Member must have length less than or equal to 55",
        ),
        (
            {"TokenDuration": 86_401},
            "1 validation error detected: Value '86401' at 'tokenDuration' failed to satisfy "
            "constraint: Member must have value less than or equal to 86400",
        ),
        (
            {"TokenDuration": 0},
            "1 validation error detected: Value '0' at 'tokenDuration' failed to satisfy "
            "constraint: Member must have value greater than or equal to 1",
        ),
        (
            {"IdentityPoolId": None},
            "1 validation error detected: Value null at 'identityPoolId' failed to satisfy "
            "constraint: Member must not be null",
        ),
        (
            {"Logins": dict.fromkeys(map(str, range(11)), "a")},
            "1 validation error detected: Value '***' at 'logins' failed to satisfy constraint: "
            "Member must have length less than or equal to 10",
        ),
        (
            {"Logins": {"": "a" * 50_001}},
            "2 validation errors detected: Value '***' at 'logins' failed to satisfy constraint: "
            "Map keys must satisfy constraint: [Member must have length greater than or equal to "
            "1]; Value '***' at 'logins' failed to satisfy constraint: Map value must satisfy "
            "constraint: [Member must have length less than or equal to 50000]",
        ),
    ],
)
def test_a_violated_constraint_is_reported_in_the_services_words(
    changes: dict[str, Any], message: str
) -> None:
    error = refusal(**changes)

    assert (error.code, error.status) == ("ValidationException", 400)
    assert error.message == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"IdentityPoolId": 1}, "NUMBER_VALUE can not be converted to a String"),
        ({"Logins": "text"}, "STRING_VALUE can not be converted to a Map"),
        ({"Logins": ["text"]}, "START_ARRAY can not be converted to a Map"),
        ({"Logins": {"a": {}}}, "START_OBJECT can not be converted to a String"),
        ({"TokenDuration": True}, "BOOLEAN_VALUE can not be converted to a Long"),
        ({"TokenDuration": "900"}, "STRING_VALUE can not be converted to a Long"),
    ],
)
def test_a_value_of_another_type_is_a_serialization_error(
    changes: dict[str, Any], message: str
) -> None:
    error = refusal(**changes)

    assert (error.code, error.message) == ("SerializationException", message)


def test_unknown_and_null_members_are_ignored() -> None:
    validate(GET_TOKEN, GOOD | {"Other": 1, "IdentityId": None, "TokenDuration": None})
    validate("GetId", {"IdentityPoolId": "us-east-1:0", "AccountId": "123456789012"})


def test_patterns_match_ascii_only() -> None:
    assert Text(10, pattern=re.compile("a")).pattern
    assert refusal(IdentityPoolId="ü:0").code == "ValidationException"
    assert Long(1).minimum == 1
