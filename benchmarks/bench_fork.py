"""
The CPU time of a fork of a process whose session holds 10,000 entries.

Measured until ``os.fork()`` has returned in the parent and in the child, with an open session and
without entries for comparison. The child ends at once.
"""

import os
import struct
import time

from cognito_devtoken import TokenSession
from cognito_devtoken.testing import FakeFetcher
from figures import Figure
from runner import run, scaled
from server import POOL_ID


ENTRIES, ROUNDS = 10_000, scaled(25)


def fork() -> tuple[float, float]:
    """Return how many seconds of CPU a fork takes, in the parent and in the child."""
    reader, writer = os.pipe()
    began = time.process_time()
    child = os.fork()
    now = time.process_time()  # in the child, since its birth
    if not child:
        os.write(writer, struct.pack("d", now))
        os._exit(0)
    os.waitpid(child, 0)
    (in_child,) = struct.unpack("d", os.read(reader, 8))
    os.close(reader)
    os.close(writer)
    return now - began, in_child


def figures() -> list[Figure]:
    with TokenSession(
        POOL_ID, developer_provider="login.example.com", client=FakeFetcher()
    ) as session:
        empty = [fork() for _ in range(ROUNDS + 1)][1:]
        for number in range(ENTRIES):
            session.get_token(f"user-{number:05}")
        full = [fork() for _ in range(ROUNDS + 1)][1:]
    found = []
    for what, forks, bar in (
        ("no entries", empty, None),
        (f"{ENTRIES:,} entries", full, 20),
    ):
        for place, number in (("parent", 0), ("child", 1)):
            values = (each[number] * 1000 for each in forks)
            found.append(Figure.of(f"a fork with {what}, in the {place}", values, "ms", bar=bar))
    return found


if __name__ == "__main__":
    run("fork", figures)
