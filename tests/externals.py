"""
Pytest hooks for the marker ``external``: tests that need their own process or server.

``pytest -m "not external"`` runs the others, quickly and anywhere. A test without the marker
fails if it starts a process or binds a socket.
"""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest


MARKER = "external"
# The fixtures that start something. A test that uses one of them, directly or through another
# fixture, is marked automatically.
STARTERS = {
    "_cognito",  # underlies the fixtures of cognito_devtoken.pytest_plugin
    "browser",
    "documented_setup",  # for the examples in README.md and docs
    "make_httpserver",
    "running_emulator",
    "running_redis",
}

# Describes what a test starts, by the audit event that Python raises just before.
_EVENTS: dict[str, Callable[[Any], str]] = {
    "subprocess.Popen": lambda args: f"the process {_shown(args[1])}",
    "os.fork": lambda args: "a process with os.fork()",
    "os.forkpty": lambda args: "a process with os.forkpty()",
    "os.posix_spawn": lambda args: f"the process {_shown(args[1])}",
    "os.exec": lambda args: f"the program {_shown(args[1])}",
    "os.system": lambda args: f"the process {_shown(args[0])}",
    # A client does not bind, and neither does the socketpair of an event loop.
    "socket.bind": lambda args: f"a server on {args[1]}",
}
_started: list[str] | None = None  # None while no test is watched


def _note(event: str, args: Any) -> None:
    if _started is not None and event in _EVENTS:
        _started.append(_EVENTS[event](args))


sys.addaudithook(_note)


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not STARTERS.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(MARKER)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    with _watched(item):
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    with _watched(item):
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    with _watched(item):
        yield


@contextmanager
def _watched(item: pytest.Item) -> Generator[None]:
    global _started  # an audit hook applies to the whole process
    outer, _started = _started, None if item.get_closest_marker(MARKER) else []
    try:
        yield
    finally:
        started, _started = _started, outer
        if started:
            pytest.fail(
                f"{item.name} started {started[0]}. Mark it with @pytest.mark.{MARKER}.",
                pytrace=False,
            )


def _shown(command: Any) -> str:
    words = command if isinstance(command, list | tuple) else [command]
    return " ".join(w.decode(errors="replace") if isinstance(w, bytes) else str(w) for w in words)
