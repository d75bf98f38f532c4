"""Violated constraints are reported as the service does, at the limits of its model."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from botocore.loaders import Loader

from cognito_devtoken.emulator._operations import OPERATIONS
from cognito_devtoken.emulator._operations.inputs import INPUTS
from cognito_devtoken.emulator._shapes import (
    Boolean,
    Listing,
    Map,
    Number,
    Shape,
    Structure,
    Text,
    validate,
)
from cognito_devtoken.emulator._wire import COGNITO, Refusal


GET_TOKEN = "GetOpenIdTokenForDeveloperIdentity"
GOOD = {"IdentityPoolId": "us-east-1:0", "Logins": {"login.example.com": "user-42"}}


def refusal(operation: str = GET_TOKEN, **changes: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        validate(INPUTS[operation], GOOD | changes)
    return caught.value


@cache
def model(service: str) -> Any:
    return Loader().load_service_model(service, "service-2")


# Python's expressions lack the first one's categories; the second is XML's characters.
WITHOUT_PATTERN = {"ClaimName", "arnType", "unrestrictedSessionPolicyDocumentType"}


def limits(shape: Shape) -> dict[str, Any]:
    """Express our shape in the model's terms."""
    match shape:
        case Map():
            entries = {"key": limits(shape.keys), "value": limits(shape.values)}
            return {"type": "map", "max": shape.maximum} | entries
        case Listing():
            bounds = {"min": shape.minimum, "max": shape.maximum}
            return {"type": "list", "member": limits(shape.values)} | bounds
        case Structure():
            return {"type": "structure", "members": members(shape.members)}
        case Boolean():
            return {"type": "boolean"}
        case Number():
            bounds = {"min": shape.minimum, "max": shape.maximum}
            return {"type": shape.kind.lower()} | bounds
        case Text():
            bounds = {"min": shape.minimum, "max": shape.maximum}
            pattern = shape.pattern.pattern if shape.pattern else None
            enum = list(shape.choices) or None
            return {"type": "string", "pattern": pattern, "enum": enum} | bounds
    raise AssertionError(shape)


def members(shapes: Mapping[str, Shape]) -> dict[str, Any]:
    return {name: (limits(shape), shape.required) for name, shape in shapes.items()}


def limits_of_model(service: str, name: str) -> dict[str, Any]:
    shape = model(service)["shapes"][name]
    found = {"type": shape["type"]}
    match shape["type"]:
        case "map":
            for part in ("key", "value"):
                found[part] = limits_of_model(service, shape[part]["shape"])
            return found | {"max": shape.get("max")}
        case "list":
            found["member"] = limits_of_model(service, shape["member"]["shape"])
            return found | {"min": shape.get("min"), "max": shape.get("max")}
        case "structure":
            return found | {"members": members_of_model(service, name)}
        case "boolean":
            return found
        case "string":
            pattern = None if name in WITHOUT_PATTERN else shape.get("pattern")
            found |= {"pattern": pattern, "enum": shape.get("enum")}
    return found | {"min": shape.get("min"), "max": shape.get("max")}


def members_of_model(service: str, name: str) -> dict[str, Any]:
    shape = model(service)["shapes"][name]
    return {
        member: (limits_of_model(service, of["shape"]), member in shape.get("required", []))
        for member, of in shape["members"].items()
        if not (service == "sts" and member in UNSUPPORTED_IN_STS)
    }


# A member that is newer than the oldest supported botocore.
UNSUPPORTED_IN_STS = {"MinimumSessionTokenSize"}


@pytest.mark.parametrize("operation", INPUTS)
def test_the_constraints_match_the_model(operation: str) -> None:
    service = OPERATIONS[operation].service
    shape = model(service)["operations"][operation]["input"]["shape"]

    assert members(INPUTS[operation]) == members_of_model(service, shape)


def test_operations_are_signed_if_the_model_says_so() -> None:
    found = model(COGNITO)["operations"]

    # Old models say it of Cognito only; that of STS is in the handlers of botocore.
    assert {each.name: each.signed for each in OPERATIONS.values() if each.service == COGNITO} == {
        name: found[name].get("authtype") != "none" for name in found if name in OPERATIONS
    }


def test_each_operation_has_its_constraints() -> None:
    assert INPUTS.keys() == OPERATIONS.keys()


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
    nothing = {"Other": 1, "IdentityId": None, "TokenDuration": None}
    validate(INPUTS[GET_TOKEN], GOOD | nothing)
    validate(INPUTS["GetId"], {"IdentityPoolId": "us-east-1:0", "AccountId": "123456789012"})


def test_patterns_match_ascii_only() -> None:
    assert refusal(IdentityPoolId="ü:0").code == "ValidationException"


RULE = {"Claim": "role", "MatchType": "Equals", "Value": "admin", "RoleARN": "a" * 20}
PREFIX = "1 validation error detected: Value "
FAILED = "failed to satisfy constraint: Member must"


@pytest.mark.parametrize(
    ("operation", "changes", "message"),
    [
        (
            "DeleteIdentities",
            {"IdentityIdsToDelete": []},
            f"{PREFIX}'***' at 'identityIdsToDelete' {FAILED} have length greater than or equal "
            "to 1",
        ),
        (
            "DeleteIdentities",
            {"IdentityIdsToDelete": ["a:0"] * 61},
            f"{PREFIX}'***' at 'identityIdsToDelete' {FAILED} have length less than or equal to 60",
        ),
        (
            "DeleteIdentities",
            {"IdentityIdsToDelete": ["a:0", "nonsense"]},
            f"{PREFIX}'nonsense' at 'identityIdsToDelete.2.member' {FAILED} satisfy regular "
            r"expression pattern: [\w-]+:[0-9a-f-]+",
        ),
        (
            "ListIdentities",
            {"MaxResults": 61},
            f"{PREFIX}'61' at 'maxResults' {FAILED} have value less than or equal to 60",
        ),
        (
            "SetIdentityPoolRoles",
            {"Roles": {}, "RoleMappings": {"idp": {"Type": "None"}}},
            f"{PREFIX}'None' at 'roleMappings.idp.member.type' {FAILED} satisfy enum value set: "
            "[Token, Rules]",
        ),
        (
            "SetIdentityPoolRoles",
            {
                "Roles": {},
                "RoleMappings": {
                    "idp": {
                        "Type": "Rules",
                        "RulesConfiguration": {"Rules": [RULE, {**RULE, "RoleARN": None}]},
                    }
                },
            },
            f"{PREFIX}null at 'roleMappings.idp.member.rulesConfiguration.rules.2.member.roleARN' "
            f"{FAILED} not be null",
        ),
        (
            "LookupDeveloperIdentity",
            {"DeveloperUserIdentifier": "ana" * 1000},
            f"{PREFIX}'***' at 'developerUserIdentifier' {FAILED} have length less than or equal "
            "to 1024",
        ),
    ],
)
def test_a_violation_inside_a_list_or_a_structure_is_reported_with_its_path(
    operation: str, changes: dict[str, Any], message: str
) -> None:
    assert refusal(operation, **changes).message == message


@pytest.mark.parametrize(
    ("operation", "changes", "wanted"),
    [
        ("DeleteIdentities", {"IdentityIdsToDelete": "a:0"}, "List"),
        ("ListIdentities", {"MaxResults": 1, "HideDisabled": "yes"}, "Boolean"),
        ("ListIdentities", {"MaxResults": "1"}, "Integer"),
        ("SetIdentityPoolRoles", {"Roles": {}, "RoleMappings": {"idp": "x"}}, "Structure"),
    ],
)
def test_a_value_of_another_type_inside_an_input_is_a_serialization_error(
    operation: str, changes: dict[str, Any], wanted: str
) -> None:
    error = refusal(operation, **changes)

    assert error.code == "SerializationException"
    assert error.message == f"STRING_VALUE can not be converted to a {wanted}"
