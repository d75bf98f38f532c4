"""
One adapter per framework: how to make, run and query an application.

test_frameworks.py tests the promises that several frameworks share, against the protocols below.
An adapter's application has two routes: ``GET /<user_id>`` returns the user's token, and
``GET /credentials/<user_id>`` their AWS credentials. If the framework has WebSockets, ``/ws``
answers a user id with a token. Errors become problem details if the integration offers that.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

import attrs
import pytest

from caching import POOL_ID, PROVIDER
from cognito_devtoken import AsyncTokenSession, TokenSession
from cognito_devtoken.testing import FakeFetcher


# The module of each adapter, and the libraries it needs.
_ADAPTERS = {
    "aiohttp": ("aiohttp", ["aiohttp", "svcs"]),
    "django": ("django", ["django"]),
    "django_async": ("django", ["django"]),
    "fastapi": ("starlette", ["fastapi"]),
    "flask": ("flask", ["flask"]),
    "litestar": ("litestar", ["litestar"]),
    "starlette": ("starlette", ["fastapi"]),
}
NAMES = tuple(_ADAPTERS)


@attrs.frozen
class Answer:
    status: int
    headers: Any
    """The framework's own case-insensitive mapping."""
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class SocketClosedError(Exception):
    """The server closed a WebSocket; the arguments are the code and the reason."""


class Client(Protocol):
    """Sends requests to a running application."""

    def get(self, path: str) -> Answer:
        """Send a request to a path, which is written without its first slash."""

    def talk(self, user_id: str) -> Any:
        """Send a message to the WebSocket and return the answer."""


@attrs.frozen
class AsgiClient:
    """The test client of an ASGI framework, with its exception for a closed WebSocket."""

    _client: Any
    _disconnect: type[Exception]
    _reason: str
    """The exception's attribute for the reason."""

    def get(self, path: str) -> Answer:
        response = self._client.get(f"/{path}")
        return Answer(response.status_code, response.headers, response.text)

    def talk(self, user_id: str) -> Any:
        with self._client.websocket_connect("/ws") as websocket:
            websocket.send_text(user_id)
            try:
                return websocket.receive_json()
            except self._disconnect as error:
                code, reason = error.code, getattr(error, self._reason)  # type: ignore[attr-defined]
                raise SocketClosedError(code, reason) from None


class Framework(Protocol):
    server_error: str
    """A pattern for the response body of an unhandled error."""

    not_wired: str
    """A pattern for the error message of an application without a session."""

    def app(self, upstream: FakeFetcher) -> Any:
        """Make an application whose session fetches from *upstream*."""

    def app_from_environment(self) -> Any:
        """Make an application whose settings come from the environment."""

    def running(self, app: Any) -> AbstractContextManager[Client]:
        """Start the application, and stop it at the end."""

    def ask_unwired(self) -> None:
        """Send a request to an application without a session, and raise its error."""


class Factories:
    """Shared by the frameworks whose integration takes a function that opens a session."""

    kind: type[TokenSession] | type[AsyncTokenSession]
    """What the function must return."""

    def app_with(self, session_factory: Callable[[], Any], **options: Any) -> Any:
        """Make an application that opens its session with this function, and these options."""
        raise NotImplementedError

    def overridden(self, app: Any, upstream: FakeFetcher) -> AbstractContextManager[None]:
        """Replace the application's session, in the way documented for tests."""
        raise NotImplementedError

    def app(self, upstream: FakeFetcher) -> Any:
        return self.app_with(lambda: self.open(upstream))

    def open(self, upstream: FakeFetcher) -> Any:
        return self.kind(POOL_ID, developer_provider=PROVIDER, client=upstream)

    @contextmanager
    def opened(self, upstream: FakeFetcher) -> Iterator[Any]:
        session = self.open(upstream)
        try:
            yield session
        finally:
            session._close()


def load(name: str) -> Any:
    """Return the adapter of a framework, or skip the test if the framework is not installed."""
    module, libraries = _ADAPTERS[name]
    require(*libraries)
    return import_module(f"adapters.{module}").FRAMEWORKS[name]


def require(*libraries: str) -> None:
    """Skip the test if a library is not installed."""
    for library in libraries:
        if not find_spec(library):
            pytest.skip(f"{library} is not installed")
