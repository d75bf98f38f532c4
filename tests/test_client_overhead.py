"""What a client does once, although botocore and urllib3 would do it for every call."""

from http.client import HTTPConnection
from typing import Any

import pytest
from botocore.config import Config
from botocore.useragent import UserAgentString
from urllib3 import PoolManager

from calling import APP_ID
from cognito_devtoken import DevTokenClient, TokenRequest
from cognito_devtoken.emulator import Emulator
from pools import POOL


def test_a_request_is_sent_in_one_piece(
    client: DevTokenClient, request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces: list[bytes] = []
    send = HTTPConnection.send

    def record(connection: HTTPConnection, data: bytes) -> None:
        pieces.append(data)
        send(connection, data)

    monkeypatch.setattr(HTTPConnection, "send", record)

    client.fetch(request_)

    (piece,) = pieces
    assert piece.startswith(b"POST / HTTP/1.1\r\n")
    assert piece.endswith(b"}")


def test_the_endpoint_of_an_operation_is_resolved_once(
    client: DevTokenClient, request_: TokenRequest
) -> None:
    resolved: list[Any] = []
    events = client._client_for(POOL.region).meta.events
    events.register("before-endpoint-resolution", lambda model, **_: resolved.append(model.name))

    for _ in range(3):
        client.fetch(request_)
        client.find_identity(request_, POOL.developer_provider)

    assert resolved == ["GetOpenIdTokenForDeveloperIdentity", "LookupDeveloperIdentity"]


def test_the_pool_of_connections_is_looked_up_once(
    emulator: Emulator, request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls: list[str] = []
    look_up = PoolManager.connection_from_url

    def record(manager: PoolManager, url: str) -> Any:
        urls.append(url)
        return look_up(manager, url)

    monkeypatch.setattr(PoolManager, "connection_from_url", record)

    with DevTokenClient(endpoint_url=emulator.endpoint_url) as client:
        for _ in range(3):
            client.fetch(request_)

    assert urls == [f"{emulator.endpoint_url}/"]


@pytest.mark.parametrize(("config", "times"), [({}, 0), (APP_ID, 2)])
def test_the_user_agent_is_made_again_only_if_botocore_adds_an_application_id(
    emulator: Emulator,
    request_: TokenRequest,
    monkeypatch: pytest.MonkeyPatch,
    config: Any,
    times: int,
) -> None:
    made: list[str] = []
    name = "rebuild_and_replace_user_agent_handler"
    make = getattr(UserAgentString, name)

    def record(agent: UserAgentString, operation_name: str, **event: Any) -> None:
        made.append(operation_name)
        make(agent, operation_name, **event)

    monkeypatch.setattr(UserAgentString, name, record)

    with DevTokenClient(endpoint_url=emulator.endpoint_url, config=Config(**config)) as client:
        client.fetch(request_)
        client.fetch(request_)

    assert len(made) == times
