"""
Fixtures and a marker for pytest: a local Cognito, sessions that use it, and a manual clock.

pytest loads this plugin wherever the package is installed. The plugin itself needs no extra. The
emulator needs the extra ``emulator``, and starts when a test first requests it.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import pytest

from . import AsyncTokenSession, DevTokenClient, OpenIdToken, TokenRequest, TokenSession
from ._runtime.fork import watch
from .exceptions import ConfigurationError, SessionClosedError


if TYPE_CHECKING:
    from botocore.client import BaseClient

    from . import ErasedUser
    from ._aws.made_clients import ClientKind, MadeClients
    from .credentials import AssumeRole, AwsCredentials
    from .emulator import Emulator
    from .testing import FakeFetcher, ManualClock

__all__ = [
    "async_token_session",
    "cognito_emulator",
    "cognito_environ",
    "manual_clock",
    "token_session",
]

_OF_EMULATOR = {"behavior", "calls_per_second", "latency", "roles"}
_REGION = "us-east-1"
_IN_REAL_TIME = pytest.StashKey[bool]()
_Session = TypeVar("_Session", TokenSession, AsyncTokenSession)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "cognito(*, identity_pool_id, developer_provider, public_providers, "
        "allow_unauthenticated, authenticated_role, unauthenticated_role, allow_classic_flow, "
        "roles, behavior, latency, calls_per_second, fail): configure the "
        "cognito_emulator of a test with arguments of Pool and Emulator; fail is an error code, "
        "or a tuple of a code and the number of calls that fail with it. Tests, classes and "
        "modules can be marked; if several marks set the same keyword, the closest mark wins.",
    )


@pytest.fixture
def cognito_emulator(
    request: pytest.FixtureRequest, _cognito: _Cognito, _cognito_clock: ManualClock | None
) -> Generator[Emulator]:
    """
    A local Cognito on HTTP, configured by @pytest.mark.cognito().

    One server runs for all tests, but each test starts fresh. Pass its endpoint_url to boto3. Its
    pools[0] is the identity pool, its calls counts the calls by operation, and its fail_next()
    makes the next calls fail.
    """
    from .emulator import Behavior, Pool

    settings = _marked(request.node, Behavior)
    fail = settings.pop("fail", None)
    others = {name: settings.pop(name) for name in _OF_EMULATOR & settings.keys()}
    emulator = _cognito.emulator.start()  # a test may have stopped it
    clock = _cognito_clock.time if _cognito_clock else time.time
    try:
        emulator._renew(Pool(**settings), clock=clock, **others)
        match fail:
            case None:
                pass
            case str(code):
                emulator.fail_next(code)
            case (str(code), int(times)):
                emulator.fail_next(code, times=times)
            case _:
                _fail(f"fail must be an error code, or (code, number of calls), not {fail!r}.")
    except (TypeError, ValueError) as error:
        _fail(str(error))
    yield emulator
    _cognito.end_test()


@pytest.fixture
def token_session(
    cognito_emulator: Emulator, _cognito: _Cognito, _cognito_clock: ManualClock | None
) -> Generator[TokenSession]:
    """
    An open TokenSession for the identity pool of cognito_emulator.

    The session has its own AWS credentials, reads nothing from the environment, and makes one
    attempt for each token.
    """
    session = _cognito.open(TokenSession, _cognito_clock)
    yield session
    session._close()


@pytest.fixture
def async_token_session(
    cognito_emulator: Emulator, _cognito: _Cognito, _cognito_clock: ManualClock | None
) -> Generator[AsyncTokenSession]:
    """An open AsyncTokenSession for any async plugin of pytest; otherwise like token_session."""
    session = _cognito.open(AsyncTokenSession, _cognito_clock)
    yield session
    session._close()


@pytest.fixture
def manual_clock(request: pytest.FixtureRequest) -> ManualClock:
    """
    A ManualClock that stands still at the present time until you move it.

    If a test requests this clock, the sessions and the emulator of the test use it.
    """
    from .testing import ManualClock

    if request.node.stash.get(_IN_REAL_TIME, False):
        pytest.fail(
            "manual_clock was requested too late: cognito_emulator already uses the system "
            "clock. Request manual_clock as an argument of the test.",
            pytrace=False,
        )
    return ManualClock(wall=float(int(time.time())))


@pytest.fixture
def cognito_environ(cognito_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """
    The environment for an application that calls cognito_emulator through from_env() or boto.

    During the test, this fixture replaces all AWS_* and COGNITO_DEVTOKEN_* variables. It returns
    the variables that it sets.
    """
    pool = cognito_emulator.pools[0]
    environ = _environ(cognito_emulator.endpoint_url, pool.region) | {
        "COGNITO_DEVTOKEN_IDENTITY_POOL_ID": pool.identity_pool_id,
        "COGNITO_DEVTOKEN_DEVELOPER_PROVIDER": pool.developer_provider,
    }
    _put(environ, monkeypatch)
    return environ


@pytest.fixture(scope="session")
def _cognito() -> Generator[_Cognito]:
    try:
        cognito = _Cognito()
    except ConfigurationError as error:  # the extra is missing
        pytest.fail("\n".join([str(error), *error.__notes__]), pytrace=False)
    yield cognito
    cognito.close()


@pytest.fixture
def _cognito_clock(request: pytest.FixtureRequest) -> ManualClock | None:
    if "manual_clock" not in request.fixturenames:
        request.node.stash[_IN_REAL_TIME] = True
        return None
    clock: ManualClock = request.getfixturevalue("manual_clock")
    return clock


class _Cognito:
    """What all tests share, because it is slow to create: an emulator and a client."""

    def __init__(self) -> None:
        from .emulator import Emulator

        self.emulator = Emulator()
        self._client: _Client | None = None
        self._fetchers: list[_Fetcher] = []

    def open(self, kind: type[_Session], clock: ManualClock | None) -> _Session:
        pool = self.emulator.pools[0]
        if self._client is None:  # a test that uses only cognito_emulator needs none
            self._client = _Client(self.emulator.endpoint_url)
        self._fetchers.append(_Fetcher(self._client))
        return kind(
            pool.identity_pool_id,
            developer_provider=pool.developer_provider,
            client=self._fetchers[-1],
            clock=clock,
        )

    def end_test(self) -> None:
        # Start the emulator afresh: calls that are still waiting for a response fail, and earlier
        # calls have no effect.
        self.emulator._renew()
        while self._fetchers:
            self._fetchers.pop().end()

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self.emulator.stop()


class _Fetcher:
    """
    Makes the calls of a session. After the test, end() waits for the pending calls.

    It has every method of the protocols for clients, so that every method of a session works.
    """

    patience = 30.0  # in seconds: twice as long as a call may take

    def __init__(self, client: DevTokenClient | FakeFetcher) -> None:
        self._client = client
        self._changed = threading.Condition()
        self._pending = 0
        self._ended = False
        watch(self)

    def _before_fork(self) -> None:
        """Do nothing."""

    def _after_fork(self, *, in_child: bool) -> None:
        if in_child:  # the pending calls are the parent's
            self._changed, self._pending = threading.Condition(), 0

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        with self._call():
            return self._client.fetch(request)

    def fetch_credentials(
        self, token: OpenIdToken, role: str | AssumeRole | None = None
    ) -> AwsCredentials:
        with self._call():
            return self._client.fetch_credentials(token, role)

    def find_identity(self, request: TokenRequest, developer_provider: str) -> str | None:
        with self._call():
            return self._client.find_identity(request, developer_provider)

    def erase_identity(self, request: TokenRequest, developer_provider: str) -> ErasedUser:
        with self._call():
            return self._client.erase_identity(request, developer_provider)

    @contextmanager
    def _call(self) -> Generator[None]:
        with self._changed:
            if self._ended:
                raise SessionClosedError("The test is over.")
            self._pending += 1
        try:
            yield
        finally:
            with self._changed:
                self._pending -= 1
                self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            if not self._changed.wait_for(lambda: not self._pending, self.patience):
                warnings.warn(
                    f"A call of the session did not end within {self.patience:g} s. Its thread "
                    "is left behind.",
                    RuntimeWarning,
                    stacklevel=2,
                )


class _Client(DevTokenClient):
    """A client that connects only to this machine, whatever the environment."""

    def __init__(self, endpoint_url: str) -> None:
        super().__init__(_REGION, endpoint_url=endpoint_url)
        self._environ = _environ(endpoint_url, _REGION)
        # Make the client now, while no test runs: making it changes the environment for a moment.
        self._client_for(_REGION)

    def _up_to_date(self) -> MadeClients:
        return self._made  # never new clients: even after a refusal, the credentials are the same

    def _make_client(self, made: MadeClients, kind: ClientKind) -> BaseClient:
        with pytest.MonkeyPatch.context() as patch:
            _put(self._environ, patch)
            return super()._make_client(made, kind)


def _environ(endpoint_url: str, region: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_SECRET_ACCESS_KEY": "test-secret",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY": endpoint_url,
        "AWS_ENDPOINT_URL_STS": endpoint_url,
        # No retries: the test sees every failure, and does not wait for another attempt.
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "*",
        "no_proxy": "*",
    }


def _put(environ: dict[str, str], patch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "COGNITO_DEVTOKEN_")):
            patch.delenv(name)
    for name, value in environ.items():
        patch.setenv(name, value)


def _marked(node: pytest.Item, behavior: type) -> dict[str, Any]:
    """Return the merged keywords of a test's markers."""
    # For each keyword: its type, and that type in words.
    known: dict[str, tuple[Any, str]] = {
        "identity_pool_id": (str, "REGION:GUID"),
        "developer_provider": (str, "a provider name"),
        "public_providers": (Collection, "provider names"),
        "allow_unauthenticated": (bool, "True or False"),
        "authenticated_role": ((str, type(None)), "the ARN of a role"),
        "unauthenticated_role": ((str, type(None)), "the ARN of a role"),
        "allow_classic_flow": (bool, "True or False"),
        "roles": (Collection, "a collection of Role"),
        "behavior": (behavior, "a Behavior"),
        "latency": (int | float, "a number of seconds"),
        "calls_per_second": (
            (int, float, Mapping, type(None)),
            "a number, or numbers by operations",
        ),
        "fail": (object, "anything"),  # checked where it is used
    }
    settings: dict[str, Any] = {}
    for mark in reversed(list(node.iter_markers("cognito"))):  # the closest comes last
        if mark.args:
            _fail(f"use keyword arguments only, not {mark.args[0]!r}.")
        for name, value in mark.kwargs.items():
            if name not in known:
                from difflib import get_close_matches

                close = get_close_matches(name, known, 1)
                likely = f"did you mean {close[0]}?" if close else f"use one of {', '.join(known)}."
                _fail(f"unknown keyword {name}; {likely}")
            kind, words = known[name]
            if not isinstance(value, kind):
                _fail(f"{name} must be {words}, not {value!r}.")
        settings |= mark.kwargs
    return settings


def _fail(text: str) -> NoReturn:
    pytest.fail(f"@pytest.mark.cognito: {text}", pytrace=False)
