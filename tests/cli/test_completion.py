"""Completion: what real shells offer."""

import shutil
from collections.abc import Sequence
from contextlib import redirect_stdout

import pytest
from cli_process import finished

from cognito_devtoken.cli import main


pytestmark = pytest.mark.external

CASES = [
    (["cognito-devtoken", "insp"], ["inspect"]),
    (["cognito-devtoken", "get-"], ["get-open-id-token-for-developer-identity", "get-token"]),
    (["cognito-devtoken", "get-token", "--id"], ["--identity-pool-id", "--identity-id"]),
    (["cognito-devtoken", "get-token", "--output", "ya"], ["yaml", "yaml-stream"]),
    (["cognito-devtoken", "exec", "--cred"], ["--credentials"]),
    (["cognito-devtoken", "completion", ""], ["bash", "zsh"]),
    (["cognito-devtoken", "emulator", "--po"], ["--port"]),
]


@pytest.fixture(scope="module", params=["bash", "zsh"])
def offers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[list[str]]:
    """What a shell offers in each of the cases, computed in one process."""
    shell: str = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path_factory.mktemp("completion") / "script"
    with script.open("w") as file, redirect_stdout(file):
        assert main(["completion", shell]) == 0
    begin, call = "", "_cognito_devtoken"
    if shell == "zsh":
        begin = "autoload -U compinit && compinit -D -u\n"
        # As bashcompinit calls it when the user presses Tab.
        call = "() { emulate -L sh; setopt kshglob noshglob braceexpand; _cognito_devtoken; }"
    ask = f"{begin}source {script}\n"
    for words, _ in CASES:
        line = " ".join(f"'{word}'" for word in words)
        ask += (
            f"COMPREPLY=(); COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}\n"
            f'{call}\nprintf "%s " "${{COMPREPLY[@]}}"; echo\n'
        )
    done = finished([shell, "-c", ask])
    assert done.stderr == ""
    found = [line.split() for line in done.stdout.splitlines()]
    if shell == "zsh":  # which itself drops completions that do not start with the word
        pairs = zip(found, CASES, strict=True)
        found = [
            [each for each in line if each.startswith(words[-1])] for line, (words, _) in pairs
        ]
    return found


@pytest.mark.parametrize(("case", "words", "offered"), [(n, *each) for n, each in enumerate(CASES)])
def test_a_shell_offers_the_expected_completions(
    case: int, words: Sequence[str], offered: list[str], offers: list[list[str]]
) -> None:
    assert offers[case] == offered
