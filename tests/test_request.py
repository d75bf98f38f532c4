"""A request has the limits of AWS's own model, and is immutable."""

import copy
import pickle
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import attrs
import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st

from cognito_devtoken import TokenRequest
from cognito_devtoken.exceptions import InvalidRequestError, Violation


POOL_ID = "us-east-1:11111111-2222-4333-8444-555555555555"
LOGINS = {"login.example.com": "user-42"}
OPERATION = "GetOpenIdTokenForDeveloperIdentity"
CANARY = "canary-of-a-login"


@cache
def shapes() -> dict[str, Any]:
    """The shapes in the service model of the installed botocore."""
    loaded: dict[str, Any] = Loader().load_service_model("cognito-identity", "service-2")["shapes"]
    return loaded


@cache
def members() -> dict[str, Any]:
    """The operation's members and their shapes."""
    model = Loader().load_service_model("cognito-identity", "service-2")
    shape = shapes()[model["operations"][OPERATION]["input"]["shape"]]
    return {name: shapes()[member["shape"]] for name, member in shape["members"].items()}


def params(**changes: object) -> dict[str, Any]:
    """A valid request in the API's spelling, apart from these changes."""
    return {"IdentityPoolId": POOL_ID, "Logins": LOGINS} | changes


def refusal(**changes: object) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        TokenRequest.from_params(params(**changes))
    return str(caught.value)


def texts(length: int) -> st.SearchStrategy[str]:
    """Texts of this length, of any valid characters."""
    characters = st.characters(exclude_categories=["Cs"])
    if length > 1000:  # too long to draw each character
        return characters.map(lambda character: character * length)
    return st.text(characters, min_size=length, max_size=length)


def maps(entries: int) -> st.SearchStrategy[dict[str, str]]:
    names = st.sets(texts(8), min_size=entries, max_size=entries)
    return names.map(lambda keys: dict.fromkeys(keys, "value"))


MAPS = ["Logins", "PrincipalTags"]
IDS = ["IdentityPoolId", "IdentityId"]


def test_the_members_match_the_model() -> None:
    request = TokenRequest(POOL_ID, LOGINS, POOL_ID, {"team": "blue"}, 60)

    assert request.to_params().keys() == members().keys()
    assert refusal(Other=1) == f"Other must be one of {', '.join(members())}"


def test_the_required_members_match_the_model() -> None:
    shape = shapes()["GetOpenIdTokenForDeveloperIdentityInput"]

    with pytest.raises(InvalidRequestError) as caught:
        TokenRequest.from_params({})

    assert [violation.member for violation in caught.value.violations] == shape["required"]


@pytest.mark.parametrize("member", MAPS)
@given(data=st.data())
def test_a_map_has_as_many_entries_as_the_model_allows(member: str, data: st.DataObject) -> None:
    most = members()[member]["max"]

    TokenRequest.from_params(params(**{member: data.draw(maps(most))}))

    message = refusal(**{member: data.draw(maps(most + 1))})
    assert message == f"{member} must have 1 to {most} entries, not {most + 1}"


@pytest.mark.parametrize("member", MAPS)
def test_an_empty_map_is_refused(member: str) -> None:
    assert refusal(**{member: {}}).endswith("entries, not 0")


@pytest.mark.parametrize("member", MAPS)
@pytest.mark.parametrize("part", ["key", "value"])
@given(data=st.data())
def test_texts_in_maps_are_as_long_as_the_model_allows(
    member: str, part: str, data: st.DataObject
) -> None:
    shape = shapes()[members()[member][part]["shape"]]

    def entry(length: int) -> dict[str, dict[str, str]]:
        text = data.draw(texts(length))
        return {member: {text: "v"} if part == "key" else {"k": text}}

    TokenRequest.from_params(params(**entry(shape["min"])))
    TokenRequest.from_params(params(**entry(shape["max"])))
    place = f"{member} key 1" if part == "key" else f"{member}['k']"
    limit = f"{place} must have {shape['min']} to {shape['max']} characters, not "
    for length in (shape["min"] - 1, shape["max"] + 1):
        assert refusal(**entry(length)) == limit + str(length)


def test_a_number_in_the_apis_spelling_hints_at_quotes() -> None:
    with pytest.raises(InvalidRequestError, match="must be a string") as caught:
        TokenRequest.from_params(params(Logins={"login.example.com": 42}))

    assert caught.value.__notes__ == ["Write the value in quotes."]


@pytest.mark.parametrize("member", IDS)
@given(data=st.data())
def test_ids_match_the_pattern_of_the_model_in_full(member: str, data: st.DataObject) -> None:
    shape = members()[member]
    # The service's patterns are Java's, in which \w is ASCII.
    pattern = re.compile(shape["pattern"], re.ASCII)
    good = st.from_regex(pattern, fullmatch=True).filter(lambda text: len(text) <= shape["max"])
    bad = st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=shape["max"]),
        good.map(lambda text: text[:54] + "\n"),
        good.map(lambda text: "ü" + text[:54]),
    ).filter(lambda text: not pattern.fullmatch(text))

    TokenRequest.from_params(params(**{member: data.draw(good)}))

    assert f"matching {shape['pattern']} in full" in refusal(**{member: data.draw(bad)})


@pytest.mark.parametrize("member", IDS)
def test_ids_are_as_long_as_the_model_allows(member: str) -> None:
    shape = members()[member]
    longest = "a:".ljust(shape["max"], "0")

    TokenRequest.from_params(params(**{member: longest}))

    assert refusal(**{member: longest + "0"}) == (
        f"{member} must have {shape['min']} to {shape['max']} characters, not {len(longest) + 1}"
    )
    assert refusal(**{member: ""}).endswith("characters, not 0")


@given(data=st.data())
def test_durations_are_those_the_model_allows(data: st.DataObject) -> None:
    shape = members()["TokenDuration"]
    low, high = shape["min"], shape["max"]
    good = data.draw(st.sampled_from([low, high]) | st.integers(low, high))
    bad = data.draw(st.integers(max_value=low - 1) | st.integers(min_value=high + 1))

    assert TokenRequest.from_params(params(TokenDuration=good)).token_duration == good
    assert TokenRequest(POOL_ID, LOGINS, token_duration=timedelta(seconds=good)) == (
        TokenRequest(POOL_ID, LOGINS, token_duration=good)
    )
    assert refusal(TokenDuration=bad).startswith(
        f"TokenDuration must be a whole number of seconds from {low} to {high}, not "
    )


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("logins", {}, "logins must have 1 to 10 entries, not 0"),
        ("logins", None, "logins must be a mapping of 1 to 10 entries, not None"),
        ("logins", [CANARY], "logins must be a mapping of 1 to 10 entries, not list"),
        ("logins", CANARY, "logins must be a mapping of 1 to 10 entries, not str"),
        (
            "logins",
            {"login.example.com": None},
            "logins['login.example.com'] must be a string of 1 to 50000 characters, not None",
        ),
        ("logins", {"a": ""}, "logins['a'] must have 1 to 50000 characters, not 0"),
        ("logins", {"": "a"}, "logins key 1 must have 1 to 128 characters, not 0"),
        ("logins", {1: "a"}, "logins key 1 must be a string of 1 to 128 characters, not int"),
        (
            "logins",
            {"a": "\ud800"},
            "logins['a'] must be valid Unicode, not text with lone surrogates",
        ),
        ("principal_tags", {}, "principal_tags must have 1 to 50 entries, not 0"),
        (
            "principal_tags",
            {"a": 1},
            "principal_tags['a'] must be a string of 1 to 256 characters, not int",
        ),
        (
            "identity_pool_id",
            None,
            "identity_pool_id must be a string of 1 to 55 characters, not None",
        ),
        (
            "identity_id",
            "us-east-1:ab\n",
            r"identity_id must be REGION:GUID, matching [\w-]+:[0-9a-f-]+ in full",
        ),
        (
            "identity_pool_id",
            "eü-west-1:ab",
            r"identity_pool_id must be REGION:GUID, matching [\w-]+:[0-9a-f-]+ in full",
        ),
        (
            "token_duration",
            True,
            "token_duration must be a whole number of seconds from 1 to 86400, not bool",
        ),
        (
            "token_duration",
            900.0,
            "token_duration must be a whole number of seconds from 1 to 86400, not float",
        ),
        (
            "token_duration",
            timedelta(seconds=1.5),
            "token_duration must be a whole number of seconds from 1 to 86400, not 0:00:01.500000",
        ),
    ],
)
def test_bad_input_is_named_with_its_limit(member: str, value: object, message: str) -> None:
    arguments: dict[str, Any] = {"identity_pool_id": POOL_ID, "logins": LOGINS}

    with pytest.raises(InvalidRequestError) as caught:
        TokenRequest(**arguments | {member: value})

    assert str(caught.value) == message


def test_an_integer_too_long_to_print_is_refused() -> None:
    assert refusal(TokenDuration=1 << 99_999).endswith("not an integer of 100000 bits")


def test_all_violations_are_reported_together() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        TokenRequest("pool", {"a": "", "b" * 129: ""}, "", {"t": ""}, 0)

    assert [violation.member for violation in caught.value.violations] == [
        "identity_pool_id",
        "identity_id",
        "logins['a']",
        "logins key 2",
        "logins value 2",
        "principal_tags['t']",
        "token_duration",
    ]
    assert caught.value.violations[-1] == Violation(
        "token_duration", "must be a whole number of seconds from 1 to 86400", "0"
    )
    assert all(str(violation) in str(caught.value) for violation in caught.value.violations)


def test_the_order_of_the_maps_does_not_matter() -> None:
    a = TokenRequest(POOL_ID, {"a": "1", "b": "2"}, principal_tags={"x": "1", "y": "2"})
    b = TokenRequest(POOL_ID, {"b": "2", "a": "1"}, principal_tags={"y": "2", "x": "1"})

    assert a == b
    assert hash(a) == hash(b)
    assert a != TokenRequest(POOL_ID, {"a": "2", "b": "1"}, principal_tags={"x": "1", "y": "2"})


def test_changing_the_original_dictionaries_does_not_change_a_request() -> None:
    logins, tags = {"a": "1"}, {"x": "1"}
    request = TokenRequest(POOL_ID, logins, principal_tags=tags)
    before = request.to_params()

    logins["b"] = tags["y"] = "2"
    params = request.to_params()
    params["Logins"].clear()  # type: ignore[union-attr]

    assert request.to_params() == before


def test_a_request_is_immutable() -> None:
    request = TokenRequest(POOL_ID, LOGINS)

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        request.logins = {}  # type: ignore[misc]
    with pytest.raises(TypeError):
        request.logins["a"] = "b"  # type: ignore[index]
    with pytest.raises(AttributeError, match="immutable"):
        request.logins._items = {}  # type: ignore[attr-defined]


@given(
    st.fixed_dictionaries(
        {
            "IdentityPoolId": st.just(POOL_ID),
            "Logins": st.dictionaries(texts(3), texts(3), min_size=1, max_size=10),
        },
        optional={
            "IdentityId": st.just("eu-west-1:0"),
            "PrincipalTags": st.dictionaries(texts(3), texts(3), min_size=1, max_size=50),
            "TokenDuration": st.integers(1, 86_400),
        },
    )
)
def test_wire_members_survive_the_round_trip(members: dict[str, Any]) -> None:
    request = TokenRequest.from_params(members)

    assert request.to_params() == members
    assert attrs.evolve(request) == request


def test_the_region_is_the_pools() -> None:
    assert TokenRequest(POOL_ID, LOGINS).region == "us-east-1"


@pytest.mark.parametrize("show", [repr, str, lambda r: str(attrs.asdict(r)), lambda r: f"{r}"])
def test_no_value_of_a_login_or_tag_is_shown(show: Any) -> None:
    request = TokenRequest(POOL_ID, {"login.example.com": CANARY}, principal_tags={"t": CANARY})

    assert CANARY not in show(request)
    assert "login.example.com" in show(TokenRequest(POOL_ID, LOGINS))


def test_logins_are_read_like_a_mapping_but_are_none_to_whoever_walks_mappings() -> None:
    logins = TokenRequest(POOL_ID, {"a": "1", "b": "2"}).logins

    plain = {"a": "1", "b": "2"}
    assert logins == plain
    assert plain == logins
    assert logins != {"a": "1"}
    assert logins != object()
    assert logins == TokenRequest(POOL_ID, logins).logins
    assert dict(logins) == {**logins} == dict(logins.items()) == plain
    assert logins["a"] == logins.get("a") == "1"
    assert logins.get("c") is None
    assert logins.get("c", "3") == "3"
    assert "a" in logins
    assert "c" not in logins
    assert list(logins) == list(logins.keys()) == ["a", "b"]
    assert list(logins.values()) == ["1", "2"]
    assert len(logins) == 2
    assert not isinstance(logins, Mapping)


def test_a_request_refuses_pickling_and_copies_to_itself() -> None:
    request = TokenRequest(POOL_ID, LOGINS)

    for secret in (request, request.logins):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(secret)
    assert copy.copy(request) is copy.deepcopy(request) is request


@pytest.mark.parametrize("logins", [{"a": CANARY}, [CANARY], CANARY, {CANARY * 9: CANARY}])
def test_the_frames_of_a_violation_hold_no_login(logins: Any, leaks: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        TokenRequest("nonsense", logins, token_duration=0)
    assert not leaks(caught.value, CANARY)

    with pytest.raises(InvalidRequestError) as caught:
        TokenRequest.from_params({"Logins": logins, "PrincipalTags": logins})
    assert not leaks(caught.value, CANARY)


@pytest.mark.parametrize("misplaced", [CANARY, {"login.example.com": CANARY}, [CANARY]])
def test_a_login_passed_as_another_member_is_not_shown(misplaced: Any, leaks: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        TokenRequest(misplaced, POOL_ID, misplaced, misplaced, misplaced)  # type: ignore[arg-type]

    assert len(caught.value.violations) >= 4
    assert not leaks(caught.value, CANARY)


@pytest.mark.parametrize("params", [[CANARY], CANARY, None, {CANARY: "login.example.com"}, {7: 7}])
def test_invalid_params_are_refused_and_not_shown(params: Any, leaks: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        TokenRequest.from_params(params)

    assert re.match(r"params must be a mapping|member 1 must be one of", str(caught.value))
    assert not leaks(caught.value, CANARY)


GUID = POOL_ID.partition(":")[2]


@pytest.mark.parametrize(
    ("pool_id", "hint"),
    [
        ("us-east-1_AbCdEfGhI", "This is the id of a user pool."),
        (f"arn:aws:cognito-identity:us-east-1:123456789012:identitypool/{POOL_ID}", "This is the"),
        (f"arn:aws-cn:cognito-identity:cn-north-1:1:identitypool/{POOL_ID}", "This is the ARN"),
        (GUID, "Put the region in front of the GUID"),
        (GUID.upper(), "Put the region in front of the GUID"),
        (f'"{POOL_ID}"', "Remove the quotes"),
        (f"'{POOL_ID}'", "Remove the quotes"),
    ],
)
def test_a_common_mistake_with_an_id_has_a_hint(pool_id: str, hint: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        TokenRequest(pool_id, {"login.example.com": "user-42"}, identity_id=pool_id)

    (note,) = caught.value.__notes__  # once, although two members have the same mistake
    assert note.startswith(hint)
    assert pool_id not in note
    assert pickle.loads(pickle.dumps(caught.value)).__notes__ == [note]


@pytest.mark.parametrize("pool_id", ["", "us-east-1", "nonsense", f'"{POOL_ID}', "'"])
def test_any_other_mistake_with_an_id_has_no_hint(pool_id: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        TokenRequest(pool_id, {"login.example.com": "user-42"})

    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize("login", ["user-42", "x" * 50_000, "", "x" * 50_001, "\ud800", 42, None])
def test_a_copy_with_another_login_is_checked_as_a_new_request_is(login: Any) -> None:
    plain = TokenRequest(POOL_ID, {"login.example.com": "any"}, token_duration=60)

    def outcome(make: Callable[[], TokenRequest]) -> TokenRequest | str:
        try:
            return make()
        except InvalidRequestError as error:
            return str(error)

    new = outcome(lambda: TokenRequest(POOL_ID, {"login.example.com": login}, token_duration=60))
    copied = outcome(lambda: plain._with_login("login.example.com", login))

    assert copied == new
