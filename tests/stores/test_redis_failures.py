"""Callers get their tokens whatever happens to the server of the store."""

import logging
import random
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from caching import POOL_ID, PROVIDER, Recorder, request_for
from canary import find_leaks
from cognito_devtoken import TokenSession
from cognito_devtoken._events.log import WARNINGS
from cognito_devtoken.events import StoreFailed
from cognito_devtoken.exceptions import (
    TokenUnavailableError,
)
from cognito_devtoken.stores import StoreKeys
from cognito_devtoken.stores.redis import RedisStore
from cognito_devtoken.testing import FakeFetcher, ManualClock
from hosts import HostFactory
from pages import ROOT
from redis_stores import StoreOpener, without_time_limits
from servers import Server, fake_server


pytestmark = pytest.mark.external

# The title of the page that lists the commands.
PAGE = (ROOT / "docs" / "fleet.md").read_text().partition("\n")[0].removeprefix("# ")


def never_responds(connection: socket.socket) -> None:
    while connection.recv(1000):
        pass


def sends_slowly(connection: socket.socket) -> None:
    pause = threading.Event()
    connection.recv(1000)
    for _ in range(100):
        connection.sendall(b"+")
        pause.wait(0.05)


def sends_without_end(connection: socket.socket) -> None:
    for _ in range(20_000):
        connection.sendall(b"A" * 1000)


def sends_garbage(connection: socket.socket) -> None:
    random_bytes = random.Random(42)
    for _ in range(1000):
        connection.recv(1000)
        connection.sendall(random_bytes.randbytes(200) + b"\r\n")


def responds_with(text: bytes) -> Callable[[socket.socket], None]:
    def respond(connection: socket.socket) -> None:
        while connection.recv(1000):
            connection.sendall(text)

    return respond


def disconnects(connection: socket.socket) -> None:
    connection.recv(1000)


FAKE_SERVERS = {
    "never responds": never_responds,
    "sends slowly": sends_slowly,
    "sends without end": sends_without_end,
    "sends garbage": sends_garbage,
    "disconnects": disconnects,
    "ok": responds_with(b"+OK\r\n"),
    "nothing": responds_with(b"$-1\r\n"),
    "numbers": responds_with(b":42\r\n"),
    "a list": responds_with(b"*3\r\n:7\r\n:5\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n"),
    "a long value": responds_with(b"$999999999\r\nabc"),
    "http": responds_with(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "an error": responds_with(b"-ERR no\r\n"),
    "loading": responds_with(b"-LOADING Redis is loading the dataset in memory\r\n"),
    "moved": responds_with(b"-MOVED 1 127.0.0.1:1\r\n"),
}


@pytest.mark.parametrize("how", list(FAKE_SERVERS))
def test_callers_get_their_tokens_and_three_of_them_wait_whatever_the_server_sends(
    open_store: StoreOpener, new_host: HostFactory, how: str
) -> None:
    with fake_server(FAKE_SERVERS[how]) as url:
        host = new_host(store=open_store(url, timeout=0.1))
        for number in range(12):
            host.get(request_for(str(number)))

    stats = host.stats()
    assert stats.errors == 0
    assert stats.fetches_succeeded == 12
    assert (stats.store_errors, stats.store_skipped) == (3, 9), "one operation for each caller"


def require_password(server: Server) -> None:
    with server.client() as client:
        client.config_set("requirepass", "secret")
        client.execute_command("AUTH", "secret")
        client.execute_command("CLIENT", "KILL", "TYPE", "normal")


def fill_memory(server: Server) -> None:
    with server.client() as client:
        client.config_set("maxmemory", "1")


# How the outage begins and ends, and how many of 12 callers get an error and skip the store.
OUTAGES: dict[str, tuple[Callable[[Server], object], Callable[[Server], object], int, int]] = {
    "stopped": (Server.stop, Server.start, 3, 9),
    "paused": (lambda s: s.signal(signal.SIGSTOP), lambda s: s.signal(signal.SIGCONT), 3, 9),
    "refusing authentication": (
        require_password,
        lambda s: s.client(password="secret").config_set("requirepass", ""),
        3,
        9,
    ),
    "out of memory": (fill_memory, lambda s: s.client().config_set("maxmemory", "0"), 12, 0),
    "restarted empty": (Server.restart, lambda s: None, 0, 0),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("outage", list(OUTAGES))
def test_a_server_is_skipped_during_an_outage_and_used_again_afterwards(
    own_redis: Server,
    open_store: StoreOpener,
    new_host: HostFactory,
    clock: ManualClock,
    outage: str,
) -> None:
    begin, end, errors, skipped = OUTAGES[outage]
    store = open_store(own_redis.url)
    host = new_host(store=store)
    host.get(request_for("before"))
    begin(own_redis)
    if outage == "paused":
        store._timeout = 0.1

    for number in range(12):
        host.get(request_for(str(number)))

    stats = host.stats()
    assert stats.errors == 0
    assert stats.fetches_succeeded == 13
    assert (stats.store_errors, stats.store_skipped) == (errors, skipped)
    end(own_redis)
    without_time_limits(store)
    clock.advance(30)
    host.get(request_for("after"))
    assert host.stats().store_errors == errors
    with own_redis.client() as client:
        assert client.keys("*}")


def test_a_session_shows_neither_its_password_nor_its_keys(
    own_redis: Server, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    require_password(own_redis)
    caplog.set_level(logging.DEBUG)
    canaries = ["canary-password", key := StoreKeys.generate(), key.rstrip("=")]
    fetcher = FakeFetcher()
    fetcher.error = TokenUnavailableError("no")
    store = without_time_limits(RedisStore(f"unix://:canary-password@{own_redis.path}", keys=key))
    usual: dict[str, Any] = {"developer_provider": PROVIDER, "client": fetcher}
    with store, TokenSession(POOL_ID, **usual, store=store, on_event=[recorder]) as session:
        with pytest.raises(TokenUnavailableError) as caught:
            session.get_token("user-42")
        recorder.wait_for(StoreFailed)

    assert recorder.of(StoreFailed)[0].error == "AuthenticationError"
    assert find_leaks(caught.value, *canaries) == []
    shown = repr(recorder.events) + caplog.text + repr((store, session))
    assert [canary for canary in canaries if canary in shown] == []


def deny(command: str) -> Callable[[Server], object]:
    def begin(server: Server) -> None:
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", "default", f"-{command}")

    return begin


def follow_another_server(server: Server) -> None:
    with server.client() as client:
        client.replicaof("127.0.0.1", "1")


# What is wrong with a server, with the login or the query of the URL, and a part of the hint.
MISTAKES: dict[str, tuple[Callable[[Server], object], str, str]] = {
    "no password": (require_password, "", "redis://:PASSWORD@HOST"),
    "wrong password": (require_password, ":canary@", "percent-encoded"),
    "needless password": (lambda s: None, ":canary@", "for the default user"),
    "unknown user": (lambda s: None, "ana:canary@", "redis://USER:PASSWORD@HOST"),
    "no scripts allowed": (deny("evalsha"), "", f"{PAGE!r} lists"),
    "no command of a script allowed": (deny("hset"), "", f"{PAGE!r} lists"),
    "replica": (follow_another_server, "", "Connect to the primary"),
    "out of memory": (fill_memory, "", "maxmemory-policy"),
    "no such database": (lambda s: None, "?db=99", "has the database"),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("mistake", list(MISTAKES))
def test_a_mistake_of_configuration_is_logged_with_what_to_do_about_it(
    own_redis: Server,
    open_store: StoreOpener,
    new_host: HostFactory,
    recorder: Recorder,
    caplog: pytest.LogCaptureFixture,
    mistake: str,
) -> None:
    make, part, hint = MISTAKES[mistake]
    make(own_redis)
    login, query = ("", part) if part.startswith("?") else (part, "")
    host = new_host(store=open_store(f"unix://{login}{own_redis.path}{query}"))

    host.get(request_for())

    event = recorder.of(StoreFailed)[0]
    assert hint in (event.hint or "")
    line = next(text for text in caplog.messages if text.startswith("StoreFailed"))
    assert line.endswith(f'hint="{event.hint}"')
    assert "canary" not in caplog.text


# What a server answers, and a part of the hint.
ANSWERS = {
    b"HTTP/1.1 400 Bad Request\r\n\r\n": "a Redis server answers at this address",
    b"-MOVED 1 127.0.0.1:1\r\n": "RedisCluster",
    b"-LOADING Redis is loading the dataset in memory\r\n": WARNINGS["StoreFailed"],
}


@pytest.mark.parametrize("answer", list(ANSWERS), ids=ANSWERS.get)
def test_an_answer_that_tells_what_is_wrong_is_logged_with_what_to_do_about_it(
    open_store: StoreOpener,
    new_host: HostFactory,
    caplog: pytest.LogCaptureFixture,
    answer: bytes,
) -> None:
    with fake_server(responds_with(answer)) as url:
        new_host(store=open_store(url)).get(request_for())

    line = next(text for text in caplog.messages if text.startswith("StoreFailed"))
    assert (ANSWERS[answer] or "no hint") in line


def test_a_server_without_tls_or_that_is_too_slow_is_logged_with_what_to_do_about_it(
    open_store: StoreOpener, new_host: HostFactory, recorder: Recorder
) -> None:
    with fake_server(sends_garbage) as url:
        new_host(store=open_store(url.replace("redis:", "rediss:"))).get(request_for())
    with fake_server(never_responds) as url:
        new_host(store=open_store(url, timeout=0.01)).get(request_for())

    hints = [event.hint or "" for event in recorder.of(StoreFailed)]
    assert hints[0].startswith("Begin the store's URL with rediss:// for TLS")
    assert "within the store's timeout" in hints[-1]
