"""Litestar. Only type checkers import the session's class for the handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import litestar
from litestar import Litestar, WebSocket
from litestar.di import NamedDependency, Provide
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromPath
from litestar.testing import TestClient

import cognito_devtoken
import cognito_devtoken.testing
from adapters import AsgiClient, Factories
from cognito_devtoken.litestar import DevTokenPlugin, credentials_for, exception_handlers


if TYPE_CHECKING:
    from cognito_devtoken import AsyncTokenSession
    from cognito_devtoken.credentials import AwsCredentials
    from cognito_devtoken.testing import FakeFetcher


@litestar.get("/{user_id:str}")
async def get(
    user_id: FromPath[str], token_session: NamedDependency[AsyncTokenSession]
) -> dict[str, str]:
    return (await token_session.get_token(user_id)).to_aws()


async def user_of_path(name: FromPath[str]) -> str:
    return name


@litestar.get(
    "/credentials/{name:str}",
    dependencies={"user_id": Provide(user_of_path), "credentials": Provide(credentials_for())},
)
async def get_credentials(credentials: NamedDependency[AwsCredentials]) -> dict[str, str]:
    return credentials.to_js()


@litestar.websocket("/ws")
async def talk(
    socket: WebSocket[Any, Any, Any], token_session: NamedDependency[AsyncTokenSession]
) -> None:
    await socket.accept()
    token = await token_session.get_token(await socket.receive_text())
    await socket.send_json(token.to_aws())
    await socket.close()


def app_of(plugin: DevTokenPlugin | None, **options: Any) -> Litestar:
    return Litestar(
        [get, get_credentials, talk],
        plugins=[plugin] if plugin else [],
        exception_handlers=exception_handlers,
        openapi_config=None,
        **options,
    )


class _Framework(Factories):
    kind = cognito_devtoken.AsyncTokenSession
    server_error = r'{"status_code":500,"detail":"Internal Server Error"}'
    not_wired = r"has no token session.*with statement.*lifespan"
    close = (4500, "Internal Server Error")  # whatever the error

    def app_with(self, session_factory: Callable[[], Any], **options: Any) -> Any:
        return app_of(DevTokenPlugin(session_factory, **options))

    def app_from_environment(self) -> Any:
        return app_of(DevTokenPlugin())

    @contextmanager
    def overridden(self, app: Any, upstream: FakeFetcher) -> Iterator[None]:
        app.plugins.get(DevTokenPlugin).session_factory = lambda: self.open(upstream)
        yield

    @contextmanager
    def running(self, app: Any) -> Iterator[AsgiClient]:
        client = TestClient(app)
        try:
            client.__enter__()
        except ExceptionGroup as group:  # the test client's task groups wrap what start-up raises
            error: Exception = group
            while isinstance(error, ExceptionGroup):
                (error,) = error.exceptions
            raise error from None
        try:
            yield AsgiClient(client, WebSocketDisconnect, "detail")
        finally:
            client.__exit__()

    def ask_unwired(self) -> None:
        raised: list[Exception] = []

        async def keep(error: Exception, scope: Any) -> None:
            raised.append(error)

        plugin = DevTokenPlugin(lambda: self.open(cognito_devtoken.testing.FakeFetcher()))
        assert TestClient(app_of(plugin, after_exception=[keep])).get("/ana").status_code == 500
        raise raised[0]


FRAMEWORKS = {"litestar": _Framework()}
