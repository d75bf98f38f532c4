"""An attempt ends within its time and its size, whatever the server does; its thread returns."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
from botocore.config import Config

from caching import PROVIDER
from calling import OPAQUE
from certificates import Certificate
from cognito_devtoken import DevTokenClient, TokenRequest, TokenSession
from cognito_devtoken._aws.connections import MAX_RESPONSE, BoundedSession, _bounded
from cognito_devtoken._runtime.deadline import Connecting, _operation, within
from cognito_devtoken.exceptions import DevTokenError, TokenUnavailableError
from patience import PATIENCE
from pools import POOL
from scripts import run_script
from servers import raw_server


pytestmark = pytest.mark.external

Talk = Callable[[Any], None]
RunServer = Callable[[Talk], tuple[str, list[threading.Event]]]

OK = b"HTTP/1.1 200 OK\r\n"
ENDLESS = OK + b"Content-Length: 999999999\r\n\r\n"
CONNECTED = b"HTTP/1.1 200 Connection established\r\n"
# More than the threads that may hang in a session at once.
MANY = 40


def config(seconds: float = 50, **options: Any) -> Any:
    options = {"retries": {"total_max_attempts": 1}} | options
    return Config(connect_timeout=seconds, read_timeout=seconds, **options)


@pytest.fixture
def quick_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock for deadlines that a second passes on at each reading, in all threads together."""
    readings = count()
    clock = staticmethod(lambda: float(next(readings)))
    monkeypatch.setattr(type(_operation), "clock", clock)


def read_request(connection: Any) -> None:
    """Read to the end of the headers, or until the client hangs up."""
    seen = b""
    while b"\r\n\r\n" not in seen and (data := connection.recv(65536)):
        seen += data


def send_slowly(connection: Any, byte: bytes) -> None:
    """Send a byte again and again, each well within a time-out, until the client hangs up."""
    pause = threading.Event()
    with suppress(OSError):
        for _ in range(20_000):  # to end even if the client never does
            connection.sendall(byte)
            pause.wait(0.001)


def respond_slowly(connection: Any, start: bytes, byte: bytes) -> None:
    read_request(connection)
    connection.sendall(start)
    send_slowly(connection, byte)


def slow_status(connection: Any) -> None:
    respond_slowly(connection, b"", b"H")


def slow_headers(connection: Any) -> None:
    respond_slowly(connection, OK + b"X-Slow: ", b"x")


def slow_body(connection: Any) -> None:
    respond_slowly(connection, ENDLESS, b" ")


def slow_tunnel(connection: Any) -> None:
    respond_slowly(connection, CONNECTED + b"X-Slow: ", b"x")


def flood(connection: Any) -> None:
    read_request(connection)
    with suppress(OSError):
        connection.sendall(ENDLESS)
        while True:
            connection.sendall(b" " * 65536)


@pytest.fixture
def run_server() -> Iterator[RunServer]:
    """A function that runs a server. It returns the address, and an event for each connection."""
    with ExitStack() as stack:

        def run(talk: Talk) -> tuple[str, list[threading.Event]]:
            ended: list[threading.Event] = []

            def talk_and_note(connection: Any) -> None:
                event = threading.Event()
                ended.append(event)
                try:
                    talk(connection)
                finally:
                    event.set()

            return stack.enter_context(raw_server(talk_and_note)), ended

        yield run


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    """A certificate that clients trust."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate.path))
    return certificate


def through_tls(certificate: Certificate, talk: Talk) -> Talk:
    def talk_tls(connection: Any) -> None:
        with certificate.context().wrap_socket(connection, server_side=True) as secure:
            talk(secure)

    return talk_tls


def error_of_call(
    client: DevTokenClient, request: TokenRequest, ended: list[threading.Event]
) -> str:
    """Return the error of a call, after checking that it left its one connection closed."""
    with client:
        with pytest.raises(TokenUnavailableError) as caught:
            client.fetch(request)
        assert [event.wait(PATIENCE) for event in ended] == [True]
    return str(caught.value)


@pytest.mark.usefixtures("quick_clock")
@pytest.mark.parametrize("talk", [slow_status, slow_headers, slow_body])
def test_a_server_that_sends_a_byte_at_a_time_is_given_up_and_its_connection_closed(
    talk: Talk, run_server: RunServer, request_: TokenRequest
) -> None:
    address, ended = run_server(talk)
    client = DevTokenClient(endpoint_url=f"http://{address}", config=config())

    assert "ReadTimeoutError" in error_of_call(client, request_, ended)


@pytest.mark.usefixtures("quick_clock")
def test_each_attempt_has_its_own_time(run_server: RunServer, request_: TokenRequest) -> None:
    address, ended = run_server(slow_body)
    three = config(retries={"total_max_attempts": 3, "mode": "standard"})

    with DevTokenClient(endpoint_url=f"http://{address}", config=three) as client:
        with pytest.raises(TokenUnavailableError, match="ReadTimeoutError"):
            client.fetch(request_)

    assert len(ended) == 3


@pytest.mark.usefixtures("quick_clock")
@pytest.mark.parametrize("talk", [slow_status, slow_headers, slow_body])
def test_a_slow_server_behind_tls_is_given_up(
    talk: Talk, trusted: Certificate, run_server: RunServer, request_: TokenRequest
) -> None:
    address, ended = run_server(through_tls(trusted, talk))
    client = DevTokenClient(endpoint_url=f"https://{address}", config=config())

    assert "ReadTimeoutError" in error_of_call(client, request_, ended)


def test_a_server_that_never_completes_tls_is_given_up(
    run_server: RunServer, request_: TokenRequest
) -> None:
    def talk(connection: Any) -> None:
        connection.sendall(b"\x16\x03\x03\x40\x00")  # the start of 16 kB of a handshake
        send_slowly(connection, b"\0")

    address, ended = run_server(talk)
    client = DevTokenClient(endpoint_url=f"https://{address}", config=config(0.05))

    assert error_of_call(client, request_, ended)


@pytest.mark.usefixtures("quick_clock")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_slow_proxy_is_given_up(
    scheme: str, trusted: Certificate, run_server: RunServer, request_: TokenRequest
) -> None:
    talk = slow_tunnel if scheme == "http" else through_tls(trusted, slow_tunnel)
    address, ended = run_server(talk)
    client = DevTokenClient(config=config(proxies={"https": f"{scheme}://{address}"}))

    assert error_of_call(client, request_, ended)


@pytest.mark.usefixtures("quick_clock")
def test_a_slow_server_behind_tls_in_tls_is_given_up(
    trusted: Certificate, run_server: RunServer, request_: TokenRequest
) -> None:
    def tunnel(connection: Any) -> None:
        """Connect to the server, and pass on what both send."""
        read_request(connection)
        connection.sendall(CONNECTED + b"\r\n")
        here, there = socket.socketpair()
        with here, there, ThreadPoolExecutor(2) as pool:
            pool.submit(serve, there)
            pool.submit(pass_on, here, connection)
            pass_on(connection, here)

    def serve(connection: socket.socket) -> None:
        with suppress(OSError):
            through_tls(trusted, slow_body)(connection)

    def pass_on(source: Any, target: Any) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    address, ended = run_server(through_tls(trusted, tunnel))
    proxied = config(proxies={"https": f"https://{address}"})
    client = DevTokenClient(endpoint_url="https://127.0.0.1", config=proxied)

    assert "ReadTimeoutError" in error_of_call(client, request_, ended)


def test_a_name_look_up_that_hangs_is_given_up(
    request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(PATIENCE) and [])

    try:
        with DevTokenClient(config=config(0.01)) as client:
            with pytest.raises(TokenUnavailableError, match="ConnectTimeoutError"):
                client.fetch(request_)
    finally:
        answered.set()


def test_a_socket_past_its_deadline_still_tells_a_timeout_to_tls() -> None:
    here, there = socket.socketpair()
    with there, _bounded(here) as bounded, within(-1):
        assert 0 < bounded.gettimeout() < 1


def test_a_connection_is_made_without_a_thread_if_none_can_be_started() -> None:
    connecting = Connecting(lambda: "a socket")  # type: ignore[arg-type, return-value]

    def fail() -> None:
        raise RuntimeError("can't start new thread")

    connecting.thread.start = fail  # type: ignore[method-assign]

    assert connecting.wait(1) == "a socket"  # type: ignore[comparison-overlap]


def test_a_response_without_end_is_given_up(run_server: RunServer, request_: TokenRequest) -> None:
    address, ended = run_server(flood)
    client = DevTokenClient(endpoint_url=f"http://{address}", config=config())

    error = error_of_call(client, request_, ended)

    assert error == f"The response is larger than {MAX_RESPONSE} bytes."


@pytest.mark.usefixtures("quick_clock")
def test_more_slow_connections_than_threads_do_not_stop_a_session(run_server: RunServer) -> None:
    slow = True

    def talk(connection: Any) -> None:
        if slow:
            slow_body(connection)
            return
        read_request(connection)
        body = json.dumps(OPAQUE).encode()
        connection.sendall(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    address, ended = run_server(talk)

    def fails(user_id: str) -> bool:
        with pytest.raises(DevTokenError):
            session.get_token(user_id)
        return True

    client = DevTokenClient(endpoint_url=f"http://{address}", config=config())
    with (
        client,
        TokenSession(POOL.identity_pool_id, developer_provider=PROVIDER, client=client) as session,
    ):
        with ThreadPoolExecutor(MANY) as pool:
            assert all(pool.map(fails, map(str, range(MANY))))
        assert len(ended) == MANY
        assert all(event.wait(PATIENCE) for event in ended)
        slow = False

        assert session.get_token("one more").token == OPAQUE["Token"]


@pytest.mark.usefixtures("quick_clock")
def test_requests_for_aws_credentials_end_in_time_too(
    run_server: RunServer, profile: Any, request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, ended = run_server(slow_body)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    profile(
        f"""\
        [default]
        role_arn = arn:aws:iam::123456789012:role/backend
        source_profile = user
        region = us-east-1
        endpoint_url = http://{address}

        [profile user]
        aws_access_key_id = AKIATEST
        aws_secret_access_key = secret
        """
    )

    with DevTokenClient() as client, pytest.raises(DevTokenError):
        client.fetch(request_)

    assert [event.wait(PATIENCE) for event in ended] == [True]


# In a process of its own, where no other thread closes a file meanwhile.
_NO_MORE_FILES = """
import os, resource, sys
from botocore.config import Config
from cognito_devtoken import DevTokenClient, TokenRequest
from cognito_devtoken.exceptions import TokenUnavailableError

config = Config(retries={"total_max_attempts": 1})
client = DevTokenClient(endpoint_url="http://127.0.0.1:1", config=config)
if not IS_NEW:
    client._client_for("us-east-1")
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 1, hard))
try:
    while True:
        os.dup(0)
except OSError:
    pass
try:
    client.fetch(TokenRequest("us-east-1:0", {"login.example.com": "user-42"}))
except TokenUnavailableError as error:
    print(error, *error.__notes__, sep="\\n")
"""


@pytest.mark.external
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("is_new", [True, False])
def test_too_many_open_files_is_an_error_that_names_the_limit(is_new: bool) -> None:
    message, hint = run_script(f"IS_NEW = {is_new}\n{_NO_MORE_FILES}").splitlines()

    assert message == "The call failed with OSError EMFILE: Too many open files."
    assert "limit of open file descriptors" in hint


def test_a_client_without_time_limits_has_no_deadline() -> None:
    client = BoundedSession().create_client(
        "sts",
        region_name="us-east-1",
        config=Config(connect_timeout=None),
    )

    assert client._endpoint.http_session._seconds is None


def test_a_botocore_that_differs_inside_is_used_without_limits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other: Any = SimpleNamespace(
        meta=SimpleNamespace(config=config()),
        _endpoint=SimpleNamespace(http_session=SimpleNamespace()),
    )
    monkeypatch.setattr(botocore.session.Session, "create_client", lambda *_, **__: other)
    http_session = other._endpoint.http_session

    assert BoundedSession().create_client("sts")._endpoint.http_session is http_session
