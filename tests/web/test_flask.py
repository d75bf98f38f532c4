"""A session in the life of a Flask application."""

import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import Any

import pytest


pytest.importorskip("flask", reason="Flask is not installed")

import click
from flask import Blueprint, Flask

from caching import POOL_ID, PROVIDER
from cognito_devtoken import AsyncTokenSession, RefreshPolicy, TokenSession
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    ConfigurationError,
    SessionClosedError,
    TokenUnavailableError,
)
from cognito_devtoken.flask import current_session, init_app, register_error_handlers
from cognito_devtoken.testing import FakeFetcher
from serving import (
    EXAMPLES,
    OPERATION,
    PATIENCE,
    USERS,
    served,
    settings,
    stop_in_mid_flight,
    storm,
)


GUNICORN = ["-m", "gunicorn", "--config=python:gunicorn_settings", "--bind=fd://{fd}"]
# What "flask run" starts, on a socket that is there, and waiting for its threads at the end.
THREADED = """
import signal

from flask_app import app
from werkzeug.serving import make_server


def stop(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


signal.signal(signal.SIGTERM, stop)
server = make_server("127.0.0.1", 0, app, threaded=True, fd={fd})
server.daemon_threads = False
server.serve_forever()
"""
SERVERS = {
    "gunicorn": [*GUNICORN, "flask_app:app"],
    "workers": [*GUNICORN, "--preload", "--workers=4", "with_pid:wsgi('flask_app', 'app')"],
    "threads": ["-c", THREADED],
}


def make(**config: Any) -> Flask:
    app = Flask(__name__)
    app.config |= config
    app.add_url_rule("/<user_id>", view_func=get)
    return app


def get(user_id: str) -> dict[str, str]:
    return current_session().get_token(user_id).to_aws()


@pytest.fixture
def upstream() -> FakeFetcher:
    return FakeFetcher()


@pytest.fixture
def opened_by(upstream: FakeFetcher) -> Callable[[], TokenSession]:
    return lambda: TokenSession(POOL_ID, developer_provider=PROVIDER, client=upstream)


@pytest.fixture
def app(opened_by: Callable[[], TokenSession]) -> Flask:
    app = make()
    init_app(app, opened_by)
    return app


def test_all_requests_share_a_session(app: Flask, upstream: FakeFetcher) -> None:
    client = app.test_client()

    assert client.get("/ana").json == client.get("/ana").json
    assert len(upstream.calls) == 1


def test_it_is_there_in_an_application_context_and_in_a_command(app: Flask) -> None:
    @app.cli.command("token")
    def command() -> None:
        click.echo(current_session().get_token("ana").identity_id)

    with app.app_context():
        identity_id = current_session().get_token("ana").identity_id

    assert app.test_cli_runner().invoke(args=["token"]).output == f"{identity_id}\n"


def test_settings_come_from_the_configuration() -> None:
    app = make(
        COGNITO_DEVTOKEN_IDENTITY_POOL_ID=POOL_ID,
        COGNITO_DEVTOKEN_DEVELOPER_PROVIDER=PROVIDER,
        COGNITO_DEVTOKEN_TOKEN_DURATION=3600,
        COGNITO_DEVTOKEN_GRACE=12.5,
        COGNITO_DEVTOKEN_STRICT_GRACE=True,
    )
    init_app(app)

    session = app.extensions["cognito_devtoken"]
    assert (session._pool, session._provider, session._duration) == (POOL_ID, PROVIDER, 3600)
    assert session._cache._policy == RefreshPolicy(grace=12.5, strict_grace=True)


def test_the_configuration_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGNITO_DEVTOKEN_IDENTITY_POOL_ID", POOL_ID)
    monkeypatch.setenv("COGNITO_DEVTOKEN_DEVELOPER_PROVIDER", "login.environment.example")
    monkeypatch.setenv("COGNITO_DEVTOKEN_TOKEN_DURATION", "60")
    app = make(COGNITO_DEVTOKEN_DEVELOPER_PROVIDER=PROVIDER, COGNITO_DEVTOKEN_TOKEN_DURATION=None)
    init_app(app)

    session = app.extensions["cognito_devtoken"]
    assert (session._pool, session._provider, session._duration) == (POOL_ID, PROVIDER, None)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "COGNITO_DEVTOKEN_IDENTITY_POOL_ID is not set"),
        ({"IDENTITY_POOL_ID": "here"}, "COGNITO_DEVTOKEN_IDENTITY_POOL_ID must be REGION:GUID"),
        (
            {"IDENTITY_POOL_ID": POOL_ID, "TOKEN_DURATION": True},
            "COGNITO_DEVTOKEN_TOKEN_DURATION must be a whole number",
        ),
        (
            {"IDENTITY_POOL_ID": POOL_ID, "TOKEN_DURATION": 100_000},
            "COGNITO_DEVTOKEN_TOKEN_DURATION must be a whole number",
        ),
        ({"POOL": POOL_ID}, "COGNITO_DEVTOKEN_POOL is none of"),
    ],
)
def test_a_mistake_fails_at_start_up_by_its_name(config: dict[str, Any], message: str) -> None:
    app = make(**{f"COGNITO_DEVTOKEN_{name}": value for name, value in config.items()})

    with pytest.raises(ConfigurationError, match=f"^{message}"):
        init_app(app)


def test_an_application_without_a_session_is_told_what_may_be_wrong() -> None:
    app = make()

    with app.app_context(), pytest.raises(LookupError, match=r"no token session\. Call .*init_app"):
        current_session()


def test_what_opens_no_session_is_told_so() -> None:
    session = AsyncTokenSession(POOL_ID, developer_provider=PROVIDER)

    with pytest.raises(TypeError, match=r"returns TokenSession, .* this is AsyncTokenSession"):
        init_app(make(), lambda: session)  # type: ignore[arg-type, return-value]


def test_an_application_that_gets_another_session_closes_that_of_before(
    app: Flask, opened_by: Callable[[], TokenSession]
) -> None:
    before = app.extensions["cognito_devtoken"]
    with pytest.raises(ConfigurationError):
        init_app(app)
    assert not before._closed, "there is no other"

    session = opened_by()
    for _ in range(2):
        init_app(app, lambda: session)

    assert before._closed
    assert app.test_client().get("/ana").status_code == 200


def test_two_applications_share_no_session() -> None:
    apps, upstreams = [make(), make()], [FakeFetcher(), FakeFetcher()]
    for app, upstream in zip(apps, upstreams, strict=True):
        init_app(app, lambda client=upstream: _open(client))  # type: ignore[misc]

    apps[0].test_client().get("/ana")
    apps[1].test_client().get("/ana")
    apps[1].test_client().get("/bob")

    assert [len(upstream.calls) for upstream in upstreams] == [1, 2]


def _open(client: FakeFetcher) -> TokenSession:
    return TokenSession(POOL_ID, developer_provider=PROVIDER, client=client)


def test_a_test_overrides_the_session_in_one_line(app: Flask, upstream: FakeFetcher) -> None:
    fake = FakeFetcher()
    app.extensions["cognito_devtoken"] = _open(client=fake)

    assert app.test_client().get("/ana").status_code == 200
    assert (len(upstream.calls), len(fake.calls)) == (0, 1)
    app.extensions["cognito_devtoken"].close()


def test_the_session_ends_with_its_application(opened_by: Callable[[], TokenSession]) -> None:
    session = opened_by()
    app = make()
    init_app(app, lambda: session)
    app.test_client().get("/ana")
    gone = weakref.ref(app)

    del app
    gc.collect()

    assert gone() is None
    with pytest.raises(SessionClosedError):
        session.get_token("ana")


def test_the_session_ends_with_the_process() -> None:
    script = f"""
import atexit

from cognito_devtoken import TokenSession
from cognito_devtoken.flask import current_session, init_app
from cognito_devtoken.testing import FakeFetcher
from flask import Flask

app = Flask("shop")
session = TokenSession({POOL_ID!r}, developer_provider={PROVIDER!r}, client=FakeFetcher())
# What is registered first runs last.
atexit.register(lambda: print(session))
init_app(app, lambda: session)
with app.app_context():
    current_session().get_token("ana")
print(session)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )

    assert (done.returncode, done.stderr) == (0, "")
    before, after = done.stdout.splitlines()
    assert before.endswith("open>")
    assert after.endswith("closed>")


def test_a_client_gets_answers_it_can_act_on(app: Flask, upstream: FakeFetcher) -> None:
    register_error_handlers(app)
    upstream.error = TokenUnavailableError("arn:aws:iam::123456789012:user/shop")

    answer = app.test_client().get("/ana")
    too_long = app.test_client().get("/" + "a" * 50_001)

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "No token can be had now. Try again later.",
    }
    assert too_long.status_code == 400
    assert (too_long.json or {})["detail"] == "user_id must have 1 to 50000 characters"


def test_a_blueprint_may_answer_for_itself(app: Flask, upstream: FakeFetcher) -> None:
    api = Blueprint("api", __name__, url_prefix="/api")
    api.add_url_rule("/<user_id>", view_func=get)
    register_error_handlers(api)
    app.register_blueprint(api)
    upstream.error = TokenUnavailableError("no")

    assert app.test_client().get("/api/ana").status_code == 503
    assert app.test_client().get("/ana").status_code == 500


def test_what_is_wrong_on_this_side_stays_an_error_of_the_application(
    app: Flask, upstream: FakeFetcher
) -> None:
    register_error_handlers(app)
    upstream.error = CallerDeniedError("arn:aws:iam::123456789012:user/shop")

    answer = app.test_client().get("/ana")

    assert answer.status_code == 500
    assert "arn:" not in answer.text


def test_an_async_view_may_use_it(app: Flask) -> None:
    pytest.importorskip("asgiref", reason="Flask's extra async is not installed")

    @app.get("/async/<user_id>")
    async def get_in_loop(user_id: str) -> dict[str, str]:
        return current_session().get_token(user_id).to_aws()

    client = app.test_client()
    assert client.get("/async/ana").json == client.get("/ana").json


def test_the_command_line_has_it(emulator: Emulator) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "flask", "--app", "flask_app", "shell"],
        input="from cognito_devtoken.flask import current_session as s; s().get_token('ana')\n",
        env={**os.environ, **settings(emulator)},
        cwd=EXAMPLES,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )

    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert emulator.calls[OPERATION] == 1


@pytest.mark.parametrize("server", ["gunicorn", "threads"])
def test_a_storm_of_requests_causes_one_call_for_each_user(server: str, emulator: Emulator) -> None:
    with served(emulator, *SERVERS[server]) as running:
        storm(running.url)

    assert emulator.calls[OPERATION] == USERS


def test_each_process_makes_one_call_for_each_user_it_answers(emulator: Emulator) -> None:
    with served(emulator, *SERVERS["workers"]) as running:
        responses = storm(running.url)

    asked = {(response.headers["X-Pid"], response.user) for response in responses}
    assert emulator.calls[OPERATION] == len(asked)


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_that_is_stopped_answers_those_who_wait(server: str) -> None:
    stop_in_mid_flight(*SERVERS[server])
