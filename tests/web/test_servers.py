"""The examples on real servers: a storm of requests, a health check, a stop in mid-flight."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.request import urlopen

import pytest

from adapters import require
from patience import PATIENCE
from serving import UVICORN, Cognito, Server, served, stop_in_mid_flight, storm


pytestmark = pytest.mark.external

# What "flask run" starts, on a socket that is there, and waiting for its threads at the end.
THREADED = """
import os
import signal

from flask_app import app
from werkzeug.serving import make_server


def stop(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


signal.signal(signal.SIGTERM, stop)
server = make_server("127.0.0.1", 0, app, threaded=True, fd={fd})
os.close({fd})  # the server has its own
server.daemon_threads = False
server.serve_forever()
"""
AIOHTTP = (
    "import aiohttp_app, socket; from aiohttp import web; "
    "web.run_app(aiohttp_app.create_app(), sock=socket.socket(fileno={fd}))"
)
GUNICORN = ["-m", "gunicorn", "--config=python:gunicorn_settings", "--bind=fd://{fd}"]
WORKERS = [*GUNICORN, "--preload", "--workers=4"]
IN_PROJECT = "--chdir=django_app"

# What must be installed, and the command.
SERVERS = {
    "aiohttp": (["svcs"], ["-c", AIOHTTP]),
    "django": (["django"], [*GUNICORN, IN_PROJECT, "backend.wsgi"]),
    "django_async": (["django"], [*UVICORN, "--app-dir=django_app", "django_in_loops:app"]),
    "django_workers": (
        ["django"],
        [*WORKERS, IN_PROJECT, "with_pid:wsgi('backend.wsgi', 'application')"],
    ),
    "fastapi": (["fastapi"], [*UVICORN, "fastapi_app:app"]),
    "flask": (["flask"], [*GUNICORN, "flask_app:app"]),
    "flask_threads": (["flask"], ["-c", THREADED]),
    "flask_workers": (["flask"], [*WORKERS, "with_pid:wsgi('flask_app', 'app')"]),
    "litestar": (["litestar"], [*UVICORN, "litestar_app:app"]),
    "starlette": (["starlette"], [*UVICORN, "starlette_app:app"]),
}

Start = Callable[[], Server]


@pytest.fixture(scope="module")
def shared_cognito() -> Iterator[Cognito]:
    with Cognito() as cognito:
        yield cognito


@pytest.fixture
def upstream(shared_cognito: Cognito) -> Cognito:
    shared_cognito.clear()
    shared_cognito.fetches = 0
    while shared_cognito.arrived.acquire(blocking=False):
        pass
    return shared_cognito


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, shared_cognito: Cognito) -> Iterator[Start]:
    """The running server. All tests share it, until one of them stops it."""
    libraries, command = SERVERS[request.param]
    require(*libraries)
    running: list[Server] = []

    def running_server() -> Server:
        if not running or running[-1].process.poll() is not None:
            running.append(stack.enter_context(served(shared_cognito, *command)))
        return running[-1]

    with ExitStack() as stack:
        yield running_server


def test_a_storm_of_requests_causes_one_call_for_each_user_and_process(
    server: Start, upstream: Cognito
) -> None:
    responses = storm(server().url)

    # Of these servers, only those with several processes say which one has answered.
    asked = {(response.headers.get("X-Pid"), response.user) for response in responses}
    assert upstream.fetches == len(asked)


def test_a_health_check_is_answered_without_a_call(server: Start, upstream: Cognito) -> None:
    with urlopen(f"{server().url}/health", timeout=PATIENCE) as answer:
        assert json.load(answer)["ok"] is True

    assert upstream.fetches == 0


def test_a_server_that_is_stopped_answers_those_who_wait(server: Start, upstream: Cognito) -> None:
    running = server()

    responses = stop_in_mid_flight(running, upstream)
    running.end()

    assert [response.status for response in responses] == [200] * 4
