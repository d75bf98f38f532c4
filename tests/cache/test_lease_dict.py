"""The dictionaries that a hit reads."""

from collections.abc import Callable
from typing import Any

import pytest

from caching import PROVIDER, request_for
from canary import shown
from cognito_devtoken import OpenIdToken
from cognito_devtoken._cache.lease_dict import LeaseDict
from cognito_devtoken._values.key import Key
from cognito_devtoken.testing import make_token


ANN, BOB = (Key.of(request_for(user), PROVIDER) for user in ("ann", "bob"))
TAGGED = Key.of(request_for("ann", principal_tags={"a": "b"}), PROVIDER)


def lease_for(key: Key, due: float = 600.0) -> OpenIdToken:
    token = make_token()
    return token._held(key, token._sent, token._clock, due)


@pytest.fixture
def leases() -> LeaseDict[OpenIdToken]:
    made: LeaseDict[OpenIdToken] = LeaseDict()
    made.set_plain(ANN.rest)
    made.update({key: lease_for(key) for key in (ANN, BOB, TAGGED)})
    return made


def renewing(renewed: list[object]) -> Callable[[OpenIdToken], OpenIdToken]:
    def renew(lease: OpenIdToken) -> OpenIdToken:
        renewed.append(lease._key)
        return lease._due_at(100.0)

    return renew


def test_a_plain_request_is_found_by_its_user_alone(leases: LeaseDict[OpenIdToken]) -> None:
    assert leases.plain["ann"] is leases[ANN]
    assert leases.others == {TAGGED: leases[TAGGED]}
    assert set(leases) == {ANN, BOB, TAGGED}
    assert len(leases) == 3


def test_no_request_is_plain_until_the_cache_says_which(leases: LeaseDict[OpenIdToken]) -> None:
    other: LeaseDict[OpenIdToken] = LeaseDict()
    other.update(leases)

    assert set(other.others) == {ANN, BOB, TAGGED}


def test_a_crash_reporter_sees_no_user_id(leases: LeaseDict[OpenIdToken]) -> None:
    texts = "".join([*shown(leases.plain), *shown(vars(leases)), repr(leases.plain)])

    assert "ann" not in texts
    assert not leases.plain.keys()
    assert list(leases.plain) == []
    assert len(leases.plain) == 0
    assert leases.plain.size() == 2


@pytest.mark.parametrize("key", [ANN, TAGGED])
def test_an_inherited_lease_is_renewed_once_and_only_when_it_is_looked_up(
    key: Key, leases: LeaseDict[OpenIdToken]
) -> None:
    renewed: list[object] = []
    leases.inherit(renewing(renewed))

    assert len(leases) == 3
    assert not leases.plain.get("ann"), "a hit would serve it with its parent's jitter"
    assert renewed == []

    assert leases[key]._due == leases[key]._due == pytest.approx(100)
    assert renewed == [key]
    assert len(leases) == 3


def test_a_lease_that_is_inherited_twice_is_renewed_once(leases: LeaseDict[OpenIdToken]) -> None:
    renewed: list[object] = []
    leases.inherit(renewing([]))
    leases.inherit(renewing(renewed))

    assert set(leases) == {ANN, BOB, TAGGED}
    assert ANN in leases
    assert renewed == [ANN]


@pytest.mark.parametrize("inherited", [False, True])
@pytest.mark.parametrize("key", [ANN, TAGGED])
def test_a_removed_lease_is_gone(key: Key, inherited: bool, leases: LeaseDict[OpenIdToken]) -> None:
    if inherited:
        leases.inherit(renewing([]))

    del leases[key]

    assert key not in leases
    assert len(leases) == 2
    with pytest.raises(KeyError):
        del leases[key]
    with pytest.raises(KeyError):
        leases[key]


def test_a_lease_whose_renewal_was_interrupted_is_removed_as_a_whole(
    leases: LeaseDict[OpenIdToken],
) -> None:
    inherited = lease_for(ANN)
    leases._inherited[ANN] = inherited  # as if an exception had kept it from being taken out

    del leases[ANN]

    assert ANN not in leases


def test_everything_is_cleared(leases: LeaseDict[OpenIdToken]) -> None:
    leases.inherit(renewing([]))
    leases[BOB] = lease_for(BOB)

    leases.clear()

    assert not leases
    assert not leases.plain.get("bob")


def test_other_objects_are_not_in_it(leases: LeaseDict[OpenIdToken]) -> None:
    other: Any = ("ann", ANN.rest)
    assert other not in leases
