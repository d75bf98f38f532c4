"""Sessions across fork, under gunicorn, and at the end of the interpreter."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cognito_devtoken.emulator import Emulator
from gates import gated
from patience import PATIENCE
from pools import POOL


pytestmark = pytest.mark.external

SESSION = f"""
import asyncio, json, os, sys, threading, time
from cognito_devtoken import AsyncTokenSession, TokenSession, DevTokenClient
from cognito_devtoken.events import FetchStarted
from cognito_devtoken.testing import FakeFetcher

POOL = {{
    "identity_pool_id": {POOL.identity_pool_id!r},
    "developer_provider": {POOL.developer_provider!r},
}}

def open_session(**arguments):
    return TokenSession(**POOL, **arguments)
"""


def command(script: str, url: str = "") -> list[str]:
    # From Python 3.12 on, forking a process with threads raises a warning.
    return [sys.executable, "-Wignore::DeprecationWarning", "-c", SESSION + script, url]


class ChildProcess:
    """A process that a test controls by lines of text."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def write_line(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def read_line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().rstrip()

    def read_rest(self) -> list[str]:
        out, _ = self._process.communicate(timeout=PATIENCE)
        assert self._process.returncode == 0
        return out.splitlines()


@contextmanager
def killed_at_the_end(process: subprocess.Popen[str]) -> Generator[None]:
    """Kill a process that still runs after the block, or that runs for too long."""
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()
        process.kill()


@contextmanager
def child_process(script: str, emulator: Emulator) -> Generator[ChildProcess]:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command(script, emulator.endpoint_url), stdin=pipe, stdout=pipe, text=True
    ) as process:
        with killed_at_the_end(process):
            yield ChildProcess(process)


def run(script: str, url: str = "") -> Any:
    done = subprocess.run(command(script, url), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout or "null")


def test_a_child_forked_during_a_flight_gets_a_token() -> None:
    script = """
session = open_session(client=DevTokenClient(endpoint_url=sys.argv[1]))
tokens = []
caller = threading.Thread(target=lambda: tokens.append(session.get_token("user-42")))
caller.start()
sys.stdin.readline()  # until the call is in flight
read, write = os.pipe()
if not os.fork():
    token = session.get_token("user-42")
    stats = session.stats()
    report = [token.identity_id, stats.fetches_succeeded, threading.active_count()]
    os.write(write, json.dumps(report).encode())
    os._exit(0)
print("forked", flush=True)
child = json.loads(os.read(read, 1000))
caller.join()
print(json.dumps([tokens[0].identity_id, child]))
session.close()
"""
    with gated(POOL) as (emulator, gate), child_process(script, emulator) as process:
        gate.wait_for_a_call()
        process.write_line("fork")
        assert process.read_line() == "forked"
        gate.open()
        (out,) = process.read_rest()

    identity_id, (child_identity_id, succeeded, threads) = json.loads(out)
    assert child_identity_id == identity_id
    assert succeeded == 1
    assert threads == 2, "the main thread and one worker"
    assert emulator.calls["GetOpenIdTokenForDeveloperIdentity"] == 2


def test_a_child_keeps_the_tokens_and_draws_new_jitter() -> None:
    dues, hits = run(
        """
session = open_session(client=FakeFetcher())
tokens = [session.get_token(f"user-{number}") for number in range(3)]
def dues():
    return [token._due for token in session._cache._state.entries.leases.values()]
found, hits = [dues()], []
for _ in range(4):
    read, write = os.pipe()
    if not os.fork():
        again = [session.get_token(f"user-{number}") for number in range(3)]
        os.write(write, json.dumps([dues(), again == tokens]).encode())
        os._exit(0)
    child, same = json.loads(os.read(read, 1000))
    found.append(child); hits.append(same)
found.append(dues())
print(json.dumps([found, hits]))
session.close()
""",
    )

    assert hits == [True] * 4
    assert dues[0] == dues[-1], "the parent keeps its jitter"
    assert len({due for each in dues for due in each}) == 15


def test_a_child_opens_its_own_connections(emulator: Emulator) -> None:
    ports = run(
        """
client = DevTokenClient(endpoint_url=sys.argv[1])
session = open_session(client=client)
def port():
    session.refresh("user-42")
    (made,) = client._made.by_kind.values()
    (pool,) = made._endpoint.http_session._session._manager.pools._container.values()
    connection = pool.pool.get_nowait()
    while connection is None:
        connection = pool.pool.get_nowait()
    local = connection.sock.getsockname()[1]
    pool.pool.put(connection)
    return local
parents = port()
read, write = os.pipe()
if not os.fork():
    os.write(write, json.dumps(port()).encode())
    os._exit(0)
child = json.loads(os.read(read, 1000))
print(json.dumps([parents, child, port()]))
session.close()
client.close()
""",
        emulator.endpoint_url,
    )

    parent, child, again = ports
    assert child != parent
    assert again == parent


def test_a_child_keeps_the_credentials_and_exchanges_tokens_itself(emulator: Emulator) -> None:
    parent, child = run(
        """
client = DevTokenClient(endpoint_url=sys.argv[1])
session = open_session(client=client)
first = session.get_credentials("user-42")
read, write = os.pipe()
if not os.fork():
    kept = session.get_credentials("user-42") == first
    session.invalidate(first)
    second = session.get_credentials("user-42")
    stats = session.stats().credentials
    found = [kept, second != first, stats.hits, stats.fetches_succeeded]
    os.write(write, json.dumps(found).encode())
    os._exit(0)
child = json.loads(os.read(read, 1000))
print(json.dumps([session.get_credentials("user-42") is first, child]))
session.close()
client.close()
""",
        emulator.endpoint_url,
    )

    assert parent is True
    assert child == [True, True, 1, 1]
    assert emulator.calls["GetOpenIdTokenForDeveloperIdentity"] == 1
    assert emulator.calls["GetCredentialsForIdentity"] == 2


def test_a_lock_that_another_thread_holds_at_the_fork_is_free_in_the_child() -> None:
    """The fork stops waiting for the lock, because the thread never releases it."""
    status, still_held = run(
        """
from cognito_devtoken._runtime import fork
from cognito_devtoken._cache import cache
session = open_session(client=FakeFetcher())
session.get_token("user-42")
cache.FORK_WAIT = fork._forks._patience = 0.01
locks = [session._cache._state.lock, fork._forks._lock]
held, forked = threading.Barrier(len(locks) + 1), threading.Event()
def hold(lock):
    with lock:
        held.wait()
        forked.wait()
threads = [threading.Thread(target=hold, args=[lock]) for lock in locks]
for thread in threads: thread.start()
held.wait()
child = os.fork()
if not child:
    for lock in [session._cache._state.lock, fork._forks._lock]:
        assert lock.acquire(blocking=False)
        lock.release()
    assert session.get_token("another") != session.get_token("user-42")
    session.clear()
    session.stats()
    open_session(client=FakeFetcher()).close()
    os._exit(0)
status = os.waitpid(child, 0)[1]
still_held = [not lock.acquire(blocking=False) for lock in locks]
forked.set()
for thread in threads: thread.join()
session.close()
print(json.dumps([status, still_held]))
"""
    )

    assert status == 0
    assert still_held == [True, True], "the parent's locks are unchanged"


def test_a_fork_waits_until_another_thread_has_completed_its_change() -> None:
    order = run(
        """
from cognito_devtoken._cache import cache
cache.FORK_WAIT = 300
session = open_session(client=FakeFetcher())
state = session._cache._state
changing, forking = threading.Event(), threading.Event()
order = []
class Lock(type(state.lock)):
    def acquire(self, blocking=True, timeout=-1):
        if changing.is_set() and threading.current_thread() is threading.main_thread():
            order.append("the fork waits")
            forking.set()
        return super().acquire(blocking, timeout)
state.lock = Lock()
def change():
    with state.lock:
        changing.set()
        forking.wait()
        order.append("the change is complete")
thread = threading.Thread(target=change)
thread.start()
changing.wait()
read, write = os.pipe()
if not os.fork():
    os.write(write, json.dumps(order).encode())
    os._exit(0)
forking.set()
thread.join()
print(os.read(read, 1000).decode())
session.close()
"""
    )

    assert order == ["the fork waits", "the change is complete"]


def test_the_interpreter_ends_while_a_fetch_hangs() -> None:
    """benchmarks/bench_exit.py measures how quickly it ends."""
    ended, daemons = run(
        """
hanging = threading.Event()
class Hanging:
    def fetch(self, request):
        hanging.set()
        threading.Event().wait()
session = open_session(client=Hanging())
threading.Thread(target=lambda: session.get_token("user-42"), daemon=True).start()
hanging.wait()
session.close()
others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
print(json.dumps(["ended", [thread.daemon for thread in others]]))
"""
    )

    assert ended == "ended"
    assert daemons == [True, True], "the caller, and the worker"


def test_ctrl_c_interrupts_the_caller_and_not_the_fetch() -> None:
    script = """
session = open_session(client=DevTokenClient(endpoint_url=sys.argv[1]))
try:
    session.get_token("user-42")
except KeyboardInterrupt:
    print("interrupted", flush=True)
    print(json.dumps(session.get_token("user-42").identity_id))
    print(session.stats().fetches_started)
session.close()
"""
    with gated(POOL) as (emulator, gate), child_process(script, emulator) as process:
        gate.wait_for_a_call()
        process.send_signal(signal.SIGINT)
        assert process.read_line() == "interrupted"
        gate.open()
        out = process.read_rest()

    assert out[1:] == ["1"]


APP = """
import json, os, urllib.parse
from cognito_devtoken import TokenSession

session = TokenSession.from_env()
session.get_token("preloaded")  # starts threads and connections in the parent

def app(environ, start_response):
    user_id = urllib.parse.parse_qs(environ["QUERY_STRING"])["user"][0]
    token = session.get_token(user_id)
    stats = session.stats()
    report = [os.getpid(), token.identity_id, token._due, stats.fetches_started]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(report).encode()]
"""


def test_workers_of_gunicorn_share_preloaded_tokens_and_draw_their_own_jitter(
    emulator: Emulator, tmp_path: Path
) -> None:
    known = {setting.name for setting in pytest.importorskip("gunicorn.config").KNOWN_SETTINGS}
    (tmp_path / "app.py").write_text(APP)
    environment = {
        "COGNITO_DEVTOKEN_IDENTITY_POOL_ID": POOL.identity_pool_id,
        "COGNITO_DEVTOKEN_DEVELOPER_PROVIDER": POOL.developer_provider,
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY": emulator.endpoint_url,
    }
    options = ["--preload", "--workers=4", "--threads=2", "--bind=127.0.0.1:0"]
    options += ["--timeout=0"]  # do not kill a slow worker
    options += ["--no-control-socket"] if "control_socket_disable" in known else []
    command = [sys.executable, "-m", "gunicorn", *options, "app:app"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        with killed_at_the_end(server):
            assert server.stderr is not None
            lines: list[str] = []
            url = ""
            while "Booting worker" not in "".join(lines[-1:]) or not url:
                lines.append(server.stderr.readline())
                assert lines[-1], lines
                if "Listening at: " in lines[-1]:
                    url = lines[-1].partition("Listening at: ")[2].split()[0]
            users = ["preloaded", "ana", "bob"] * 40
            with ThreadPoolExecutor(12) as pool:
                responses = list(pool.map(lambda user: get(f"{url}/?user={user}"), users))
            server.terminate()
            server.stderr.read()

    identities: dict[str, set[str]] = {}
    preloaded: dict[int, set[float]] = {}
    for user, (pid, identity_id, due, _) in zip(users, responses, strict=True):
        identities.setdefault(user, set()).add(identity_id)
        if user == "preloaded":
            preloaded.setdefault(pid, set()).add(due)
    assert all(len(found) == 1 for found in identities.values()), "never another user's"
    assert len({next(iter(found)) for found in identities.values()}) == 3
    assert all(len(found) == 1 for found in preloaded.values()), "each process draws jitter once"
    assert len(set.union(*preloaded.values())) == len(preloaded), (
        "and no two processes draw the same"
    )
    calls = emulator.calls["GetOpenIdTokenForDeveloperIdentity"]
    assert calls <= 1 + 2 * 4, "one before the fork, and two in each worker"


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=PATIENCE) as response:
        return json.load(response)


def test_the_first_call_imports_nothing_so_that_a_fork_is_safe_at_any_time(
    emulator: Emulator,
) -> None:
    imported = run(
        """
session = open_session(client=DevTokenClient(endpoint_url=sys.argv[1]))
before = set(sys.modules)
session.get_token("user-42")
print(json.dumps(sorted(set(sys.modules) - before)))
session.close()
""",
        emulator.endpoint_url,
    )

    assert imported == []


def test_no_other_thread_imports_anything_so_that_no_fork_happens_during_an_import(
    emulator: Emulator,
) -> None:
    imported = run(
        """
found = []

def watch(event, arguments):
    if event == "import" and threading.current_thread() is not threading.main_thread():
        found.append(arguments[0])

sys.addaudithook(watch)
session = open_session(client=DevTokenClient(endpoint_url=sys.argv[1]))
session.get_credentials("user-42")
session.close()

async def find_and_erase():
    client = DevTokenClient(endpoint_url=sys.argv[1])
    async with AsyncTokenSession(**POOL, client=client) as awaited:
        await awaited.find_identity("user-42")
        await awaited.erase("user-42")

asyncio.run(find_and_erase())
print(json.dumps(found))
""",
        emulator.endpoint_url,
    )

    assert imported == []
