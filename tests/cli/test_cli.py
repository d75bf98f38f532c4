"""The command line as a whole: help, version, keys, and what all commands share."""

import gc
import stat
from pathlib import Path

import pytest
from cli_arguments import PLAIN

from cognito_devtoken import __version__
from cognito_devtoken.cli import main
from cognito_devtoken.stores import StoreKeys


def test_the_word_help_prints_the_same_as_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for words in (["help"], ["--help"], ["get-token", "help"], ["get-token", "--help"]):
        with pytest.raises(SystemExit, match="0"):
            main(words)
        shown.append(capsys.readouterr().out)

    assert shown[0] == shown[1]
    assert shown[2] == shown[3]


@pytest.mark.parametrize("is_enabled", [True, False])
def test_a_run_restores_whether_garbage_collection_is_enabled(is_enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if is_enabled else gc.disable)()
    try:
        for arguments in ([*PLAIN, "--nonsense"], ["completion", "bash"]):
            main(arguments)
            assert gc.isenabled() is is_enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])

    assert capsys.readouterr() == (f"cognito-devtoken {__version__}\n", "")


def test_each_store_key_is_valid_and_new(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["store-key"]) == 0

    assert len(set(StoreKeys(capsys.readouterr().out.split()).ids)) == 2


def test_a_store_key_file_is_readable_by_its_owner_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "store-keys"

    assert main(["store-key", "--output-file", str(path)]) == 0

    assert capsys.readouterr() == ("", "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(StoreKeys(path).ids) == 1
    assert main(["store-key", "--output-file", str(tmp_path)]) == 252


def test_a_new_store_key_does_not_replace_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "store-keys"
    path.write_text("the old key")

    assert main(["store-key", "--output-file", str(path)]) == 252

    assert path.read_text() == "the old key"
    out, err = capsys.readouterr()
    assert (out, f"{path} exists" in err, "To rotate keys" in err) == ("", True, True)
