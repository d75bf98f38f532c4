"""Once a host invalidates a token, the other hosts stop returning it."""

from collections.abc import Callable

import pytest

from caching import POOL_ID, ManualThreads, Recorder, request_for, start_call
from cognito_devtoken import OpenIdToken, TokenCache, TokenRequest
from cognito_devtoken.events import FetchFailed, InvalidatedElsewhere, TokenDiscarded
from cognito_devtoken.exceptions import TokenUnavailableError
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore, make_token
from hosts import HostFactory, during_fetch, listen, log_of, record_waits, source_of


Invalidates = Callable[[TokenCache, OpenIdToken], None]


WAYS: dict[str, Invalidates] = {
    "invalidate": lambda cache, token: cache.invalidate(token),
    "forget": lambda cache, token: cache.forget("user-42"),
    "forget_identity": lambda cache, token: cache.forget_identity(token.identity_id),
    "clear": lambda cache, token: cache.clear(),
}


@pytest.fixture(params=list(WAYS))
def invalidate(request: pytest.FixtureRequest) -> Invalidates:
    return WAYS[request.param]


def test_other_hosts_discard_the_token_when_they_read_the_log_and_adopt_the_next(
    new_host: HostFactory, fetcher: FakeFetcher, recorder: Recorder, invalidate: Invalidates
) -> None:
    first, second = new_host(), new_host()
    old = first.get(request_for())
    assert second.get(request_for()) == old

    invalidate(first, old)
    new = first.get(request_for())
    listen(first, second)

    assert second.get(request_for()) == new != old
    assert len(fetcher.calls) == 2
    assert [event.entries for event in recorder.of(InvalidatedElsewhere)] == [1]


def due_on(host: TokenCache, threads: ManualThreads, clock: ManualClock) -> OpenIdToken:
    """Return a token that is due on a host, whose refresh is queued there."""
    next(host._leases.lookup.steps(request_for(), None, None))
    threads.run_all()
    clock.advance(600)
    return host.get(request_for())


def test_a_host_does_not_send_a_refresh_that_another_host_has_made_needless(
    new_host: HostFactory,
    fetcher: FakeFetcher,
    clock: ManualClock,
    recorder: Recorder,
    invalidate: Invalidates,
) -> None:
    threads = ManualThreads()
    first, second = new_host(), new_host(start_thread=threads.start)
    token = due_on(second, threads, clock)
    invalidate(first, token)
    listen(first)
    calls = len(fetcher.calls)

    threads.run_all()  # the second host has not read the log yet

    assert len(fetcher.calls) == calls
    assert not second._state.flights.by_key
    assert second.stats().entries == second.stats().fetches_failed == 0
    assert recorder.of(FetchFailed) == []
    next(steps := second._leases.lookup.steps(request_for(), None, None))
    threads.run_all()
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert stop.value.value != token


def test_a_host_that_waits_for_a_lock_does_not_send_a_refresh_that_is_needless_by_then(
    new_host: HostFactory, fetcher: FakeFetcher, clock: ManualClock, store: MemoryStore
) -> None:
    threads = ManualThreads()
    host = new_host(start_thread=threads.start)
    due_on(host, threads, clock)
    (name,) = store.values
    store.values.clear()
    store.claim(name, "another host", 60.0)
    record_waits(host, clock, lambda: host.forget("user-42"))

    threads.run_all()

    assert len(fetcher.calls) == 1
    assert host.stats().entries == 0


@pytest.mark.parametrize("others", [[], ["another user"]])
def test_a_first_fetch_that_no_caller_waits_for_is_sent_if_another_identity_is_forgotten(
    new_host: HostFactory, fetcher: FakeFetcher, others: list[str]
) -> None:
    threads = ManualThreads()
    first, second = new_host(), new_host(start_thread=threads.start)
    listen(second)
    with pytest.raises(TokenUnavailableError):
        next(second._leases.lookup.steps(request_for(), None, None, waits=False))
    for user in others:
        first.forget(user)
    first.forget_identity("us-east-1:0")  # the second host reads it before it sends the fetch
    listen(first)

    threads.run_all()

    assert len(fetcher.calls) == second.stats().entries == 1


def test_the_invalidating_host_does_not_adopt_the_token_again(
    new_host: HostFactory, fetcher: FakeFetcher, invalidate: Invalidates
) -> None:
    host = new_host()
    old = host.get(request_for())

    invalidate(host, old)

    assert host.get(request_for()) != old
    assert len(fetcher.calls) == 2


def test_a_host_that_starts_later_does_not_adopt_the_token(
    new_host: HostFactory, fetcher: FakeFetcher, invalidate: Invalidates
) -> None:
    first = new_host()
    old = first.get(request_for())
    invalidate(first, old)
    listen(first)

    assert new_host().get(request_for()) != old
    assert len(fetcher.calls) == 2


def test_the_tokens_of_other_users_are_kept(new_host: HostFactory, fetcher: FakeFetcher) -> None:
    first, second = new_host(), new_host()
    token = second.get(request_for("another"))
    old = first.get(request_for())
    first.forget("user-42")
    first.forget_identity(old.identity_id)
    first.invalidate(first.get(request_for()))
    listen(first, second)

    assert second.get(request_for("another")) == token
    assert second.stats().hits == 1
    assert new_host().get(request_for("another")) == token


def test_the_invalidating_host_keeps_its_new_token_when_it_reads_its_own_message(
    new_host: HostFactory, invalidate: Invalidates
) -> None:
    host = new_host()
    invalidate(host, host.get(request_for()))
    new = host.get(request_for())

    listen(host)
    listen(host)

    assert host.get(request_for()) == new
    assert host.stats().hits == 1


def test_the_same_rejected_token_is_announced_once(
    new_host: HostFactory, store: MemoryStore
) -> None:
    host = new_host()
    old = host.get(request_for())
    host.invalidate(old)
    host.get(request_for())
    for _ in range(5):
        host.invalidate(old)
    listen(host)

    assert len(store._messages) == 1


def test_a_token_requested_before_an_invalidation_and_stored_after_it_is_not_adopted(
    new_host: HostFactory, store: MemoryStore
) -> None:
    threads = ManualThreads()
    slow, first = new_host(start_thread=threads.start), new_host()
    flight, _ = next(slow._leases.lookup.steps(request_for(), None, None))

    def forget() -> None:
        first.forget("user-42")
        listen(first)

    during_fetch(slow, forget)
    start_call(slow, threads)()
    old = flight.lease
    assert old
    assert len(store.values) == 1

    assert first.get(request_for()) != old
    assert new_host().get(request_for()) != old
    listen(slow)
    assert slow.stats().entries == 0


@pytest.mark.parametrize("scope", ["user", "token"])
def test_an_invalidation_read_while_a_token_is_being_adopted_discards_the_token(
    new_host: HostFactory, fetcher: FakeFetcher, recorder: Recorder, scope: str
) -> None:
    first, second = new_host(), new_host()
    old = first.get(request_for())
    state = second._state
    hold = state.stamp

    def hold_late(*arguments: object) -> OpenIdToken:
        if scope == "user":
            first.forget("user-42")
        else:
            first.invalidate(old)
        listen(first, second)
        state.stamp = hold  # type: ignore[method-assign]
        return hold(*arguments)  # type: ignore[arg-type]

    state.stamp = hold_late  # type: ignore[method-assign, assignment]

    assert second.get(request_for()) == old, "the request came before the invalidation"
    assert recorder.of(TokenDiscarded)
    assert second.get(request_for()) != old


def test_a_token_adopted_again_after_its_eviction_can_be_invalidated(
    new_host: HostFactory,
) -> None:
    host = new_host(max_entries=1)
    token = host.get(request_for())
    host.get(request_for("another"))
    assert host.get(request_for()) == token

    host.invalidate(token)

    assert host.stats().invalidations_applied == 1
    assert host.get(request_for()) != token


def test_forget_does_not_affect_requests_without_the_developer_provider(
    new_host: HostFactory, fetcher: FakeFetcher
) -> None:
    request = TokenRequest(POOL_ID, {"idp.example": "proof"})
    first, second = new_host(), new_host()
    token = second.get(request)
    first.get(request)
    first.forget("user-42")
    first.forget("proof")
    listen(first, second)

    assert second.get(request) == token
    assert second.stats().hits == 1


def test_an_invalidation_during_the_start_of_a_flight_is_announced_before_the_store_is_read(
    new_host: HostFactory, store: MemoryStore
) -> None:
    new_host().get(request_for())
    host = new_host()
    log = log_of(host)
    catch_up = log.catch_up

    def catch_up_and_forget() -> None:
        catch_up()
        log.catch_up = catch_up
        host.forget("user-42")

    log.catch_up = catch_up_and_forget

    host.get(request_for())

    assert host.stats().store_hits == 0
    assert len(store._messages) == 1
    assert host.stats().entries == 1, "the token fetched since"


def test_endless_invalidations_do_not_keep_a_caller_waiting(
    new_host: HostFactory, store: MemoryStore, fetcher: FakeFetcher
) -> None:
    new_host().get(request_for())
    host = new_host()
    log = log_of(host)
    catch_up = log.catch_up

    def catch_up_and_forget() -> None:
        catch_up()
        host.forget("user-42")

    log.catch_up = catch_up_and_forget

    assert host.get(request_for()).token
    assert len(fetcher.calls) == 2
    assert (host.stats().store_hits, host.stats().store_errors) == (0, 0)


@pytest.mark.parametrize("how", ["refreshed", "evicted", "never held"])
def test_a_rejected_token_that_a_host_does_not_hold_is_discarded_by_the_others(
    new_host: HostFactory, fetcher: FakeFetcher, how: str
) -> None:
    first, second = new_host(max_entries=1), new_host()
    old = first.get(request_for()) if how != "never held" else second.get(request_for())
    assert second.get(request_for()) == old
    if how == "refreshed":
        source_of(first)._store._store.write = lambda *arguments: True  # type: ignore[method-assign]
        first.refresh(request_for())
        del source_of(first)._store._store.write
    if how == "evicted":
        first.get(request_for("another"))

    first.invalidate(old)
    listen(first, second)

    assert (first.stats().invalidations_applied, first.stats().invalidations_ignored) == (0, 1)
    assert second.stats().entries == 0
    assert second.get(request_for()) != old
    assert new_host().get(request_for()) != old


def test_a_rejected_token_that_is_not_held_is_not_adopted_by_a_flight_in_the_air(
    new_host: HostFactory, recorder: Recorder
) -> None:
    first, second = new_host(), new_host()
    old = first.get(request_for())
    stamp = second._state.stamp

    def invalidate_and_stamp(*arguments: object) -> OpenIdToken:
        second.invalidate(old)
        second._state.stamp = stamp  # type: ignore[method-assign]
        return stamp(*arguments)  # type: ignore[arg-type]

    second._state.stamp = invalidate_and_stamp  # type: ignore[method-assign, assignment]
    second.get(request_for())

    assert recorder.of(TokenDiscarded)
    assert second.stats().entries == 0


def test_a_token_is_not_announced_again_if_another_host_has_announced_it(
    new_host: HostFactory, store: MemoryStore
) -> None:
    first, second = new_host(), new_host()
    old = first.get(request_for())
    second.get(request_for())
    first.invalidate(old)
    listen(first, second)

    second.invalidate(old)
    listen(second)

    assert len(store._messages) == 1


def test_an_identity_forgotten_elsewhere_is_not_brought_by_a_refresh_in_the_air(
    new_host: HostFactory, recorder: Recorder
) -> None:
    host, other = new_host(), new_host()
    host.get(request_for())
    moved = make_token("user-42 moved", identity_pool_id=POOL_ID)

    def fetch(request: TokenRequest) -> OpenIdToken:
        other.forget_identity(moved.identity_id)
        listen(other, host)
        return moved

    source_of(host)._fetcher.fetch = fetch
    host.refresh(request_for())

    assert recorder.of(TokenDiscarded)
    assert host._state.entries.leases[next(iter(host._state.entries.leases))] != moved
