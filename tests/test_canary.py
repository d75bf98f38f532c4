"""The search for leaks sees whatever a crash reporter shows, and the hiding types show nothing."""

import dataclasses
import json
import pprint
import reprlib
from collections import OrderedDict, UserDict, deque, namedtuple
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollbar.lib.transforms import transform
from rollbar.lib.transforms.serializable import SerializableTransform
from sentry_sdk.serializer import serialize

from canary import find_leaks, shown
from cognito_devtoken import AsyncTokenSession, TokenRequest, TokenSession
from cognito_devtoken._cache.invalidation import Invalidation
from cognito_devtoken._values.key import Key
from cognito_devtoken._values.secret import Secret
from cognito_devtoken._values.trade import CredentialsRequest, Trade
from cognito_devtoken.credentials import AssumeRole
from cognito_devtoken.testing import FakeFetcher, make_token


CANARY = "canary"
PROVIDER = "login.example.com"
ROLE = AssumeRole("arn:aws:iam::123456789012:role/app", policy=CANARY)
REQUEST = TokenRequest("eu-west-1:0", {PROVIDER: CANARY}, principal_tags={"tag": CANARY})


def by_sentry(value: object) -> str:
    """Return what sentry-sdk shows of a local."""
    return json.dumps(serialize({"local": value}, is_vars=True))


def by_rollbar(value: object) -> str:
    """Return what rollbar shows of a local, at its most talkative."""
    talkative: Any = SerializableTransform
    return repr(transform({"local": value}, [talkative(safe_repr=False)]))


Pair = namedtuple("Pair", "first second")  # noqa: PYI024  # a walker sees no types


class Silent(Mapping[str, Any]):
    """A mapping with a repr that shows nothing."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __getitem__(self, key: str) -> object:
        return self.value

    def __iter__(self) -> Iterator[str]:
        return iter(["key"])

    def __len__(self) -> int:
        return 1

    def __repr__(self) -> str:
        return "<Silent>"


class SilentTuple(tuple[Any, ...]):
    """A tuple with a repr that shows nothing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<SilentTuple>"


@attrs.frozen(repr=False)
class Attributes:
    value: object


@dataclasses.dataclass(repr=False)
class Data:
    value: object


class Slots:
    __slots__ = ("unset", "value")

    def __init__(self, value: object) -> None:
        self.value = value


class Plain:
    def __init__(self, value: object) -> None:
        self.value = value


CONTAINERS: list[Callable[[Any], object]] = [
    lambda each: [1, each],
    lambda each: (each,),
    lambda each: deque([each]),
    lambda each: {"key": each},
    lambda each: OrderedDict(key=each),
    lambda each: UserDict({"key": each}),
    lambda each: MappingProxyType({"key": each}),
    lambda each: Pair(1, each),
    lambda each: SilentTuple([each]),
    Silent,
]
VALUES = st.recursive(
    st.sampled_from([CANARY, CANARY.encode(), "other", 7, None, REQUEST, Secret(CANARY)]),
    lambda values: st.builds(lambda make, value: make(value), st.sampled_from(CONTAINERS), values),
    max_leaves=4,
)


@given(VALUES)
def test_whatever_a_crash_reporter_shows_the_search_sees(value: object) -> None:
    seen = "\n".join(shown(value))

    for report in (by_sentry, by_rollbar):
        assert CANARY not in report(value) or CANARY in seen


@pytest.mark.parametrize(
    "make", [*CONTAINERS, lambda each: {each}, lambda each: {each: 1}, Attributes, Data]
)
def test_the_search_sees_into_containers_within_containers(make: Callable[[Any], object]) -> None:
    assert CANARY in "\n".join(shown([make(CANARY)]))


@pytest.mark.parametrize("make", [Slots, Plain])
def test_the_search_sees_the_attributes_of_a_local(make: Callable[[Any], object]) -> None:
    assert CANARY in "\n".join(shown(make(CANARY)))


def test_the_search_ends_in_a_circle() -> None:
    circle: list[Any] = [CANARY]
    circle.append(circle)

    assert CANARY in "\n".join(shown(circle))


def test_the_search_follows_causes_contexts_and_groups() -> None:
    inner = ValueError("outer")
    inner.__context__ = ExceptionGroup("group", [KeyError(CANARY)])
    outer = ValueError("outer")
    outer.__cause__ = inner
    inner.__cause__ = outer

    assert find_leaks(outer, CANARY)


HIDING = [
    Key.of(REQUEST, PROVIDER),
    REQUEST,
    REQUEST.logins,
    Secret(CANARY),
    Invalidation.of_user(CANARY, PROVIDER),
    Invalidation.of_identity(CANARY),
    make_token(CANARY),
    ROLE,
    CredentialsRequest(REQUEST, ROLE),
    Trade(make_token(CANARY), ROLE),
    FakeFetcher().fetch_credentials(make_token(CANARY), ROLE),
    *(
        kind("eu-west-1:0", developer_provider=PROVIDER, client=FakeFetcher()).assertion(CANARY)
        for kind in (TokenSession, AsyncTokenSession)
    ),
]


@pytest.mark.parametrize("value", HIDING, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "show",
    [
        by_sentry,
        by_rollbar,
        pprint.pformat,
        reprlib.repr,
        lambda value: "\n".join(shown(value)),
        lambda value: json.dumps(value, default=repr),
        lambda value: repr(list(value) if isinstance(value, tuple) else value),
        lambda value: f"{value} {value!r}",
    ],
)
def test_what_hides_something_shows_nothing_to_a_walker(
    show: Callable[[Any], str], value: object
) -> None:
    for each in (value, [value], {"key": value}, (value, (value,)), Pair(value, value)):
        assert CANARY not in show(each)


@pytest.mark.parametrize("value", [Key.of(REQUEST, PROVIDER), REQUEST, REQUEST.logins])
@pytest.mark.parametrize("show", [by_sentry, by_rollbar, lambda value: "\n".join(shown(value))])
def test_what_hides_something_hides_it_as_a_key_of_a_dictionary_too(
    show: Callable[[Any], str], value: object
) -> None:
    assert CANARY not in show({value: 1})
    assert CANARY not in show({value})
