"""``cognito-devtoken demo --fleet``: what a shared store is good for, with real processes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from ...stores import StoreKeys
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
    """How far a fleet is."""

    total: int
    calls: list[Call]
    answered: int = 0

    def lines(self, look: Look, width: int, *, colored: bool) -> Sequence[str]:
        """The answers and the calls to Cognito as two bars of one scale."""
        return [
            _bar("answered", self.answered, self.total, look, width),
            _bar("calls to Cognito", len(self.calls), self.total, look, width),
        ]


def _bar(name: str, count: int, total: int, look: Look, width: int) -> str:
    cells = width - 28
    done = min(round(count / total * cells), cells)
    return f"   {name:<18}{count:>4}  {look.full * done}{look.empty * (cells - done)}"[:width]


def show_fleet(*, processes: int = _PROCESSES, users: int = _USERS) -> None:
    """Have processes ask for the same users at once, without a store and with one."""
    from ...emulator import Emulator

    print("cognito-devtoken demo --fleet: everything on this machine, no AWS account.", flush=True)
    calls: list[Call] = []
    with ExitStack() as opened:
        with step("1. A local Cognito and a local Redis start") as show:
            emulator = opened.enter_context(Emulator(on_call=calls.append, latency=_LATENCY))
            url = opened.enter_context(local_redis())
            show("Cognito", f"{emulator.endpoint_url}, takes {_LATENCY * 1000:.0f} ms")
            show("Redis", url)
        for number, store, title in (
            (2, None, "each with a cache of its own"),
            (3, url, "with the Redis between them"),
        ):
            calls.clear()
            with (
                _members(emulator, store, processes, users) as members,
                step(f"{number}. {processes} processes, {users} users, {title}") as show,
            ):
                _watch(members, Progress(processes * users, calls), show)
        with step("4. What Redis knows of it") as show:
            _look_inside(url, show)
    print("\nIn your code, or by COGNITO_DEVTOKEN_STORE_URL and _KEYS:\n")
    print(_SNIPPET)


_SNIPPET = """\
  store = RedisStore("rediss://cache.example.com/0", keys="file:/run/secrets/store-keys")
  with store, TokenSession(pool_id, developer_provider=provider, store=store) as session:
      token = session.get_token("user-42")
"""

Member = subprocess.Popen[str]


@contextmanager
def _members(
    emulator: Emulator, url: str | None, processes: int, users: int
) -> Generator[list[Member]]:
    """Processes that are ready to begin."""
    (pool,) = emulator.pools
    told = json.dumps(
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
            _say(member, told)
        try:
            for member in members:
                _hear(member)
            yield members
        except BaseException:  # else they end by themselves
            for member in members:
                member.kill()
            raise


def _say(member: Member, line: str) -> None:
    assert member.stdin  # noqa: S101  # it has a pipe
    member.stdin.write(f"{line}\n")
    member.stdin.flush()


def _hear(member: Member) -> str:
    assert member.stdout  # noqa: S101
    return member.stdout.readline()


def _watch(members: Sequence[Member], progress: Progress, show: Show) -> None:
    """Let them begin, and draw how far they are until all have reported."""
    reports: list[Any] = []
    reported = threading.Event()
    counting = threading.Lock()

    def listen(member: Member) -> None:
        while (line := _hear(member)) == "got\n":
            with counting:
                progress.answered += 1
        with counting:
            reports.append(json.loads(line) if line else None)
            if len(reports) == len(members):
                reported.set()

    for member in members:
        threading.Thread(target=listen, args=(member,), daemon=True).start()
        _say(member, "begin")
    is_over = False
    with canvas() as draw:
        while not is_over:
            draw(progress.lines)
            is_over = reported.wait(_FRAME)
    found = [report for report in reports if report]
    slowest = max((report[0] for report in found), default=0.0)
    show("answered", f"{progress.answered:,}, the slowest in {slowest:.1f} s")
    show("calls to Cognito", f"{len(progress.calls):,}")
    if taken := sum(report[2] for report in found):
        show("taken from Redis", f"{taken:,}")
    if problems := sum(report[3] for report in found):
        show("Redis problems", f"{problems:,}, each of which may cost a call")


def _look_inside(url: str, show: Show) -> None:
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
