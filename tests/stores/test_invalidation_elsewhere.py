"""What one host throws away, the others do not go on handing out."""

from collections.abc import Callable

import pytest

from caching import POOL_ID, ManualThreads, Recorder, request_for, start_call
from cognito_devtoken import OpenIdToken, TokenCache, TokenRequest
from cognito_devtoken.events import InvalidatedElsewhere, TokenDiscarded
from cognito_devtoken.testing import FakeFetcher, MemoryStore
from hosts import HostFactory, listen, log_of, source_of


Removes = Callable[[TokenCache, OpenIdToken], None]


WAYS: dict[str, Removes] = {
    "invalidate": lambda cache, token: cache.invalidate(token),
    "forget": lambda cache, token: cache.forget("user-42"),
    "forget_identity": lambda cache, token: cache.forget_identity(token.identity_id),
    "clear": lambda cache, token: cache.clear(),
}


@pytest.fixture(params=list(WAYS))
def remove(request: pytest.FixtureRequest) -> Removes:
    return WAYS[request.param]


def test_the_others_throw_it_away_when_they_hear_of_it_and_take_the_next(
    new_host: HostFactory, fetcher: FakeFetcher, recorder: Recorder, remove: Removes
) -> None:
    here, there = new_host(), new_host()
    old = here.get(request_for())
    assert there.get(request_for()) == old

    remove(here, old)
    new = here.get(request_for())
    listen(here, there)

    assert there.get(request_for()) == new != old
    assert len(fetcher.calls) == 2
    assert [event.entries for event in recorder.of(InvalidatedElsewhere)] == [1]


def test_whoever_threw_it_away_does_not_take_it_back(
    new_host: HostFactory, fetcher: FakeFetcher, remove: Removes
) -> None:
    host = new_host()
    old = host.get(request_for())

    remove(host, old)

    assert host.get(request_for()) != old
    assert len(fetcher.calls) == 2


def test_a_host_that_comes_later_does_not_take_it_either(
    new_host: HostFactory, fetcher: FakeFetcher, remove: Removes
) -> None:
    here = new_host()
    old = here.get(request_for())
    remove(here, old)
    listen(here)

    assert new_host().get(request_for()) != old
    assert len(fetcher.calls) == 2


def test_another_user_loses_nothing(new_host: HostFactory, fetcher: FakeFetcher) -> None:
    here, there = new_host(), new_host()
    token = there.get(request_for("another"))
    old = here.get(request_for())
    here.forget("user-42")
    here.forget_identity(old.identity_id)
    here.invalidate(here.get(request_for()))
    listen(here, there)

    assert there.get(request_for("another")) == token
    assert there.stats().hits == 1
    assert new_host().get(request_for("another")) == token


def test_the_first_host_keeps_the_token_that_it_got_after_throwing_another_away(
    new_host: HostFactory, remove: Removes
) -> None:
    host = new_host()
    remove(host, host.get(request_for()))
    new = host.get(request_for())

    listen(host)
    listen(host)

    assert host.get(request_for()) == new
    assert host.stats().hits == 1


def test_a_token_that_is_ignored_is_not_told_of(new_host: HostFactory, store: MemoryStore) -> None:
    host = new_host()
    old = host.get(request_for())
    host.invalidate(old)
    host.get(request_for())
    for _ in range(5):
        host.invalidate(old)
    listen(host)

    assert len(store._messages) == 1


def test_what_was_asked_for_before_is_refused_though_it_is_stored_later(
    new_host: HostFactory, fetcher: FakeFetcher, store: MemoryStore
) -> None:
    threads = ManualThreads()
    slow, here = new_host(start_thread=threads.start), new_host()
    flight, _ = next(slow._leases.steps(request_for(), None, None))

    class Slow:
        def fetch(self, request: TokenRequest) -> OpenIdToken:
            here.forget("user-42")
            listen(here)
            return fetcher.fetch(request)

    source_of(slow)._fetcher.fetch = Slow().fetch
    start_call(slow, threads)()
    old = flight.lease
    assert old
    assert len(store.values) == 1

    assert here.get(request_for()) != old
    assert new_host().get(request_for()) != old
    listen(slow)
    assert slow.stats().entries == 0


def test_what_is_heard_between_reading_and_landing_counts(
    new_host: HostFactory, fetcher: FakeFetcher, recorder: Recorder
) -> None:
    here, there = new_host(), new_host()
    old = here.get(request_for())
    state = there._state
    hold = state.hold

    def held_up(*arguments: object) -> OpenIdToken:
        here.forget("user-42")
        listen(here, there)
        state.hold = hold  # type: ignore[method-assign]
        return hold(*arguments)  # type: ignore[arg-type]

    state.hold = held_up  # type: ignore[method-assign, assignment]

    assert there.get(request_for()) == old, "it was asked for before"
    assert recorder.of(TokenDiscarded)
    assert there.get(request_for()) != old


def test_a_token_that_comes_back_from_the_store_is_the_one_that_is_refused(
    new_host: HostFactory,
) -> None:
    host = new_host(max_entries=1)
    token = host.get(request_for())
    host.get(request_for("another"))
    assert host.get(request_for()) == token

    host.invalidate(token)

    assert host.stats().invalidations_applied == 1
    assert host.get(request_for()) != token


def test_who_has_never_signed_in_as_a_user_is_not_forgotten_with_one(
    new_host: HostFactory, fetcher: FakeFetcher
) -> None:
    request = TokenRequest(POOL_ID, {"idp.example": "proof"})
    here, there = new_host(), new_host()
    token = there.get(request)
    here.get(request)
    here.forget("user-42")
    here.forget("proof")
    listen(here, there)

    assert there.get(request) == token
    assert there.stats().hits == 1


def test_what_is_thrown_away_while_a_flight_begins_is_told_before_it_looks(
    new_host: HostFactory, store: MemoryStore
) -> None:
    new_host().get(request_for())
    host = new_host()
    exchange = log_of(host)
    catch_up = exchange.catch_up

    def caught_up() -> None:
        catch_up()
        exchange.catch_up = catch_up
        host.forget("user-42")

    exchange.catch_up = caught_up

    host.get(request_for())

    assert host.stats().store_hits == 0
    assert len(store._messages) == 1
    assert host.stats().entries == 1, "what it has fetched since"


def test_who_throws_away_without_end_keeps_no_caller_waiting(
    new_host: HostFactory, store: MemoryStore, fetcher: FakeFetcher
) -> None:
    new_host().get(request_for())
    host = new_host()
    exchange = log_of(host)
    catch_up = exchange.catch_up

    def caught_up() -> None:
        catch_up()
        host.forget("user-42")

    exchange.catch_up = caught_up

    assert host.get(request_for()).token
    assert len(fetcher.calls) == 2
    assert (host.stats().store_hits, host.stats().store_errors) == (0, 0)
