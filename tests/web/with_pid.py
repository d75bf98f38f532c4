"""A WSGI application whose responses name the process they come from."""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any


def wsgi(module: str, name: str) -> Callable[..., Any]:
    """Wrap an application for gunicorn: ``with_pid:wsgi("module", "app")``."""
    application = getattr(import_module(module), name)

    def answer(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start_response(status, [*headers, ("X-Pid", str(os.getpid()))], *error)

        return application(environ, start)

    return answer
