"""What the tests share: an emulator, a client for it, and the search for leaks."""

from collections.abc import Callable, Iterator

import pytest

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
