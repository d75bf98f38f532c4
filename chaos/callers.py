"""The callers of a process: threads that share a session, and tasks that share another."""

import asyncio
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random
from typing import Any

import attrs
from botocore.config import Config

from cognito_devtoken import AsyncTokenSession, DevTokenClient, OpenIdToken, TokenSession
from cognito_devtoken._values.clock import SYSTEM_CLOCK
from cognito_devtoken.events import Event, FetchAbandoned, StoreFailed
from cognito_devtoken.exceptions import (
    ConfigurationError,
    DevTokenError,
    InvalidRequestError,
    SessionClosedError,
)
from cognito_devtoken.stores.redis import RedisStore

from .records import Abandoned, Complaint, Operation, Record, StoreSkipped, Token, encode
from .steps import DEFAULT_DURATION, Step, draw, request_options
from .upstream import POOL_ID, PROVIDER


TASKS_PER_LOOP = 4
# Fewer than there are users, so that some are evicted.
_MAX_ENTRIES = 300
# How many seconds a caller pauses between two calls, on average.
_PAUSE = 0.06
# How long a cache counts after it was closed, because its calls may still be in the air.
_CLOSED_COUNTS = 20.0
# A hundred milliseconds are not enough on a machine that is busy with all of this.
_STORE_TIMEOUT = 0.5


class RecordingClock:
    """The clocks of this machine, and what each thread read last."""

    def __init__(self) -> None:
        self.monotonic = SYSTEM_CLOCK.monotonic
        self._last = threading.local()

    def time(self) -> float:
        """Read the wall clock."""
        now: float = time.time()
        self._last.reading = now
        return now

    @property
    def last(self) -> float:
        """What this thread read last."""
        return getattr(self._last, "reading", 0.0)


@attrs.define(eq=False)
class _Call:
    """A call that has not ended."""

    step: Step
    began: float
    token: OpenIdToken | None = None


class NumberedSession:
    """A session, with a client that tells the upstream whose calls these are."""

    def __init__(self, host: "Host", kind: type[TokenSession | AsyncTokenSession]) -> None:
        host.opened += 1
        self.number = host.opened
        self._kind = kind
        self._client = DevTokenClient(
            endpoint_url=host.endpoint, config=Config(user_agent_extra=f"session/{self.number}")
        )
        self.session: Any = kind(
            POOL_ID,
            developer_provider=PROVIDER,
            token_duration=DEFAULT_DURATION,
            client=self._client,
            store=host.store,
            max_entries=_MAX_ENTRIES,
            clock=host.clock,
            on_event=[_Listener(host, self.number)],
        )

    def another(self, host: "Host") -> "NumberedSession":
        """Open another session like this one."""
        return NumberedSession(host, self._kind)

    def close(self) -> None:
        """Close it, from whichever thread."""
        self.session._close()  # what close() and aclose() both do
        self._client.close()


class _Listener:
    """Reports what excuses a cache."""

    def __init__(self, host: "Host", number: int) -> None:
        self._host = host
        self._number = number

    def __call__(self, event: Event) -> None:
        cache = f"{self._host.name}/{self._number}"
        if isinstance(event, FetchAbandoned):
            self._host.report(Abandoned(cache, time.time()))
        elif isinstance(event, StoreFailed) and event.skipped_for:
            self._host.report(StoreSkipped(cache, time.time(), event.skipped_for))


class Recovery:
    """The users that have no token yet after the last trouble, for each kind of caller."""

    def __init__(self, since: float, users: list[str]) -> None:
        self.since = since
        self.left = {kind: deque(users) for kind in ("threads", "tasks")}
        self.done = {kind: set[str]() for kind in self.left}

    def missing(self, users: list[str]) -> int:
        """Return how many users have no token yet."""
        return sum(len(users) - len(done) for done in self.done.values())


class Host:
    """
    What the callers of a process share.

    Attributes:
        name: The name of the process; a fork's begins with that of its parent.

        recovery: Set after the last trouble: callers get a token for each user.

        pending: The calls that have not ended, by the identity of their caller.
    """

    def __init__(self, name: str, seed: int, users: list[str], **at: str) -> None:
        self.name = name
        self.seed = seed
        self.users = users
        self.endpoint = at["endpoint"]
        self.store = RedisStore(at["store"], keys=at["keys"], timeout=_STORE_TIMEOUT)
        self.clock = RecordingClock()
        self.opened = 0
        self.closed: deque[float] = deque(maxlen=100)
        self.recovery: Recovery | None = None
        self.pending: dict[object, _Call] = {}
        self.stopping = threading.Event()
        self.threads: list[threading.Thread] = []
        os.environ["AWS_ACCESS_KEY_ID"] = name
        self.sessions = {
            "threads": NumberedSession(self, TokenSession),
            "tasks": NumberedSession(self, AsyncTokenSession),
        }

    def become(self, name: str) -> None:
        """Go on as a forked child."""
        self.name = name
        os.environ["AWS_ACCESS_KEY_ID"] = name
        self.recovery = None
        self.pending = {}
        self.stopping = threading.Event()
        self.threads = []

    def reopen(self, kind: str) -> None:
        """Open another session, and close the present one while its callers use it."""
        present = self.sessions[kind]
        self.sessions[kind] = present.another(self)
        present.close()
        self.closed.append(time.monotonic())

    def start(self, threads: int, loops: int) -> None:
        """Start the callers."""
        self._start("thread", threads, self._call_in_thread)
        self._start("loop", loops, lambda random: asyncio.run(self._call_in_loop(random)))

    def _start(self, kind: str, number: int, run: Callable[[Random], None]) -> None:
        for each in range(number):
            random = Random(f"{self.seed}/{self.name}/{kind}/{each}")
            thread = threading.Thread(target=self._run, args=(run, random), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _run(self, run: Callable[[Random], None], random: Random) -> None:
        try:
            run(random)
        except BaseException:
            self.complain("undocumented error", traceback.format_exc())
            raise

    def stop(self, patience: float) -> None:
        """Let the callers end, and complain about those that do not."""
        self.stopping.set()
        end = time.monotonic() + patience
        for thread in self.threads:
            thread.join(max(end - time.monotonic(), 0.0))
        if any(thread.is_alive() for thread in self.threads):
            waiting = [call.step.kind for call in list(self.pending.values())]
            self.complain("caller never returned", ", ".join(waiting))

    def report(self, record: Record) -> None:
        """Write a record, in one piece: processes share the pipe, and no lock survives a fork."""
        os.write(sys.__stdout__.fileno(), encode(record))  # type: ignore[union-attr]

    def complain(self, kind: str, detail: str) -> None:
        """Report something that must not happen."""
        self.report(Complaint(self.name, kind, detail[-2500:]))

    def caches(self) -> int:
        """Return how many caches are open or were closed a short while ago."""
        now = time.monotonic()
        return len(self.sessions) + sum(at > now - _CLOSED_COUNTS for at in list(self.closed))

    # Drawing what to do

    def _next(
        self, random: Random, kind: str, seen: deque[tuple[str, OpenIdToken]]
    ) -> tuple[Step, float]:
        """Return what a caller does next, and for how long it pauses afterwards."""
        if self.recovery is None:
            return draw(random, self.users, seen), random.expovariate(1 / _PAUSE)
        try:
            user = self.recovery.left[kind].popleft()
        except IndexError:
            return Step("", ""), 0.1  # all have a token, or another caller waits for the last
        return Step("get_token", user, request_options(user)), 0.01

    def _after(self, kind: str, call: _Call, seen: deque[tuple[str, OpenIdToken]]) -> None:
        step = call.step
        if call.token and step.kind in ("get_token", "refresh"):
            seen.append((step.user, call.token))
        if self.recovery is None or not step.user:
            return
        if call.token:
            self.recovery.done[kind].add(step.user)
        else:
            self.recovery.left[kind].append(step.user)

    # Calling

    def _call_in_thread(self, random: Random) -> None:
        seen: deque[tuple[str, OpenIdToken]] = deque(maxlen=20)
        while not self.stopping.is_set():
            step, pause = self._next(random, "threads", seen)
            used = self.sessions["threads"]
            session = used.session
            with self._watched(step, used, threading.get_ident()) as call:
                match step.kind:
                    case "":
                        pass
                    case "get_token":
                        call.token = session.get_token(step.user, **step.options)
                    case "refresh":
                        call.token = session.refresh(step.user, **step.options)
                    case _:
                        getattr(session, step.kind)(*_arguments(step))
            self._after("threads", call, seen)
            self.stopping.wait(pause)

    async def _call_in_loop(self, random: Random) -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: self.complain("undocumented error", repr(context))
        )
        seeds = [random.random() for _ in range(TASKS_PER_LOOP)]
        await asyncio.gather(*(self._call_in_task(Random(seed)) for seed in seeds))

    async def _call_in_task(self, random: Random) -> None:
        seen: deque[tuple[str, OpenIdToken]] = deque(maxlen=20)
        while not self.stopping.is_set():
            step, pause = self._next(random, "tasks", seen)
            task = asyncio.create_task(self._call(step, seen))
            if step.gives_up_after is not None:
                await asyncio.wait((task,), timeout=step.gives_up_after)
                task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await asyncio.sleep(pause)

    async def _call(self, step: Step, seen: deque[tuple[str, OpenIdToken]]) -> None:
        used = self.sessions["tasks"]
        session = used.session
        with self._watched(step, used, asyncio.current_task()) as call:
            match step.kind:
                case "":
                    pass
                case "get_token":
                    call.token = await session.get_token(step.user, **step.options)
                case "refresh":
                    call.token = await session.refresh(step.user, **step.options)
                case _:
                    await getattr(session, step.kind)(*_arguments(step))
        self._after("tasks", call, seen)

    @contextmanager
    def _watched(self, step: Step, used: NumberedSession, caller: object) -> Iterator[_Call]:
        """Report how a call ends."""
        call = _Call(step, time.monotonic())
        if not step.kind:
            yield call
            return
        cache, session = f"{self.name}/{used.number}", used.session
        began, outcome = time.time(), "ok"
        self.pending[caller] = call
        try:
            yield call
        except DevTokenError as error:
            outcome = type(error).__name__
            # Nothing is wrong with the requests or the configuration.
            wrong = isinstance(error, InvalidRequestError | ConfigurationError)
            if wrong or (isinstance(error, SessionClosedError) and not session._closed):
                self.complain("undocumented error", traceback.format_exc())
        except asyncio.CancelledError:
            outcome = "cancelled"
            if step.gives_up_after is None:
                self.complain("undocumented error", traceback.format_exc())
            raise
        except BaseException:  # noqa: BLE001  # whatever it is, it is undocumented
            outcome = "undocumented"
            self.complain("undocumented error", traceback.format_exc())
        finally:
            read, ended = self.clock.last, time.time()
            self.pending.pop(caller, None)
            waited = time.monotonic() - call.began
            token = call.token or step.token
            self.report(
                Operation(
                    cache,
                    step.kind,
                    step.user,
                    began,
                    ended,
                    waited,
                    step.options.get("timeout"),
                    outcome,
                    read,
                    _shown(token) if token else None,
                )
            )


def _arguments(step: Step) -> tuple[object, ...]:
    match step.kind:
        case "clear":
            return ()
        case "forget":
            return (step.user,)
        case "forget_identity":
            assert step.token
            return (step.token.identity_id,)
        case _:
            return (step.token,)


def _shown(token: OpenIdToken) -> Token:
    claims = token.claims
    user = claims["amr"][2].rpartition(":")[2]
    return Token(user, claims["serial"], claims["issued"], claims["exp"])
