"""
How long a fork of a process takes whose session holds 10,000 entries.

Measured from the call of ``os.fork()`` until it has returned in the parent and in the child, with
an open session and without entries for comparison. The child ends at once.
"""

import os
import struct
import time

from cognito_devtoken import TokenSession
from cognito_devtoken.testing import FakeFetcher
from figures import Figure
from runner import run
from server import POOL_ID


ENTRIES, ROUNDS = 10_000, 25


def fork() -> tuple[float, float]:
    """Return how many seconds a fork takes, in the parent and in the child."""
    reader, writer = os.pipe()
    began = time.perf_counter()
    child = os.fork()
    took = time.perf_counter() - began
    if not child:
        os.write(writer, struct.pack("d", took))
        os._exit(0)
    os.waitpid(child, 0)
    (in_child,) = struct.unpack("d", os.read(reader, 8))
    os.close(reader)
    os.close(writer)
    return took, in_child


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
