"""A store on a real server, which does what servers do."""

import json
import logging
import random
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from caching import POOL_ID, PROVIDER, Recorder, asking
from canary import find_leaks
from cognito_devtoken import TokenCache, TokenSession
from cognito_devtoken.events import StoreFailed
from cognito_devtoken.exceptions import (
    ConfigurationError,
    SessionClosedError,
    TokenUnavailableError,
)
from cognito_devtoken.stores import PlainText, StoreKeys
from cognito_devtoken.stores.redis import BOUNDED, RedisStore
from cognito_devtoken.testing import FakeFetcher, ManualClock
from servers import Server, free_port, impostor, running


NAME = "a" * 64
# What a machine that is busy with other things may add to what is promised.
SLACK = 1.0

Opens = Callable[..., RedisStore]


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of one's own, to do with as one likes."""
    with TemporaryDirectory() as folder, running(Path(folder)) as server:
        yield server


@pytest.fixture(scope="module")
def keys() -> str:
    return StoreKeys.generate()


@pytest.fixture
def open_store(keys: str) -> Iterator[Opens]:
    opened: list[RedisStore] = []

    def open_one(url: str | None = None, **arguments: Any) -> RedisStore:
        opened.append(RedisStore(url, **({"keys": keys} | arguments)))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def new_cache(told: Recorder) -> Iterator[Callable[[RedisStore], TokenCache]]:
    opened: list[TokenCache] = []

    def new(store: RedisStore, **arguments: Any) -> TokenCache:
        usual: dict[str, Any] = {"fetcher": FakeFetcher(), "developer_provider": PROVIDER}
        usual |= {"store": store, "on_event": [told]}
        opened.append(TokenCache(**(usual | arguments)))
        return opened[-1]

    yield new
    for cache in opened:
        cache.close()


def took(do: Callable[[], object]) -> float:
    began = time.monotonic()
    do()
    return time.monotonic() - began


# How it is opened


@pytest.mark.parametrize("address", ["unix", "tcp"])
def test_it_connects_by_url_with_user_password_and_database(
    open_store: Opens, address: str
) -> None:
    port = free_port() if address == "tcp" else 0
    acl = ["--user", "ana", "on", ">secret", "~*", "+@all", "--user", "default", "off"]
    with TemporaryDirectory() as folder, running(Path(folder), *acl, port=port) as server:
        place = f"127.0.0.1:{port}/3" if port else f"{server.path}?db=3"
        scheme = "redis" if port else "unix"
        store = open_store(f"{scheme}://ana:secret@{place}", timeout=1)
        store.write(NAME, b"value", 10, None)
        with server.client(username="ana", password="secret", db=3) as client:
            assert client.get(f"cognito-devtoken:{{{NAME}}}") == b"value"


def test_it_connects_by_tls(redis_server: Server, open_store: Opens, tmp_path: Path) -> None:
    certificate, key = certify(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def speak_tls(connection: socket.socket) -> None:
        # Not each redis-server has been built with TLS: this stands before one that may not.
        with (
            context.wrap_socket(connection, server_side=True) as outside,
            socket.socket(socket.AF_UNIX) as inside,
        ):
            inside.connect(str(redis_server.path))
            back = threading.Thread(target=forward, args=(inside, outside))
            back.start()
            forward(outside, inside)
            back.join()

    with impostor(speak_tls) as plain:
        url = plain.replace("redis://", "rediss://")
        store = open_store(f"{url}?ssl_ca_certs={certificate}", timeout=1)
        store.write(NAME, b"value", 10, None)
        assert store.read(NAME)
        with pytest.raises(redis.ConnectionError, match="certificate"):
            open_store(url, timeout=1).read(NAME)
        store.close()


def forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(10_000):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)


def certify(folder: Path) -> tuple[str, str]:
    from datetime import UTC, datetime, timedelta
    from ipaddress import IPv4Address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(paths[0]), str(paths[1])


def test_it_takes_a_client_of_the_users_own_and_leaves_it_open(
    redis_server: Server, open_store: Opens
) -> None:
    with redis_server.client(**BOUNDED) as client:
        store = open_store(client=client)
        store.write(NAME, b"value", 10, None)
        store.close()
        assert client.ping()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"socket_timeout": 5}, "socket_timeout of at most 1 s, not 5"),
        ({"socket_timeout": None}, "socket_timeout of at most 1 s, not None"),
        ({"socket_connect_timeout": 3}, "socket_connect_timeout of at most 1 s, not 3"),
        ({"decode_responses": True}, "must not have decode_responses"),
    ],
)
def test_a_client_that_callers_would_wait_for_is_refused(
    open_store: Opens, arguments: dict[str, Any], message: str
) -> None:
    with redis.Redis(**{**BOUNDED, **arguments}) as client:
        with pytest.raises(ConfigurationError, match=message):
            open_store(client=client)


@pytest.mark.skipif(
    not hasattr(Retry, "get_retries"), reason="redis before 6 does not tell how often it retries"
)
def test_a_client_that_tries_again_by_itself_is_refused(open_store: Opens) -> None:
    patient = {**BOUNDED, "retry": Retry(NoBackoff(), 3)}
    message = "must not try again by itself, up to 3 times"
    with redis.Redis(**patient) as client, pytest.raises(ConfigurationError, match=message):
        open_store(client=client)

    make: Any = Sentinel
    sentinel = make([("127.0.0.1", 1)], sentinel_kwargs=patient, **BOUNDED)
    with pytest.raises(ConfigurationError, match=f"each Sentinel of it, {message}"):
        open_store(client=sentinel.master_for("mymaster", **BOUNDED))


def test_a_client_that_is_refused_shows_no_password(open_store: Opens) -> None:
    with redis.Redis(password="canary-password", socket_timeout=5) as client:
        with pytest.raises(ConfigurationError, match="socket_timeout") as caught:
            open_store(client=client)

    assert find_leaks(caught.value, "canary-password") == []


@pytest.mark.parametrize(
    ("client", "kind"),
    [
        ("redis://user:canary-password@host/0", "str"),
        (redis.asyncio.Redis(password="canary-password", **BOUNDED), "redis.asyncio.client.Redis"),
    ],
)
def test_what_is_no_client_is_refused_without_being_shown(
    open_store: Opens, client: Any, kind: str
) -> None:
    message = f"client must be a redis.Redis or a redis.cluster.RedisCluster, not {kind}."
    with pytest.raises(TypeError) as caught:
        open_store(client=client)

    assert str(caught.value) == message
    assert find_leaks(caught.value, "canary-password") == []


@pytest.mark.parametrize(
    "url",
    ["", "http://host/0", "user:canary-password@host", "redis://user:canary-password@host:port/0"],
)
def test_a_wrong_url_is_refused_without_being_shown(keys: str, url: str) -> None:
    with pytest.raises(ConfigurationError, match="must be redis://HOST:PORT/DB") as caught:
        RedisStore(url, keys=keys)

    assert find_leaks(caught.value, "canary-password") == []


@pytest.mark.parametrize("arguments", [{}, {"url": "redis://", "client": redis.Redis()}])
def test_it_takes_either_a_url_or_a_client(keys: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="either a url or a client"):
        RedisStore(keys=keys, **arguments)


@pytest.mark.parametrize("arguments", [{}, {"keys": StoreKeys.generate(), "plain_text": True}])
def test_plain_text_is_asked_for_and_nothing_else(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="plain_text=True, and not both"):
        RedisStore("redis://", **arguments)
    assert isinstance(RedisStore("redis://", plain_text=True).keys, PlainText)


def test_a_time_out_has_a_limit(keys: str) -> None:
    with pytest.raises(ValueError, match="timeout must be at most 1 s, not 2 s"):
        RedisStore("redis://", keys=keys, timeout=2)


def test_it_shows_no_password(keys: str) -> None:
    store = RedisStore("redis://user:canary-password@localhost", keys=keys)

    assert repr(store) == "<RedisStore, prefix 'cognito-devtoken'>"
    assert not hasattr(store, "__dict__")


def test_a_session_shows_neither_its_password_nor_its_keys(
    server: Server, told: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    refusing(server)
    caplog.set_level(logging.DEBUG)
    canaries = ["canary-password", key := StoreKeys.generate(), key.rstrip("=")]
    fetcher = FakeFetcher()
    fetcher.error = TokenUnavailableError("no")
    store = RedisStore(f"unix://:canary-password@{server.path}", keys=key, timeout=1)
    usual: dict[str, Any] = {"developer_provider": PROVIDER, "client": fetcher}
    with store, TokenSession(POOL_ID, **usual, store=store, on_event=[told]) as session:
        with pytest.raises(TokenUnavailableError) as caught:
            session.get_token("user-42")
        told.wait_for(StoreFailed)

    assert told.of(StoreFailed)[0].error == "AuthenticationError"
    assert find_leaks(caught.value, *canaries) == []
    shown = repr(told.events) + caplog.text + repr((store, session))
    assert [canary for canary in canaries if canary in shown] == []


def test_a_closed_one_refuses_to_work(redis_server: Server, keys: str) -> None:
    with RedisStore(redis_server.url, keys=keys) as store:
        pass
    with pytest.raises(SessionClosedError):
        store.read(NAME)


def test_stores_with_another_prefix_share_nothing(redis_server: Server, open_store: Opens) -> None:
    one, other = (open_store(redis_server.url, prefix=prefix, timeout=1) for prefix in "ab")
    one.write(NAME, b"value", 10, None)
    one.claim(NAME, "me", 10)
    position = one.publish(b"message", 10, 10)

    assert other.claim(NAME, "you", 10) == (True, None)
    assert other.published(position - 1) == []


# What is in it


def test_neither_monitor_nor_a_dump_shows_a_secret_or_an_id(
    server: Server, open_store: Opens, new_cache: Any
) -> None:
    canaries = ["canary-user", "canary-provider-token", "canary-tag"]
    cache, other = (new_cache(open_store(server.url, timeout=1)) for _ in "ab")
    request = asking(
        "canary-user",
        logins={"idp.example": "canary-provider-token"},
        principal_tags={"tag": "canary-tag"},
    )
    with server.monitored() as seen:
        token = cache.get(request)
        assert other.get(request) == token
        canaries += [token.token, token.token[:40], token.identity_id]
        dumps = [server.dump()]
        cache.invalidate(token)
        cache.forget("canary-user")
        cache.forget_identity(token.identity_id)
        newer = cache.get(request)
        canaries.append(newer.token)
        dumps.append(server.dump())

    assert any("EVALSHA" in command.upper() for command in seen)
    assert len(dumps[1]) > 1000
    shown = "\n".join(seen).encode() + b"".join(dumps)
    assert [canary for canary in canaries if canary.encode() in shown] == []


def test_a_value_lives_as_long_as_its_token(
    redis_server: Server, open_store: Opens, new_cache: Any
) -> None:
    new_cache(open_store(redis_server.url, timeout=1)).get(asking(token_duration=600))

    with redis_server.client() as client:
        (name,) = client.keys("*}")
        assert 590_000 < client.pttl(name) <= 600_000
        assert client.ttl(f"{name}:lock") == -2


def test_a_value_that_stays_for_ever_is_not_taken(
    redis_server: Server, open_store: Opens, new_cache: Any
) -> None:
    store = open_store(redis_server.url, timeout=1)
    fetcher = FakeFetcher()
    new_cache(store, fetcher=fetcher).get(asking())
    with redis_server.client() as client:
        client.persist(client.keys("*}")[0])

    new_cache(store, fetcher=fetcher).get(asking())

    assert len(fetcher.calls) == 2


def test_a_write_that_is_held_up_does_not_make_a_token_younger(
    server: Server, open_store: Opens
) -> None:
    store = open_store(server.url)
    store.read(NAME)
    with server.paused():
        began = time.monotonic()
        with pytest.raises(redis.TimeoutError):
            store.write(NAME, b"value", 1.0, None)
        # The server has the command, and has not come to it.
        wait(1.2 - (time.monotonic() - began))

    with server.client() as client:
        assert client.dbsize() == 0


def wait(seconds: float) -> None:
    """Let time pass for a server that has its own clock."""
    threading.Event().wait(seconds)


def test_a_clock_that_was_read_long_ago_or_for_another_name_is_read_again(
    redis_server: Server, open_store: Opens
) -> None:
    store = open_store(redis_server.url, timeout=1)
    store.read("b" * 64)
    store.write(NAME, b"value", 10, None)
    assert store._look.name == NAME
    store._look.clock = store._look.clock._replace(read_at=store._look.clock.read_at - 3600)
    store.write(NAME, b"value", 10, None)

    found = store.read(NAME)
    assert found
    assert 9 < found.remaining <= 10


# What may happen to it


def hangs(connection: socket.socket) -> None:
    while connection.recv(1000):
        pass


def dribbles(connection: socket.socket) -> None:
    pause = threading.Event()
    connection.recv(1000)
    for _ in range(100):
        connection.sendall(b"+")
        pause.wait(0.05)


def floods(connection: socket.socket) -> None:
    for _ in range(20_000):
        connection.sendall(b"A" * 1000)


def babbles(connection: socket.socket) -> None:
    made_up = random.Random(42)
    for _ in range(1000):
        connection.recv(1000)
        connection.sendall(made_up.randbytes(200) + b"\r\n")


def answers(text: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        while connection.recv(1000):
            connection.sendall(text)

    return answer


def ends(connection: socket.socket) -> None:
    connection.recv(1000)


IMPOSTORS = {
    "hangs": hangs,
    "dribbles": dribbles,
    "floods": floods,
    "babbles": babbles,
    "ends": ends,
    "ok": answers(b"+OK\r\n"),
    "nothing": answers(b"$-1\r\n"),
    "numbers": answers(b":42\r\n"),
    "a list": answers(b"*3\r\n$1\r\na\r\n:5\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n"),
    "a long value": answers(b"$999999999\r\nabc"),
    "http": answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "an error": answers(b"-ERR no\r\n"),
    "loading": answers(b"-LOADING Redis is loading the dataset in memory\r\n"),
    "moved": answers(b"-MOVED 1 127.0.0.1:1\r\n"),
}


@pytest.mark.parametrize("how", list(IMPOSTORS))
def test_whatever_answers_callers_get_their_tokens_in_time(
    open_store: Opens, new_cache: Any, how: str
) -> None:
    with impostor(IMPOSTORS[how]) as url:
        cache = new_cache(open_store(url))
        slowest = max(took(lambda n=n: cache.get(asking(str(n)))) for n in range(12))  # type: ignore[misc]

        assert cache.stats().errors == 0
        assert cache.stats().fetches_succeeded == 12
        assert cache.stats().store_errors >= 3
        assert slowest < 0.3 + SLACK
        cache.close()


def refusing(server: Server) -> None:
    with server.client() as client:
        client.config_set("requirepass", "secret")
        client.execute_command("AUTH", "secret")
        client.execute_command("CLIENT", "KILL", "TYPE", "normal")


def full(server: Server) -> None:
    with server.client() as client:
        client.config_set("maxmemory", "1")


TROUBLES: dict[str, tuple[Callable[[Server], object], Callable[[Server], object]]] = {
    "stopped": (Server.stop, Server.start),
    "paused": (lambda s: s.signal(signal.SIGSTOP), lambda s: s.signal(signal.SIGCONT)),
    "refusing authentication": (
        refusing,
        lambda s: s.client(password="secret").config_set("requirepass", ""),
    ),
    "out of memory": (full, lambda s: s.client().config_set("maxmemory", "0")),
    "restarted empty": (Server.restart, lambda s: None),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("trouble", list(TROUBLES))
def test_a_server_in_trouble_is_done_without_and_used_again(
    server: Server, open_store: Opens, trouble: str
) -> None:
    begin, end = TROUBLES[trouble]
    clock, fetcher = ManualClock(), FakeFetcher()
    store = open_store(server.url)
    cache = TokenCache(fetcher, developer_provider=PROVIDER, store=store, clock=clock)
    cache.get(asking("before"))
    begin(server)

    slowest = max(took(lambda n=n: cache.get(asking(str(n)))) for n in range(12))  # type: ignore[misc]

    assert cache.stats().errors == 0
    assert cache.stats().fetches_succeeded == 13
    assert slowest < 0.3 + SLACK
    if trouble != "restarted empty":
        assert cache.stats().store_errors
    end(server)
    clock.advance(30)
    for n in range(3):  # should the machine be busy
        cache.get(asking(f"after {n}"))
    with server.client() as client:
        assert client.keys("*}")
    cache.close()


# What it leaves behind


def test_no_connection_and_no_thread_is_left_over(server: Server, open_store: Opens) -> None:
    store = open_store(server.url, timeout=1)
    cache = TokenCache(FakeFetcher(), developer_provider=PROVIDER, store=store, max_entries=100)
    cache.get(asking())
    files = len(list(Path("/proc/self/fd").iterdir()))
    names = [name.hex() for name in (b"a" * 32, b"b" * 32)]

    for number in range(2_500):
        store.claim(names[number % 2], "me", 10)
        store.read(names[number % 2])
        store.release(names[number % 2], "me")
        cache.get(asking(str(number)))
    assert server.connections() <= 1 + 8 + 1, "one for each thread that there was"
    with server.client() as client:
        for number in range(100):
            client.execute_command("CLIENT", "KILL", "TYPE", "normal")
            store.read(NAME)
            cache.get(asking(f"reconnecting {number}"))
    assert server.connections() <= 1 + 8 + 1
    assert len(list(Path("/proc/self/fd").iterdir())) <= files + 10
    assert len([t for t in threading.enumerate() if "devtoken" in t.name]) <= 8 + 1
    cache.close()
    store.close()
    assert server.connections() == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_makes_connections_of_its_own(redis_server: Server, keys: str) -> None:
    script = """
import json, os, sys
from cognito_devtoken import TokenSession
from cognito_devtoken.stores.redis import RedisStore
from cognito_devtoken.testing import FakeFetcher

store = RedisStore(sys.argv[1], keys=sys.argv[2], timeout=1)
session = TokenSession("a:0", developer_provider="b", client=FakeFetcher(), store=store)

def who():
    session.get_token(f"user-{os.getpid()}")
    stats = session.stats()
    assert not stats.store_errors, stats
    return store._client.client_id()

parent = who()
read, write = os.pipe()
if not os.fork():
    os.write(write, json.dumps(who()).encode())
    os._exit(0)
child = json.loads(os.read(read, 1000))
print(json.dumps([parent, child, who()]))
session.close(); store.close()
"""
    command = [sys.executable, "-Wignore::DeprecationWarning", "-c", script, redis_server.url]
    done = subprocess.run([*command, keys], capture_output=True, text=True, timeout=30)

    parent, child, again = json.loads(done.stdout or done.stderr)
    assert child != parent
    assert again == parent


def test_two_hosts_with_clocks_ten_minutes_apart_share_by_the_servers(
    redis_server: Server, open_store: Opens, new_cache: Any
) -> None:
    class Off(ManualClock):
        """The real time, but for the wall clock."""

        def __init__(self, seconds: float) -> None:
            super().__init__()
            self._off = seconds

        def monotonic(self) -> float:
            return time.monotonic() + self._off

        def time(self) -> float:
            return time.time() + self._off

    fetcher = FakeFetcher()
    caches = [
        new_cache(open_store(redis_server.url, timeout=1), fetcher=fetcher, clock=Off(seconds))
        for seconds in (0, 600, -600)
    ]

    tokens = [cache.get(asking(token_duration=60)) for cache in caches]

    assert len(set(tokens)) == 1
    left = [token.expires_in().total_seconds() for token in tokens]
    assert max(left) <= 60
    assert max(left) - min(left) < SLACK


def test_a_name_that_nobody_resolves_takes_no_longer_than_anything_else() -> None:
    from cognito_devtoken.stores._connection import _Connecting

    looked_up = threading.Event()
    closed: list[str] = []

    class Late:
        def close(self) -> None:
            closed.append("closed")

    def resolve() -> Any:
        looked_up.wait()
        return Late()

    connecting = _Connecting(resolve)
    with pytest.raises(TimeoutError):
        connecting.wait(0.01)
    looked_up.set()
    connecting.thread.join()
    assert closed == ["closed"]


def test_a_server_that_never_answers_in_tls_holds_a_thread_and_a_socket_for_a_second(
    open_store: Opens,
) -> None:
    ended = threading.Event()

    def hang(connection: socket.socket) -> None:
        try:
            hangs(connection)
        finally:
            ended.set()

    with impostor(hang) as url:
        store = open_store(url.replace("redis://", "rediss://"))
        with pytest.raises(redis.TimeoutError):
            store.read(NAME)
        left = [t for t in threading.enumerate() if t.name == "cognito-devtoken-connect"]
        assert ended.wait(1 + SLACK), "the socket is still open"
        for thread in left:
            thread.join(SLACK)
        assert not any(thread.is_alive() for thread in left)


def test_a_parser_that_reads_into_its_own_memory_is_held_to_the_time_too() -> None:
    from cognito_devtoken.stores._connection import _Socket, within

    here, there = socket.socketpair()
    with here, there:
        bounded, memory = _Socket(here), bytearray(10)
        there.sendall(b"abc")
        with within(0.05):
            assert bounded.recv_into(memory) == 3
            with pytest.raises(TimeoutError):
                bounded.recv_into(memory)
            with pytest.raises(TimeoutError):
                bounded.sendall(b"abc")
        assert bounded.fileno() == here.fileno()


def test_in_a_forked_child_it_has_another_client(keys: str) -> None:
    store = RedisStore("redis://localhost", keys=keys)
    own = store._client

    ready = store._before_fork()
    store._after_fork(ready=ready, in_child=True)

    assert store._client is not own


def test_without_redis_the_extra_is_named() -> None:
    script = """
import sys
sys.modules["redis"] = None
try:
    import cognito_devtoken.stores.redis
except Exception as error:
    print(type(error).__name__, error, *error.__notes__)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.stdout == (
        "ConfigurationError A RedisStore needs redis, which is not installed. "
        "Install the extra: pip install 'cognito-devtoken[redis]'\n"
    ), done.stderr
