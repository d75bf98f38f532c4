"""
Run the processes of a fleet: each requests the tokens of many users at once, and reports.

The argument is a JSON object, see ``test_fleet.py``. The processes are forked, which is cheaper
than starting each. Each prints ``ready``; a line on standard input starts them together. In a
fleet with *hang* set, each response of Cognito prints ``answered`` and is never passed on. The
other processes print a report as JSON at the end.

No time limit of the library applies, so that the number of calls does not depend on how fast the
machine is: no lock expires, no call or operation times out, and no caller gives up waiting.
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
)
from cognito_devtoken._cache import flights
from cognito_devtoken._sharing import invalidation_log, locks, source
from cognito_devtoken.stores.redis import RedisStore


NEVER = 86_400.0


class HangingClient:
    """A client whose responses never arrive."""

    def __init__(self, client: DevTokenClient) -> None:
        self._client = client

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        self._client.fetch(request)
        print_line("answered")
        threading.Event().wait()
        raise AssertionError

    def close(self) -> None: ...


def print_line(line: str) -> None:
    """Write a line in one piece, because the processes share their standard output."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


def remove_time_limits() -> None:
    modules: list[Any] = [invalidation_log, flights, locks, source]
    for module in modules:
        for name in ("DEADLINE", "LOCK_SECONDS", "LOCK_WAIT", "EXCHANGE_WAIT"):
            if hasattr(module, name):
                setattr(module, name, NEVER)


def main() -> None:
    options = json.loads(sys.argv[1])
    remove_time_limits()
    gate, gate_opener = os.pipe()
    children = []
    for _ in range(options["processes"]):
        if child := os.fork():
            children.append(child)
        else:
            os.close(gate_opener)
            run_process(options, gate)
            os._exit(0)
    sys.stdin.readline()
    os.close(gate_opener)
    for child in children:
        os.waitpid(child, 0)


def run_process(options: dict[str, Any], gate: int) -> None:
    store = RedisStore(options["url"], keys=options["keys"], timeout=1)
    store._timeout = NEVER
    limits = {"socket_timeout": NEVER, "socket_connect_timeout": NEVER}
    store._client.connection_pool.connection_kwargs.update(limits)
    config = Config(connect_timeout=NEVER, read_timeout=NEVER)
    client = DevTokenClient(endpoint_url=options["endpoint"], config=config)
    session = TokenSession(
        options["pool"],
        developer_provider=options["provider"],
        client=HangingClient(client) if options["hang"] else client,
        store=store,
        max_concurrent_fetches=options["max_concurrent_fetches"],
    )
    tokens: list[OpenIdToken] = []

    def get_token(user_id: str) -> None:
        tokens.append(session.get_token(user_id))

    threads = [
        threading.Thread(target=get_token, args=(f"user-{number}",))
        for number in range(options["users"])
    ]
    print_line("ready")
    os.read(gate, 1)  # until the parent closes its end
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = session.stats()
    names = ("fetches_started", "errors", "store_hits", "store_errors", "store_locks_expired")
    report = {name: getattr(stats, name) for name in names} | {"tokens": len(tokens)}
    print_line(json.dumps(report))
    session.close()
    client.close()
    store.close()


if __name__ == "__main__":
    main()
