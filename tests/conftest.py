"""What the tests share: an emulator, a client for it, and the search for leaks."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from calling import boto
from canary import find_leaks
from cognito_devtoken import DevTokenClient, TokenRequest
from cognito_devtoken.emulator import Emulator
from pools import OTHER_POOL, POOL


@pytest.fixture(scope="session")
def running_emulator() -> Iterator[Emulator]:
    with Emulator(POOL, OTHER_POOL) as emulator:
        yield emulator


@pytest.fixture
def emulator(running_emulator: Emulator) -> Emulator:
    running_emulator.clear()
    return running_emulator


@pytest.fixture
def client(emulator: Emulator) -> Iterator[DevTokenClient]:
    with DevTokenClient(endpoint_url=emulator.endpoint_url) as client:
        yield client


@pytest.fixture
def request_() -> TokenRequest:
    return TokenRequest(POOL.identity_pool_id, {POOL.developer_provider: "user-42"})


@pytest.fixture
def leaks() -> Callable[..., list[str]]:
    return find_leaks


@pytest.fixture
def cognito(emulator: Emulator) -> Any:
    return boto("cognito-identity", emulator)


@pytest.fixture
def sts(emulator: Emulator) -> Any:
    return boto("sts", emulator)


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes the AWS config file."""

    def write(text: str) -> None:
        path = tmp_path / "config"
        path.write_text(text)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(path))

    return write
