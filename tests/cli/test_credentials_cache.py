"""``credentials --cache``: who may read the files, when they are used, and which command waits."""

import fcntl
import json
import os
import stat
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cli_arguments import LOGIN, NOWHERE, POOL_ID

from cognito_devtoken import TokenRequest
from cognito_devtoken._values.trade import CredentialsRequest
from cognito_devtoken.cli import main, parser_of
from cognito_devtoken.cli._credentials_cache import CredentialsCache, cache_folder, cache_name
from cognito_devtoken.cli._errors import OutputError, ParameterError
from cognito_devtoken.cli._input.options import Options
from cognito_devtoken.exceptions import (
    CallerDeniedError,
    ConfigurationError,
    DevTokenError,
    TokenUnavailableError,
    TooManyRequestsError,
)
from cognito_devtoken.testing import ManualClock
from pools import POOL


LIFE = 3600
ASK = ["--identity-pool-id", POOL_ID, "--logins", f"{POOL.developer_provider}={LOGIN}"]
REQUEST = CredentialsRequest(TokenRequest(POOL_ID, {POOL.developer_provider: LOGIN}))


class Source:
    """Hands out numbered credentials that live for an hour, and counts them."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.calls = 0
        self.error: BaseException | None = None
        self.takes = 0

    def __call__(self) -> dict[str, Any]:
        self.calls += 1
        self.clock.advance(self.takes)
        if self.error:
            raise self.error
        expiration = datetime.fromtimestamp(self.clock.time() + LIFE, UTC)
        return {
            "Version": 1,
            "AccessKeyId": f"ASIA{self.calls}",
            "SecretAccessKey": "canary-key",
            "SessionToken": "canary-token",
            "Expiration": f"{expiration:%Y-%m-%dT%H:%M:%SZ}",
        }


@pytest.fixture
def source(clock: ManualClock) -> Source:
    return Source(clock)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "cache"


@pytest.fixture
def kept(folder: Path, clock: ManualClock) -> CredentialsCache:
    return make(folder, clock)


def make(folder: Path, clock: ManualClock, **arguments: Any) -> CredentialsCache:
    return CredentialsCache(folder, "name", LIFE, wall=clock.time, **arguments)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


class TestWhenTheyAreUsed:
    def test_the_second_run_prints_those_of_the_first(
        self, kept: CredentialsCache, source: Source
    ) -> None:
        assert kept.get(source) == kept.get(source)
        assert source.calls == 1

    def test_they_are_replaced_once_they_are_due(
        self, kept: CredentialsCache, source: Source, clock: ManualClock
    ) -> None:
        kept.get(source)
        clock.advance(2399)
        assert kept.get(source)["AccessKeyId"] == "ASIA1"
        clock.advance(1)
        assert kept.get(source)["AccessKeyId"] == "ASIA2"
        assert kept.get(source)["AccessKeyId"] == "ASIA2"

    @pytest.mark.parametrize("error", [TokenUnavailableError("x"), TooManyRequestsError("x")])
    def test_due_ones_serve_to_their_end_while_no_new_ones_are_available(
        self,
        error: DevTokenError,
        kept: CredentialsCache,
        source: Source,
        clock: ManualClock,
    ) -> None:
        kept.get(source)
        source.error = error

        clock.advance(3599)
        assert kept.get(source)["AccessKeyId"] == "ASIA1"

        clock.advance(1)
        with pytest.raises(type(error)):
            kept.get(source)

    def test_due_ones_that_expire_during_a_failing_call_are_not_used(
        self, kept: CredentialsCache, source: Source, clock: ManualClock
    ) -> None:
        kept.get(source)
        clock.advance(3595)
        source.error, source.takes = TokenUnavailableError("x"), 5

        with pytest.raises(TokenUnavailableError):
            kept.get(source)

    @pytest.mark.parametrize("error", [CallerDeniedError("x"), ConfigurationError("x")])
    def test_due_ones_do_not_hide_an_error_that_stays(
        self,
        error: DevTokenError,
        kept: CredentialsCache,
        source: Source,
        clock: ManualClock,
    ) -> None:
        kept.get(source)
        clock.advance(3000)
        source.error = error

        with pytest.raises(type(error)):
            kept.get(source)

    def test_a_clock_that_was_set_back_does_not_prolong_them(
        self, kept: CredentialsCache, source: Source, clock: ManualClock
    ) -> None:
        kept.get(source)
        clock.set_wall(-299)
        assert kept.get(source)["AccessKeyId"] == "ASIA1"

        clock.set_wall(-2)
        assert kept.get(source)["AccessKeyId"] == "ASIA2"

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\xff\xfe",
            b"[" * 100_000,
            b"[]",
            b"{}",
            b'{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s", "SessionToken": "t"}',
            *(
                json.dumps(
                    {
                        "Version": 1,
                        "AccessKeyId": "A",
                        "SecretAccessKey": "s",
                        "SessionToken": "t",
                        "Expiration": "2023-11-14T23:00:00Z",
                    }
                    | other
                ).encode()
                for other in (
                    {"Version": 2},
                    {"AccessKeyId": ""},
                    {"SecretAccessKey": 7},
                    {"Expiration": "soon"},
                    {"Expiration": 7},
                    {"Expiration": "2023-11-14T23:00:00"},
                    {"Expiration": "2001-01-01T00:00:00Z"},
                )
            ),
        ],
    )
    def test_a_file_of_something_else_is_replaced(
        self,
        content: bytes,
        kept: CredentialsCache,
        source: Source,
        folder: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        kept.get(source)
        (folder / "name.json").write_bytes(content)

        assert kept.get(source)["AccessKeyId"] == "ASIA2"
        assert kept.get(source)["AccessKeyId"] == "ASIA2"
        assert capsys.readouterr() == ("", "")

    def test_only_what_a_credential_process_needs_is_in_the_file(
        self, kept: CredentialsCache, source: Source, folder: Path
    ) -> None:
        printed = kept.get(source)

        assert json.loads((folder / "name.json").read_bytes()) == printed
        assert sorted(path.name for path in folder.iterdir()) == ["name.json", "name.lock"]

    def test_members_that_nobody_knows_are_not_printed(
        self, kept: CredentialsCache, source: Source, folder: Path
    ) -> None:
        printed = kept.get(source)
        (folder / "name.json").write_text(json.dumps({**printed, "Other": 1}))

        assert kept.get(source) == printed


class TestWhoMayReadThem:
    @pytest.mark.parametrize("mask", [0, 0o22, 0o77])
    def test_folder_and_file_are_their_owners_only_whatever_the_umask(
        self, mask: int, kept: CredentialsCache, source: Source, folder: Path
    ) -> None:
        before = os.umask(mask)
        try:
            kept.get(source)
        finally:
            os.umask(before)

        assert mode(folder) == 0o700
        assert {mode(path) for path in folder.iterdir()} == {0o600}

    @pytest.mark.parametrize("bits", [0o40, 0o4, 0o20, 0o1])
    @pytest.mark.parametrize("which", [".", "name.json"])
    def test_what_others_have_access_to_is_refused(
        self, which: str, bits: int, kept: CredentialsCache, source: Source, folder: Path
    ) -> None:
        kept.get(source)
        path = folder / which
        path.chmod(mode(path) | bits)

        refused(kept, source, f"{path} can be accessed by other users (mode {mode(path):04o}).")

    @pytest.mark.parametrize("which", [".", "name.json"])
    def test_what_belongs_to_another_user_is_refused(
        self,
        which: str,
        kept: CredentialsCache,
        source: Source,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        kept.get(source)
        owner = folder.stat().st_uid
        if which == ".":
            monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
        else:
            # The folder is checked first, so it must be ours.
            owners = iter([owner, owner + 1])
            monkeypatch.setattr(os, "geteuid", lambda: next(owners))

        refused(kept, source, f"{folder / which} belongs to another user.")

    @pytest.mark.parametrize("which", ["", "name.json"])
    def test_a_symbolic_link_is_refused_and_its_target_untouched(
        self, which: str, kept: CredentialsCache, source: Source, folder: Path, tmp_path: Path
    ) -> None:
        kept.get(source)
        path, target = folder / which, tmp_path / "target"
        path.rename(target)
        path.symlink_to(target)
        before = target.stat().st_mtime_ns

        refused(kept, source, f"{path} is a symbolic link.")
        assert target.stat().st_mtime_ns == before

    def test_a_lock_that_is_a_symbolic_link_is_not_followed(
        self, kept: CredentialsCache, source: Source, folder: Path, tmp_path: Path
    ) -> None:
        folder.mkdir(0o700, parents=True)
        (folder / "name.lock").symlink_to(tmp_path / "target")

        refused(kept, source, f"{folder / 'name.lock'}: ", calls=0)
        assert not (tmp_path / "target").exists()

    def test_another_kind_of_file_is_refused(
        self, kept: CredentialsCache, source: Source, folder: Path
    ) -> None:
        folder.mkdir(0o700, parents=True)
        (folder / "name.json").mkdir(0o700)
        refused(kept, source, f"{folder / 'name.json'} is not a regular file.", calls=0)

        (folder / "name.json").rmdir()
        os.mkfifo(folder / "name.json", 0o600)
        refused(kept, source, f"{folder / 'name.json'} is not a regular file.", calls=0)

    def test_a_file_in_place_of_the_folder_is_refused(
        self, kept: CredentialsCache, source: Source, folder: Path
    ) -> None:
        folder.parent.mkdir()
        folder.touch()

        refused(kept, source, f"{folder} is not a folder.", calls=0)


def refused(kept: CredentialsCache, source: Source, why: str, *, calls: int = 1) -> None:
    """Check that nothing is read, fetched or written, and that the error says why."""
    with pytest.raises(OutputError) as caught:
        kept.get(source)

    assert str(caught.value).startswith(f"Cannot cache credentials: {why}")
    assert "XDG_CACHE_HOME" in caught.value.__notes__[0]
    assert source.calls == calls


class TestWhatCannotBeUsed:
    @pytest.mark.parametrize("step", ["mkdir", "open_lock", "read"])
    def test_a_system_error_is_reported_before_any_call_with_a_way_out(
        self,
        step: str,
        kept: CredentialsCache,
        source: Source,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def refuse(*args: Any, **kwargs: Any) -> Any:
            raise OSError(30, "Read-only file system")

        if step == "mkdir":
            monkeypatch.setattr(Path, "mkdir", refuse)
        elif step == "open_lock":
            monkeypatch.setattr(os, "open", refuse)
        else:
            kept.get(source)
            monkeypatch.setattr(Path, "open", refuse)

        with pytest.raises(OutputError, match=r": Read-only file system\.\n") as caught:
            kept.get(source)

        monkeypatch.undo()
        assert caught.value.__notes__[0].startswith("Set XDG_CACHE_HOME to a folder")
        assert source.calls == (step == "read")

    def test_a_system_without_posix_permissions_is_refused(
        self, kept: CredentialsCache, source: Source, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "fcntl", None)

        with pytest.raises(ParameterError, match="--cache is not available on this system"):
            kept.get(source)

    def test_an_interrupted_write_leaves_no_part_of_a_file(
        self,
        kept: CredentialsCache,
        source: Source,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def interrupt(*args: Any) -> Any:
            raise KeyboardInterrupt

        monkeypatch.setattr(Path, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            kept.get(source)
        monkeypatch.undo()

        assert [path.name for path in folder.iterdir()] == ["name.lock"]
        assert is_free(folder / "name.lock")

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), TokenUnavailableError("x")])
    def test_the_lock_is_released_when_the_fetch_is_interrupted_or_fails(
        self, error: BaseException, kept: CredentialsCache, source: Source, folder: Path
    ) -> None:
        source.error = error
        with pytest.raises(type(error)):
            kept.get(source)

        assert is_free(folder / "name.lock")


class Holder:
    """Another process that is getting the same credentials: its lock on the file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(0o700, parents=True, exist_ok=True)
        self.file = (folder / "name.lock").open("w")
        (folder / "name.lock").chmod(0o600)
        fcntl.flock(self.file, fcntl.LOCK_EX)


def is_free(path: Path) -> bool:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


class TestTwoAtOnce:
    def test_the_second_waits_for_the_first_and_uses_its_result(
        self, folder: Path, source: Source, clock: ManualClock
    ) -> None:
        holder = Holder(folder)
        pauses = []

        def first_finishes(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                (folder / "name.json").touch(0o600)
                (folder / "name.json").write_text(json.dumps(Source(clock)()))
                holder.file.close()

        found = make(folder, clock, pause=first_finishes).get(source)

        assert found["AccessKeyId"] == "ASIA1"
        assert (len(pauses), source.calls) == (3, 0)

    def test_the_second_makes_its_own_calls_after_a_first_that_failed(
        self, folder: Path, source: Source, clock: ManualClock
    ) -> None:
        holder = Holder(folder)

        make(folder, clock, pause=lambda seconds: holder.file.close()).get(source)

        assert source.calls == 1

    def test_the_second_does_not_wait_for_ever(
        self, folder: Path, source: Source, clock: ManualClock
    ) -> None:
        holder = Holder(folder)

        make(folder, clock, longest_wait=0).get(source)

        assert source.calls == 1
        assert not is_free(folder / "name.lock")
        holder.file.close()

    def test_the_second_uses_due_ones_at_once_while_the_first_replaces_them(
        self, folder: Path, source: Source, clock: ManualClock
    ) -> None:
        def refuse(seconds: float) -> None:
            raise AssertionError("waited")

        kept = make(folder, clock, pause=refuse)
        kept.get(source)
        holder = Holder(folder)

        clock.advance(3299)
        assert kept.get(source)["AccessKeyId"] == "ASIA1"

        clock.advance(1)  # in their grace period
        with pytest.raises(AssertionError, match="waited"):
            kept.get(source)
        holder.file.close()

    def test_the_second_makes_its_own_calls_if_due_ones_disappear(
        self, folder: Path, source: Source, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = make(folder, clock)
        kept.get(source)
        clock.advance(2400)
        flock = fcntl.flock

        def lock_and_clear(*args: Any) -> None:
            (folder / "name.json").unlink()
            flock(*args)

        holder = Holder(folder)
        monkeypatch.setattr(fcntl, "flock", lock_and_clear)

        assert kept.get(source)["AccessKeyId"] == "ASIA2"
        holder.file.close()

    def test_a_file_system_without_locks_gets_none(
        self,
        kept: CredentialsCache,
        source: Source,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def refuse(*args: Any) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(fcntl, "flock", refuse)

        assert kept.get(source) == kept.get(source)
        assert source.calls == 1


def options(*words: str) -> Options:
    return Options.of(parser_of("credentials").parse_args(words))


def test_a_hit_needs_neither_botocore_nor_a_call_and_debug_names_the_file_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", NOWHERE)
    arguments = ["credentials", "--cache", *ASK]
    name = cache_name(REQUEST, options(*ASK))
    path = cache_folder() / f"{name}.json"
    path.parent.mkdir(0o700)
    path.touch(0o600)
    clock = ManualClock(time.time())
    path.write_text(json.dumps(Source(clock)()))
    monkeypatch.setitem(sys.modules, "botocore", None)

    assert main([*arguments, "--debug"]) == 0

    out, err = capsys.readouterr()
    assert json.loads(out)["AccessKeyId"] == "ASIA1"
    assert err.count(f"Credentials from {path}, valid for 35") == 1
    for canary in ("canary-key", "canary-token", LOGIN):
        assert canary not in err
        assert canary not in str(path)


def test_a_credential_process_of_its_own_profile_is_detected_before_the_file_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("_COGNITO_DEVTOKEN_IN_CREDENTIAL_PROCESS", "1")

    assert main(["credentials", "--cache", *ASK]) == 253

    assert "refers to its own profile" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
