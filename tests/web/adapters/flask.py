"""Flask. An application ends when nothing refers to it any longer."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask

from adapters import Answer, Factories
from cognito_devtoken import TokenSession
from cognito_devtoken.flask import current_session, init_app, register_error_handlers
from cognito_devtoken.testing import FakeFetcher


def make(**config: Any) -> Flask:
    app = Flask(__name__)
    app.config |= config
    app.add_url_rule("/<user_id>", view_func=get)
    app.add_url_rule("/credentials/<user_id>", view_func=get_credentials)
    return app


def get(user_id: str) -> dict[str, str]:
    return current_session().get_token(user_id).to_aws()


def get_credentials(user_id: str) -> dict[str, str]:
    return current_session().get_credentials(user_id).to_js()


class _Client:
    def __init__(self, app: Flask) -> None:
        self.app: Flask | None = app

    def get(self, path: str) -> Answer:
        assert self.app
        response = self.app.test_client().get(f"/{path}")
        return Answer(response.status_code, response.headers, response.text)


class _Framework(Factories):
    kind = TokenSession
    server_error = r"(?s)<!doctype html>.*<title>500 Internal Server Error</title>.*"
    not_wired = r"no token session\. Call .*init_app"

    def app_with(self, session_factory: Callable[[], Any] | None, **options: Any) -> Any:
        app = make()
        init_app(app, session_factory, **options)
        register_error_handlers(app)
        return app

    def app_from_environment(self) -> Any:
        return self.app_with(None)

    @contextmanager
    def overridden(self, app: Any, upstream: FakeFetcher) -> Iterator[None]:
        with self.opened(upstream) as session:
            app.extensions["cognito_devtoken"] = session
            yield

    @contextmanager
    def running(self, app: Any) -> Iterator[_Client]:
        client = _Client(app)
        try:
            yield client
        finally:
            client.app = None
            del app
            gc.collect()

    def ask_unwired(self) -> None:
        with make().app_context():
            current_session()

    @contextmanager
    def session_of(self, **settings: Any) -> Iterator[TokenSession]:
        """Yield the session of an application with these settings in its configuration."""
        app = make(**{f"COGNITO_DEVTOKEN_{name}": value for name, value in settings.items()})
        init_app(app)
        yield app.extensions["cognito_devtoken"]


FRAMEWORKS = {"flask": _Framework()}
