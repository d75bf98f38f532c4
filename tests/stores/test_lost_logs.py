"""A lost, restored or damaged log stops no host from listening, and leaves no forgotten token."""

from itertools import permutations

import pytest
from losses import LosingMemoryStore, LosingRedisStore, LosingStore

from caching import Recorder, request_for
from cognito_devtoken import OpenIdToken, TokenCache
from cognito_devtoken._sharing import messages
from cognito_devtoken._sharing.invalidation_index import HEARD, REMEMBERED, TOLD_AGAIN
from cognito_devtoken._sharing.log_reader import KEEP
from cognito_devtoken.events import InvalidatedElsewhere, StoredValueRefused
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from hosts import HostFactory, during_fetch, listen, log_of


ORDERS = list(permutations(range(3)))


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.external)])
def losing(request: pytest.FixtureRequest, store: MemoryStore) -> LosingStore:
    """A store in memory, and one on a real server."""
    if request.param == "memory":
        return LosingMemoryStore(store)
    server = request.getfixturevalue("redis_server")
    return LosingRedisStore(server, request.getfixturevalue("open_store")(server.url))


def three_hosts_with_a_token(
    new_host: HostFactory, losing: LosingStore
) -> tuple[list[TokenCache], OpenIdToken]:
    hosts = [new_host(store=losing.store) for _ in range(3)]
    (token,) = {host.get(request_for()) for host in hosts}
    return hosts, token


def held(*hosts: TokenCache) -> list[int]:
    return [host.stats().entries for host in hosts]


@pytest.mark.parametrize("order", ORDERS)
def test_an_invalidation_in_a_store_that_restarts_empty_reaches_every_host(
    new_host: HostFactory, losing: LosingStore, order: tuple[int, ...]
) -> None:
    hosts, old = three_hosts_with_a_token(new_host, losing)
    hosts[0].forget("user-42")
    listen(hosts[0])

    losing.lose_everything()
    for _ in range(2):
        listen(*(hosts[number] for number in order))

    assert held(*hosts) == [0, 0, 0]
    tokens = {host.get(request_for()) for host in hosts}
    assert len(tokens) == 1
    assert old not in tokens
    assert log_of(hosts[1]).is_all_announced()


@pytest.mark.parametrize("order", ORDERS)
def test_an_invalidation_lost_in_a_fail_over_reaches_every_host(
    new_host: HostFactory, losing: LosingStore, order: tuple[int, ...]
) -> None:
    hosts, old = three_hosts_with_a_token(new_host, losing)
    hosts[2].forget("another")
    listen(*hosts)
    fail_over = losing.snapshot()
    hosts[0].forget("user-42")
    listen(hosts[0])

    fail_over()
    for _ in range(2):
        listen(*(hosts[number] for number in order))

    assert held(*hosts) == [0, 0, 0]
    assert old not in {host.get(request_for()) for host in [*hosts, new_host(store=losing.store)]}


@pytest.mark.parametrize("order", ORDERS)
def test_a_lost_position_that_another_message_takes_is_noticed(
    new_host: HostFactory, losing: LosingStore, order: tuple[int, ...]
) -> None:
    hosts, _ = three_hosts_with_a_token(new_host, losing)
    hosts[1].get(request_for("another"))
    fail_over = losing.snapshot()
    hosts[0].forget("user-42")
    listen(hosts[0])
    fail_over()
    hosts[1].forget("another")
    listen(hosts[1])

    for _ in range(2):
        listen(*(hosts[number] for number in order))

    assert held(*hosts) == [0, 0, 0]


def test_the_host_that_forgot_a_token_does_not_adopt_it_after_a_fail_over(
    new_host: HostFactory, losing: LosingStore
) -> None:
    host = new_host(store=losing.store)
    old = host.get(request_for())
    fail_over = losing.snapshot()
    host.forget("user-42")
    listen(host)
    fail_over()
    listen(host)

    assert host.get(request_for()) != old
    assert new_host(store=losing.store).get(request_for()) != old


def test_a_host_that_has_only_heard_an_invalidation_announces_it_again(
    new_host: HostFactory, losing: LosingStore
) -> None:
    hosts, _ = three_hosts_with_a_token(new_host, losing)
    hosts[0].forget("user-42")
    listen(hosts[0], hosts[1])
    hosts[0].close()

    losing.lose_everything()
    listen(hosts[2], hosts[1], hosts[2])

    assert held(hosts[2]) == [0]


def test_what_was_lost_is_announced_again_once(new_host: HostFactory, losing: LosingStore) -> None:
    hosts, _ = three_hosts_with_a_token(new_host, losing)
    hosts[0].forget("user-42")
    listen(*hosts)
    losing.lose_everything()

    for _ in range(3):
        listen(*hosts)

    assert len(losing.store.published(0, 600).messages) == 1


def test_a_token_stored_before_the_log_was_lost_is_not_adopted(
    new_host: HostFactory, losing: LosingStore, fetcher: FakeFetcher
) -> None:
    hosts, old = three_hosts_with_a_token(new_host, losing)
    listen(*hosts)
    hosts[0].forget("another")
    listen(hosts[0])

    losing.delete_log()

    assert new_host(store=losing.store).get(request_for()) != old
    assert held(*hosts) == [1, 1, 1], "what hosts hold is still valid"
    assert len(fetcher.calls) == 2


@pytest.mark.parametrize("position", [10**6, 10**15, 2**53])
def test_a_far_position_does_not_stop_a_host_from_listening(
    new_host: HostFactory, losing: LosingStore, position: int
) -> None:
    hosts, _ = three_hosts_with_a_token(new_host, losing)
    hosts[0].forget("another")
    listen(*hosts)

    losing.jump(position)
    listen(*hosts)
    assert held(*hosts) == [1, 1, 1], "nothing is thrown away"
    hosts[0].forget("user-42")
    listen(*hosts)
    assert held(*hosts) == [0, 0, 0]

    (token,) = {host.get(request_for()) for host in hosts}
    losing.delete_log()
    hosts[0].forget("user-42")
    listen(*hosts)
    assert held(*hosts) == [0, 0, 0]
    assert new_host(store=losing.store).get(request_for()) != token


def test_a_host_that_was_away_when_the_log_was_lost_discards_everything(
    new_host: HostFactory, losing: LosingStore, clock: ManualClock, recorder: Recorder
) -> None:
    hosts, _ = three_hosts_with_a_token(new_host, losing)
    hosts[0].forget("another")
    listen(*hosts)
    clock.advance(HEARD)
    listen(hosts[0])
    losing.lose_everything()

    listen(*hosts)

    assert held(*hosts) == [1, 0, 0]
    assert sum(event.entries for event in recorder.of(InvalidatedElsewhere)) == 2


def test_only_what_hosts_may_have_missed_is_announced_again(
    new_host: HostFactory, losing: LosingStore, clock: ManualClock
) -> None:
    hosts, _ = three_hosts_with_a_token(new_host, losing)
    hosts[0].forget("early")
    listen(*hosts)
    clock.advance(TOLD_AGAIN)
    hosts[0].forget("late")
    listen(*hosts)
    losing.lose_everything()

    listen(*hosts)

    (message,) = losing.store.published(0, 600).messages
    assert len(messages.read(message[1], losing.store.keys)) == 1


def test_a_host_that_cannot_remember_what_was_lost_has_everything_discarded(
    new_host: HostFactory, store: MemoryStore
) -> None:
    losing = LosingMemoryStore(store)
    hosts, _ = three_hosts_with_a_token(new_host, losing)
    for number in range(REMEMBERED + 1):
        hosts[0].forget(str(number))
        if number == REMEMBERED // 2:
            listen(hosts[0])
    listen(*hosts)
    assert held(*hosts) == [1, 1, 1]
    losing.lose_everything()

    listen(*hosts)
    listen(*hosts)

    assert held(*hosts) == [0, 0, 0]


def test_an_announcement_into_a_log_that_is_lost_before_it_is_read_is_repeated(
    new_host: HostFactory, store: MemoryStore
) -> None:
    losing = LosingMemoryStore(store)
    hosts, _ = three_hosts_with_a_token(new_host, losing)
    listen(*hosts)
    publish = store.publish

    def lose_before_and_after(*arguments: object) -> tuple[str, int]:
        store.publish = publish  # type: ignore[method-assign]
        losing.lose_everything()
        position = publish(*arguments)  # type: ignore[arg-type]
        losing.lose_everything()
        return position

    store.publish = lose_before_and_after  # type: ignore[assignment]
    hosts[0].forget("user-42")
    listen(*hosts)

    assert held(*hosts) == [0, 0, 0]


def test_an_own_message_that_is_lost_before_it_is_read_is_repeated(
    new_host: HostFactory, store: MemoryStore
) -> None:
    hosts, _ = three_hosts_with_a_token(new_host, LosingMemoryStore(store))
    publish = store.publish

    def lose(*arguments: object) -> tuple[str, int]:
        store.publish = publish  # type: ignore[method-assign]
        fail_over = LosingMemoryStore(store).snapshot()
        position = publish(*arguments)  # type: ignore[arg-type]
        fail_over()
        return position

    store.publish = lose  # type: ignore[assignment]
    hosts[0].forget("user-42")
    listen(*hosts)

    assert held(*hosts) == [0, 0, 0]


def test_a_store_whose_log_does_not_last_is_not_used(
    new_host: HostFactory, store: MemoryStore, fetcher: FakeFetcher
) -> None:
    hosts, _ = three_hosts_with_a_token(new_host, LosingMemoryStore(store))
    read = store.published

    def published(start: int | None, seconds: float) -> object:
        store._start_log()
        return read(start, seconds)

    store.published = published  # type: ignore[assignment]
    for host in hosts:
        host.clear()
        host.get(request_for())
        listen(host)

    assert len(fetcher.calls) == 4
    assert [host.stats().store_hits for host in hosts] == [0, 1, 1]


@pytest.mark.parametrize("count", [KEEP, 2 * KEEP])
def test_nonsense_in_the_log_makes_hosts_throw_nothing_away(
    new_host: HostFactory,
    losing: LosingStore,
    fetcher: FakeFetcher,
    recorder: Recorder,
    count: int,
) -> None:
    hosts, token = three_hosts_with_a_token(new_host, losing)
    hosts[0].forget("another")
    listen(*hosts[:2])
    losing.flood(count)

    listen(hosts[0])

    assert hosts[0].get(request_for()) == token
    assert hosts[0].stats().store_undecryptable == KEEP
    assert {event.why for event in recorder.of(StoredValueRefused)} == {"unknown format"}
    assert new_host(store=losing.store).get(request_for()) == token, "it is adopted as before"
    assert len(fetcher.calls) == 1
    hosts[0].forget("user-42")
    listen(hosts[0], hosts[1])
    assert held(hosts[1]) == [0], "what comes next is read"


def test_a_flight_that_began_before_the_log_was_lost_stores_no_token_to_be_adopted(
    new_host: HostFactory, losing: LosingStore
) -> None:
    first, second = new_host(store=losing.store), new_host(store=losing.store)
    second.get(request_for("another"))

    def forget_and_lose() -> None:
        second.forget("user-42")
        listen(second)
        losing.lose_everything()
        listen(second)

    during_fetch(first, forget_and_lose)
    old = first.get(request_for())

    assert second.get(request_for()) != old
    listen(first)
    assert held(first) == [0]


def test_a_gap_in_the_log_counts_although_the_reading_after_it_failed(
    new_host: HostFactory, store: MemoryStore
) -> None:
    first, second = new_host(), new_host()
    second.get(request_for())
    first.forget("another")
    listen(first, second)
    text = messages.seal([("user", "another")], store.keys)
    for _ in range(KEEP + 1):
        store.publish(text, 600, KEEP)
    read = store.published

    def read_once(start: int | None, seconds: float) -> object:
        page = read(start, seconds)  # which raises the second time
        store.error = OSError("down")
        return page

    store.published = read_once  # type: ignore[assignment]
    listen(second)
    assert second.stats().entries == 1

    store.published = read  # type: ignore[method-assign]
    store.error = None
    listen(second)

    assert second.stats().entries == 0
