"""An AssumeRole has the limits of AWS's own model, is immutable, and hides its policy."""

import copy
import pickle
import re
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import attrs
import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st

from calling import ROLE
from cognito_devtoken.credentials import AssumeRole
from cognito_devtoken.exceptions import InvalidRequestError


CANARY = "canary-of-a-policy"
# Characters beyond U+FFFF, as the model spells them and as Python does.
BEYOND = (r"\u10000-\u10FFFF", r"\U00010000-\U0010FFFF")


@cache
def shapes() -> dict[str, Any]:
    """The shapes of STS in the service model of the installed botocore."""
    loaded: dict[str, Any] = Loader().load_service_model("sts", "service-2")["shapes"]
    return loaded


@cache
def shape_of(member: str) -> Any:
    """The shape of a member of the operation."""
    return shapes()[shapes()["AssumeRoleWithWebIdentityRequest"]["members"][member]["shape"]]


def pattern_of(member: str) -> re.Pattern[str]:
    # The service's patterns are Java's, in which \w is ASCII.
    return re.compile(shape_of(member)["pattern"].replace(*BEYOND), re.ASCII)


def refusal(role_arn: Any = ROLE, **members: Any) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        AssumeRole(role_arn, **members)
    return str(caught.value)


def texts(length: int, alphabet: str = "abc:/") -> st.SearchStrategy[str]:
    return st.sampled_from(alphabet).map(lambda character: character * length)


TEXTS: list[tuple[str, str, str, Callable[[str], AssumeRole]]] = [
    ("role_arn", "RoleArn", "a:/", AssumeRole),
    ("session_name", "RoleSessionName", "a_=", lambda text: AssumeRole(ROLE, session_name=text)),
    ("policy", "Policy", "a{ ", lambda text: AssumeRole(ROLE, policy=text)),
]


def test_the_members_are_those_of_the_model() -> None:
    ours = {"RoleArn", "RoleSessionName", "DurationSeconds", "Policy", "PolicyArns"}

    # The token is added later; the others concern other providers, or the size of the response.
    others = {"WebIdentityToken", "ProviderId", "MinimumSessionTokenSize"}
    assert shapes()["AssumeRoleWithWebIdentityRequest"]["members"].keys() - others == ours


@pytest.mark.parametrize(("name", "member", "alphabet", "make"), TEXTS)
@given(data=st.data())
def test_texts_are_as_long_as_the_model_allows(
    name: str, member: str, alphabet: str, make: Callable[[str], AssumeRole], data: st.DataObject
) -> None:
    least, most = shape_of(member)["min"], shape_of(member).get("max", 2048)

    for length in (least, most):
        assert getattr(make(data.draw(texts(length, alphabet))), name)

    for length in (least - 1, most + 1):
        with pytest.raises(InvalidRequestError) as caught:
            make(data.draw(texts(length, alphabet)))
        found = f"{name} must have {least} to {most} characters, not {length}"
        assert str(caught.value) == found


@pytest.mark.parametrize(("name", "member", "alphabet", "make"), TEXTS)
@given(data=st.data())
def test_texts_match_the_pattern_of_the_model_in_full(
    name: str, member: str, alphabet: str, make: Callable[[str], AssumeRole], data: st.DataObject
) -> None:
    pattern = pattern_of(member)
    start = "a" * shape_of(member)["min"]
    text = start + data.draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))

    try:
        make(text)
    except InvalidRequestError as error:
        assert not pattern.fullmatch(text)
        assert str(error).startswith(f"{name} must ")
    else:
        assert pattern.fullmatch(text)


@given(data=st.data())
def test_durations_are_those_the_model_allows(data: st.DataObject) -> None:
    low, high = shape_of("DurationSeconds")["min"], shape_of("DurationSeconds")["max"]
    good = data.draw(st.sampled_from([low, high]) | st.integers(low, high))
    bad = data.draw(st.integers(max_value=low - 1) | st.integers(min_value=high + 1))

    assert AssumeRole(ROLE, duration=good).duration == good
    assert AssumeRole(ROLE, duration=timedelta(seconds=good)) == AssumeRole(ROLE, duration=good)
    assert refusal(duration=bad).startswith(
        f"duration must be a whole number of seconds from {low} to {high}, not "
    )


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"role_arn": None}, "role_arn must be a string of 20 to 2048 characters, not None"),
        ({"role_arn": ROLE + "\x00"}, "role_arn must not contain control characters"),
        ({"session_name": "eu-west-1:0"}, r"session_name must match [\w+=,.@-]* in full"),
        ({"session_name": 7}, "session_name must be a string of 2 to 64 characters, not int"),
        ({"policy": {CANARY: 1}}, "policy must be a string of 1 to 2048 characters, not dict"),
        (
            {"policy": "€" + CANARY},
            "policy must contain only characters up to U+00FF, and no control characters",
        ),
        ({"policy_arns": ROLE}, "policy_arns must be a sequence of at most 10 ARNs, not str"),
        ({"policy_arns": 7}, "policy_arns must be a sequence of at most 10 ARNs, not int"),
        ({"policy_arns": [ROLE] * 11}, "policy_arns must have at most 10 entries, not 11"),
        (
            {"policy_arns": [ROLE, 7]},
            "policy_arns entry 2 must be a string of 20 to 2048 characters, not int",
        ),
        (
            {"policy": "p" * 2000, "policy_arns": [ROLE, ROLE]},
            "policy_arns and policy must have at most 2048 characters together, not 2068",
        ),
        ({"duration": 900.0}, "duration must be a whole number of seconds from 900 to 43200"),
        (
            {"duration": timedelta(milliseconds=900_500)},
            "duration must be a whole number of seconds from 900 to 43200, not 0:15:00.500000",
        ),
    ],
)
def test_a_violated_limit_is_named(members: dict[str, Any], message: str) -> None:
    found = refusal(**members)

    assert found.startswith(message)
    assert CANARY not in found


def test_all_violations_are_reported_at_once() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        AssumeRole("app", session_name="a b", duration=1, policy="", policy_arns=["x"])

    members = [violation.member for violation in caught.value.violations]
    assert members == ["role_arn", "session_name", "duration", "policy", "policy_arns entry 1"]
    assert caught.value.__notes__ == [
        "Pass the ARN of the role, arn:aws:iam::ACCOUNT:role/NAME. "
        "Omit session_name to use the GUID of the Cognito identity. The whole identity id is not "
        "allowed, because it has a colon."
    ]


def test_the_policy_and_ten_arns_may_have_2048_characters_together() -> None:
    arns = [ROLE] * 10
    policy = "p" * (2048 - 10 * len(ROLE))

    role = AssumeRole(ROLE, policy=policy, policy_arns=iter(arns))

    assert (role.policy, role.policy_arns) == (policy, tuple(arns))


def test_a_role_is_equal_to_one_with_the_same_members_only() -> None:
    role = AssumeRole(ROLE, policy=CANARY)

    assert role == AssumeRole(ROLE, policy=CANARY)
    assert hash(role) == hash(AssumeRole(ROLE, policy=CANARY))
    others = [
        AssumeRole(ROLE),
        AssumeRole(ROLE + "2", policy=CANARY),
        AssumeRole(ROLE, policy=CANARY, duration=900),
        AssumeRole(ROLE, policy=CANARY, session_name="me"),
        AssumeRole(ROLE, policy=CANARY, policy_arns=[ROLE]),
    ]
    assert role not in others


def test_a_role_is_immutable_and_is_its_own_copy() -> None:
    role = AssumeRole(ROLE)

    assert copy.copy(role) is copy.deepcopy(role) is role
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        role.role_arn = "other"  # type: ignore[misc]


def test_a_role_shows_its_policy_nowhere_and_cannot_be_pickled() -> None:
    role = AssumeRole(ROLE, policy=CANARY)

    assert CANARY not in f"{role} {role!r} {attrs.asdict(role)}"
    assert not hasattr(role, "__dict__")
    with pytest.raises(TypeError, match="AssumeRole holds secrets and cannot be pickled"):
        pickle.dumps(role)
