"""Hundreds of hosts share a store while users sign out all the time."""

import random
from collections import deque
from collections.abc import Iterator

import pytest

from caching import request_for
from cognito_devtoken import OpenIdToken, TokenCache
from cognito_devtoken._sharing import announcements, log_reader
from cognito_devtoken._sharing.invalidation_log import LISTEN_EVERY
from cognito_devtoken.testing import FakeFetcher, ManualClock
from hosts import HostFactory, listen
from redis_stores import StoreOpener
from servers import Server
from thorough import THOROUGH


pytestmark = pytest.mark.external

HOSTS, SECONDS, FORGETS = (200, 60, 100) if THOROUGH else (40, 6, 100)
USERS = 1000
# How many hosts are replaced, and how many requests are made, in each tenth of a second.
REPLACED, REQUESTS = 0.2, 20
TICK = 0.1
# How long another host may serve a token after it was forgotten: docs/fleet.md.
BOUND = LISTEN_EVERY + 0.1
# So that the log only holds what was forgotten in the last seconds.
KEPT = 400


class Fleet:
    """Hosts without threads, each of which listens every 2 s by a manual clock."""

    def __init__(self, new_host: HostFactory, clock: ManualClock, urls: Iterator[object]) -> None:
        self._new_host, self._clock, self._stores = new_host, clock, urls
        self._random = random.Random(13)
        self._due: deque[tuple[float, TokenCache]] = deque()
        self.hosts: list[TokenCache] = []
        self.gone: list[TokenCache] = []
        for number in range(HOSTS):
            self._start(listens_in=LISTEN_EVERY * number / HOSTS)

    def _start(self, listens_in: float) -> None:
        host = self._new_host(store=next(self._stores), on_event=[], max_entries=USERS)
        self.hosts.append(host)
        self._due.append((self._clock.monotonic() + listens_in, host))

    def replace_one(self) -> None:
        host = self.hosts.pop(self._random.randrange(len(self.hosts)))
        host.close()
        self.gone.append(host)
        self._start(listens_in=LISTEN_EVERY)

    def listen(self) -> None:
        """Have those listen whose pause has ended."""
        while self._due[0][0] <= self._clock.monotonic():
            _, host = self._due.popleft()
            if host in self.hosts:
                listen(host)
                self._due.append((self._clock.monotonic() + LISTEN_EVERY, host))

    def any(self) -> TokenCache:
        return self._random.choice(self.hosts)

    def adopted(self) -> tuple[int, int]:
        """Return how many tokens were adopted, and how many were fetched from Cognito."""
        stats = [host.stats() for host in [*self.hosts, *self.gone]]
        return sum(each.store_hits for each in stats), sum(each.fetches_started for each in stats)


def run(fleet: Fleet, clock: ManualClock, *, forgets: int) -> float:
    """
    Run the fleet for a while.

    Returns the part of the tokens not cached on a host that came from the store, among those that
    were there to be adopted: not those of users who have just signed out.
    """
    chance = random.Random(42)
    forgotten: dict[OpenIdToken, float] = {}
    present: dict[str, OpenIdToken] = {}
    wanted = adopted = 0
    replaced = 0.0
    for number in range(int(SECONDS / TICK)):
        clock.advance(TICK)
        fleet.listen()
        replaced += REPLACED
        if replaced >= 1:
            replaced -= 1
            fleet.replace_one()
        for _ in range(int(forgets * TICK)):
            # Most users who sign out are not seen again; some are in use everywhere.
            user = f"user-{chance.randrange(USERS)}" if chance.random() < 0.1 else f"{number} gone"
            host = fleet.any()
            host.forget(user)
            listen(host)  # its listener is woken
            if old := present.pop(user, None):
                forgotten[old] = clock.monotonic()
        for _ in range(REQUESTS):
            user = f"user-{chance.randrange(USERS)}"
            host = fleet.any()
            before = host.stats()
            token = host.get(request_for(user))
            after = host.stats()
            late = clock.monotonic() - forgotten.get(token, clock.monotonic())
            assert late <= BOUND, f"forgotten {late:g} s ago"
            if user in present and after.misses > before.misses:
                wanted += 1
                adopted += after.store_hits - before.store_hits
            if token not in forgotten:
                present[user] = token
    return adopted / wanted


def test_sign_outs_do_not_keep_hosts_from_adopting_tokens(
    redis_server: Server,
    open_store: StoreOpener,
    new_host: HostFactory,
    fetcher: FakeFetcher,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (announcements, log_reader):
        monkeypatch.setattr(module, "KEEP", KEPT)

    def stores() -> Iterator[object]:
        while True:
            yield open_store(redis_server.url)

    quiet = run(Fleet(new_host, clock, stores()), clock, forgets=0)
    busy = run(Fleet(new_host, clock, stores()), clock, forgets=FORGETS)

    assert quiet > 0
    assert busy > 0.95 * quiet
    with redis_server.client() as client:
        assert client.llen("cognito-devtoken:{log}") == KEPT
        assert client.hget("cognito-devtoken:{log}:head", "last") == b"%d" % (SECONDS * FORGETS)
