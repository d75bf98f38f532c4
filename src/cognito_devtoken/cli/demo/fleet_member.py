"""
One process of the fleet that ``demo --fleet`` shows.

It reads its settings from standard input as a line of JSON, because arguments would expose the
keys of the store. It prints ``ready``, waits for another line, asks for the tokens of all users at
once, and prints ``got`` for each token. Its last line is a report in JSON.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from typing import Any


def main() -> None:
    from ..._aws.client import DevTokenClient
    from ..._session.sessions import TokenSession
    from ...stores.redis import RedisStore

    settings: dict[str, Any] = json.loads(sys.stdin.readline())
    with ExitStack() as opened:
        client = opened.enter_context(DevTokenClient(endpoint_url=settings["endpoint"]))
        # The longest timeout, because the machine may be busy.
        store = (
            opened.enter_context(RedisStore(settings["url"], keys=settings["keys"], timeout=1))
            if settings["url"]
            else None
        )
        session = opened.enter_context(
            TokenSession(
                settings["pool"],
                developer_provider=settings["provider"],
                client=client,
                store=store,
            )
        )

        # Make the client before any token is locked, because making it takes longer than a call.
        client._client_for(settings["pool"].partition(":")[0])

        def ask(user_id: str) -> float:
            began = time.perf_counter()
            session.get_token(user_id)
            return time.perf_counter() - began

        print("ready", flush=True)
        sys.stdin.readline()
        with ThreadPoolExecutor(len(settings["users"])) as pool:
            asked = [pool.submit(ask, user_id) for user_id in settings["users"]]
            slowest = 0.0
            for answered in as_completed(asked):
                slowest = max(slowest, answered.result())
                print("got", flush=True)
        stats = session.stats()
        problems = stats.store_errors + stats.store_skipped
        problems += stats.store_locks_expired
        report = {"slowest": slowest, "store_hits": stats.store_hits, "problems": problems}
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
