"""Calls to Cognito that stay in flight until a test completes them."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from caching import request_for
from cognito_devtoken import OpenIdToken, TokenCache, TokenRequest
from cognito_devtoken.testing import FakeFetcher
from hosts import source_of
from patience import PATIENCE


class CallInFlight:
    """A call of a host that stays in flight until complete() is called."""

    def __init__(self, host: TokenCache, request: TokenRequest, fetcher: FakeFetcher) -> None:
        self.host = host
        self.error: Exception | None = None
        self._sent, self._released = threading.Event(), threading.Event()
        self._fetcher = fetcher
        source_of(host)._fetcher.fetch = self.fetch
        self._thread = threading.Thread(target=self._get, args=(request,))
        self._thread.start()
        assert self._sent.wait(PATIENCE)

    def _get(self, request: TokenRequest) -> None:
        try:
            self.host.get(request)
        except Exception as error:  # noqa: BLE001
            self.error = error

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        self._sent.set()
        self._released.wait()
        return self._fetcher.fetch(request)

    def complete(self) -> None:
        self._released.set()
        self._thread.join()

    @property
    def completed(self) -> bool:
        return not self._thread.is_alive()


# Has a host call Cognito for a request, by default for that of user-42.
StartCall = Callable[..., CallInFlight]


@contextmanager
def open_calls(fetcher: FakeFetcher) -> Generator[StartCall]:
    """Yield a function that starts calls; complete the remaining ones at the end."""
    calls: list[CallInFlight] = []

    def start(host: TokenCache, request: TokenRequest | None = None) -> CallInFlight:
        calls.append(CallInFlight(host, request or request_for(), fetcher))
        return calls[-1]

    try:
        yield start
    finally:
        for each in calls:
            each.complete()
