"""A test that starts a process or a server must be marked as external."""

import pytest

import externals


pytest_plugins = ["pytester"]
pytestmark = pytest.mark.external

TESTS = """
import asyncio
import os
import socket
import subprocess

import pytest

NOWHERE = "/nonexistent/program"

def child_of(fork):
    child = fork()
    child = child if isinstance(child, int) else child[0]
    if not child:
        os._exit(0)
    os.waitpid(child, 0)

def bind(family, address):
    with socket.socket(family) as server:
        try:
            server.bind(address)
        except OSError:
            pass  # this machine has no IPv6

def popen():
    with pytest.raises(FileNotFoundError):
        subprocess.run([NOWHERE, "-x"])

def posix_spawn():
    with pytest.raises(FileNotFoundError):
        os.posix_spawn(NOWHERE, [NOWHERE], {})

def execute():
    with pytest.raises(FileNotFoundError):
        os.execv(NOWHERE, [NOWHERE])

STARTS = {
    "popen": popen,
    "fork": lambda: child_of(os.fork),
    "forkpty": lambda: child_of(os.forkpty),
    "posix_spawn": posix_spawn,
    "exec": execute,
    "system": lambda: os.system("true"),
    "inet": lambda: bind(socket.AF_INET, ("127.0.0.1", 0)),
    "inet6": lambda: bind(socket.AF_INET6, ("::1", 0)),
    "unix": lambda: bind(socket.AF_UNIX, "./socket"),
}

@pytest.fixture(params=STARTS)
def start(request):
    return STARTS[request.param]

def test_in_its_body(start):
    start()

def test_quietly(start):
    try:
        start()
    finally:
        pytest.skip("whatever else it says")

@pytest.mark.external
def test_marked(start):
    start()

@pytest.fixture(scope="session")
def server():
    bind(socket.AF_INET, ("127.0.0.1", 0))

def test_in_its_setup(server):
    pass

@pytest.fixture
def start_late():
    yield
    os.system("true")

def test_in_its_teardown(start_late):
    pass

@pytest.fixture(scope="session")
def running_emulator():
    bind(socket.AF_INET, ("127.0.0.1", 0))

@pytest.fixture
def emulator(running_emulator):
    pass

def test_marked_by_its_fixture(emulator):
    os.system("true")

def test_that_starts_nothing():
    loop = asyncio.new_event_loop()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    with socket.socket() as client:
        client.connect_ex(("127.0.0.1", 1))
"""


def run(pytester: pytest.Pytester, *options: str) -> pytest.HookRecorder:
    pytester.makepyfile(test_it=TESTS)
    registered = f"markers={externals.MARKER}"
    return pytester.inline_run("-o", registered, *options, plugins=[externals])


def test_an_unmarked_test_that_starts_something_fails_with_one_sentence(
    pytester: pytest.Pytester,
) -> None:
    reports = run(pytester).getreports("pytest_runtest_logreport")

    what = {
        "popen": "the process /nonexistent/program -x",
        "fork": "a process with os.fork()",
        "forkpty": "a process with os.forkpty()",
        "posix_spawn": "the process /nonexistent/program",
        "exec": "the program /nonexistent/program",
        "system": "the process true",
        "inet": "a server on ('127.0.0.1', 0)",
        "inet6": "a server on ('::1', 0)",
        "unix": "a server on ./socket",
    }
    started = [
        ("call", f"{test}[{start}]", what[start])
        for test in ("test_in_its_body", "test_quietly")
        for start in what
    ]
    started.append(("setup", "test_in_its_setup", what["inet"]))
    started.append(("teardown", "test_in_its_teardown", what["system"]))
    assert [
        (report.when, report.nodeid.partition("::")[2], str(report.longrepr).splitlines()[-1])
        for report in reports
        if report.outcome != "passed"
    ] == [
        (phase, test, f"{test} started {it}. Mark it with @pytest.mark.external.")
        for phase, test, it in started
    ]


@pytest.mark.parametrize(("lane", "passed"), [("external", 10), ("not external", 1)])
def test_a_test_whose_fixture_starts_something_is_marked(
    lane: str, passed: int, pytester: pytest.Pytester
) -> None:
    run(pytester, "-m", lane, "-k", "marked or nothing").assertoutcome(passed=passed)
