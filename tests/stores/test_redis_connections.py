"""A store leaves no connection open, and a forked child opens its own."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from caching import PROVIDER, request_for, wait_until
from cognito_devtoken import TokenCache
from cognito_devtoken.stores.redis import RedisStore
from cognito_devtoken.testing import FakeFetcher
from patience import PATIENCE
from redis_stores import NAME, StoreOpener
from servers import Server


pytestmark = pytest.mark.external


def test_no_connection_and_no_thread_is_left_open(
    own_redis: Server, open_store: StoreOpener
) -> None:
    store = open_store(own_redis.url)
    cache = TokenCache(FakeFetcher(), developer_provider=PROVIDER, store=store, max_entries=100)
    cache.get(request_for())
    files = len(list(Path("/proc/self/fd").iterdir()))
    names = [name.hex() for name in (b"a" * 32, b"b" * 32)]

    for number in range(300):
        store.claim(names[number % 2], "me", 600)
        store.read(names[number % 2])
        store.release(names[number % 2], "me")
        cache.get(request_for(str(number)))
    most = 1 + 8 + 1 + 1  # this thread, the workers, the log reader, the lease renewer
    assert own_redis.connections() <= most
    with own_redis.client() as client:
        for number in range(50):
            client.execute_command("CLIENT", "KILL", "TYPE", "normal")
            store.read(NAME)
            cache.get(request_for(f"reconnecting {number}"))
    assert own_redis.connections() <= most
    assert len(list(Path("/proc/self/fd").iterdir())) <= files + 10
    assert len([t for t in threading.enumerate() if "devtoken" in t.name]) < most
    cache.close()
    store.close()
    wait_until(lambda: own_redis.connections() == 0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_opens_its_own_connections(redis_server: Server, keys: str) -> None:
    script = """
import json, os, sys
from cognito_devtoken import TokenSession
from cognito_devtoken.stores import _redis_clients, redis
from cognito_devtoken.testing import FakeFetcher

_redis_clients.LONGEST = redis.LONGEST = 300.0  # the machine may be busy
store = redis.RedisStore(sys.argv[1], keys=sys.argv[2], timeout=300)
session = TokenSession("a:0", developer_provider="b", client=FakeFetcher(), store=store)

def client_id():
    session.get_token(f"user-{os.getpid()}")
    stats = session.stats()
    assert not stats.store_errors, stats
    return store._client.client_id()

parent = client_id()
read, write = os.pipe()
if not os.fork():
    os.write(write, json.dumps(client_id()).encode())
    os._exit(0)
child = json.loads(os.read(read, 1000))
print(json.dumps([parent, child, client_id()]))
session.close(); store.close()
"""
    command = [sys.executable, "-Wignore::DeprecationWarning", "-c", script, redis_server.url]
    done = subprocess.run([*command, keys], capture_output=True, text=True, timeout=PATIENCE)

    parent, child, again = json.loads(done.stdout or done.stderr)
    assert child != parent
    assert again == parent


def test_a_store_has_another_client_in_a_forked_child(keys: str) -> None:
    store = RedisStore("redis://localhost", keys=keys)
    own = store._client

    store._before_fork()
    store._after_fork(in_child=True)

    assert store._client is not own
