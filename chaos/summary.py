"""The table at the end of a run."""

from collections import Counter
from collections.abc import Iterator, Mapping

import attrs

from .checker import LATE_AFTER, LONGEST_WAIT, RECOVERY, Checker


# How many examples of a violation are shown.
_EXAMPLES = 5


@attrs.frozen
class Run:
    """How the run was made."""

    seed: int
    seconds: float
    processes: int
    users: int


def summary(run: Run, checker: Checker, answers: Mapping[str, int]) -> Iterator[str]:
    """Yield the lines of the table."""
    total = sum(checker.outcomes.values())
    yield (
        f"seed {run.seed}, {run.seconds:g} s, {run.processes} processes, {run.users} users: "
        f"{total:,} operations"
    )
    yield "\noperations, by how they ended"
    for kind, number in Counter(kind for kind, _ in checker.outcomes.elements()).most_common():
        found = {outcome: n for (each, outcome), n in checker.outcomes.items() if each == kind}
        ended = ", ".join(f"{n:,} {outcome}" for outcome, n in Counter(found).most_common())
        yield f"  {kind:<18}{number:>9,}   {ended}"
    yield f"\nlongest waits, in seconds (without timeout= at most {LONGEST_WAIT:g})"
    for name, operation in sorted(checker.longest.items()):
        yield f"  {name:<26}{operation.waited:>7.2f}   in {operation.cache}"
    yield f"\ncalls to the upstream: {sum(answers.values()):,}"
    yield "  " + ", ".join(f"{n:,} {kind}" for kind, n in Counter(answers).most_common())
    yield "\ntroubles"
    kinds = Counter(trouble.kind for trouble in checker.troubles)
    yield "  " + (", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())) or "none")
    yield (
        f"\ntokens served later than {LATE_AFTER:g} s after their invalidation elsewhere "
        f"({checker.exact:,} were served without a trouble that may delay one)"
    )
    for kind, late in sorted(checker.late.items()):
        yield f"  after {kind:<24}{late.times:>7,}   the last {late.longest:.1f} s after it"
    if not checker.late:
        yield "  none after a trouble"
    yield f"\nrecovery, in seconds after the last trouble (at most {RECOVERY:g})"
    yield "  " + (", ".join(f"{r.process} {r.took:.1f}" for r in checker.recovered) or "none")
    yield "\ngrowth: at the beginning, at most, at the end"
    for process, samples in sorted(checker.samples.items()):
        for name, unit in (("threads", 1), ("descriptors", 1), ("memory", 1024 * 1024)):
            values = [getattr(sample, name) // unit for sample in samples]
            shown = f"{values[0]:>6}{max(values):>6}{values[-1]:>6}"
            yield f"  {process:<6}{name:<14}{shown}{' MB' if unit > 1 else ''}"
    yield from violations(checker)


def violations(checker: Checker) -> Iterator[str]:
    """Yield the lines about what was violated."""
    counts = Counter(violation.kind for violation in checker.violations)
    yield f"\nviolations: {sum(counts.values()):,}"
    for kind, number in counts.most_common():
        yield f"  {kind}: {number:,}"
        found = [each.detail for each in checker.violations if each.kind == kind]
        for detail in found[:_EXAMPLES]:
            yield "    " + detail.rstrip().replace("\n", "\n    ")
