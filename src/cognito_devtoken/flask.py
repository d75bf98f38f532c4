"""
A session for the life of a Flask application.

::

    app = Flask(__name__)
    init_app(app)
    register_error_handlers(app)

    @app.post("/cognito-token")
    def cognito_token():
        return current_session().get_token(current_user.id).to_aws()

In a test, ``app.extensions["cognito_devtoken"] = session``.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from flask import Blueprint, Flask, current_app
from flask.typing import ResponseReturnValue

from ._session.sessions import TokenSession
from ._session.settings import PREFIX
from ._web import ANSWERS, TYPE, answer_to, open_with, unwired, verified


__all__ = ["current_session", "init_app", "register_error_handlers"]

_KEY = "cognito_devtoken"


def init_app(
    app: Flask,
    session_factory: Callable[[], TokenSession] | None = None,
    *,
    verify: bool = False,
) -> None:
    """
    Open a session for an application. The session is closed when the application or the process
    ends.

    If the application already has a session, the new one replaces it, and the old one is closed.

    Args:
        app: The application. Its session is ``app.extensions["cognito_devtoken"]``.

        session_factory: Opens the session. The default reads ``COGNITO_DEVTOKEN_*`` as
            :meth:`~cognito_devtoken.TokenSession.from_env` does, but looks in ``app.config`` before
            the environment. None in ``app.config`` selects the default of a setting.

        verify: Whether to call :meth:`~cognito_devtoken.TokenSession.check` at start-up, which
            raises an error if the pool, the developer provider or the AWS credentials are wrong.

    Raises:
        ConfigurationError: If a setting is missing, wrong or unknown; the message names it.
    """
    session = open_with(
        session_factory or partial(TokenSession.from_env, _settings(app)), TokenSession
    )
    if verify:
        verified(session)
    before: TokenSession | None = app.extensions.get(_KEY)
    app.extensions[_KEY] = session
    if before is not None and before is not session:
        before.close()
    # teardown_appcontext is not used, because an application context ends with each request.
    weakref.finalize(app, session.close)


def _settings(app: Flask) -> dict[str, str]:
    given = {
        name: "" if value is None else str(value)
        for name, value in cast("dict[str, Any]", app.config).items()
        if name.startswith(PREFIX)
    }
    return {**os.environ, **given}


def current_session() -> TokenSession:
    """
    Return the session of the current application.

    Call this function in a request, in a command, or inside ``app.app_context()``.

    Raises:
        LookupError: If there is no session; the message names the likely mistakes.

        RuntimeError: If there is no current application.
    """
    try:
        session: TokenSession = current_app.extensions[_KEY]
    except KeyError:
        raise unwired(
            "Call cognito_devtoken.flask.init_app(app) where the application is created, for "
            "example in its factory. An application that a test creates needs this call, too"
        ) from None
    return session


def register_error_handlers(app: Flask | Blueprint) -> None:
    """
    Respond to errors with problem details for the client.

    The status is 400, 403, 409, 429 or 503. With 429 and 503, the response has ``Retry-After``.
    Errors that a client cannot act on stay errors of the application. If the session only raises
    such an error again while it backs off, the status is 500.

    Args:
        app: The application. With a blueprint, only errors of the blueprint's views are handled.
    """
    for kind in ANSWERS:
        app.register_error_handler(kind, _answer)


def _answer(error: Exception) -> ResponseReturnValue:
    answer = answer_to(error)
    return answer.body, answer.status, {**answer.headers, "Content-Type": TYPE}
