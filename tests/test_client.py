"""One call through botocore: what it sends, and which clients and connections it uses."""

import gc
import json
import os
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from pytest_httpserver import HTTPServer

from calling import GET_TOKEN, boto3_client, last_request
from cognito_devtoken import DevTokenClient, TokenRequest
from cognito_devtoken.emulator import Behavior, Emulator
from cognito_devtoken.exceptions import (
    ConfigurationError,
    SessionClosedError,
    TooManyRequestsError,
)
from patience import PATIENCE
from pools import OTHER_POOL, POOL


def test_fetch_returns_a_token_for_the_request(client: DevTokenClient) -> None:
    request = TokenRequest(
        POOL.identity_pool_id,
        {POOL.developer_provider: "user-42"},
        principal_tags={"team": "blue"},
        token_duration=60,
    )

    token = client.fetch(request)

    assert token.lifetime == timedelta(seconds=60)
    assert timedelta(0) < token.expires_in() <= timedelta(seconds=60)
    assert token.claims["aud"] == POOL.identity_pool_id
    assert token.claims["https://aws.amazon.com/tags"]["principal_tags"] == {"team": ("blue",)}


def test_only_the_request_goes_over_the_wire(
    recording_server: HTTPServer, request_: TokenRequest
) -> None:
    with DevTokenClient() as client:
        client.fetch(request_)

    sent = last_request(recording_server)
    assert sent.headers["X-Amz-Target"] == f"AWSCognitoIdentityService.{GET_TOKEN}"
    assert json.loads(sent.data) == request_.to_params()


def test_botocores_validation_is_off(emulator: Emulator, client: DevTokenClient) -> None:
    boto = client._client_for(POOL.region)

    with pytest.raises(ClientError, match="Value null at 'identityPoolId'"):  # by the emulator
        boto.get_open_id_token_for_developer_identity()


def test_a_boto_client_from_the_user_is_used_and_left_open(
    emulator: Emulator, request_: TokenRequest
) -> None:
    own = boto3_client(emulator.endpoint_url)

    with DevTokenClient(boto_client=own) as client:
        token = client.fetch(request_)

    assert own.get_credentials_for_identity(IdentityId=token.identity_id, Logins=token.to_logins())
    own.close()


def test_a_boto_client_from_the_user_excludes_other_settings() -> None:
    own = boto3_client("http://127.0.0.1:9")

    with pytest.raises(ConfigurationError, match="boto_client cannot be combined"):
        DevTokenClient("us-east-1", boto_client=own)


def test_a_client_for_user_pools_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="must be a client for cognito-identity"):
        DevTokenClient(boto_client=boto3.client("cognito-idp", region_name="us-east-1"))


@pytest.mark.parametrize("own", [True, False])
def test_a_closed_client_cannot_be_used(
    own: bool, emulator: Emulator, request_: TokenRequest
) -> None:
    url = emulator.endpoint_url
    client = (
        DevTokenClient(boto_client=boto3_client(url)) if own else DevTokenClient(endpoint_url=url)
    )
    client.fetch(request_)

    client.close()
    client.close()

    with pytest.raises(SessionClosedError, match="closed"):
        client.fetch(request_)
    with pytest.raises(SessionClosedError, match="closed"), client:
        pass


def test_threads_share_one_botocore_client(
    created: list[Any], client: DevTokenClient, request_: TokenRequest
) -> None:
    start = threading.Barrier(8)

    def fetch(number: int) -> Any:
        start.wait()
        return client.fetch(request_)

    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(fetch, range(8)))

    assert len({token.identity_id for token in tokens}) == 1
    assert len(created) == 1


def test_an_explicit_region_uses_one_botocore_client_for_all_pools(
    created: list[Any], recording_server: HTTPServer, request_: TokenRequest
) -> None:
    with DevTokenClient("us-east-1", endpoint_url=recording_server.url_for("")) as client:
        for pool in (POOL, OTHER_POOL):
            client.fetch(TokenRequest(pool.identity_pool_id, request_.logins))

    assert len(created) == 1


def test_closing_the_client_closes_its_connections(
    created: list[Any], client: DevTokenClient, request_: TokenRequest
) -> None:
    client.fetch(request_)
    (boto,) = created
    pools = boto._endpoint.http_session._session._manager.pools
    assert len(pools) == 1

    client.close()

    assert len(pools) == 0


def test_closing_the_client_frees_what_botocore_has_loaded(
    client: DevTokenClient, request_: TokenRequest
) -> None:
    client.fetch(request_)
    (made,) = client._made.sessions.values()
    session = weakref.ref(made)
    del made

    client.close()
    gc.collect()

    assert session() is None


@pytest.mark.external
def test_a_tokens_age_counts_from_when_the_request_was_sent(request_: TokenRequest) -> None:
    with Emulator(POOL, latency=0.2) as emulator:
        with DevTokenClient(endpoint_url=emulator.endpoint_url) as client:
            token = client.fetch(request_)

    assert token.expires_in() <= token.lifetime - timedelta(seconds=0.2)


def test_fetching_anything_but_a_request_is_a_type_error(client: DevTokenClient) -> None:
    with pytest.raises(TypeError, match="takes a TokenRequest, not dict"):
        client.fetch({"login.example.com": "user-42"})  # type: ignore[arg-type]


@pytest.mark.external
def test_signatures_are_what_aws_expects(request_: TokenRequest) -> None:
    known = {"AKIATEST": "test-secret"}
    with Emulator(POOL, credentials=known) as emulator:
        with DevTokenClient(endpoint_url=emulator.endpoint_url) as client:
            client.fetch(request_)


@pytest.mark.external
def test_a_token_can_be_fetched_from_moto(request_: TokenRequest) -> None:
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        pool_id = boto3_client(url).create_identity_pool(
            IdentityPoolName="pool", AllowUnauthenticatedIdentities=False
        )["IdentityPoolId"]
        with DevTokenClient(endpoint_url=url) as client:
            token = client.fetch(TokenRequest(pool_id, request_.logins, token_duration=120))
    finally:
        server.stop()

    assert token.identity_id.startswith(f"{POOL.region}:")
    assert token.token
    assert token.claims == {}
    assert token.lifetime == timedelta(seconds=120)


@pytest.mark.external
def test_throttling_with_status_429_is_retried(request_: TokenRequest) -> None:
    with Emulator(
        POOL,
        behavior=Behavior(throttled_status=429),
        calls_per_second=1,
        clock=lambda: 1_700_000_000.0,
    ) as emulator:
        with DevTokenClient(endpoint_url=emulator.endpoint_url) as client:
            client.fetch(request_)
            with pytest.raises(TooManyRequestsError) as caught:
                client.fetch(request_)

        assert caught.value.status == 429
        assert emulator.calls[GET_TOKEN] == 3


def test_close_does_not_wait_for_a_credential_lookup(
    emulator: Emulator,
    request_: TokenRequest,
    profile: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    profile(f"[default]\ncredential_process = cat {pipe}\n")
    client = DevTokenClient(endpoint_url=emulator.endpoint_url)
    with ThreadPoolExecutor(1) as pool:
        fetched = pool.submit(client.fetch, request_)
        with pipe.open("w") as credentials:  # blocks until the pipe has a reader
            client.close()
            json.dump({"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s"}, credentials)

        with pytest.raises(SessionClosedError):
            fetched.result(PATIENCE)
    assert not emulator.calls
