"""The examples on real servers: a storm of requests, a health check, a stop during requests."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from adapters import require
from patience import PATIENCE
from serving import UVICORN, Cognito, Server, ask, served, stop_in_mid_flight, storm


pytestmark = pytest.mark.external

# The server of "flask run", on an inherited socket, which waits for its threads at the end.
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
os.close({fd})  # the server has its own copy
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

# The required libraries, and the command.
SERVERS = {
    "aiohttp": (["svcs"], ["-c", AIOHTTP]),
    "django": (["django"], [*GUNICORN, IN_PROJECT, "backend.wsgi"]),
    "django_async": (["django"], [*UVICORN, "--app-dir=django_app", "django_async_views:app"]),
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

JS_CREDENTIALS = {
    "accessKeyId",
    "expiration",
    "identityId",
    "secretAccessKey",
    "sessionToken",
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
    """Returns the running server. The tests share it until one of them stops it."""
    libraries, command = SERVERS[request.param]
    require(*libraries)
    running: list[Server] = []

    def running_server() -> Server:
        if not running or running[-1].process.poll() is not None:
            running.append(stack.enter_context(served(shared_cognito, *command)))
        return running[-1]

    with ExitStack() as stack:
        yield running_server


def test_a_storm_of_requests_causes_one_call_per_user_and_process(
    server: Start, upstream: Cognito
) -> None:
    responses = storm(server().url)

    # Only the servers with several processes name the process that has answered.
    asked = {(response.headers.get("X-Pid"), response.user) for response in responses}
    assert upstream.fetches == len(asked)


def test_each_user_gets_credentials_that_nothing_on_the_way_may_store(
    server: Start, upstream: Cognito
) -> None:
    users = ["ana", "bob"] * 2

    responses = ask(server().url, users, path="/aws-credentials")

    assert {response.status for response in responses} == {200}
    assert {response.headers["Cache-Control"] for response in responses} == {"no-store"}
    bodies = [response.body for response in responses]
    assert all(body.keys() == JS_CREDENTIALS for body in bodies)
    assert len({(user, body["identityId"]) for user, body in zip(users, bodies, strict=True)}) == 2


@pytest.mark.parametrize("path", ["/cognito-token", "/aws-credentials"])
def test_a_client_that_is_not_signed_in_is_refused(
    server: Start, upstream: Cognito, path: str
) -> None:
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(f"{server().url}{path}?user_id=ana", method="POST"), timeout=PATIENCE)

    caught.value.close()
    assert caught.value.code == 401
    assert upstream.fetches == 0


def test_a_health_check_makes_no_call(server: Start, upstream: Cognito) -> None:
    with urlopen(f"{server().url}/health", timeout=PATIENCE) as answer:
        assert json.load(answer)["ok"] is True

    assert upstream.fetches == 0


def test_a_stopped_server_answers_waiting_requests(server: Start, upstream: Cognito) -> None:
    running = server()

    responses = stop_in_mid_flight(running, upstream)
    running.end()

    assert [response.status for response in responses] == [200] * 4
