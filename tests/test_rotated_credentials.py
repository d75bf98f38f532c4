"""A client picks up AWS credentials that were replaced after AWS refused the old ones."""

import threading
from collections.abc import Iterator
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


class Backend:
    """
    A client that reads AWS credentials from a file, and an emulator that accepts one key.

    Attributes:
        client: The client, which goes by the manual clock.

        emulator: The emulator. It accepts the key ASIAOLD until rotate() is called.
    """

    client: DevTokenClient

    def __init__(
        self, emulator: Emulator, file: Path, clock: ManualClock, request: TokenRequest
    ) -> None:
        self.emulator = emulator
        self._file = file
        self._clock = clock
        self._request = request

    def use(self, client: DevTokenClient) -> None:
        client._monotonic = self._clock.monotonic
        client._renew()
        self.client = client

    def write_key(self, key: str, profile: str = "default") -> None:
        self._file.write_text(
            f"[{profile}]\naws_access_key_id={key}\n"
            "aws_secret_access_key=secret\naws_session_token=token\n"
        )

    def rotate(self) -> None:
        """Have the old key expire, and another program write a new one."""
        self.emulator._front.service._credentials = {"ASIANEW": "secret"}
        self.write_key("ASIANEW")

    def fetch(self) -> str:
        return self.client.fetch(self._request).token

    def expect_refusal(self) -> None:
        with pytest.raises(CallerDeniedError):
            self.fetch()


@pytest.fixture
def backend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: ManualClock, request_: TokenRequest
) -> Iterator[Backend]:
    """A backend that only has the shared credentials file, which does not exist yet."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    with (
        Emulator(POOL, credentials={"ASIAOLD": "secret"}) as emulator,
        DevTokenClient(endpoint_url=emulator.endpoint_url) as client,
    ):
        backend = Backend(emulator, file, clock, request_)
        backend.use(client)
        yield backend


def pools_of(boto: Any) -> Any:
    """The connections that a client of botocore has open."""
    return boto._endpoint.http_session._session._manager.pools


def test_new_credentials_in_the_file_are_found_after_the_old_ones_were_refused(
    backend: Backend, clock: ManualClock, created: list[Any]
) -> None:
    backend.write_key("ASIAOLD")
    backend.fetch()
    backend.rotate()
    clock.advance(60)
    backend.expect_refusal()
    assert pools_of(created[0])

    assert backend.fetch()
    assert not pools_of(created[0])


def test_a_session_recovers_after_its_back_off(backend: Backend, clock: ManualClock) -> None:
    backend.write_key("ASIAOLD")
    with TokenSession(
        POOL.identity_pool_id,
        developer_provider=POOL.developer_provider,
        client=backend.client,
        clock=clock,
    ) as session:
        session.get_token("ann")
        backend.rotate()
        clock.advance(60)
        with pytest.raises(CallerDeniedError):
            session.get_token("bob")
        clock.advance(1)

        assert session.get_token("bob").token


def test_clients_are_replaced_at_most_once_a_second(
    backend: Backend, clock: ManualClock, created: list[Any]
) -> None:
    backend.write_key("ASIAWRONG")
    for replaced in range(3):
        for _ in range(5):
            backend.expect_refusal()
        assert len(created) == 1 + replaced
        clock.advance(1)

    backend.rotate()
    assert backend.fetch()
    for _ in range(3):
        clock.advance(60)
        backend.fetch()
    assert len(created) == 4, "a client that works is kept"


def test_credentials_that_appear_later_are_found(backend: Backend, clock: ManualClock) -> None:
    with pytest.raises(ConfigurationError, match="NoCredentialsError"):
        backend.fetch()
    backend.write_key("ASIAOLD")
    clock.advance(1)

    assert backend.fetch()


def test_a_profile_that_appears_later_is_found(backend: Backend, clock: ManualClock) -> None:
    url = backend.emulator.endpoint_url
    with DevTokenClient(endpoint_url=url, profile_name="shop") as client:
        backend.use(client)
        with pytest.raises(ConfigurationError, match="ProfileNotFound"):
            backend.fetch()
        backend.write_key("ASIAOLD", "shop")
        clock.advance(1)

        assert backend.fetch()


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
    backend: Backend, clock: ManualClock, created: list[Any], refusal: dict[str, Any]
) -> None:
    backend.write_key("ASIAOLD")
    backend.emulator.fail_next(**refusal)
    with pytest.raises(ServiceError):
        backend.fetch()
    clock.advance(60)

    assert backend.fetch()
    assert len(created) == 1


def test_a_boto_client_of_the_user_is_never_replaced(backend: Backend, clock: ManualClock) -> None:
    backend.write_key("ASIAOLD")
    own: Any = boto3_client(backend.emulator.endpoint_url)
    with DevTokenClient(boto_client=own) as client:
        backend.use(client)
        backend.fetch()
        backend.rotate()
        for _ in range(3):
            clock.advance(60)
            backend.expect_refusal()

        assert own._endpoint.http_session._manager.pools, "it is left open"
    own.close()


def test_a_call_in_flight_keeps_the_old_client_until_it_ends(
    backend: Backend, clock: ManualClock, created: list[Any]
) -> None:
    backend.write_key("ASIAOLD")
    backend.fetch()
    made = backend.client._made
    with made:  # by a call
        backend.rotate()
        clock.advance(1)
        backend.expect_refusal()
        assert backend.fetch()
        assert backend.client._made is not made
        assert pools_of(created[0]), "it is still in use"

    assert not pools_of(created[0])
    assert pools_of(created[1])


def test_a_late_refusal_of_old_clients_does_not_replace_the_new_ones(
    backend: Backend, clock: ManualClock, created: list[Any]
) -> None:
    backend.write_key("ASIAOLD")
    backend.fetch()
    entered, opened = threading.Event(), threading.Event()

    def hold(**event: Any) -> None:
        if not entered.is_set():
            entered.set()
            assert opened.wait(PATIENCE)

    created[0].meta.events.register("before-send.cognito-identity", hold)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(backend.fetch)
        assert entered.wait(PATIENCE)
        backend.rotate()
        clock.advance(1)
        backend.expect_refusal()
        assert backend.fetch()
        clock.advance(60)
        opened.set()
        with pytest.raises(CallerDeniedError):
            late.result(PATIENCE)

    assert backend.fetch()
    assert len(created) == 2


def test_threads_that_are_refused_together_share_one_replacement(
    backend: Backend, clock: ManualClock, created: list[Any]
) -> None:
    backend.write_key("ASIAOLD")
    backend.fetch()
    backend.rotate()
    clock.advance(1)
    backend.expect_refusal()
    start = threading.Barrier(8)

    def fetch(_: int) -> str:
        start.wait(PATIENCE)
        return backend.fetch()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(fetch, range(8)))
    assert len(created) == 2


def test_a_replacement_by_another_thread_is_used(backend: Backend) -> None:
    made = backend.client._made
    made.refused = True
    newer = type(made)(0.0)

    def meanwhile() -> float:
        backend.client._made = newer
        return made.since + 60

    backend.client._monotonic = meanwhile

    assert backend.client._up_to_date() is newer


def test_a_refused_client_that_is_closed_stays_closed(
    backend: Backend, clock: ManualClock, created: list[Any]
) -> None:
    backend.write_key("ASIAWRONG")
    backend.expect_refusal()
    clock.advance(1)
    made = backend.client._made
    backend.client.close()

    assert backend.client._up_to_date() is made
    assert not pools_of(created[0])
