"""
The rules that must hold, whatever goes wrong. Each record is checked against them as it arrives.

Law of this module: where the order of two events in different processes is unknown, the library
gets the benefit of the doubt.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator

import attrs

from cognito_devtoken._cache.flights import DEADLINE
from cognito_devtoken._sharing.invalidation_log import LISTEN_EVERY

from .records import (
    Abandoned,
    Complaint,
    Operation,
    Record,
    Recovered,
    Sample,
    StoreSkipped,
    Token,
    is_forked,
    process_of,
)


# How many seconds later than promised something may happen, because the machine is busy.
SLACK = 2.0
# A caller with a timeout may return so many seconds later, because the machine is busy.
OVERRUN = 3.0
# After an invalidation, other hosts may serve the token for so many seconds.
LATE_AFTER = LISTEN_EVERY + 0.1 + SLACK
# A caller without a timeout may wait for the flight in the air, and then for its successor.
LONGEST_WAIT = 2 * DEADLINE + SLACK
# How many seconds after the last trouble every user must have a token.
RECOVERY = 30.0
# For how many seconds after a trouble other hosts may be told late. A circuit breaker stays open
# for up to 27.5 s after the store has recovered, and a probe may come with the next round only.
STORE_TAIL = 30.0 + LATE_AFTER
PROCESS_TAIL = 6.0 + LATE_AFTER
# No token lives longer, so older invalidations do not matter.
_MEMORY = 90.0
# Overlapping calls are judged so many seconds later, when an abandonment has been reported.
_JUDGED_AFTER = 10.0
# A process measures itself every second. If it does not for so long, something holds it up as a
# whole, and with it every caller, thread and event loop.
STANDSTILL = 10.0
# How many threads and descriptors a cache may need: 8 workers, four times as many if calls hang,
# the threads of the store, and connections of each.
_THREADS_PER_CACHE, _DESCRIPTORS_PER_CACHE = 32 + 16, 120
_OWN_DESCRIPTORS = 60
# How much the memory of a process may grow after its first part, and what counts as that.
_MEMORY_GROWTH, _WARM_AFTER = 64 * 1024 * 1024, 20.0


@attrs.frozen
class Violation:
    """Something that must not happen, and an example."""

    kind: str
    detail: str


@attrs.define(eq=False)
class Happened:
    """
    A trouble that has begun.

    Attributes:
        kind: Its name.

        began: When it began.

        process: The process that it happened to; None if it happened to all.

        tail: For how many seconds after its end it may delay invalidations; None if it cannot.

        ended: When it ended; infinite while it lasts.
    """

    kind: str
    began: float
    process: str | None
    tail: float | None
    ended: float = float("inf")

    def overlaps(self, begin: float, end: float, tail: float = 0.0) -> bool:
        """Tell whether it lasted, or had an effect, at some time of an interval."""
        return self.began <= end and self.ended + tail >= begin


@attrs.frozen
class Overlap:
    """Two calls for one key of one cache that were in the air at the same time."""

    cache: str
    user: str
    first: float
    second: float


@attrs.define(eq=False)
class _Late:
    times: int = 0
    longest: float = 0.0


class Checker:
    """Compares what is reported with what must hold, and counts it."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.longest: dict[str, Operation] = {}
        self.troubles: list[Happened] = []
        self.late: defaultdict[str, _Late] = defaultdict(_Late)
        self.recovered: list[Recovered] = []
        self.samples: defaultdict[str, list[Sample]] = defaultdict(list)
        self.exact = 0  # tokens served while nothing could delay an invalidation
        self._by_user: defaultdict[str, deque[Operation]] = defaultdict(deque)
        self._everywhere: deque[Operation] = deque()
        self._reported: set[tuple[float, str]] = set()
        self._still: set[Sample] = set()
        self._overlaps: deque[Overlap] = deque()
        self._abandoned: list[Abandoned] = []

    def feed(self, record: Record) -> None:
        """Check a record."""
        match record:
            case Operation():
                self._operation(record)
            case Sample():
                self._sample(record)
            case Abandoned():
                self._abandoned.append(record)
            case StoreSkipped():
                self._skipped(record)
            case Complaint():
                self.violation(record.kind, f"{record.process}: {record.detail}")
            case Recovered():
                self.recovered.append(record)
                if record.missing or record.took > RECOVERY:
                    self.violation(
                        "no recovery",
                        f"{record.process}: {record.missing} users without a token, "
                        f"{record.took:.1f} s after the last trouble",
                    )
            case _:
                pass

    def _skipped(self, record: StoreSkipped) -> None:
        """Note that a cache does without the store, unless a trouble of the store explains it."""
        if any(
            trouble.process is None
            and trouble.tail
            and trouble.overlaps(record.at - SLACK, record.at, trouble.tail)
            for trouble in self.troubles
        ):
            return
        end = record.at + record.seconds
        name, process = "store failed by itself", process_of(record.cache)
        self.troubles.append(Happened(name, record.at, process, PROCESS_TAIL, end))

    def violation(self, kind: str, detail: str) -> None:
        """Record a violation."""
        self.violations.append(Violation(kind, detail))

    # Operations

    def _operation(self, operation: Operation) -> None:
        self.outcomes[operation.kind, operation.outcome] += 1
        self._check_wait(operation)
        if operation.outcome != "ok":
            return
        if operation.kind not in ("get_token", "refresh"):
            at = self._everywhere if operation.kind == "clear" else self._by_user[operation.user]
            at.append(operation)
            while at[0].ended < operation.ended - _MEMORY:
                at.popleft()
        elif operation.token:
            self._check_token(operation, operation.token)
            self._check_invalidations(operation, operation.token)

    def _check_token(self, operation: Operation, token: Token) -> None:
        where = f"{operation.cache}: {operation.kind}({operation.user!r})"
        if token.user != operation.user:
            self.violation("another user's token", f"{where} returned that of {token.user!r}")
        if token.expires <= operation.read:
            past = operation.read - token.expires
            self.violation("past exp", f"{where} returned token {token.serial} {past:.3f} s late")
        if operation.kind == "refresh" and token.issued < operation.began:
            earlier = operation.began - token.issued
            self.violation("stale refresh", f"{where} returned a token issued {earlier:.3f} s ago")

    def _check_invalidations(self, operation: Operation, token: Token) -> None:
        """Find out whether a token was invalidated before the caller asked for it."""
        for invalidation in self._invalidations(operation.user):
            by_token = invalidation.kind == "invalidate"
            if by_token and invalidation.token and invalidation.token.serial != token.serial:
                continue
            if token.issued >= invalidation.began:
                continue
            late = operation.began - invalidation.ended
            if invalidation.cache == operation.cache:
                if late > 0:
                    self._served(
                        invalidation, operation, token, "served after its own invalidation"
                    )
                continue
            late -= LATE_AFTER
            if is_forked(operation.cache):
                late -= LISTEN_EVERY  # a child listens for the first time so much later
            if late <= 0:
                continue
            if excuse := self._excuse(invalidation, operation):
                self.late[excuse].times += 1
                self.late[excuse].longest = max(self.late[excuse].longest, late + LATE_AFTER)
            else:
                self._served(invalidation, operation, token, "late invalidation")
        if not self._excuse(operation, operation):
            self.exact += 1

    def _invalidations(self, user: str) -> Iterator[Operation]:
        yield from self._by_user.get(user, ())
        yield from self._everywhere

    def _served(
        self, invalidation: Operation, operation: Operation, token: Token, kind: str
    ) -> None:
        """Report once for each cache that serves what was invalidated."""
        if (invalidation.ended, operation.cache) in self._reported:
            return
        self._reported.add((invalidation.ended, operation.cache))
        after = operation.began - invalidation.ended
        self.violation(
            kind,
            f"{operation.cache}: {operation.kind}({operation.user!r}) returned token "
            f"{token.serial} {after:.3f} s after {invalidation.kind}() in {invalidation.cache}, "
            f"which began {invalidation.began - token.issued:.3f} s after it was issued",
        )

    def _excuse(self, invalidation: Operation, operation: Operation) -> str | None:
        """Return the last trouble that may have delayed an invalidation."""
        concerned = (None, process_of(invalidation.cache), process_of(operation.cache))
        found = [
            trouble
            for trouble in self.troubles
            if trouble.tail is not None
            and trouble.process in concerned
            and trouble.overlaps(invalidation.began, operation.ended, trouble.tail)
        ]
        return max(found, key=lambda trouble: trouble.began).kind if found else None

    def _check_wait(self, operation: Operation) -> None:
        frozen = self._frozen(operation.cache, operation.began, operation.ended)
        waited = operation.waited - frozen
        if operation.timeout is not None:
            name, limit = "with timeout=, beyond it", OVERRUN
            waited -= operation.timeout
        else:
            name, limit = operation.kind, LONGEST_WAIT
        longest = self.longest.get(name)
        if longest is None or waited > longest.waited:
            self.longest[name] = attrs.evolve(operation, waited=waited)
        if waited > limit:
            self.violation(
                "long wait", f"{operation.cache}: {operation.kind}() {waited:.1f} s ({name})"
            )

    def _frozen(self, cache: str, begin: float, end: float) -> float:
        """Return for how many seconds of an interval a process was frozen."""
        return sum(
            max(min(end, trouble.ended) - max(begin, trouble.began), 0.0)
            for trouble in self.troubles
            if trouble.kind == "process frozen" and trouble.process == process_of(cache)
        )

    # Calls in the air

    def overlapping(self, overlap: Overlap) -> None:
        """Note two calls in the air, which :meth:`judge` judges later."""
        self._overlaps.append(overlap)

    def judge(self, now: float) -> None:
        """Judge overlapping calls: a cache may repeat a call that it has abandoned."""
        while self._overlaps and self._overlaps[0].second < now - _JUDGED_AFTER:
            overlap = self._overlaps.popleft()
            if not any(
                each.cache == overlap.cache and overlap.first <= each.at <= overlap.second + SLACK
                for each in self._abandoned
            ):
                self.violation(
                    "two in the air",
                    f"{overlap.cache}: a call for {overlap.user!r} "
                    f"{overlap.second - overlap.first:.3f} s after another that goes on",
                )
        self._abandoned = [each for each in self._abandoned if each.at > now - _MEMORY]

    def in_the_air(self, cache: str, user: str, began: float, now: float) -> bool:
        """Check how long a call has lasted. Returns whether it is a violation."""
        lasted = now - began - self._frozen(cache, began, now)
        if lasted <= DEADLINE + SLACK:
            return False
        self.violation(
            "outlived its deadline",
            f"{cache}: the connection of a call for {user!r} is still open after {lasted:.1f} s",
        )
        return True

    # Growth

    def check_samples(self, now: float) -> None:
        """Find processes that have not measured themselves for long."""
        for process, samples in self.samples.items():
            last = samples[-1]
            silent = now - last.at - self._frozen(process, last.at, now)
            if silent > STANDSTILL and last not in self._still:
                self._still.add(last)
                self.violation("standstill", f"{process} has done nothing for {silent:.1f} s")

    def _sample(self, sample: Sample) -> None:
        samples = self.samples[sample.process]
        samples.append(sample)
        threads = sample.own + sample.caches * _THREADS_PER_CACHE
        descriptors = _OWN_DESCRIPTORS + sample.caches * _DESCRIPTORS_PER_CACHE
        warm = next((each for each in samples if each.at >= samples[0].at + _WARM_AFTER), sample)
        memory = warm.memory + _MEMORY_GROWTH
        for what, found, limit in (
            ("threads", sample.threads, threads),
            ("descriptors", sample.descriptors, descriptors),
            ("bytes", sample.memory, memory),
        ):
            if found > limit:
                self.violation("growth", f"{sample.process}: {found} {what}, more than {limit}")
        if (
            sample.pending - self._frozen(sample.process, sample.at - sample.pending, sample.at)
            > LONGEST_WAIT
        ):
            self.violation(
                "long wait", f"{sample.process}: a caller still waits after {sample.pending:.1f} s"
            )
