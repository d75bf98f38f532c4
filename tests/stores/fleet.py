"""
One process of a fleet: asks for the tokens of so many users at once, and reports.

Arguments, as JSON: url, endpoint, users, pool, provider, keys, timeout. It waits for a line on
standard input, so that all begin together, and prints how long the slowest call took.
"""

import json
import sys
import threading
import time

from cognito_devtoken import DevTokenClient, TokenSession
from cognito_devtoken.events import Event, FetchSucceeded
from cognito_devtoken.stores.redis import RedisStore


def main() -> None:
    told = json.loads(sys.argv[1])
    store = RedisStore(told["url"], keys=told["keys"], timeout=told["timeout"])
    client = DevTokenClient(endpoint_url=told["endpoint"])
    longest = [0.0]

    def note(event: Event) -> None:
        if isinstance(event, FetchSucceeded):
            longest.append(event.took)

    session = TokenSession(
        told["pool"],
        developer_provider=told["provider"],
        client=client,
        store=store,
        on_event=[note],
    )
    took: list[float] = []
    errors: list[str] = []

    def ask(user_id: str) -> None:
        began = time.monotonic()
        try:
            session.get_token(user_id)
        except Exception as error:  # noqa: BLE001
            errors.append(repr(error))
        took.append(time.monotonic() - began)

    threads = [
        threading.Thread(target=ask, args=(f"user-{number}",)) for number in range(told["users"])
    ]
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = session.stats()
    report = [max(took), errors, stats.fetches_started, stats.store_hits, max(longest)]
    print(json.dumps(report), flush=True)
    session.close()
    client.close()
    store.close()


if __name__ == "__main__":
    main()
