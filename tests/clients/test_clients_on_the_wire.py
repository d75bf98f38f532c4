"""Clients of users against servers: shared connections, forked children, moto's S3 and DynamoDB."""

import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from test_user_clients import sharing_only

from caching import POOL_ID, PROVIDER
from cognito_devtoken import TokenSession
from cognito_devtoken.boto3 import UserClients, session_for
from cognito_devtoken.testing import FakeFetcher
from recording import key_id_in
from scripts import run_script


pytestmark = pytest.mark.external

USERS = [f"user-{number}" for number in range(40)]
PATH_STYLE = Config(s3={"addressing_style": "path"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        server: Any = self.server
        key_id = key_id_in(self.headers["Authorization"])
        server.requests.append((self.client_address[1], key_id, self.path))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An HTTP server that records the port, the key id and the path of each request."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.requests, server.daemon_threads = [], True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def session() -> Iterator[TokenSession]:
    with TokenSession(POOL_ID, developer_provider=PROVIDER, client=FakeFetcher()) as session:
        yield session


@sharing_only
def test_40_users_share_the_connections_of_16_threads(server: Any, session: TokenSession) -> None:
    unsigned_payload = Config(request_checksum_calculation="when_required")
    with UserClients(session, config=PATH_STYLE.merge(unsigned_payload)) as clients:

        def put(number: int) -> None:
            user = USERS[number % len(USERS)]
            clients.client("s3", user).put_object(Bucket="b", Key=user, Body=b"x")

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(put, range(400)))

    assert len(server.requests) == 400
    for _, key_id, path in server.requests:
        assert key_id == session.get_credentials(path.rpartition("/")[2]).access_key_id
    assert len({port for port, *_ in server.requests}) <= 16


FORK = f"""
import json, os, sys
from botocore.config import Config
from cognito_devtoken import TokenSession
from cognito_devtoken.boto3 import UserClients
from cognito_devtoken.testing import FakeFetcher

session = TokenSession({POOL_ID!r}, developer_provider={PROVIDER!r}, client=FakeFetcher())
clients = UserClients(session, config=Config(s3={{"addressing_style": "path"}}))
kept = clients.client("s3", "ann")
kept.put_object(Bucket="parent", Key="before", Body=b"x")
read, write = os.pipe()
unused = UserClients(session)
unused.client("dynamodb", "ann")
if not os.fork():
    unused.close()  # which has made no connection in this process
    kept.put_object(Bucket="child", Key="kept", Body=b"x")
    clients.client("s3", "bob").put_object(Bucket="child", Key="new", Body=b"x")
    clients.close()
    os.write(write, b"1")
    os._exit(0)
assert os.read(read, 1)
kept.put_object(Bucket="parent", Key="after", Body=b"x")
session.close()
"""


@sharing_only
def test_a_forked_child_does_not_use_the_connections_of_its_parent(server: Any) -> None:
    run_script(FORK)

    ports = {path: port for port, _, path in server.requests}
    assert len(ports) == 4
    assert ports["/parent/before"] == ports["/parent/after"]
    assert ports["/parent/before"] not in (ports["/child/kept"], ports["/child/new"])


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a server of moto, which answers for S3 and DynamoDB."""
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    yield f"http://{host}:{port}"
    server.stop()


@pytest.mark.usefixtures("moto")
def test_users_work_with_s3_and_dynamodb_of_moto(session: TokenSession) -> None:
    with UserClients(session, config=PATH_STYLE) as clients:
        clients.client("s3", "admin").create_bucket(Bucket="files")
        clients.client("dynamodb", "admin").create_table(
            TableName="notes",
            KeySchema=[{"AttributeName": "user", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "user", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)

        def work(user: str) -> None:
            s3, dynamodb = clients.client("s3", user), clients.client("dynamodb", user)
            s3.upload_fileobj(io.BytesIO(user.encode() * (1 << 20)), "files", user, Config=parts)
            dynamodb.put_item(TableName="notes", Item={"user": {"S": user}})

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, USERS[:8]))

        s3 = clients.client("s3", "admin")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket="files", MaxKeys=3)
        keys = [each["Key"] for page in pages for each in page["Contents"]]
        assert keys == sorted(USERS[:8])
        for user in USERS[:8]:
            assert s3.get_object(Bucket="files", Key=user)["Body"].read() == user.encode() * (
                1 << 20
            )
            found = clients.client("dynamodb", user).get_item(
                TableName="notes", Key={"user": {"S": user}}
            )
            assert found["Item"] == {"user": {"S": user}}


@pytest.mark.usefixtures("moto")
def test_a_resource_of_one_user_works_with_moto(session: TokenSession) -> None:
    s3: Any = session_for(session, "ann").resource("s3", config=PATH_STYLE)
    bucket = s3.create_bucket(Bucket="of-ann")
    bucket.put_object(Key="k", Body=json.dumps([1]).encode())

    assert [each.key for each in bucket.objects.all()] == ["k"]
    assert s3.Object("of-ann", "k").get()["Body"].read() == b"[1]"
