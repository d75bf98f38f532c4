"""The parts of the chaos run that need neither a process nor a server, and its upstream."""

import asyncio
import json
import sys
from collections.abc import Callable
from random import Random

import attrs
import pytest

from chaos.checker import Overlap
from chaos.conductor import Conductor
from chaos.plan import STORE_TROUBLES, plan, store_windows
from chaos.records import (
    Abandoned,
    Complaint,
    Ready,
    Record,
    Recovered,
    StoreSkipped,
    decode,
    encode,
)
from chaos.steps import LONGEST, SHORTEST, draw, duration_of
from chaos.summary import Run
from chaos.upstream import PROVIDER, Upstream
from cognito_devtoken.testing import make_token
from patience import PATIENCE
from servers import require_server
from test_chaos_checker import GET, NOW, SAMPLE


USERS = [f"user-{number}" for number in range(50)]


# The plan


def test_plan_with_the_same_seed_is_the_same() -> None:
    assert plan(4711, 300, 4) == plan(4711, 300, 4) != plan(4712, 300, 4)


@pytest.mark.parametrize("seconds", [3, 30, 300])
def test_plan_ends_every_trouble_in_time(seconds: float) -> None:
    for seed in range(50):
        troubles = plan(seed, seconds, 4)

        assert troubles == sorted(troubles, key=lambda each: each.at)
        assert all(each.end <= seconds + 1e-9 for each in troubles)


def test_plan_lets_the_store_fail_only_in_its_windows() -> None:
    windows = list(store_windows(300))
    found = [each for seed in range(50) for each in plan(seed, 300, 4)]
    failing = [each for each in found if each.kind in STORE_TROUBLES]

    assert {each.kind for each in failing} == set(STORE_TROUBLES)
    assert all(
        any(begin <= each.at and each.end <= end + 1e-9 for begin, end in windows)
        for each in failing
    )


# The steps


def test_every_host_requests_the_same_duration_for_a_user() -> None:
    durations = {duration_of(f"user-{number}") for number in range(500)} - {None}

    assert durations == set(range(SHORTEST, LONGEST + 1))


def test_draw_yields_every_kind_of_step_with_valid_options() -> None:
    random = Random(1)
    token = make_token()
    steps = [draw(random, USERS, [("user-1", token)]) for _ in range(50_000)]

    assert {step.kind for step in steps} == {
        "get_token",
        "refresh",
        "invalidate",
        "forget",
        "forget_identity",
        "clear",
    }
    for step in steps:
        assert (step.token is not None) == (step.kind in ("invalidate", "forget_identity"))
        life = step.options.get("token_duration", 20)
        assert step.options.get("min_remaining", 0) < life


def test_draw_without_a_token_forgets_the_user_instead() -> None:
    random = Random(1)

    assert all(draw(random, USERS, []).token is None for _ in range(10_000))


# The records


@pytest.mark.parametrize(
    "record",
    [
        GET,
        attrs.evolve(GET, token=None, outcome="SessionClosedError"),
        SAMPLE,
        Abandoned("p0/1", NOW),
        StoreSkipped("p0/1", NOW, 5.0),
        Complaint("p0", "undocumented error", "Traceback\n…"),
        Ready("p0"),
        Recovered("p0", 1.5, 0),
    ],
    ids=lambda record: type(record).__name__,
)
def test_decode_returns_the_record_that_was_encoded(record: Record) -> None:
    line = encode(record)

    assert decode(line) == record
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b'{"is":"Ready"}', b'{"is":"x"}', b"Warning:"])
def test_decode_rejects_what_is_not_a_record(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"Not a record|Expecting value"):
        decode(line)


# The upstream


@pytest.mark.external
def test_upstream_reports_two_calls_for_a_key_unless_the_first_is_given_up() -> None:
    overlaps: list[Overlap] = []

    async def run() -> None:
        upstream = Upstream(1, overlaps.append)
        await upstream.start()
        first = await call(upstream, "p0", "silent")
        other = await call(upstream, "p1", "silent")  # another process
        second = await call(upstream, "p0", "silent")
        for writer in (first, second):
            writer.close()
            await writer.wait_closed()
        await until(lambda: len(upstream.calls()) == 1)  # the other process's
        third = await call(upstream, "p0", "silent")
        await upstream.stop()
        for writer in (other, third):
            writer.close()

    asyncio.run(asyncio.wait_for(run(), PATIENCE))

    assert [(overlap.cache, overlap.user) for overlap in overlaps] == [("p0/1", "user-1")]


async def call(upstream: Upstream, process: str, trouble: str) -> asyncio.StreamWriter:
    """Make a call to which the upstream has this trouble, and wait until it is in the air."""
    upstream.troubles = {trouble}
    upstream.failing = 1.0
    _, writer = await asyncio.open_connection("127.0.0.1", int(upstream.url.rpartition(":")[2]))
    body = json.dumps({"Logins": {PROVIDER: "user-1"}})
    head = f"Authorization: Credential={process}/x\r\nUser-Agent: x session/1\r\n"
    calls = len(upstream.calls())
    writer.write(f"POST / HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
    await until(lambda: len(upstream.calls()) == calls + 1)
    return writer


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # only the test waits for it
        await asyncio.sleep(0.001)


# A whole run


@pytest.mark.external
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_short_run_finds_nothing_that_does_not_depend_on_the_speed_of_the_machine() -> None:
    require_server()

    conductor = Conductor(Run(seed=1, seconds=2.0, processes=2, users=50))
    asyncio.run(conductor.conduct())

    outcomes = conductor.checker.outcomes
    assert outcomes["get_token", "ok"] > len(USERS)
    found = {violation.kind: violation.detail for violation in conductor.checker.violations}
    for kind in ("another user's token", "two in the air", "undocumented error", "growth"):
        assert kind not in found, found[kind]
