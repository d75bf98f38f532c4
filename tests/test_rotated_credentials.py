"""A client picks up AWS credentials that were replaced after AWS refused the old ones."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from calling import boto3_client
from cognito_devtoken import DevTokenClient, TokenRequest, TokenSession
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    ConfigurationError,
    ServiceError,
)
from cognito_devtoken.testing import ManualClock
from patience import PATIENCE
from pools import POOL


pytestmark = pytest.mark.external

Write = Callable[[str], None]


@pytest.fixture
def strict() -> Iterator[Emulator]:
    """An emulator that accepts the key ASIAOLD only, until a test changes that."""
    with Emulator(POOL, credentials={"ASIAOLD": "secret"}) as emulator:
        yield emulator


@pytest.fixture
def write_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """A function that writes the shared credentials file, which is all there is."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    path = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))

    def write(key: str, profile: str = "default") -> None:
        path.write_text(
            f"[{profile}]\naws_access_key_id={key}\n"
            "aws_secret_access_key=secret\naws_session_token=token\n"
        )

    return write


@pytest.fixture
def client(strict: Emulator, clock: ManualClock) -> Iterator[DevTokenClient]:
    with DevTokenClient(endpoint_url=strict.endpoint_url) as client:
        yield on(clock, client)


def on(clock: ManualClock, client: DevTokenClient) -> DevTokenClient:
    client._monotonic = clock.monotonic
    client._renew()
    return client


def rotate(emulator: Emulator, write_key: Write) -> None:
    """Have the old key expire, and another program write a new one."""
    emulator._front.service._credentials = {"ASIANEW": "secret"}
    write_key("ASIANEW")


def pools_of(boto: Any) -> Any:
    """The connections that a client of botocore has open."""
    return boto._endpoint.http_session._session._manager.pools


def refuse(client: DevTokenClient, request: TokenRequest) -> None:
    with pytest.raises(CallerDeniedError):
        client.fetch(request)


def test_new_credentials_in_the_file_are_found_after_the_old_ones_were_refused(
    strict: Emulator,
    client: DevTokenClient,
    write_key: Write,
    clock: ManualClock,
    request_: TokenRequest,
    created: list[Any],
) -> None:
    write_key("ASIAOLD")
    client.fetch(request_)
    rotate(strict, write_key)
    clock.advance(60)
    refuse(client, request_)
    assert pools_of(created[0])

    assert client.fetch(request_).token
    assert not pools_of(created[0])


def test_a_session_recovers_after_its_back_off(
    strict: Emulator, client: DevTokenClient, write_key: Write, clock: ManualClock
) -> None:
    write_key("ASIAOLD")
    with TokenSession(
        POOL.identity_pool_id,
        developer_provider=POOL.developer_provider,
        client=client,
        clock=clock,
    ) as session:
        session.get_token("ann")
        rotate(strict, write_key)
        clock.advance(60)
        with pytest.raises(CallerDeniedError):
            session.get_token("bob")
        clock.advance(1)

        assert session.get_token("bob").token


def test_clients_are_replaced_at_most_once_a_second(
    strict: Emulator,
    client: DevTokenClient,
    write_key: Write,
    clock: ManualClock,
    request_: TokenRequest,
    created: list[Any],
) -> None:
    write_key("ASIAWRONG")
    for replaced in range(3):
        for _ in range(5):
            refuse(client, request_)
        assert len(created) == 1 + replaced
        clock.advance(1)

    rotate(strict, write_key)
    assert client.fetch(request_).token
    for _ in range(3):
        clock.advance(60)
        client.fetch(request_)
    assert len(created) == 4, "a client that works is kept"


def test_credentials_that_appear_later_are_found(
    client: DevTokenClient, write_key: Write, clock: ManualClock, request_: TokenRequest
) -> None:
    with pytest.raises(ConfigurationError, match="NoCredentialsError"):
        client.fetch(request_)
    write_key("ASIAOLD")
    clock.advance(1)

    assert client.fetch(request_).token


def test_a_profile_that_appears_later_is_found(
    strict: Emulator,
    write_key: Callable[[str, str], None],
    clock: ManualClock,
    request_: TokenRequest,
) -> None:
    url = strict.endpoint_url
    with DevTokenClient(endpoint_url=url, profile_name="shop") as client:
        on(clock, client)
        with pytest.raises(ConfigurationError, match="ProfileNotFound"):
            client.fetch(request_)
        write_key("ASIAOLD", "shop")
        clock.advance(1)

        assert client.fetch(request_).token


@pytest.mark.parametrize(
    "refusal",
    [
        {"code": "ResourceNotFoundException"},
        {
            "code": "NotAuthorizedException",
            "message": "Pool does not support the specified developer provider",
        },
        {"code": "InternalErrorException", "times": 2},
    ],
    ids=["pool", "provider", "outage"],
)
def test_another_error_does_not_replace_the_client(
    strict: Emulator,
    client: DevTokenClient,
    write_key: Write,
    clock: ManualClock,
    request_: TokenRequest,
    created: list[Any],
    refusal: dict[str, Any],
) -> None:
    write_key("ASIAOLD")
    strict.fail_next(**refusal)
    with pytest.raises(ServiceError):
        client.fetch(request_)
    clock.advance(60)

    assert client.fetch(request_).token
    assert len(created) == 1


def test_a_boto_client_of_the_user_is_never_replaced(
    strict: Emulator, write_key: Write, clock: ManualClock, request_: TokenRequest
) -> None:
    write_key("ASIAOLD")
    own: Any = boto3_client(strict.endpoint_url)
    with DevTokenClient(boto_client=own) as client:
        on(clock, client)
        client.fetch(request_)
        rotate(strict, write_key)
        for _ in range(3):
            clock.advance(60)
            refuse(client, request_)

        assert own._endpoint.http_session._manager.pools, "it is left open"
    own.close()


def test_a_call_in_flight_keeps_the_old_client_until_it_ends(
    strict: Emulator,
    client: DevTokenClient,
    write_key: Write,
    clock: ManualClock,
    request_: TokenRequest,
    created: list[Any],
) -> None:
    write_key("ASIAOLD")
    client.fetch(request_)
    made = client._made
    with made:  # by a call
        rotate(strict, write_key)
        clock.advance(1)
        refuse(client, request_)
        assert client.fetch(request_).token
        assert client._made is not made
        assert pools_of(created[0]), "it is still in use"

    assert not pools_of(created[0])
    assert pools_of(created[1])


def test_a_late_refusal_of_old_clients_does_not_replace_the_new_ones(
    strict: Emulator,
    client: DevTokenClient,
    write_key: Write,
    clock: ManualClock,
    request_: TokenRequest,
    created: list[Any],
) -> None:
    write_key("ASIAOLD")
    client.fetch(request_)
    entered, opened = threading.Event(), threading.Event()

    def hold(**event: Any) -> None:
        if not entered.is_set():
            entered.set()
            assert opened.wait(PATIENCE)

    created[0].meta.events.register("before-send.cognito-identity", hold)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(client.fetch, request_)
        assert entered.wait(PATIENCE)
        rotate(strict, write_key)
        clock.advance(1)
        refuse(client, request_)
        assert client.fetch(request_).token
        clock.advance(60)
        opened.set()
        with pytest.raises(CallerDeniedError):
            late.result(PATIENCE)

    assert client.fetch(request_).token
    assert len(created) == 2


def test_threads_that_are_refused_together_share_one_replacement(
    strict: Emulator,
    client: DevTokenClient,
    write_key: Write,
    clock: ManualClock,
    request_: TokenRequest,
    created: list[Any],
) -> None:
    write_key("ASIAOLD")
    client.fetch(request_)
    rotate(strict, write_key)
    clock.advance(1)
    refuse(client, request_)
    start = threading.Barrier(8)

    def fetch(_: int) -> str:
        start.wait(PATIENCE)
        return client.fetch(request_).token

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(fetch, range(8)))
    assert len(created) == 2


def test_a_replacement_by_another_thread_is_used(client: DevTokenClient) -> None:
    made = client._made
    made.refused = True
    newer = type(made)(0.0)

    def meanwhile() -> float:
        client._made = newer
        return made.since + 60

    client._monotonic = meanwhile

    assert client._up_to_date() is newer


def test_a_refused_client_that_is_closed_stays_closed(
    strict: Emulator,
    client: DevTokenClient,
    write_key: Write,
    clock: ManualClock,
    request_: TokenRequest,
    created: list[Any],
) -> None:
    write_key("ASIAWRONG")
    refuse(client, request_)
    clock.advance(1)
    made = client._made
    client.close()

    assert client._up_to_date() is made
    assert not pools_of(created[0])
