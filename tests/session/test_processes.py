"""Sessions across fork, under gunicorn, and at the end of the interpreter."""

import json
import signal
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cognito_devtoken.emulator import Emulator
from pools import POOL


SESSION = f"""
import json, os, sys, threading, time
from cognito_devtoken import TokenSession, DevTokenClient
from cognito_devtoken.events import FetchStarted
from cognito_devtoken.testing import FakeFetcher

def open_session(**arguments):
    return TokenSession(
        {POOL.identity_pool_id!r}, developer_provider={POOL.developer_provider!r}, **arguments
    )
"""
# Time for a machine that is busy. What is tested ends at once, or never.
PATIENCE = 20


def run(script: str, url: str = "", *options: str) -> Any:
    done = subprocess.run(
        [sys.executable, *options, "-c", SESSION + script, url],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout or "null")


def test_a_child_forked_in_the_middle_of_a_flight_gets_an_answer(emulator: Emulator) -> None:
    emulator.latency = 1

    answers = run(
        """
sent = threading.Event()
session = open_session(
    client=DevTokenClient(endpoint_url=sys.argv[1]),
    on_event=[lambda event: sent.set() if isinstance(event, FetchStarted) else None],
)
answers = []
caller = threading.Thread(target=lambda: answers.append(session.get_token("user-42")))
caller.start()
sent.wait()
read, write = os.pipe()
if not os.fork():
    token = session.get_token("user-42")
    stats = session.stats()
    report = [token.identity_id, stats.fetches_succeeded, threading.active_count()]
    os.write(write, json.dumps(report).encode())
    os._exit(0)
child = json.loads(os.read(read, 1000))
caller.join()
print(json.dumps([answers[0].identity_id, child]))
session.close()
""",
        emulator.endpoint_url,
        "-Wignore::DeprecationWarning",
    )

    identity_id, (childs, succeeded, threads) = answers
    assert childs == identity_id
    assert succeeded == 1
    assert threads == 2, "the one that has forked, and one of its own"
    assert emulator.calls["GetOpenIdTokenForDeveloperIdentity"] == 2


def test_a_child_keeps_the_tokens_and_draws_its_own_jitter() -> None:
    dues, hits = run(
        """
session = open_session(client=FakeFetcher())
tokens = [session.get_token(f"user-{number}") for number in range(3)]
def dues():
    return [token._due for token in session._tokens.values()]
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
        "",
        "-Wignore::DeprecationWarning",
    )

    assert hits == [True] * 4
    assert dues[0] == dues[-1], "the parent keeps its own"
    assert len({due for each in dues for due in each}) == 15


def test_a_child_makes_connections_of_its_own(emulator: Emulator) -> None:
    ports = run(
        """
client = DevTokenClient(endpoint_url=sys.argv[1])
session = open_session(client=client)
def port():
    session.refresh("user-42")
    (made,) = client._made.values()
    (pool,) = made._endpoint.http_session._manager.pools._container.values()
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
        "-Wignore::DeprecationWarning",
    )

    parent, child, again = ports
    assert child != parent
    assert again == parent


def test_a_lock_that_another_thread_holds_at_the_fork_is_free_in_the_child() -> None:
    assert run(
        """
session = open_session(client=FakeFetcher())
stop = threading.Event()
def busy():
    while not stop.is_set():
        session.clear(); session.stats(); session.get_token("user-42")
threads = [threading.Thread(target=busy) for _ in range(4)]
for thread in threads: thread.start()
for _ in range(50):
    child = os.fork()
    if not child:
        session.get_token("another")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads: thread.join()
session.close()
print(json.dumps("done"))
""",
        "",
        "-Wignore::DeprecationWarning",
    )


def test_the_interpreter_ends_while_a_fetch_hangs() -> None:
    ended = run(
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
print(json.dumps("ended"))
"""
    )

    assert ended == "ended"


def test_ctrl_c_ends_the_waiting_and_not_the_fetch(emulator: Emulator) -> None:
    script = """
import signal
class Telling(DevTokenClient):
    def fetch(self, request):
        print("sent", flush=True)
        return super().fetch(request)

session = open_session(client=Telling(endpoint_url=sys.argv[1]))
try:
    session.get_token("user-42")
except KeyboardInterrupt:
    print(json.dumps(session.get_token("user-42").identity_id))
    print(session.stats().fetches_started)
session.close()
"""
    emulator.latency = 1
    command = [sys.executable, "-c", SESSION + script, emulator.endpoint_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "sent\n"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE)

    assert out.splitlines()[1:] == ["1"]
    assert process.returncode == 0


APP = """
import json, os, urllib.parse
from cognito_devtoken import TokenSession

session = TokenSession.from_env()
session.get_token("preloaded")  # with threads and connections of the parent

def app(environ, start_response):
    user_id = urllib.parse.parse_qs(environ["QUERY_STRING"])["user"][0]
    token = session.get_token(user_id)
    stats = session.stats()
    answer = [os.getpid(), token.identity_id, token._due, stats.fetches_started]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
"""


def test_gunicorn_with_preload_and_four_workers(emulator: Emulator, tmp_path: Path) -> None:
    pytest.importorskip("gunicorn")
    (tmp_path / "app.py").write_text(APP)
    environment = {
        "COGNITO_DEVTOKEN_IDENTITY_POOL_ID": POOL.identity_pool_id,
        "COGNITO_DEVTOKEN_DEVELOPER_PROVIDER": POOL.developer_provider,
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY": emulator.endpoint_url,
    }
    options = ["--preload", "--workers=4", "--threads=2", "--bind=127.0.0.1:0"]
    options += ["--no-control-socket"] if has_control_socket() else []
    command = [sys.executable, "-m", "gunicorn", *options, "app:app"]
    import os

    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
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
            answers = list(pool.map(lambda user: get(f"{url}/?user={user}"), users))
        server.terminate()
        server.stderr.read()

    identities: dict[str, set[str]] = {}
    preloaded: dict[int, set[float]] = {}
    for user, (pid, identity_id, due, _) in zip(users, answers, strict=True):
        identities.setdefault(user, set()).add(identity_id)
        if user == "preloaded":
            preloaded.setdefault(pid, set()).add(due)
    assert all(len(found) == 1 for found in identities.values()), "never another user's"
    assert len({next(iter(found)) for found in identities.values()}) == 3
    assert all(len(found) == 1 for found in preloaded.values()), "one jitter for each process"
    assert len(set.union(*preloaded.values())) == len(preloaded), "and for each another one"
    calls = emulator.calls["GetOpenIdTokenForDeveloperIdentity"]
    assert calls <= 1 + 2 * 4, "one before the fork, and two in each worker"


def has_control_socket() -> bool:
    shown = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--help"], capture_output=True, text=True
    )
    return "--no-control-socket" in shown.stdout


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return json.load(answer)


def test_a_first_call_imports_nothing_so_that_a_fork_may_come_at_any_time(
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
