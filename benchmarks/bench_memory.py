"""
What an entry costs in memory, and how a stream of one-time users affects a session.

``bench_memory.py USERS`` streams this many users instead of a million.
"""

import gc
import os
import resource
import sys
import time
import tracemalloc
from pathlib import Path

from cognito_devtoken import OpenIdToken, TokenRequest, TokenSession
from cognito_devtoken.testing import FakeFetcher


ENTRIES = 10_000
USERS = 1_000_000
QUARTERS = 4
POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"
PROVIDER = "login.example.com"
IDENTITY_ID = "us-east-1:dec4106a-0f05-5c0a-b270-66e3e599174d"


class InstantFetcher:
    """A fetcher that costs next to nothing: one text as every token, without claims."""

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        return OpenIdToken.from_response({"IdentityId": IDENTITY_ID, "Token": "no JWT"}, request)


def open_session(client: FakeFetcher | InstantFetcher) -> TokenSession:
    return TokenSession(POOL_ID, developer_provider=PROVIDER, client=client, max_entries=ENTRIES)


def allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def entries() -> None:
    fetcher = FakeFetcher()
    with open_session(fetcher) as session:
        session.get_token("the first user, who pays the one-time costs")
        fetcher.calls.clear()
        tracemalloc.start()
        before = allocated()
        for number in range(ENTRIES - 1):
            session.get_token(f"user-{number:05}")
        fetcher.calls.clear()  # a real client keeps no calls
        used = (allocated() - before) / (ENTRIES - 1)
        tracemalloc.stop()
        tokens = [session.get_token(f"user-{number:05}").token for number in range(ENTRIES - 1)]
        assert session.stats().entries == ENTRIES
        length = sum(map(len, tokens)) / len(tokens)
        size = sum(map(sys.getsizeof, tokens)) / len(tokens)
    print(f"An entry, of {ENTRIES:,}: {used:.0f} bytes with a token of {length:.0f} characters")
    print(f"  beyond the token's characters            {used - length:5.0f} bytes")
    print(f"  beyond the token's str                   {used - size:5.0f} bytes")


def resident() -> float:
    """Return the megabytes of this process that are in memory now."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # not Linux: use the peak
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 2**20


def on_one_core() -> None:
    """Run this process's threads on one core, if the system supports it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def stream(users: int) -> None:
    on_one_core()  # the cost of a hand-off between two cores varies twofold
    print(f"A stream of {users:,} users, each once, {ENTRIES:,} entries at most:")
    first = 0.0
    with open_session(InstantFetcher()) as session:
        for number in range(ENTRIES):
            session.get_token(f"before-{number}")  # fill the cache first
        full = resident()
        for quarter in range(QUARTERS):
            numbers = range(users * quarter // QUARTERS, users * (quarter + 1) // QUARTERS)
            began = time.process_time()
            for number in numbers:
                session.get_token(f"user-{number}")
            cost = (time.process_time() - began) / len(numbers)
            first = first or cost
            stats = session.stats()
            assert stats.entries <= ENTRIES
            print(
                f"  quarter {quarter + 1}: {cost * 1e6:5.1f} µs of CPU a call, "
                f"x {cost / first:.2f} of the first; {stats.entries:,} entries; "
                f"{resident() - full:+.1f} MB beyond {full:.0f}"
            )
        assert session.stats().fetches_succeeded == users + ENTRIES


def main() -> None:
    print(f"Memory, Python {sys.version.split()[0]}")
    entries()
    stream(int(sys.argv[1]) if sys.argv[1:] else USERS)


if __name__ == "__main__":
    main()
