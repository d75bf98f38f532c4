"""What goes wrong, and when: drawn from a seed."""

from collections.abc import Iterator, Mapping
from random import Random

import attrs


# For how many seconds each may last. A store that is killed comes back empty.
STORE_TROUBLES: Mapping[str, tuple[float, float]] = {
    "store killed": (0.2, 4.0),
    "store stopped": (0.5, 6.0),
    "store flushed": (0.0, 0.0),
    "store full": (1.0, 6.0),
}
PROCESS_TROUBLES: Mapping[str, tuple[float, float]] = {"process frozen": (1.0, 6.0)}
UPSTREAM_TROUBLES: Mapping[str, tuple[float, float]] = {
    "throttling": (1.0, 6.0),
    "errors": (2.0, 8.0),
    "slow": (2.0, 8.0),
    "silent": (1.0, 4.0),
    "dripping": (2.0, 8.0),
    "cut": (2.0, 8.0),
    "garbage": (2.0, 8.0),
    "refused": (0.5, 4.0),
}
# Seconds between two troubles of the same table, on average.
_STORE_EVERY, _PROCESS_EVERY, _UPSTREAM_EVERY = 3.0, 12.0, 5.0
# The store only fails in this part of each round. Before it, everything that was invalidated must
# be gone within the stated bound; after it, hosts have time to find out that the store is back.
ROUND = 90.0
_STORE_FAILS_FROM, _STORE_FAILS_UNTIL = 0.25, 0.6


@attrs.frozen
class Trouble:
    """
    Something that goes wrong.

    Attributes:
        at: When it begins, in seconds since the start of the run.

        seconds: For how long it lasts.

        kind: Its name in one of the tables.

        process: The number of the process that it happens to; None if it happens to all.
    """

    at: float
    seconds: float
    kind: str
    process: int | None = None

    @property
    def end(self) -> float:
        """When it ends, in seconds since the start of the run."""
        return self.at + self.seconds


def plan(seed: int, seconds: float, processes: int) -> list[Trouble]:
    """Draw the troubles of a run, in the order in which they begin."""
    random = Random(seed)
    troubles = [
        trouble
        for begin, end in store_windows(seconds)
        for trouble in _draw(random, STORE_TROUBLES, _STORE_EVERY, begin, end)
    ]
    for process in range(processes):
        drawn = _draw(random, PROCESS_TROUBLES, _PROCESS_EVERY * processes, 0.0, seconds)
        troubles += [attrs.evolve(each, process=process) for each in drawn]
    troubles += _draw(random, UPSTREAM_TROUBLES, _UPSTREAM_EVERY, 0.0, seconds)
    return sorted(troubles, key=lambda trouble: trouble.at)


def store_windows(seconds: float) -> Iterator[tuple[float, float]]:
    """Yield from when until when the store may fail, in seconds since the start of the run."""
    rounds = max(round(seconds / ROUND), 1)
    length = seconds / rounds
    for number in range(rounds):
        yield (number + _STORE_FAILS_FROM) * length, (number + _STORE_FAILS_UNTIL) * length


def _draw(
    random: Random,
    kinds: Mapping[str, tuple[float, float]],
    every: float,
    begin: float,
    end: float,
) -> Iterator[Trouble]:
    """Draw troubles that do not overlap, each of which ends in time."""
    at = begin + random.expovariate(1 / every)
    while at < end:
        kind = random.choice(list(kinds))
        trouble = Trouble(at, min(random.uniform(*kinds[kind]), end - at), kind)
        yield trouble
        at = trouble.end + random.expovariate(1 / every)
