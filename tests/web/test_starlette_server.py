"""Errors in WebSockets of a Starlette application on a real server."""

import asyncio
from pathlib import Path

import pytest


pytest.importorskip("fastapi", reason="FastAPI is not installed")

from aiohttp import ClientSession, TCPConnector, WSServerHandshakeError

from cognito_devtoken.emulator import Emulator
from serving import UVICORN, served


pytestmark = pytest.mark.external


# Each WebSocket raises an error at another point of its life.
TALKING = """\
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from cognito_devtoken.exceptions import InvalidRequestError, TokenUnavailableError, Violation
from cognito_devtoken.starlette import exception_handlers


async def refused(websocket):
    raise TokenUnavailableError("no")


async def closed(websocket):
    await websocket.accept()
    raise InvalidRequestError([Violation("principal_tags['ö']", "must be short " * 20)])


async def left(websocket):
    await websocket.accept()
    try:
        await websocket.receive_text()
    except WebSocketDisconnect:
        raise TokenUnavailableError("no")


async def left_unseen(websocket):
    await websocket.accept()
    message = await websocket._receive()  # as the server sees it, and Starlette does not
    assert message["type"] == "websocket.disconnect"
    raise TokenUnavailableError("no")


async def closed_already(websocket):
    await websocket.accept()
    await websocket.close()
    raise TokenUnavailableError("no")


talks = [refused, closed, left, left_unseen, closed_already]
app = Starlette(
    routes=[WebSocketRoute(f"/{talk.__name__}", talk) for talk in talks],
    exception_handlers=exception_handlers,
)
"""


def test_an_error_is_reported_to_a_websocket_on_a_real_server(
    emulator: Emulator, tmp_path: Path
) -> None:
    (tmp_path / "talking.py").write_text(TALKING)

    async def talk(url: str) -> None:
        # Some servers close the connection of a refused handshake without announcing it.
        async with ClientSession(connector=TCPConnector(force_close=True)) as client:
            with pytest.raises(WSServerHandshakeError) as caught:
                await client.ws_connect(f"{url}/refused")
            assert caught.value.status == 503
            assert caught.value.headers
            assert int(caught.value.headers["Retry-After"]) > 0
            async with client.ws_connect(f"{url}/closed") as websocket:
                message = await websocket.receive()
                assert (message.data, len(str(message.extra).encode())) == (1008, 123)
            for path in ("left", "left_unseen"):
                await (await client.ws_connect(f"{url}/{path}")).close()
            async with client.ws_connect(f"{url}/closed_already") as websocket:
                assert (await websocket.receive()).data == 1000

    # served() checks the log for tracebacks.
    with served(emulator, *UVICORN, f"--app-dir={tmp_path}", "talking:app") as server:
        asyncio.run(talk(server.url))
