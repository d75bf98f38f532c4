"""What a client does once, although botocore and urllib3 would do it for every call."""

from http.client import HTTPConnection
from typing import Any

import pytest
from botocore.auth import _host_from_url  # type: ignore[attr-defined]  # the stubs lack it
from botocore.config import Config
from botocore.useragent import UserAgentString
from urllib3 import PoolManager

from calling import APP_ID
from cognito_devtoken import DevTokenClient, TokenRequest
from cognito_devtoken._aws.client_factory import host_of
from cognito_devtoken.emulator import Emulator
from pools import POOL


def calls_of(kind: type, name: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Return a list to which each call of a method adds its positional arguments."""
    calls: list[tuple[Any, ...]] = []
    method = getattr(kind, name)

    def record(self: object, *args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        return method(self, *args, **kwargs)

    monkeypatch.setattr(kind, name, record)
    return calls


def test_a_request_is_sent_in_one_piece(
    client: DevTokenClient, request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = calls_of(HTTPConnection, "send", monkeypatch)

    client.fetch(request_)

    ((piece,),) = sent
    assert piece.startswith(b"POST / HTTP/1.1\r\n")
    assert piece.endswith(b"}")
    assert piece.lower().count(b"\r\nhost: ") == 1


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


def test_the_host_is_set_before_a_request_is_signed(
    emulator: Emulator, client: DevTokenClient, request_: TokenRequest
) -> None:
    hosts: list[str] = []
    events = client._client_for(POOL.region).meta.events
    events.register("before-sign", lambda request, **_: hosts.append(request.headers["Host"]))

    client.fetch(request_)

    assert hosts == [emulator.endpoint_url.removeprefix("http://")]


@pytest.mark.parametrize(
    "url",
    [
        "https://cognito-identity.us-east-1.amazonaws.com/",
        "https://cognito-identity.us-east-1.amazonaws.com:443/",
        "https://EXAMPLE.com:8443/path",
        "http://user:secret@example.com:80/",
        "http://example.com:443/",
        "http://[::1]:4566/",
        "http://[2001:DB8::80]/",
        "http://example.com:/",
    ],
)
def test_the_host_is_the_one_that_botocore_would_sign(url: str) -> None:
    assert host_of(url) == _host_from_url(url)


def test_the_pool_of_connections_is_looked_up_once(
    emulator: Emulator, request_: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_ups = calls_of(PoolManager, "connection_from_url", monkeypatch)

    with DevTokenClient(endpoint_url=emulator.endpoint_url) as client:
        for _ in range(3):
            client.fetch(request_)

    assert look_ups == [(f"{emulator.endpoint_url}/",)]


@pytest.mark.parametrize(("config", "times"), [({}, 0), (APP_ID, 2)])
def test_the_user_agent_is_made_again_only_if_botocore_adds_an_application_id(
    emulator: Emulator,
    request_: TokenRequest,
    monkeypatch: pytest.MonkeyPatch,
    config: Any,
    times: int,
) -> None:
    made = calls_of(UserAgentString, "rebuild_and_replace_user_agent_handler", monkeypatch)

    with DevTokenClient(endpoint_url=emulator.endpoint_url, config=Config(**config)) as client:
        client.fetch(request_)
        client.fetch(request_)

    assert len(made) == times
