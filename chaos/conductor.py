"""Starts everything, brings the troubles about, and checks what is reported meanwhile."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from cognito_devtoken.stores import StoreKeys

from .checker import LONGEST_WAIT, PROCESS_TAIL, RECOVERY, STORE_TAIL, Checker, Happened
from .plan import PROCESS_TROUBLES, STORE_TROUBLES, Trouble, plan
from .records import Ready, decode
from .store_server import StoreServer
from .summary import Run
from .upstream import Upstream


THREADS, LOOPS = 8, 2
_FOLDER = Path(__file__).parents[1]
# Only for a process that hangs.
_PATIENCE = 60.0
_PROGRESS_EVERY = 10.0
# How long after the last trouble a process has told whether it has recovered, and how long after
# that it has ended.
_REPORTS_WITHIN, _ENDS_WITHIN = RECOVERY + 15.0, LONGEST_WAIT + 25.0
# How many violations are printed as they are found, per second.
_SHOWN_AT_ONCE = 3


class Member:
    """A process, as the conductor sees it."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.process = process
        self.ready = asyncio.Event()

    def tell(self, line: str) -> None:
        """Send it a line."""
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n".encode())

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)


class Conductor:
    """One run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.checker = Checker()
        self.upstream = Upstream(run.seed, self.checker.overlapping)
        self._members: list[Member] = []
        self._recovered = asyncio.Event()
        self._stopping = False

    async def conduct(self) -> None:
        """Run everything from beginning to end."""
        async with AsyncExitStack() as opened:
            self._folder = Path(opened.enter_context(TemporaryDirectory()))
            self._store = StoreServer(self._folder)
            opened.callback(self._store.kill)
            self._store.start()
            await self.upstream.start()
            opened.push_async_callback(self.upstream.stop)
            keys = StoreKeys.generate()
            async with asyncio.TaskGroup() as reading, self._started(keys, reading):
                watching = asyncio.create_task(self._watch())
                for member in self._members:
                    member.tell("start")
                await self._make_trouble()
                await self._recover()
                await self._stop()
                watching.cancel()
            self.checker.judge(float("inf"))

    # The processes

    @asynccontextmanager
    async def _started(self, keys: str, reading: asyncio.TaskGroup) -> AsyncIterator[None]:
        settings = {
            "seed": self._run.seed,
            "users": self._run.users,
            "endpoint": self.upstream.url,
            "store": self._store.url,
            "keys": keys,
            "threads": THREADS,
            "loops": LOOPS,
        }
        try:
            for number in range(self._run.processes):
                name = f"p{number}"
                with (self._folder / f"{name}.err").open("wb") as errors:
                    process = await asyncio.create_subprocess_exec(
                        *(sys.executable, "-W", "ignore::DeprecationWarning", "-m"),
                        f"{__package__}.member",
                        cwd=_FOLDER,
                        env=_environment(),
                        stdin=asyncio.subprocess.PIPE,
                        stdout=asyncio.subprocess.PIPE,
                        stderr=errors,
                        start_new_session=True,
                    )
                member = Member(name, process)
                self._members.append(member)
                member.tell(json.dumps({**settings, "name": name}))
                reading.create_task(self._read(member))
            async with asyncio.timeout(_PATIENCE):
                for member in self._members:
                    await member.ready.wait()
            yield
        finally:
            for member in self._members:
                if member.process.returncode is None:
                    os.killpg(member.process.pid, signal.SIGKILL)  # its forks as well
                    await member.process.wait()

    async def _read(self, member: Member) -> None:
        """Check what a process reports, until it and its forks have ended."""
        assert member.process.stdout
        async for line in member.process.stdout:
            try:
                record = decode(line)
            except ValueError as error:
                self.checker.violation("undocumented error", f"{member.name}: {error}")
                continue
            if isinstance(record, Ready):
                member.ready.set()
            self.checker.feed(record)
            if len(self.checker.recovered) == self._run.processes:
                self._recovered.set()

    # What goes wrong

    async def _make_trouble(self) -> None:
        run = self._run
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for trouble in plan(run.seed, run.seconds, run.processes):
                await asyncio.sleep(began + trouble.at - time.monotonic())
                tasks.create_task(self._bring_about(trouble))
            await asyncio.sleep(began + run.seconds - time.monotonic())

    async def _bring_about(self, trouble: Trouble) -> None:
        process, tail = None, None
        if trouble.process is not None:
            process, tail = self._members[trouble.process].name, PROCESS_TAIL
        elif trouble.kind in STORE_TROUBLES:
            tail = STORE_TAIL
        happened = Happened(trouble.kind, time.time(), process, tail)
        self.checker.troubles.append(happened)
        try:
            if trouble.kind in STORE_TROUBLES:
                self._store.begin(trouble.kind)
            elif trouble.kind in PROCESS_TROUBLES:
                self._members[trouble.process or 0].signal(signal.SIGSTOP)
            elif trouble.kind == "refused":
                self.upstream.refuse()
            else:
                self.upstream.troubles.add(trouble.kind)
            await asyncio.sleep(trouble.seconds)
        finally:
            if trouble.kind in STORE_TROUBLES:
                self._store.end(trouble.kind)
            elif trouble.kind in PROCESS_TROUBLES:
                self._members[trouble.process or 0].signal(signal.SIGCONT)
            elif trouble.kind == "refused":
                await self.upstream.start()
            else:
                self.upstream.troubles.discard(trouble.kind)
            happened.ended = time.time()

    async def _recover(self) -> None:
        """Wait until every user has a token again."""
        self.upstream.healthy = True
        since = time.time()
        for member in self._members:
            member.tell(f"recover {since}")
        try:
            async with asyncio.timeout(_REPORTS_WITHIN):
                await self._recovered.wait()
        except TimeoutError:
            self.checker.violation("no recovery", "a process reported nothing")

    async def _stop(self) -> None:
        self._stopping = True
        for member in self._members:
            member.tell("stop")
        for member in self._members:
            try:
                async with asyncio.timeout(_ENDS_WITHIN):
                    code = await member.process.wait()
            except TimeoutError:
                self.checker.violation("caller never returned", f"{member.name} did not end")
                continue
            errors = (self._folder / f"{member.name}.err").read_text(errors="replace")
            if code or errors:
                self.checker.violation(
                    "undocumented error", f"{member.name} ended with {code}: {errors[-2500:]}"
                )

    async def _watch(self) -> None:
        """Check once a second what no record shows, and print how far the run is."""
        next_line = time.monotonic() + _PROGRESS_EVERY
        shown = 0
        while True:
            await asyncio.sleep(1.0)
            for each in self.checker.violations[shown:][:_SHOWN_AT_ONCE]:
                print(f"{each.kind}: {each.detail}", file=sys.stderr)
            shown = len(self.checker.violations)
            now = time.time()
            self.checker.judge(now)
            if not self._stopping:
                self.checker.check_samples(now)
            for call in self.upstream.calls():
                if not call.reported:
                    call.reported = self.checker.in_the_air(call.cache, call.user, call.began, now)
            if time.monotonic() >= next_line:
                next_line += _PROGRESS_EVERY
                print(
                    f"{sum(self.checker.outcomes.values()):,} operations, "
                    f"{sum(self.upstream.answers.values()):,} calls, "
                    f"{len(self.checker.violations):,} violations",
                    file=sys.stderr,
                )


def _environment() -> dict[str, str]:
    """Return an environment with fake AWS credentials and nothing else of AWS."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "COGNITO_DEVTOKEN_", "COVERAGE_"))
        and not name.lower().endswith("_proxy")
    }
    return kept | {
        "AWS_SECRET_ACCESS_KEY": "chaos",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONPATH": str(_FOLDER / "tests" / "only_loopback"),
    }
