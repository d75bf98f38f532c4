"""The key of a token, and the limits on how many tokens and failures are held."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caching import POOL_ID, PROVIDER, Recorder, make_cache, request_for
from cognito_devtoken import TokenCache, TokenRequest
from cognito_devtoken._values.key import Key
from cognito_devtoken.events import Evicted
from cognito_devtoken.testing import FakeFetcher, ManualClock


names = st.text(st.sampled_from("aA:|,1\0"), min_size=1, max_size=4)
members = st.fixed_dictionaries(
    {
        "identity_pool_id": st.sampled_from([POOL_ID, "eu-west-1:0"]),
        "logins": st.dictionaries(names | st.just(PROVIDER), names, min_size=1, max_size=3),
        "identity_id": st.sampled_from([None, POOL_ID, "eu-west-1:0"]),
        "principal_tags": st.none() | st.dictionaries(names, names, min_size=1, max_size=3),
        "token_duration": st.sampled_from([None, 1, 11, 900]),
    }
)


@given(members, members, st.sampled_from([None, PROVIDER, "a"]))
def test_two_requests_have_the_same_key_only_if_they_are_equal(
    one: Mapping[str, Any], two: Mapping[str, Any], provider: str | None
) -> None:
    first, second = TokenRequest(**one), TokenRequest(**two)

    assert (first == second) == (Key.of(first, provider) == Key.of(second, provider))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (request_for("a"), request_for("A")),
        (request_for("a", logins={"b": "c"}), request_for("a", logins={"bc": "."})),
        (request_for("x", logins={"a:b": "c"}), request_for("x", logins={"a": "b:c"})),
        (request_for("x", principal_tags={"a": "b"}), request_for("x", logins={"a": "b"})),
        (request_for("x", token_duration=900), request_for("x")),
        (TokenRequest(POOL_ID, {PROVIDER: "x"}), TokenRequest("eu-west-1:0", {PROVIDER: "x"})),
    ],
)
def test_requests_that_differ_in_any_field_get_different_tokens(
    cache: TokenCache, one: TokenRequest, two: TokenRequest
) -> None:
    assert cache.get(one) != cache.get(two)
    assert cache.stats().entries == 2


def test_the_order_of_a_mapping_does_not_matter(cache: TokenCache) -> None:
    one = TokenRequest(POOL_ID, {PROVIDER: "x", "b": "y"}, principal_tags={"k": "1", "l": "2"})
    two = TokenRequest(POOL_ID, {"b": "y", PROVIDER: "x"}, principal_tags={"l": "2", "k": "1"})

    assert cache.get(one) is cache.get(two)


def test_a_key_holds_only_a_digest_of_a_providers_token() -> None:
    key = Key.of(request_for("user-42", logins={"accounts.google.com": "eyJcanary"}), PROVIDER)

    assert "canary" not in repr((key.user_id, key.rest))
    assert repr(key) == "<Key <hidden>>"


def test_the_keys_of_all_plain_requests_share_one_digest_to_save_memory() -> None:
    ann, bob = (Key.of(request_for(user), PROVIDER) for user in ("ann", "bob"))

    assert ann.rest is bob.rest
    assert ann.and_more(["role"]).rest is bob.and_more(["role"]).rest
    assert ann.and_more(["role"]) != ann.and_more(["another"])


def test_a_key_is_equal_to_a_plain_tuple_and_empty_to_whoever_walks_it() -> None:
    key = Key.of(request_for("user-42"), PROVIDER)
    plain = ("user-42", key.rest)

    assert key == plain
    assert plain == key
    assert {key: 1}[plain] == {plain: 1}[key] == 1
    assert key.user_id == "user-42"
    assert list(key) == []
    assert len(key) == 0
    assert key


def test_the_digest_of_a_key_hides_the_user_and_is_the_same_on_every_host() -> None:
    assert Key.of(request_for(), PROVIDER).digest == "6307b4b3ccd466b4"
    assert Key.of(request_for("other"), PROVIDER).digest != Key.of(request_for(), PROVIDER).digest
    assert Key.of(request_for(), None).digest


def test_no_more_than_max_entries_tokens_are_held(
    fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> None:
    cache = make_cache(fetcher, clock, max_entries=10, on_event=[recorder])
    for number in range(25):
        cache.get(request_for(f"user-{number}"))
        assert cache.stats().entries <= 10

    assert cache.stats().evictions == 15
    assert [event.remaining for event in recorder.of(Evicted)] == [900] * 15
    assert len(cache._state.entries.leases) == 10


def test_the_token_fetched_longest_ago_is_evicted_first(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    cache = make_cache(fetcher, clock, max_entries=2)
    cache.get(request_for("old"))
    cache.get(request_for("used"))
    clock.advance(1)
    cache.refresh(request_for("old"))
    cache.get(request_for("new"))

    assert cache.get(request_for("old")).token
    assert len(fetcher.calls) == 4


def test_expired_tokens_are_removed_without_a_request_for_their_key(
    cache: TokenCache, clock: ManualClock
) -> None:
    for number in range(5):
        cache.get(request_for(f"user-{number}"))
    clock.advance(900)

    cache.get(request_for("another"))

    assert cache.stats().entries == 1
    assert cache.stats().expirations == 5
    assert len(cache._state.entries.leases) == 1


def test_expired_tokens_are_removed_at_most_once_a_second(
    cache: TokenCache, fetcher: FakeFetcher, clock: ManualClock
) -> None:
    cache.get(request_for("first"))
    clock.advance(0.5)
    cache.get(request_for("second"))
    clock.advance(899.5)
    cache.get(request_for("third"))
    assert cache.stats().expirations == 1, "that of the first"

    clock.advance(0.5)
    cache.get(request_for("fourth"))
    assert cache.stats().expirations == 1
    cache.get(request_for("second"))
    assert len(fetcher.calls) == 5, "an expired token that is still held is not served"

    clock.advance(0.5)
    cache.get(request_for("fifth"))
    assert cache.stats().entries == 4


def test_the_number_of_remembered_failures_is_bounded(
    fetcher: FakeFetcher, clock: ManualClock
) -> None:
    cache = make_cache(fetcher, clock, max_entries=10)
    fetcher.error = ConnectionError()
    for number in range(1010):
        with pytest.raises(Exception, match="ConnectionError"):
            cache.get(request_for(f"user-{number}"))

    assert len(cache._state.entries._failures.items) == 1000


@pytest.mark.parametrize("name", ["max_entries", "max_concurrent_fetches"])
def test_a_limit_must_be_a_whole_number_of_one_or_more(fetcher: FakeFetcher, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, not 0"):
        TokenCache(fetcher, **{name: 0})  # type: ignore[arg-type]
    for value in (True, 2.0, "3"):
        with pytest.raises(TypeError, match=f"{name} must be a whole number, not "):
            TokenCache(fetcher, **{name: value})  # type: ignore[arg-type]
