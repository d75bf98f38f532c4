"""
One run of a cache, of those who use it, and of what befalls them, as a seed draws it.

The scheduler runs the threads, and the referee looks on.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from cognito_devtoken._values.lease import Lease
from cognito_devtoken.events import Event
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    DevTokenError,
    InternalServiceError,
    ResourceConflictError,
    SessionClosedError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from invariants import KINDS, LIFE, Call, Fetch, Invalidation, InvariantChecker
from kinds import Kind
from scheduler import Scheduler, Wake


SPANS = (0.1, 0.1, 0.6, 2, 5, LIFE * 0.3, LIFE * 0.6, LIFE)
FAILURES: list[Callable[[], BaseException]] = [
    partial(TokenUnavailableError, "No network."),
    partial(TokenUnavailableError, "No network."),
    partial(InternalServiceError, "Down."),
    partial(TooManyRequestsError, "Slowly."),
    partial(ResourceConflictError, "No."),
    partial(CallerDeniedError, "Not you."),
    partial(SystemExit, 1),
    partial(ValueError, "A bug."),
]


class World:
    """One run: a cache, those who use it, and what befalls them."""

    def __init__(self, seed: int, kind: Kind) -> None:
        self.kind = kind
        self.scheduler = Scheduler(seed)
        self.random = self.scheduler.random
        pick = self.pick = self.scheduler.pick
        max_fetches = pick((1, 2, 8))
        self.cache = kind.open_cache(
            self,
            max_entries=pick((1, 2, 4, 4)),
            max_concurrent_fetches=max_fetches,
            clock=self.scheduler.clock,
            on_event=[self.hook],
        )
        self.cache._leases.lookup.refreshes_inline = self.random() < 0.1
        workers = self.cache._leases.workers
        workers.idle_seconds = pick((0, 10))
        workers.wait = self.scheduler.wait
        self.cache._state.random_fraction = self.random
        workers.start_thread = self.start_thread
        self.checker = InvariantChecker(kind, self.cache, self.scheduler, max_fetches)
        self.scheduler.lock.released = self.checker.look
        self.scheduler.clock.moved = self.checker.time_passed
        self.scheduler.quiet = self.checker.quiet
        self.fit()
        self.requests = kind.requests[: pick((1, 1, 2, 4))]
        self.failing = pick((0.0, 0.1, 0.3, 0.8))
        self.threadless = pick((0.0, 0.0, 0.1, 1.0))
        self.seen: list[Lease] = []
        self.waiting: set[Call] = set()
        self.served = self.made = 0

    def fit(self) -> None:
        self.cache._state.lock = self.scheduler.lock

    def run(self) -> None:
        for _ in range(self.pick((2, 3, 4))):
            self.scheduler.start(self.user)
        self.scheduler.start(self.time)
        self.scheduler.run()
        if self.waiting:
            self.checker.wrong("somebody still waits")

    # What the cache is given

    def hook(self, event: Event) -> None:
        self.scheduler.pause()
        if self.random() < 0.02:
            raise ValueError("a hook's bug")

    def start_thread(self, run: Callable[[], None]) -> None:
        if self.random() < self.threadless:
            self.checker.threads_fail = True
            raise RuntimeError("can't start new thread")
        self.scheduler.start(run)

    def fetch(self, request: Any) -> Lease:
        if self.scheduler.over or not (fetch := self.checker.begins(request)):
            raise ConnectionError("the run is over")
        try:
            self.scheduler.pause()
            if self.random() < 0.2:
                self.scheduler.sleep(self.pick((0.3, 3, 14, 17, 40, float("inf"))))
            self.scheduler.pause()
            if self.random() < self.failing:
                failure = self.pick(FAILURES)
                raise failure()
            return self.make_lease(fetch)
        finally:
            self.checker.ends(fetch)

    def make_lease(self, fetch: Fetch) -> Lease:
        fetch.life = LIFE / 2 if self.random() < 0.2 else LIFE
        self.made += 1
        clock = self.scheduler.clock
        lease = self.kind.issue(fetch.flight.request, fetch.life, self.made, clock)
        self.checker.fetches[lease._secret] = fetch
        return lease

    # Those who use it

    def time(self) -> None:
        clock = self.scheduler.clock
        for _ in range(self.pick((0, 4, 8, 16))):
            for _ in range(self.pick((1, 10, 40))):
                self.scheduler.pause()
            draw = self.random()
            seconds = self.pick(SPANS) + self.random() / 1000
            if draw < 0.8:
                clock.move(seconds)
            elif draw < 0.88:
                clock.move(0, wall=seconds)
            elif draw < 0.94:
                clock.move(seconds, wall=0)
            else:
                clock.move(0, wall=-seconds)

    def user(self) -> None:
        for _ in range(self.pick((1, 2, 4, 6))):
            self.scheduler.pause()
            draw = self.random()
            try:
                if draw < 0.72:
                    self.ask(forced=draw > 0.6)
                elif draw < 0.94:
                    self.throw_away()
                elif draw < 0.96:
                    self.cache.close()
                else:
                    self.fork()
            except SessionClosedError:
                if not self.cache._state.closed:
                    raise
            except SystemExit:
                pass  # the fetcher's, which this task has had to call for want of a thread

    def throw_away(self) -> None:
        draw = self.random()
        cache = self.cache
        task = self.scheduler.task
        if draw < 0.6:
            if self.seen:
                token = self.pick(self.seen)
                task.doing = Invalidation(lambda _, held: held == token)
                cache.invalidate(token)
        elif draw < 0.75:
            user = self.pick(("ann", "bob"))
            task.doing = Invalidation(lambda key, _: key[0] == user)
            cache.forget(user)
        elif draw < 0.9:
            if self.seen:
                identity = self.pick(self.seen).identity_id
                task.doing = Invalidation(lambda _, held: not held or held.identity_id == identity)
                cache.forget_identity(identity)
        else:
            task.doing = Invalidation(lambda _key, _held: True)
            cache.clear()

    def fork(self) -> None:
        leases = self.cache._leases
        ready = leases._before_fork()
        if self.random() < 0.3:
            leases._after_fork(ready=ready, in_child=False)
            return
        self.scheduler.drop_others()
        self.waiting.clear()
        leases._after_fork(ready=ready, in_child=True)
        self.checker.forked()
        self.fit()
        self.scheduler.start(self.user)
        self.scheduler.start(self.time)

    def ask(self, *, forced: bool) -> None:
        """The third door: like those for threads and tasks, and it may be cancelled."""
        request = self.pick(self.requests)
        task = self.scheduler.task
        task.reading = None
        task.doing = task.call = call = Call(request, self.kind.key_of(request), forced=forced)
        least = None if forced else self.pick((None, None, None, 1, LIFE / 4, LIFE / 2 - 1))
        timeout = self.pick((None, None, None, None, 0, 4, 30))
        cancel = 0.1 if self.random() < 0.2 else 0.0
        steps = self.cache._leases.steps(request, least, timeout, forced=forced)
        self.served += 1
        wake = Wake(self.scheduler, task, self.served)
        flight = None
        self.waiting.add(call)
        try:
            while True:
                flight, seconds = next(steps)
                self.scheduler.pause()
                flight.waiters.add(wake)
                self.scheduler.pause()
                if self.random() < cancel:
                    steps.close()
                    return
                if not flight.done:
                    task.waits_for = flight
                    self.scheduler.sleep(min(seconds, 1.0))
                    task.waits_for = None
                task.reading = None
        except StopIteration as stop:
            token: Lease = stop.value
            self.seen.append(token)
            self.checker.returned(call, token)
        except DevTokenError as error:
            self.checker.raised(call, error, flight)
        finally:
            if flight is not None:
                flight.waiters.discard(wake)
            self.waiting.discard(call)
            task.call = None


def replay(seed: int, kind: Kind = KINDS[0]) -> Scheduler:
    """Run the interleaving of a seed."""
    world = World(seed, kind)
    try:
        world.run()
    except BaseException as error:
        error.add_note(f"Replay it with INTERLEAVING={seed}.")
        raise
    assert not world.scheduler.broken, f"INTERLEAVING={seed}: {world.scheduler.broken[0]}"
    return world.scheduler
