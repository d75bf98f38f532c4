"""
One simulated run of a cache, its callers, failures, forks and clock changes, drawn from a seed.

The scheduler runs the threads, and the checker looks for violations of the rules.
"""

from collections.abc import Callable
from contextlib import suppress
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
from invariants import KINDS, LIFETIME, Call, Fetch, Invalidation, InvariantChecker
from kinds import Kind
from scheduler import Scheduler, Waker


INTERVALS = (0.1, 0.1, 0.6, 2, 5, LIFETIME * 0.3, LIFETIME * 0.6, LIFETIME)
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


class Simulation:
    """One run of a cache, its callers and the events around them."""

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
        self.scheduler.lock.on_release = self.checker.check
        self.scheduler.clock.on_advance = self.checker.time_passed
        self.scheduler.on_idle = self.checker.check_idle
        self.install_lock()
        self.requests = kind.requests[: pick((1, 1, 2, 4))]
        self.failure_rate = pick((0.0, 0.1, 0.3, 0.8))
        self.thread_failure_rate = pick((0.0, 0.0, 0.1, 1.0))
        self.checker.no_thread_starts = self.thread_failure_rate == 1
        self.received: list[Lease] = []
        self.waiting: set[Call] = set()
        self.callers = self.issued = 0

    def install_lock(self) -> None:
        self.cache._state.lock = self.scheduler.lock

    def run(self) -> None:
        for _ in range(self.pick((2, 3, 4))):
            self.scheduler.start(self.use_cache)
        self.scheduler.start(self.pass_time)
        self.scheduler.run()
        if self.waiting:
            self.checker.violation("a caller still waits")

    # What the cache calls

    def hook(self, event: Event) -> None:
        self.scheduler.pause()
        if self.random() < 0.02:
            raise ValueError("a hook's bug")

    def start_thread(self, run: Callable[[], None]) -> None:
        if self.random() < self.thread_failure_rate:
            self.checker.threads_fail = True
            raise RuntimeError("can't start new thread")
        self.scheduler.start(partial(self.run_thread, run))

    def run_thread(self, run: Callable[[], None]) -> None:
        with suppress(SystemExit):  # which ends a thread without a message
            run()

    def fetch(self, request: Any) -> Lease:
        if self.scheduler.finished or not (fetch := self.checker.fetch_started(request)):
            raise ConnectionError("the run is over")
        try:
            self.scheduler.pause()
            if self.random() < 0.2:
                self.scheduler.sleep(self.pick((0.3, 3, 14, 17, 40, float("inf"))))
            self.scheduler.pause()
            if self.random() < self.failure_rate:
                failure = self.pick(FAILURES)
                raise failure()
            return self.make_lease(fetch)
        finally:
            self.checker.fetch_ended(fetch)

    def make_lease(self, fetch: Fetch) -> Lease:
        fetch.lifetime = LIFETIME / 2 if self.random() < 0.2 else LIFETIME
        self.issued += 1
        clock = self.scheduler.clock
        lease = self.kind.issue(fetch.flight.request, fetch.lifetime, self.issued, clock)
        self.checker.fetches[lease._secret] = fetch
        return lease

    # What calls the cache

    def pass_time(self) -> None:
        clock = self.scheduler.clock
        for _ in range(self.pick((0, 4, 8, 16))):
            for _ in range(self.pick((1, 10, 40))):
                self.scheduler.pause()
            draw = self.random()
            seconds = self.pick(INTERVALS) + self.random() / 1000
            if draw < 0.8:
                clock.advance(seconds)
            elif draw < 0.88:
                clock.advance(0, wall=seconds)
            elif draw < 0.94:
                clock.advance(seconds, wall=0)
            else:
                clock.advance(0, wall=-seconds)

    def use_cache(self) -> None:
        for _ in range(self.pick((1, 2, 4, 6))):
            self.scheduler.pause()
            draw = self.random()
            try:
                if draw < 0.72:
                    self.request_lease(forced=draw > 0.6)
                elif draw < 0.94:
                    self.invalidate_something()
                elif draw < 0.96:
                    self.cache.close()
                else:
                    self.fork()
            except SessionClosedError:
                if not self.cache._state.closed:
                    raise
            except SystemExit:
                pass  # from the fetcher, which this task called because no thread could start

    def invalidate_something(self) -> None:
        draw = self.random()
        cache = self.cache
        task = self.scheduler.task
        if draw < 0.6:
            if self.received:
                token = self.pick(self.received)
                task.action = Invalidation(lambda _, held: held == token)
                cache.invalidate(token)
        elif draw < 0.75:
            user = self.pick(("ann", "bob"))
            task.action = Invalidation(lambda key, _: key[0] == user)
            cache.forget(user)
        elif draw < 0.9:
            if self.received:
                identity = self.pick(self.received).identity_id
                task.action = Invalidation(lambda _, held: not held or held.identity_id == identity)
                cache.forget_identity(identity)
        else:
            task.action = Invalidation(lambda _key, _held: True)
            cache.clear()

    def fork(self) -> None:
        leases = self.cache._leases
        leases._before_fork()
        if self.random() < 0.3:
            leases._after_fork(in_child=False)
            return
        self.scheduler.drop_others()
        self.waiting.clear()
        leases._after_fork(in_child=True)
        self.checker.forked()
        self.install_lock()
        self.scheduler.start(self.use_cache)
        self.scheduler.start(self.pass_time)

    def request_lease(self, *, forced: bool) -> None:
        """Wait for a lease as a thread or a task does; the wait may be cancelled."""
        request = self.pick(self.requests)
        task = self.scheduler.task
        task.reading = None
        task.action = task.call = call = Call(request, self.kind.key_of(request), forced=forced)
        min_remaining = (
            None if forced else self.pick((None, None, None, 1, LIFETIME / 4, LIFETIME / 2 - 1))
        )
        timeout = self.pick((None, None, None, None, 0, 4, 30))
        cancel = 0.1 if self.random() < 0.2 else 0.0
        waits = timeout != 0 or min_remaining is not None
        steps = self.cache._leases.lookup.steps(
            request, min_remaining, timeout, forced=forced, waits=waits
        )
        self.callers += 1
        waker = Waker(self.scheduler, task, self.callers)
        flight = None
        self.waiting.add(call)
        try:
            while True:
                flight, seconds = next(steps)
                self.scheduler.pause()
                flight.waiters.add(waker)
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
            self.received.append(token)
            self.checker.returned(call, token)
        except DevTokenError as error:
            self.checker.raised(call, error, flight)
        finally:
            if flight is not None:
                flight.waiters.discard(waker)
            self.waiting.discard(call)
            task.call = None


def replay(seed: int, kind: Kind = KINDS[0]) -> Scheduler:
    """Run the interleaving that a seed gives."""
    simulation = Simulation(seed, kind)
    try:
        simulation.run()
    except BaseException as error:
        error.add_note(f"Replay it with INTERLEAVING={seed}.")
        raise
    assert not simulation.scheduler.violations, (
        f"INTERLEAVING={seed}: {simulation.scheduler.violations[0]}"
    )
    return simulation.scheduler
