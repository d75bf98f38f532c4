"""aiohttp, with the session in a svcs registry. It runs without a listening socket."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import svcs
from aiohttp import web

from adapters import Answer, Factories
from cognito_devtoken import AsyncTokenSession
from cognito_devtoken.aiohttp import error_middleware
from cognito_devtoken.svcs import register
from cognito_devtoken.testing import FakeFetcher


async def get(request: web.Request) -> web.Response:
    session = await svcs.aiohttp.aget(request, AsyncTokenSession)
    return web.json_response((await session.get_token(request.match_info["user_id"])).to_aws())


async def get_credentials(request: web.Request) -> web.Response:
    session = await svcs.aiohttp.aget(request, AsyncTokenSession)
    return web.json_response((await session.get_credentials(request.match_info["user_id"])).to_js())


class _Client:
    def __init__(self, loop: asyncio.Runner, app: web.AppRunner) -> None:
        self._loop, self._app = loop, app

    def get(self, path: str) -> Answer:
        return self._loop.run(self._get(path))

    async def _get(self, path: str) -> Answer:
        assert self._app.server
        accepted, connected = socket.socketpair()
        accepted.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(self._app.server, accepted)
        return await asyncio.to_thread(_ask, connected, path)


def _ask(connected: socket.socket, path: str) -> Answer:
    connection = HTTPConnection("127.0.0.1")
    connection.sock = connected
    try:
        connection.request("GET", f"/{path}", headers={"Connection": "close"})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode())
    finally:
        connection.close()


class Aiohttp(Factories):
    kind = AsyncTokenSession
    server_error = r"(?s)500 Internal Server Error.*"

    def app_with(self, session_factory: Callable[[], Any] | None, **options: Any) -> Any:
        app = svcs.aiohttp.init_app(web.Application(middlewares=[error_middleware]))
        registry = svcs.aiohttp.get_registry(app)
        register(registry, *([session_factory] if session_factory else []), **options)
        app.add_routes([web.get("/{user_id}", get)])
        app.add_routes([web.get("/credentials/{user_id}", get_credentials)])
        return app

    def app_from_environment(self) -> Any:
        return self.app_with(None)

    @contextmanager
    def overridden(self, app: Any, upstream: FakeFetcher) -> Iterator[None]:
        with self.opened(upstream) as session:
            svcs.aiohttp.get_registry(app).register_value(AsyncTokenSession, session)
            yield

    @contextmanager
    def running(self, app: Any) -> Iterator[_Client]:
        with asyncio.Runner() as loop:
            runner = web.AppRunner(app, access_log=None)
            loop.run(runner.setup())
            try:
                yield _Client(loop, runner)
            finally:
                loop.run(runner.cleanup())


FRAMEWORKS = {"aiohttp": Aiohttp()}
