"""
Processes of a fleet: each asks for the tokens of many users at once, and reports.

The argument is a JSON object, see ``test_fleet.py``. The processes are forked, which is cheaper
than starting each. Each prints ``ready``; a line on standard input makes them begin together. In a
fleet that is to *hang*, each answer of Cognito's prints ``answered`` and is never passed on. The
others print a report as JSON in the end.

No time limit of the library applies, so that the number of calls does not depend on how fast the
machine is: no lease expires, no call or operation times out, and nobody gives up waiting.
"""

import json
import os
import sys
import threading
from typing import Any

from botocore.config import Config

from cognito_devtoken import (
    DevTokenClient,
    OpenIdToken,
    TokenRequest,
    TokenSession,
    _exchange,
    _flight,
    _leases,
    _shared,
)
from cognito_devtoken.stores.redis import RedisStore


NEVER = 86_400.0


class Hanging:
    """A client whose answers never arrive."""

    def __init__(self, client: DevTokenClient) -> None:
        self._client = client

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        self._client.fetch(request)
        say("answered")
        threading.Event().wait()
        raise AssertionError

    def close(self) -> None: ...


def say(line: str) -> None:
    """Print a line in one piece: the processes share a pipe."""
    os.write(1, f"{line}\n".encode())


def lift_the_limits() -> None:
    modules: list[Any] = [_exchange, _flight, _leases, _shared]
    for module in modules:
        for name in ("DEADLINE", "LEASE", "PATIENCE"):
            if hasattr(module, name):
                setattr(module, name, NEVER)


def main() -> None:
    told = json.loads(sys.argv[1])
    lift_the_limits()
    gate, opener = os.pipe()
    children = []
    for _ in range(told["processes"]):
        if child := os.fork():
            children.append(child)
        else:
            os.close(opener)
            work(told, gate)
            os._exit(0)
    sys.stdin.readline()
    os.close(opener)
    for child in children:
        os.waitpid(child, 0)


def work(told: dict[str, Any], gate: int) -> None:
    store = RedisStore(told["url"], keys=told["keys"], timeout=1)
    store._timeout = NEVER
    limits = {"socket_timeout": NEVER, "socket_connect_timeout": NEVER}
    store._client.connection_pool.connection_kwargs.update(limits)
    config = Config(connect_timeout=NEVER, read_timeout=NEVER)
    client = DevTokenClient(endpoint_url=told["endpoint"], config=config)
    session = TokenSession(
        told["pool"],
        developer_provider=told["provider"],
        client=Hanging(client) if told["hang"] else client,
        store=store,
        max_concurrent_fetches=told["at_once"],
    )
    tokens: list[OpenIdToken] = []

    def ask(user_id: str) -> None:
        tokens.append(session.get_token(user_id))

    threads = [
        threading.Thread(target=ask, args=(f"user-{number}",)) for number in range(told["users"])
    ]
    say("ready")
    os.read(gate, 1)  # until the parent closes its end
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = session.stats()
    names = ("fetches_started", "errors", "store_hits", "store_errors", "store_leases_expired")
    report = {name: getattr(stats, name) for name in names} | {"tokens": len(tokens)}
    say(json.dumps(report))
    session.close()
    client.close()
    store.close()


if __name__ == "__main__":
    main()
