"""A session during the life of a Flask application."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest


pytest.importorskip("flask", reason="Flask is not installed")

import click
from flask import Blueprint, Flask

from adapters.flask import get, make
from caching import POOL_ID, PROVIDER
from cognito_devtoken import TokenSession
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.exceptions import ConfigurationError, TokenUnavailableError
from cognito_devtoken.flask import current_session, init_app, register_error_handlers
from cognito_devtoken.testing import FakeFetcher
from patience import PATIENCE
from serving import EXAMPLES, OPERATION, settings


@pytest.fixture
def upstream() -> FakeFetcher:
    return FakeFetcher()


@pytest.fixture
def session_factory(upstream: FakeFetcher) -> Callable[[], TokenSession]:
    return lambda: TokenSession(POOL_ID, developer_provider=PROVIDER, client=upstream)


@pytest.fixture
def app(session_factory: Callable[[], TokenSession]) -> Flask:
    app = make()
    init_app(app, session_factory)
    return app


def test_it_is_available_in_an_application_context_and_in_a_command(app: Flask) -> None:
    @app.cli.command("token")
    def command() -> None:
        click.echo(current_session().get_token("ana").identity_id)

    with app.app_context():
        identity_id = current_session().get_token("ana").identity_id

    assert app.test_cli_runner().invoke(args=["token"]).output == f"{identity_id}\n"


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
        ({"POOL": POOL_ID}, "Unknown setting COGNITO_DEVTOKEN_POOL;"),
    ],
)
def test_an_invalid_setting_fails_at_start_up_and_is_named(
    config: dict[str, Any], message: str
) -> None:
    app = make(**{f"COGNITO_DEVTOKEN_{name}": value for name, value in config.items()})

    with pytest.raises(ConfigurationError, match=f"^{message}"):
        init_app(app)


def test_replacing_the_session_of_an_application_closes_the_old_one(
    app: Flask, session_factory: Callable[[], TokenSession]
) -> None:
    before = app.extensions["cognito_devtoken"]
    with pytest.raises(ConfigurationError):
        init_app(app)
    assert not before._closed, "no other session has replaced it"

    session = session_factory()
    for _ in range(2):
        init_app(app, lambda: session)

    assert before._closed
    assert app.test_client().get("/ana").status_code == 200


@pytest.mark.external
def test_the_session_ends_with_the_process() -> None:
    script = f"""
import atexit

from cognito_devtoken import TokenSession
from cognito_devtoken.flask import current_session, init_app
from cognito_devtoken.testing import FakeFetcher
from flask import Flask

app = Flask("shop")
session = TokenSession({POOL_ID!r}, developer_provider={PROVIDER!r}, client=FakeFetcher())
# The first function registered runs last.
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


def test_error_handlers_may_be_registered_for_one_blueprint(
    app: Flask, upstream: FakeFetcher
) -> None:
    api = Blueprint("api", __name__, url_prefix="/api")
    api.add_url_rule("/<user_id>", view_func=get)
    register_error_handlers(api)
    app.register_blueprint(api)
    upstream.error = TokenUnavailableError("no")

    assert app.test_client().get("/api/ana").status_code == 503
    assert app.test_client().get("/ana").status_code == 500


def test_an_async_view_may_use_it(app: Flask) -> None:
    pytest.importorskip("asgiref", reason="Flask's extra async is not installed")

    @app.get("/async/<user_id>")
    async def get_async(user_id: str) -> dict[str, str]:
        return current_session().get_token(user_id).to_aws()

    client = app.test_client()
    assert client.get("/async/ana").json == client.get("/ana").json


@pytest.mark.external
def test_it_is_available_in_the_flask_shell(emulator: Emulator) -> None:
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
