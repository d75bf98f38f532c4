"""``cognito-devtoken demo --fleet``: show with real processes what a shared store saves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

import attrs

from ...stores import StoreKeys
from .._errors import OutputError
from .drawing import Look
from .local_redis import local_redis
from .screen import Show, canvas, step


if TYPE_CHECKING:
    from ...emulator import Call, Emulator

_PROCESSES = 6
_USERS = 40
_LATENCY = 0.1
_FRAME = 0.1
_MEMBER = [sys.executable, "-m", "cognito_devtoken.cli.demo.fleet_member"]


@attrs.define
class Progress:
    """The progress of a fleet."""

    total: int
    calls: list[Call]
    answered: int = 0

    def lines(self, look: Look, width: int, *, colored: bool) -> Sequence[str]:
        """Draw the answered calls and the calls to Cognito as bars on the same scale."""
        return [
            _bar("answered", self.answered, self.total, look, width),
            _bar("calls to Cognito", len(self.calls), self.total, look, width),
        ]


def _bar(name: str, count: int, total: int, look: Look, width: int) -> str:
    cells = width - 28
    done = min(round(count / total * cells), cells)
    return f"   {name:<18}{count:>4}  {look.full * done}{look.empty * (cells - done)}"[:width]


def show_fleet(*, processes: int = _PROCESSES, users: int = _USERS) -> None:
    """Run processes that want the same tokens at once, first without a store, then with one."""
    from ...emulator import Emulator

    import_module("...stores.redis", __package__)  # fails now if the extra is missing
    print(
        "cognito-devtoken demo --fleet: runs on this machine, without an AWS account.", flush=True
    )
    calls: list[Call] = []
    with _cleaning_up_on_sigterm(), ExitStack() as opened:
        with step("1. A local Cognito and a local Redis start") as show:
            emulator = opened.enter_context(Emulator(on_call=calls.append, latency=_LATENCY))
            url = opened.enter_context(local_redis())
            show("Cognito", f"{emulator.endpoint_url}, takes {_LATENCY * 1000:.0f} ms to respond")
            show("Redis", url)
        for number, store, title in (
            (2, None, "each process with its own cache"),
            (3, url, "all sharing one Redis"),
        ):
            calls.clear()
            with (
                _members(emulator, store, processes, users) as members,
                step(f"{number}. {processes} processes, {users} users, {title}") as show,
            ):
                _watch(members, Progress(processes * users, calls), show)
        with step("4. What Redis holds") as show:
            _show_contents(url, show)
    print("\nIn your code, or with COGNITO_DEVTOKEN_STORE_URL and COGNITO_DEVTOKEN_STORE_KEYS:\n")
    print(_SNIPPET)


_SNIPPET = """\
  store = RedisStore("rediss://cache.example.com/0", keys="file:/run/secrets/store-keys")
  with store, TokenSession(pool_id, developer_provider=provider, store=store) as session:
      token = session.get_token("user-42")
"""

Member = subprocess.Popen[str]


@contextmanager
def _cleaning_up_on_sigterm() -> Generator[None]:
    """Clean up on a SIGTERM, too, so that Redis and the members do not stay behind."""
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _members(
    emulator: Emulator, url: str | None, processes: int, users: int
) -> Generator[list[Member]]:
    """Start processes, and yield them when they are ready to begin."""
    (pool,) = emulator.pools
    settings = json.dumps(
        {
            "endpoint": emulator.endpoint_url,
            "pool": pool.identity_pool_id,
            "provider": pool.developer_provider,
            "users": [f"user-{number}" for number in range(users)],
            "url": url,
            "keys": StoreKeys.generate(),
        }
    )
    with ExitStack() as opened:
        members: list[Member] = []
        for _ in range(processes):
            member = subprocess.Popen(  # noqa: S603  # this Python
                _MEMBER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            members.append(opened.enter_context(member))
            _send(member, settings)
        try:
            for member in members:
                _receive(member)
            yield members
        except BaseException:  # without an error, the members end by themselves
            for member in members:
                member.kill()
            raise


def _send(member: Member, line: str) -> None:
    assert member.stdin  # noqa: S101  # it has a pipe
    try:
        member.stdin.write(f"{line}\n")
        member.stdin.flush()
    except BrokenPipeError:
        # Closing the pipe may raise the same error again. This error must not reach main(), which
        # would think that standard output is closed.
        with suppress(BrokenPipeError):
            member.stdin.close()
        raise OutputError("A process of the fleet failed; its error is above.") from None


def _receive(member: Member) -> str:
    assert member.stdout  # noqa: S101
    return member.stdout.readline()


def _watch(members: Sequence[Member], progress: Progress, show: Show) -> None:
    """Tell the members to begin, and draw their progress until all have reported."""
    reports: list[Any] = []
    reported = threading.Event()
    counting = threading.Lock()

    def follow(member: Member) -> None:
        while (line := _receive(member)) == "got\n":
            with counting:
                progress.answered += 1
        with counting:
            reports.append(json.loads(line) if line else None)
            if len(reports) == len(members):
                reported.set()

    for member in members:
        threading.Thread(target=follow, args=(member,), daemon=True).start()
        _send(member, "begin")
    is_over = False
    with canvas() as draw:
        while not is_over:
            draw(progress.lines)
            is_over = reported.wait(_FRAME)
    found = [report for report in reports if report]
    slowest = max((report["slowest"] for report in found), default=0.0)
    show("answered", f"{progress.answered:,}, the slowest in {slowest:.1f} s")
    show("calls to Cognito", f"{len(progress.calls):,}")
    if taken := sum(report["store_hits"] for report in found):
        show("read from Redis", f"{taken:,}")
    if problems := sum(report["problems"] for report in found):
        show("Redis problems", f"{problems:,}, each may cost a call")


def _show_contents(url: str, show: Show) -> None:
    import redis

    made: Any = redis.Redis
    with made.from_url(url) as client:
        names: list[bytes] = sorted(client.scan_iter("*}"))
        name = names[0].decode()
        value: bytes = client.get(name)
        show("values", f"{len(names)}, such as")
        show("  name", f"{name[:44]}...")
        show("  value", f"{len(value):,} bytes: {value[:20].hex()}...")
        show("  expires", f"in {client.ttl(name)} s, with its token")
