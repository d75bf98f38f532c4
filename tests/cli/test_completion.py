"""Completion: what real shells offer. A shell that is not installed is skipped."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing, redirect_stdout
from pathlib import Path

import pytest
from cli_process import finished
from terminals import OnTerminal

from cognito_devtoken.cli import main


pytestmark = pytest.mark.external

OPERATION = "get-open-id-token-for-developer-identity"
CASES = [
    ("insp", {"inspect"}),
    ("get-", {OPERATION, "get-token"}),
    ("get-token --id", {"--identity-pool-id", "--identity-id"}),
    ("exec --cred", {"--credentials"}),
    ("exec --role", {"--role-arn", "--role-session-name"}),
    ("credentials --cac", {"--cache"}),
    ("credentials --policy-arns arn=x arn=y --dur", {"--duration-seconds"}),
    ("emulator --po", {"--port"}),
    ("completion ", {"bash", "zsh", "fish"}),
    # The value of an option, and what is not one.
    ("get-token --output ya", {"yaml", "yaml-stream"}),
    ("get-token --output json --output-f", {"--output-file"}),
    ("get-token --profile nothing-here", set[str]()),
    ("get-token --profile exec --generate-cli-skeleton --deb", {"--debug"}),
    # Global options before the command.
    ("--prof", {"--profile"}),
    ("--output ya", {"yaml", "yaml-stream"}),
    ("--profile exec --debug insp", {"inspect"}),
    # The words of the AWS CLI.
    ("cognito-iden", {"cognito-identity"}),
    ("cognito-identity ", {OPERATION}),
    (f"cognito-identity {OPERATION} --id", {"--identity-pool-id", "--identity-id"}),
    # The program that exec runs.
    ("exec --logins a=b -- unam", {"uname"}),
]

Ask = Callable[[Path, Sequence[str]], list[set[str]]]


def ask_bash(script: Path, lines: Sequence[str]) -> list[set[str]]:
    ask = f"source {script}\n"
    for line in lines:
        words = " ".join(f"'{word}'" for word in line.split(" "))
        ask += (
            f"COMPREPLY=(); COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
            '_cognito_devtoken\nprintf "%s " "${COMPREPLY[@]}"; echo\n'
        )
    done = finished(["bash", "--norc", "-c", ask])
    assert done.stderr == ""
    return [set(line.split()) for line in done.stdout.splitlines()]


def ask_fish(script: Path, lines: Sequence[str]) -> list[set[str]]:
    ask = f"source {script}\n" + "".join(f"complete -C '{line}'; echo ==\n" for line in lines)
    done = finished(["fish", "--no-config", "-c", ask])
    assert done.stderr == ""
    return [
        {line.partition("\t")[0] for line in part.splitlines()}
        for part in done.stdout.split("==\n")[:-1]
    ]


# zsh completes only while it edits a line: it does so in front of its first prompt, and notes what
# it would add.
ZSHRC = """
autoload -U compinit && compinit -D -u
source {script}
note() {{
    compadd() {{
        local -a hits
        if [[ " $* " != *' -'[OAD]' '* ]]; then
            builtin compadd -A hits "$@"
            print -rn -- "$hits " >>{folder}/found
        fi
        builtin compadd "$@"
    }}
    _main_complete
    unfunction compadd
}}
zle -C note list-choices note
zle-line-init() {{
    local line
    while IFS= read -r line; do
        BUFFER=$line
        CURSOR=$#BUFFER
        zle note
        print >>{folder}/found
    done <{folder}/lines
    BUFFER=exit
    zle accept-line
}}
zle -N zle-line-init
"""


def ask_zsh(script: Path, lines: Sequence[str]) -> list[set[str]]:
    folder = script.parent
    (folder / ".zshrc").write_text(ZSHRC.format(script=script, folder=folder))
    (folder / "lines").write_text("".join(f"{line}\n" for line in lines))
    with closing(OnTerminal(["env", f"ZDOTDIR={folder}", "zsh", "-d", "-i"])) as terminal:
        terminal.read_on()
    return [set(line.split()) for line in (folder / "found").read_text().splitlines()]


SHELLS: dict[str, Ask] = {"bash": ask_bash, "fish": ask_fish, "zsh": ask_zsh}


@pytest.fixture(scope="module", params=SHELLS)
def offers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, set[str]]:
    """What a shell offers in each of the cases, computed in one process."""
    shell: str = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path_factory.mktemp("completion") / "script"
    with script.open("w") as file, redirect_stdout(file):
        assert main(["completion", shell]) == 0
    lines = [f"cognito-devtoken {line}" for line, _ in CASES]
    return dict(zip([line for line, _ in CASES], SHELLS[shell](script, lines), strict=True))


@pytest.mark.parametrize(("line", "offered"), CASES)
def test_a_shell_offers_the_expected_completions(
    line: str, offered: set[str], offers: dict[str, set[str]]
) -> None:
    assert offers[line] == offered


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["get-token", "--output", "=", "ya"], {"yaml", "yaml-stream"}),
        (["get-token", "--output", "="], {"json", "text", "table", "yaml", "yaml-stream", "off"}),
        (["get-token", "--output", "=", "json", "--que"], {"--query"}),
        (["get-token", "--profile", "--"], set[str]()),
    ],
)
def test_bash_understands_a_value_after_an_equals_sign_as_it_splits_it(
    words: list[str], offered: set[str], tmp_path: Path
) -> None:
    script = tmp_path / "script"
    with script.open("w") as file, redirect_stdout(file):
        assert main(["completion", "bash"]) == 0

    assert ask_bash(script, [" ".join(["cognito-devtoken", *words])]) == [offered]


def test_every_shell_has_its_own_script(capsys: pytest.CaptureFixture[str]) -> None:
    scripts = set[str]()
    for shell in SHELLS:
        assert main(["completion", shell]) == 0
        scripts.add(capsys.readouterr().out)

    assert len(scripts) == len(SHELLS)
