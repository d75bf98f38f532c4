"""Completion: what the shells offer, asked of the shells themselves."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from cognito_devtoken.cli import main


CASES = [
    (["cognito-devtoken", "insp"], ["inspect"]),
    (["cognito-devtoken", "get-"], ["get-open-id-token-for-developer-identity", "get-token"]),
    (["cognito-devtoken", "get-token", "--id"], ["--identity-pool-id", "--identity-id"]),
    (["cognito-devtoken", "get-token", "--output", "ya"], ["yaml", "yaml-stream"]),
    (["cognito-devtoken", "exec", "--cred"], ["--credentials"]),
    (["cognito-devtoken", "completion", ""], ["bash", "zsh"]),
    (["cognito-devtoken", "emulator", "--po"], ["--port"]),
]


@pytest.mark.parametrize(("words", "offered"), CASES)
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_offers_what_goes_on(
    shell: str,
    words: Sequence[str],
    offered: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} on this machine")
    assert main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    line = " ".join(f"'{word}'" for word in words)
    begin, call = "", "_cognito_devtoken"
    if shell == "zsh":
        begin = "autoload -U compinit && compinit -D -u\n"
        # As bashcompinit calls it, once a terminal has asked.
        call = "() { emulate -L sh; setopt kshglob noshglob braceexpand; _cognito_devtoken; }"
    ask = (
        f"{begin}source {script}\n"
        f"COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}\n"
        f'{call}\nprintf "%s\\n" "${{COMPREPLY[@]}}"\n'
    )

    done = subprocess.run([shell, "-c", ask], capture_output=True, text=True, timeout=60)

    found = done.stdout.split()
    if shell == "zsh":  # which leaves out by itself what does not go on with the word
        found = [each for each in found if each.startswith(words[-1])]
    assert (found, done.stderr) == (offered, "")
