"""Calls to Cognito that stay in flight until a test lands them."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from caching import request_for
from cognito_devtoken import OpenIdToken, TokenCache, TokenRequest
from cognito_devtoken.testing import FakeFetcher
from hosts import source_of
from patience import PATIENCE


class CallInFlight:
    """A call of a host that is in flight until it is told to come back."""

    def __init__(self, host: TokenCache, request: TokenRequest, answer: FakeFetcher) -> None:
        self.host = host
        self.error: Exception | None = None
        self._sent, self._back = threading.Event(), threading.Event()
        self._answer = answer
        source_of(host)._fetcher.fetch = self.fetch
        self._thread = threading.Thread(target=self._ask, args=(request,))
        self._thread.start()
        assert self._sent.wait(PATIENCE)

    def _ask(self, request: TokenRequest) -> None:
        try:
            self.host.get(request)
        except Exception as error:  # noqa: BLE001
            self.error = error

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        self._sent.set()
        self._back.wait()
        return self._answer.fetch(request)

    def complete(self) -> None:
        self._back.set()
        self._thread.join()

    @property
    def completed(self) -> bool:
        return not self._thread.is_alive()


@contextmanager
def calls_answered_by(fetcher: FakeFetcher) -> Generator[Callable[..., CallInFlight]]:
    """Have hosts call Cognito, and leave the calls in flight until the end at the latest."""
    calls: list[CallInFlight] = []

    def begin(host: TokenCache, request: TokenRequest | None = None) -> CallInFlight:
        calls.append(CallInFlight(host, request or request_for(), fetcher))
        return calls[-1]

    try:
        yield begin
    finally:
        for each in calls:
            each.complete()
