"""The log on a real server: it lives as long as someone reads it, and damage starts it anew."""

from collections.abc import Callable
from typing import Any

import pytest

from caching import request_for
from cognito_devtoken.testing import FakeFetcher
from hosts import HostFactory, listen
from redis_stores import NAME, StoreOpener
from servers import Server


pytestmark = pytest.mark.external

LIST, HEAD = "cognito-devtoken:{log}", "cognito-devtoken:{log}:head"

DAMAGE: dict[str, Callable[[Any], object]] = {
    "the list is gone": lambda client: client.delete(LIST),
    "the head is gone": lambda client: client.delete(HEAD),
    "there is no id": lambda client: client.hdel(HEAD, "id"),
    "the id is nonsense": lambda client: client.hset(HEAD, "id", b"\xff"),
    "the id is long": lambda client: client.hset(HEAD, "id", "a" * 1000),
    "the position is gone": lambda client: client.hdel(HEAD, "last"),
    "the position is nonsense": lambda client: client.hset(HEAD, "last", "1e3"),
    "the position is far": lambda client: client.hset(HEAD, "last", 2**62),
    "the position is behind": lambda client: client.hset(HEAD, "last", 0),
    "the head is text": lambda client: client.set(HEAD, "nonsense"),
    "the list is text": lambda client: client.set(LIST, "nonsense"),
    "there are too many messages": lambda client: client.rpush(LIST, "nonsense"),
}


@pytest.mark.parametrize("damage", list(DAMAGE))
def test_a_damaged_log_starts_anew(
    redis_server: Server, open_store: StoreOpener, damage: str
) -> None:
    store = open_store(redis_server.url)
    log, _ = store.publish(b"before", 600, 10)
    with redis_server.client() as client:
        DAMAGE[damage](client)

    another, position = store.publish(b"after", 600, 10)

    assert another != log
    assert position == 1
    assert store.published(None, 600) == (another, [(1, b"after")])


@pytest.mark.parametrize("damage", list(DAMAGE))
def test_hosts_hear_of_an_invalidation_after_any_damage(
    redis_server: Server, open_store: StoreOpener, new_host: HostFactory, damage: str
) -> None:
    first, second = (new_host(store=open_store(redis_server.url)) for _ in range(2))
    first.get(request_for())
    second.get(request_for())
    first.forget("user-42")
    listen(first)
    with redis_server.client() as client:
        DAMAGE[damage](client)

    listen(second, first, second)

    assert second.stats().entries == 0


def test_a_huge_message_holds_up_no_other(
    redis_server: Server, open_store: StoreOpener, new_host: HostFactory
) -> None:
    first, second = (new_host(store=open_store(redis_server.url)) for _ in range(2))
    first.get(request_for())
    second.get(request_for())
    with redis_server.client() as client:
        for _ in range(10):
            client.hincrby(HEAD, "last", 1)
            client.rpush(LIST, bytes(1_000_000))
    first.forget("user-42")

    listen(first, second)

    assert second.stats().entries == 0
    assert second.stats().store_undecryptable == 10


def test_a_log_that_is_read_does_not_expire(redis_server: Server, open_store: StoreOpener) -> None:
    store = open_store(redis_server.url)
    store.publish(b"message", 100, 10)
    with redis_server.client() as client:
        for name in (HEAD, LIST):
            client.pexpire(name, 40_000)
        store.published(None, 100)
        lives = [client.pttl(name) for name in (HEAD, LIST)]
        store.published(None, 100)

        assert all(90_000 < life <= 100_000 for life in lives)


def test_an_empty_log_has_an_id_that_expires_if_it_is_not_read(
    redis_server: Server, open_store: StoreOpener
) -> None:
    log, messages = open_store(redis_server.url).published(None, 100)

    assert log
    assert messages == []
    with redis_server.client() as client:
        assert 0 < client.pttl(HEAD) <= 100_000
        assert client.dbsize() == 1


def test_a_long_log_is_read_in_pages(redis_server: Server, open_store: StoreOpener) -> None:
    store = open_store(redis_server.url)
    with redis_server.client() as client:
        store.published(None, 600)
        client.hset(HEAD, "last", 1200)
        client.rpush(LIST, *(b"%d" % number for number in range(1, 1201)))

    latest = store.published(None, 600).messages
    pages = [store.published(start, 600).messages for start in (0, 501, 1001)]

    assert latest == [(number, b"%d" % number) for number in range(701, 1201)]
    assert [len(page) for page in pages] == [500, 500, 200]
    assert [page[0] for page in pages] == [(1, b"1"), (501, b"501"), (1001, b"1001")]


@pytest.mark.parametrize("text", ["nonsense", "", "xyz:1", "ab:", ":1", "ab:-1", "ab:" + "9" * 20])
def test_a_mark_that_is_nonsense_counts_as_none_and_is_replaced(
    redis_server: Server, open_store: StoreOpener, text: str
) -> None:
    store = open_store(redis_server.url)
    with redis_server.client() as client:
        client.set(f"cognito-devtoken:{NAME}:mark", text)

    assert store.marks([NAME]) == [None]
    store.mark(NAME, "cd", 1, 600)
    assert store.marks([NAME]) == [("cd", 1)]


def test_a_mark_lives_as_long_as_a_token_may(
    redis_server: Server, open_store: StoreOpener, new_host: HostFactory, fetcher: FakeFetcher
) -> None:
    host = new_host(store=open_store(redis_server.url))
    host.forget("user-42")
    listen(host)

    with redis_server.client() as client:
        names = client.keys("*:mark")
        assert len(names) == 2, "the user's, and that of the key in use"
        for name in names:
            assert 86_400_000 < client.pttl(name) <= 90_000_000
            assert client.memory_usage(name) <= 250, "docs/fleet.md"
