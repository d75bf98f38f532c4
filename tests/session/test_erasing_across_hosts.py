"""An erased identity does not come back by itself: two hosts, a shared store, one emulator."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from cognito_devtoken import DevTokenClient, OpenIdToken, TokenRequest, TokenSession
from cognito_devtoken._values.operations import DELETE, LOOKUP, UNLINK
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.testing import MemoryStore
from hosts import listen
from patience import PATIENCE
from pools import POOL


USER = "user-42"


class Host(TokenSession):
    """A session on a host of its own. It reads the log of the store only when the test says so."""

    def __init__(self, client: Any, store: MemoryStore) -> None:
        super().__init__(
            POOL.identity_pool_id,
            developer_provider=POOL.developer_provider,
            client=client,
            store=store,
        )
        source: Any = self._cache._leases.source
        source.log.thread.start_thread = do_nothing

    def listen(self) -> None:
        """Read the log."""
        listen(self._cache)


def do_nothing(run: Callable[[], None]) -> None:
    """Stand in for the start of a thread."""


class HeldFetcher:
    """Holds the next token back, after Cognito has issued it."""

    def __init__(self, client: DevTokenClient) -> None:
        self._client = client
        self.holds = False
        self.issued, self.released = threading.Event(), threading.Event()

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        token = self._client.fetch(request)
        if self.holds:
            self.issued.set()
            assert self.released.wait(PATIENCE)
        return token


@pytest.fixture
def open_host(emulator: Emulator) -> Iterator[Callable[..., Host]]:
    store = MemoryStore()
    with ExitStack() as opened:

        def new(wrap: Callable[[DevTokenClient], Any] = lambda client: client) -> Host:
            url = emulator.endpoint_url
            client = opened.enter_context(DevTokenClient(endpoint_url=url))
            return opened.enter_context(Host(wrap(client), store))

        yield new


def after(host: Host, operation: str, act: Callable[[], object]) -> None:
    """Run a function once after a host has called an operation, before it goes on."""
    client: Any = host._client
    events = client._client_for(POOL.region).meta.events
    name = f"after-call.cognito-identity.{operation}"

    def once(**_: object) -> None:
        events.unregister(name, once)
        act()

    events.register(name, once)


def identities(emulator: Emulator) -> set[str]:
    return set(emulator._front.service.world.directory.identities)


def link_another_user(host: Host) -> None:
    """Link two user ids to one identity, so that one of them is unlinked."""
    for user in (USER, "ana-old"):
        host.get_token(user, logins={"idp.example": "ana"})


@pytest.mark.parametrize("operation", [LOOKUP, UNLINK, DELETE])
def test_a_refresh_on_another_host_does_not_bring_the_identity_back(
    operation: str, open_host: Callable[..., Host], emulator: Emulator
) -> None:
    first, second, third = open_host(), open_host(), open_host()
    link_another_user(first)
    seen = {first.get_token(USER).identity_id, second.get_token(USER).identity_id}
    after(first, operation, lambda: seen.add(second.refresh(USER).identity_id))

    erased = first.erase(USER)

    assert len(seen) == (2 if operation == DELETE else 1)
    assert set(erased.identity_ids) == seen
    assert identities(emulator) == set()
    second.listen()
    assert first.stats().entries == second.stats().entries == 0
    # A caller that asks for a token gets a new identity, on every host, not what the store holds.
    assert {host.get_token(USER).identity_id for host in (first, second, third)}.isdisjoint(seen)


def test_a_token_that_arrives_after_the_user_was_erased_is_not_kept(
    open_host: Callable[..., Host], emulator: Emulator
) -> None:
    first, second, third = open_host(), open_host(HeldFetcher), open_host()
    client: Any = second._client
    old = first.get_token(USER)
    assert second.get_token(USER) == old
    client.holds = True
    with ThreadPoolExecutor() as threads:
        refreshes: list[Future[OpenIdToken]] = []

        def refresh() -> None:
            refreshes.append(threads.submit(second.refresh, USER))
            assert client.issued.wait(PATIENCE)

        after(first, DELETE, refresh)
        erased = first.erase(USER)
        assert identities(emulator) == set()
        second.listen()
        client.released.set()
        late = refreshes[0].result(PATIENCE)
    client.holds = False

    assert erased.identity_ids == (old.identity_id, late.identity_id)
    assert second.stats().entries == 0
    assert second.stats().tokens_discarded == 1
    new = third.get_token(USER).identity_id
    assert new not in erased.identity_ids
    assert second.get_token(USER).identity_id == new
