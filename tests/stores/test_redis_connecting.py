"""A store connects to a real server by URL, by TLS, or through the user's own client."""

import re
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import redis
import redis.asyncio

from cognito_devtoken.exceptions import (
    SessionClosedError,
)
from cognito_devtoken.stores.redis import BOUNDED, RedisStore
from redis_stores import NAME, StoreOpener
from servers import Server, fake_server, free_port, running


pytestmark = pytest.mark.external


@pytest.mark.parametrize("address", ["unix", "tcp"])
def test_a_store_connects_by_url_with_user_password_and_database(
    open_store: StoreOpener, address: str
) -> None:
    port = free_port() if address == "tcp" else 0
    acl = ["--user", "ana", "on", ">secret", "~*", "+@all", "--user", "default", "off"]
    with TemporaryDirectory() as folder, running(Path(folder), *acl, port=port) as server:
        place = f"127.0.0.1:{port}/3" if port else f"{server.path}?db=3"
        scheme = "redis" if port else "unix"
        store = open_store(f"{scheme}://ana:secret@{place}")
        store.write(NAME, b"value", lambda: 600, None)
        with server.client(username="ana", password="secret", db=3) as client:
            assert client.get(f"cognito-devtoken:{{{NAME}}}") == b"value"


def test_a_store_connects_by_tls(
    redis_server: Server, open_store: StoreOpener, tmp_path: Path
) -> None:
    certificate, key = certify(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def speak_tls(connection: socket.socket) -> None:
        # A proxy, because some builds of redis-server do not support TLS.
        with (
            context.wrap_socket(connection, server_side=True) as outside,
            socket.socket(socket.AF_UNIX) as inside,
        ):
            inside.connect(str(redis_server.path))
            back = threading.Thread(target=forward, args=(inside, outside))
            back.start()
            forward(outside, inside)
            back.join()

    with fake_server(speak_tls) as plain:
        url = plain.replace("redis://", "rediss://")
        store = open_store(f"{url}?ssl_ca_certs={certificate}")
        store.write(NAME, b"value", lambda: 600, None)
        assert store.read(NAME)
        with pytest.raises(redis.ConnectionError, match="certificate"):
            open_store(url).read(NAME)
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


def test_a_store_uses_the_users_client_and_leaves_it_open(
    redis_server: Server, open_store: StoreOpener
) -> None:
    with redis_server.client(**BOUNDED) as client:
        store = open_store(client=client)
        store.write(NAME, b"value", lambda: 600, None)
        store.close()
        assert client.ping()


def test_a_closed_store_refuses_operations(redis_server: Server, keys: str) -> None:
    with RedisStore(redis_server.url, keys=keys) as store:
        pass
    with pytest.raises(SessionClosedError):
        store.read(NAME)


def test_a_user_with_only_the_documented_commands_can_use_the_store(
    open_store: StoreOpener,
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "fleet.md").read_text()
    (sentence,) = re.findall(r"If you use ACLs, allow (.*) on names", page)
    allowed = [f"+{command.lower()}" for command in re.findall(r"`([A-Z]+)`", sentence)]
    assert len(allowed) > 10
    acl = ["--user", "ana", "on", ">secret", "~cognito-devtoken:*", *allowed]
    port = free_port()
    options = [*acl, "--user", "default", "off"]
    with TemporaryDirectory() as folder, running(Path(folder), *options, port=port):
        store = open_store(f"redis://ana:secret@127.0.0.1:{port}/0")
        log, position = store.publish(b"message", 600, 10)
        assert store.published(None, 600) == (log, [(position, b"message")])
        store.mark(NAME, log, position, 600)
        assert store.marks([NAME]) == [(log, position)]
        assert store.claim(NAME, "me", 600) == (True, None)
        assert store.renew(NAME, "me", 600)
        assert store.write(NAME, b"value", lambda: 600, "me")
        assert store.read(NAME)
        assert store.release(NAME, "me") is False
