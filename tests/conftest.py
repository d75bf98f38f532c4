"""Shared fixtures: an emulator, a client for it, caches, sessions, stores, a leak search."""

import asyncio
import functools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import botocore.session
import pytest
from botocore.loaders import JSONFileLoader
from botocore.retries.standard import ExponentialBackoff
from botocore.utils import ContainerMetadataFetcher
from pytest_httpserver import HTTPServer

from blocking_session import BlockingSession
from caching import POOL_ID, PROVIDER, ManualThreads, Recorder, make_cache, run_inline
from calling import OPAQUE, boto
from canary import find_leaks
from certificates import Certificate, make_certificate
from cognito_devtoken import (
    AsyncTokenSession,
    DevTokenClient,
    TokenCache,
    TokenRequest,
    TokenSession,
)
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.stores import StoreKeys
from cognito_devtoken.stores.redis import RedisStore
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from externals import (  # noqa: F401  # hooks of pytest
    pytest_collection_modifyitems,
    pytest_runtest_call,
    pytest_runtest_setup,
    pytest_runtest_teardown,
)
from hosts import HostFactory, locks_of, log_of
from inner_runs import Passes, run_passing
from patience import PATIENCE
from pools import OTHER_POOL, POOL
from redis_stores import StoreOpener, without_time_limits
from servers import Server, running


@pytest.fixture(scope="session", autouse=True)
def _quick_botocore() -> Iterator[None]:
    """Have botocore parse each of its files once and not sleep between attempts."""
    load_file = functools.cache(JSONFileLoader().load_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: load_file(path))
        patch.setattr(ExponentialBackoff, "delay_amount", lambda _, context: 0)
        patch.setattr(ContainerMetadataFetcher, "SLEEP_TIME", 0)
        yield


@pytest.fixture(scope="session")
def running_emulator() -> Iterator[Emulator]:
    with Emulator(POOL, OTHER_POOL) as emulator:
        yield emulator


@pytest.fixture
def emulator(running_emulator: Emulator) -> Emulator:
    running_emulator.clear()
    running_emulator.latency = 0
    return running_emulator


@pytest.fixture
def client(emulator: Emulator) -> Iterator[DevTokenClient]:
    with DevTokenClient(endpoint_url=emulator.endpoint_url) as client:
        yield client


@pytest.fixture
def created(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The clients that botocore creates."""
    clients = []
    create_client = botocore.session.Session.create_client

    def create_and_note(self: Any, *args: Any, **kwargs: Any) -> Any:
        clients.append(create_client(self, *args, **kwargs))
        return clients[-1]

    monkeypatch.setattr(botocore.session.Session, "create_client", create_and_note)
    return clients


@pytest.fixture
def emulator_in_environment(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The emulator, which clients find through the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", emulator.endpoint_url)
    return emulator


@pytest.fixture
def recording_server(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    """
    Answers every call with a token that is not a JWT, and records the requests.

    Clients find it through the environment.
    """
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", httpserver.url_for(""))
    httpserver.expect_request("/").respond_with_json(OPAQUE)
    return httpserver


@pytest.fixture
def request_() -> TokenRequest:
    return TokenRequest(POOL.identity_pool_id, {POOL.developer_provider: "user-42"})


@pytest.fixture
def leaks() -> Callable[..., list[str]]:
    return find_leaks


@pytest.fixture(scope="session")
def _cognito_of_boto(running_emulator: Emulator) -> Any:
    return boto("cognito-identity", running_emulator)


@pytest.fixture
def cognito(emulator: Emulator, _cognito_of_boto: Any) -> Any:
    return _cognito_of_boto


@pytest.fixture(scope="session")
def _sts_of_boto(running_emulator: Emulator) -> Any:
    return boto("sts", running_emulator)


@pytest.fixture
def sts(emulator: Emulator, _sts_of_boto: Any) -> Any:
    return _sts_of_boto


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that writes the AWS config file."""

    def write(text: str) -> None:
        path = tmp_path / "config"
        path.write_text(text)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(path))

    return write


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def run() -> Iterator[Callable[[Any], Any]]:
    """A function that runs a coroutine to its end in another thread's event loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(PATIENCE)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def fetcher(clock: ManualClock) -> FakeFetcher:
    return FakeFetcher(clock)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def threads() -> ManualThreads:
    """Threads that run when a test says so."""
    return ManualThreads()


@pytest.fixture
def cache(fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder) -> TokenCache:
    """A cache without threads, on a manual clock."""
    return make_cache(fetcher, clock, on_event=[recorder])


@pytest.fixture
def manual_cache(
    fetcher: FakeFetcher, clock: ManualClock, threads: ManualThreads, recorder: Recorder
) -> TokenCache:
    """A cache whose workers run when a test says so."""
    return make_cache(fetcher, clock, start_thread=threads.start, on_event=[recorder])


@pytest.fixture(params=[TokenSession, AsyncTokenSession])
def open_session(
    request: pytest.FixtureRequest,
    run: Callable[[Any], Any],
    fetcher: FakeFetcher,
    clock: ManualClock,
    recorder: Recorder,
) -> Callable[..., BlockingSession]:
    """A function that opens a session of the kind under test."""

    def open_one(**arguments: Any) -> BlockingSession:
        arguments = {
            "identity_pool_id": POOL_ID,
            "developer_provider": PROVIDER,
            "client": fetcher,
            "clock": clock,
            "on_event": [recorder],
        } | arguments
        return BlockingSession(
            request.param(**arguments), run if request.param is AsyncTokenSession else None
        )

    return open_one


@pytest.fixture
def session(open_session: Callable[..., BlockingSession]) -> Iterator[BlockingSession]:
    session = open_session()
    yield session
    session.close()


@pytest.fixture
def passes(pytester: pytest.Pytester) -> Passes:
    return functools.partial(run_passing, pytester)


@pytest.fixture(scope="session")
def running_redis() -> Iterator[Server]:
    # In a short path, because the path of a Unix socket is limited in length.
    with TemporaryDirectory() as folder, running(Path(folder)) as server:
        yield server


@pytest.fixture
def redis_server(running_redis: Server) -> Server:
    with running_redis.client() as client:
        client.flushall()
    return running_redis


@pytest.fixture
def store(clock: ManualClock) -> MemoryStore:
    return MemoryStore(clock=clock)


@pytest.fixture
def new_host(
    fetcher: FakeFetcher, clock: ManualClock, store: MemoryStore, recorder: Recorder
) -> HostFactory:
    """A function that makes caches like those of different hosts, without background threads."""

    def new(**arguments: Any) -> TokenCache:
        defaults: dict[str, Any] = {"fetcher": fetcher, "clock": clock}
        defaults |= {"store": store, "on_event": [recorder]}
        cache = make_cache(**(defaults | arguments))
        log_of(cache).thread.start_thread = lambda run: None
        log_of(cache).hooks.start_thread = run_inline
        locks_of(cache).thread.start_thread = lambda run: None
        return cache

    return new


@pytest.fixture
def own_redis() -> Iterator[Server]:
    """A server for this test alone, which it may stop or break."""
    with TemporaryDirectory() as folder, running(Path(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def keys() -> str:
    return StoreKeys.generate()


@pytest.fixture
def open_store(keys: str) -> Iterator[StoreOpener]:
    """A function that opens stores without time limits, unless a timeout is given."""
    stores: list[RedisStore] = []

    def open_one(url: str | None = None, **arguments: Any) -> RedisStore:
        store = RedisStore(url, **({"keys": keys} | arguments))
        stores.append(store if "timeout" in arguments else without_time_limits(store))
        return store

    yield open_one
    for store in stores:
        store.close()
