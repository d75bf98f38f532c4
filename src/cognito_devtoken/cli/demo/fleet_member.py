"""
One process of the fleet that ``demo --fleet`` shows.

It reads what to do as a line of JSON, so that no key is in a list of arguments; says ``ready``,
waits for another line, asks for the tokens of all users at once, and prints ``got`` for each. A
last line of JSON says what it has done.
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

    told: dict[str, Any] = json.loads(sys.stdin.readline())
    with ExitStack() as opened:
        client = opened.enter_context(DevTokenClient(endpoint_url=told["endpoint"]))
        # A demonstration has no network to wait for, and a machine that may be busy.
        store = (
            opened.enter_context(RedisStore(told["url"], keys=told["keys"], timeout=1))
            if told["url"]
            else None
        )
        session = opened.enter_context(
            TokenSession(
                told["pool"], developer_provider=told["provider"], client=client, store=store
            )
        )

        # Making it takes longer than a call, and the lock of a token would be held meanwhile.
        client._client_for(told["pool"].partition(":")[0])

        def ask(user_id: str) -> float:
            began = time.perf_counter()
            session.get_token(user_id)
            return time.perf_counter() - began

        print("ready", flush=True)
        sys.stdin.readline()
        with ThreadPoolExecutor(len(told["users"])) as pool:
            asked = [pool.submit(ask, user_id) for user_id in told["users"]]
            slowest = 0.0
            for answered in as_completed(asked):
                slowest = max(slowest, answered.result())
                print("got", flush=True)
        stats = session.stats()
        problems = stats.store_errors + stats.store_skipped
        problems += stats.store_leases_expired
        report = [slowest, stats.fetches_started, stats.store_hits, problems]
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
