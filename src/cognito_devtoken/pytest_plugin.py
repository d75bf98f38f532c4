"""
Fixtures and a marker for pytest: a local Cognito, sessions on it, and a clock to move.

pytest loads it wherever this package is installed, which loads no more than the package. The
emulator, for which the extra ``emulator`` is needed, starts when a test first asks for it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Generator
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import pytest

from . import AsyncTokenSession, DevTokenClient, OpenIdToken, TokenRequest, TokenSession
from ._fork import watch
from .exceptions import ConfigurationError, SessionClosedError
from .typing import TokenFetcher


if TYPE_CHECKING:
    from .emulator import Emulator
    from .testing import ManualClock

__all__ = [
    "async_token_session",
    "cognito_emulator",
    "cognito_environ",
    "manual_clock",
    "token_session",
]

_OF_EMULATOR = {"behavior", "calls_per_second", "latency"}
_REGION = "us-east-1"
_IN_REAL_TIME = pytest.StashKey[bool]()
_Session = TypeVar("_Session", TokenSession, AsyncTokenSession)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "cognito(*, identity_pool_id, developer_provider, public_providers, "
        "allow_unauthenticated, behavior, latency, calls_per_second, fail): the pool and the "
        "behavior of the cognito_emulator of a test, as for Pool and Emulator; fail is an error "
        "code, or a code and how many calls get it. May stand on tests, classes and modules; "
        "of the same keyword the closest counts.",
    )


@pytest.fixture
def cognito_emulator(
    request: pytest.FixtureRequest, _cognito: _Cognito, _cognito_clock: ManualClock | None
) -> Generator[Emulator]:
    """
    A local Cognito on HTTP, as @pytest.mark.cognito() says.

    One server runs for all tests; nothing of one test is left for the next. Its endpoint_url
    is for boto3, pools[0] is its identity pool, calls counts what came in, and fail_next()
    lets the next calls fail.
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
                _wrong(f"fail must be an error code, or (code, how many calls), not {fail!r}.")
    except (TypeError, ValueError) as error:
        _wrong(str(error))
    yield emulator
    _cognito.end_test()


@pytest.fixture
def token_session(
    cognito_emulator: Emulator, _cognito: _Cognito, _cognito_clock: ManualClock | None
) -> Generator[TokenSession]:
    """
    An open TokenSession on cognito_emulator and its identity pool.

    It has AWS credentials of its own, reads nothing from the environment, and makes one
    attempt for each token.
    """
    session = _cognito.open(TokenSession, _cognito_clock)
    yield session
    session._close()


@pytest.fixture
def async_token_session(
    cognito_emulator: Emulator, _cognito: _Cognito, _cognito_clock: ManualClock | None
) -> Generator[AsyncTokenSession]:
    """An open AsyncTokenSession, as token_session is, for whatever runs the event loop."""
    session = _cognito.open(AsyncTokenSession, _cognito_clock)
    yield session
    session._close()


@pytest.fixture
def manual_clock(request: pytest.FixtureRequest) -> ManualClock:
    """
    A ManualClock that stands still at the present time until you move it.

    In a test that asks for it, the sessions and the emulator go by it.
    """
    from .testing import ManualClock

    if request.node.stash.get(_IN_REAL_TIME, False):
        pytest.fail(
            "manual_clock comes too late: cognito_emulator goes by the clock of this machine "
            "already. Ask for it among the arguments of the test.",
            pytrace=False,
        )
    return ManualClock(wall=float(int(time.time())))


@pytest.fixture
def cognito_environ(cognito_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """
    The environment of an application that is to call cognito_emulator: from_env() and boto
    go by it.

    For the test, it takes the place of all AWS_* and COGNITO_DEVTOKEN_* variables. Returns
    what is set.
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
    """What all tests share, because it takes long to make: an emulator, and a client."""

    def __init__(self) -> None:
        from .emulator import Emulator

        self.emulator = Emulator()
        self._client: _Client | None = None
        self._fetchers: list[_Fetcher] = []

    def open(self, kind: type[_Session], clock: ManualClock | None) -> _Session:
        pool = self.emulator.pools[0]
        if self._client is None:  # cognito_emulator alone does not need it
            self._client = _Client(self.emulator.endpoint_url)
        self._fetchers.append(_Fetcher(self._client))
        return kind(
            pool.identity_pool_id,
            developer_provider=pool.developer_provider,
            client=self._fetchers[-1],
            clock=clock,
        )

    def end_test(self) -> None:
        # Now nobody waits for an answer, and no call has an effect that has come in before.
        self.emulator._renew()
        while self._fetchers:
            self._fetchers.pop().end()

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self.emulator.stop()


class _Fetcher:
    """The calls of a session, which may be under way when its test ends, but no longer."""

    def __init__(self, client: TokenFetcher) -> None:
        self._client = client
        self._changed = threading.Condition()
        self._under_way = 0
        self._ended = False
        watch(self)

    def _before_fork(self) -> bool:
        return True

    def _after_fork(self, *, ready: bool, in_child: bool) -> None:
        if in_child:  # the calls that are under way are its parent's
            self._changed, self._under_way = threading.Condition(), 0

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        with self._changed:
            if self._ended:
                raise SessionClosedError("The test is over.")
            self._under_way += 1
        try:
            return self._client.fetch(request)
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.wait_for(lambda: not self._under_way)


class _Client(DevTokenClient):
    """A client that nothing in the environment leads off this machine."""

    def __init__(self, endpoint_url: str) -> None:
        super().__init__(_REGION, endpoint_url=endpoint_url)
        self._environ = _environ(endpoint_url, _REGION)
        self._client_for(_REGION)  # here, and not in a thread beside the test

    def _make_client(self, region: str) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            _put(self._environ, patch)
            return super()._make_client(region)


def _environ(endpoint_url: str, region: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_SECRET_ACCESS_KEY": "test-secret",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY": endpoint_url,
        # Every failure is one that the test sees, and none costs the time of another attempt.
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
    """What the markers of a test say."""
    # Keyword: of what kind it is, and what that is in words.
    known: dict[str, tuple[Any, str]] = {
        "identity_pool_id": (str, "REGION:GUID"),
        "developer_provider": (str, "a provider name"),
        "public_providers": (Collection, "provider names"),
        "allow_unauthenticated": (bool, "True or False"),
        "behavior": (behavior, "a Behavior"),
        "latency": (int | float, "a number of seconds"),
        "calls_per_second": (int | float | None, "a number"),
        "fail": (object, "anything"),  # which is looked at where it is used
    }
    settings: dict[str, Any] = {}
    for mark in reversed(list(node.iter_markers("cognito"))):  # the closest comes last
        if mark.args:
            _wrong(f"it takes keywords only, not {mark.args[0]!r}.")
        for name, value in mark.kwargs.items():
            if name not in known:
                _wrong(f"{name} is none of {', '.join(known)}.")
            kind, words = known[name]
            if not isinstance(value, kind):
                _wrong(f"{name} must be {words}, not {value!r}.")
        settings |= mark.kwargs
    return settings


def _wrong(text: str) -> NoReturn:
    pytest.fail(f"@pytest.mark.cognito: {text}", pytrace=False)
