"""Everything runs on this machine, with fake AWS credentials, whatever the environment."""

import os
import sys
from pathlib import Path


ONLY_LOOPBACK = Path(__file__).parent / "only_loopback"
sys.path.insert(0, str(ONLY_LOOPBACK))
sys.modules.pop("sitecustomize", None)
import sitecustomize  # noqa: E402, F401


for name in list(os.environ):
    if name.startswith("AWS_") or name.lower().endswith("_proxy"):
        del os.environ[name]
os.environ |= {
    "AWS_ACCESS_KEY_ID": "AKIATEST",
    "AWS_SECRET_ACCESS_KEY": "test-secret",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "PYTHONPATH": str(ONLY_LOOPBACK),
}

from collections.abc import Callable, Iterator  # noqa: E402

import pytest  # noqa: E402

from canary import find_leaks  # noqa: E402
from cognito_devtoken import DevTokenClient, TokenRequest  # noqa: E402
from cognito_devtoken.emulator import Emulator, Pool  # noqa: E402


POOL = Pool("eu-central-1:01234567-89ab-4cde-8f01-23456789abcd", public_providers=["idp.example"])
OTHER_POOL = Pool("us-east-1:11111111-2222-4333-8444-555555555555", allow_unauthenticated=True)


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
