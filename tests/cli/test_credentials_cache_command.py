"""``credentials --cache`` in processes of its own, and what its files hold afterwards."""

import fcntl
import json
import signal
import socket
import stat
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
from cli_process import COMMAND, ended

from calling import ROLE
from cognito_devtoken.cli import main
from cognito_devtoken.emulator import Emulator
from patience import PATIENCE
from pools import POOL


pytestmark = [
    pytest.mark.external,
    pytest.mark.usefixtures("emulator_in_environment"),
]

ASK = (
    *("--identity-pool-id", POOL.identity_pool_id),
    *("--logins", f"{POOL.developer_provider}=user-42"),
)


class TestCache:
    @pytest.fixture(autouse=True)
    def _home(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def test_processes_that_start_together_make_the_calls_of_one(self, emulator: Emulator) -> None:
        command = [*COMMAND, "credentials", "--cache", *ASK]
        with ExitStack() as stack:
            started = [
                stack.enter_context(
                    ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
                )
                for _ in range(4)
            ]
            printed = {process.communicate(timeout=PATIENCE)[0] for process in started}

        assert len(printed) == 1
        assert json.loads(printed.pop())["AccessKeyId"].startswith("ASIA")
        assert set(emulator.calls.values()) == {1}

    def test_each_role_and_user_has_its_own_file(self, emulator: Emulator, tmp_path: Path) -> None:
        other = (*ASK[:2], "--logins", f"{POOL.developer_provider}=user-43")
        for arguments in (ASK, other, (*ASK, "--custom-role-arn", ROLE)) * 2:
            assert main(["credentials", "--cache", *arguments]) == 0

        assert emulator.calls["GetCredentialsForIdentity"] == 3
        files = list((tmp_path / "cache" / "cognito-devtoken").iterdir())
        assert len(files) == 6
        assert not any("user" in path.name for path in files)
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}

    def test_ctrl_c_leaves_no_part_of_a_file_and_no_lock(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            silent.settimeout(PATIENCE)
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            command = [*COMMAND, "credentials", "--cache", *ASK, "--endpoint-url", url]
            with ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as process:
                connection, _ = silent.accept()
                process.send_signal(signal.SIGINT)
                out, _ = process.communicate(timeout=PATIENCE)
                connection.close()

        assert (process.returncode, out) == (130, "")
        (left,) = (tmp_path / "cache" / "cognito-devtoken").iterdir()
        assert left.suffix == ".lock"
        with left.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_nothing_is_logged_twice(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["credentials", "--cache", "--debug", *ASK]) == 0

        assert capsys.readouterr().err.count("GetCredentialsForIdentity answered") == 1

    def test_an_output_file_is_written_from_the_cache_too(
        self, tmp_path: Path, emulator: Emulator
    ) -> None:
        paths = [tmp_path / "first", tmp_path / "second"]
        for path in paths:
            assert main(["credentials", "--cache", *ASK, "--output-file", str(path)]) == 0

        assert paths[0].read_text() == paths[1].read_text()
        assert emulator.calls["GetCredentialsForIdentity"] == 1
