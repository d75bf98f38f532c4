"""The bounded dictionary under the entries of the cache."""

from caching import PROVIDER, request_for
from cognito_devtoken._cache.bounded import BoundedDict
from cognito_devtoken._values.key import Key
from cognito_devtoken.typing import Instant


KEY, OTHER = (Key.of(request_for(user), PROVIDER) for user in ("ann", "bob"))


def bounded(*, now: float = 0.0) -> BoundedDict[float]:
    """A dictionary of moments, each of which is its own expiry."""
    made: BoundedDict[float] = BoundedDict(1, lambda moment: moment)
    made.sweep(Instant(now, now))
    return made


def test_an_item_that_has_already_expired_is_not_held() -> None:
    held = bounded(now=2.0)

    held.store(KEY, 1.0)

    assert held.items == {}


def test_an_expired_item_also_replaces_the_one_before_it() -> None:
    held = bounded(now=2.0)
    held.store(KEY, 3.0)

    held.store(KEY, 1.0)

    assert held.items == {}
    assert held.store(OTHER, 3.0) is None, "nothing has to be evicted"


def test_nothing_is_evicted_for_an_item_that_has_already_expired() -> None:
    held = bounded(now=2.0)
    held.store(KEY, 3.0)

    assert held.store(OTHER, 1.0) is None
    assert held.items == {KEY: 3.0}


def test_the_oldest_item_is_evicted_for_a_new_one() -> None:
    held = bounded()
    held.store(KEY, 3.0)

    assert held.store(OTHER, 2.0) == (KEY, 3.0)
    assert held.items == {OTHER: 2.0}
