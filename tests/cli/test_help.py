"""The help of the command line, and what it says to a mistyped name."""

import re

import pytest

from cognito_devtoken.cli import COMMANDS, main, main_parser, parser_of
from cognito_devtoken.cli._input.parsing import did_you_mean


# The commands that take parameters of an operation.
CALLING = [name for name, each in COMMANDS.items() if each.calls_aws and name != "inspect"]
# Of these, the commands that name a user, and nothing else.
NAMING = ["whois", "erase"]
# What the help may mention: an option, an id of a pool, the name of a variable or an operation.
NAMES = re.compile(r"--[a-z][a-z-]+|us-east-1:[0-9a-f-]{36}|[A-Z]+_[A-Z_]+|REGION:GUID|GetOpen\w+")


def help_of(command: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    return (parser_of(command) if command else main_parser()).format_help()


def titles(text: str) -> list[str]:
    return re.findall(r"^(\S.*):$", text, re.MULTILINE)


class TestHelp:
    @pytest.mark.parametrize("columns", [40, 53, 60, 75, 80, 81, 100, 120])
    @pytest.mark.parametrize("command", ["", *COMMANDS])
    def test_no_width_breaks_a_name_or_leaves_a_line_too_long(
        self, command: str, columns: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = help_of(command, columns, monkeypatch)

        whole = help_of(command, 1000, monkeypatch)
        of_options = whole.partition("\n\n")[2]
        assert sorted(NAMES.findall(found.partition("\n\n")[2])) == sorted(
            NAMES.findall(of_options)
        )
        for line in found.splitlines():
            assert len(line) <= columns or " " not in line.strip(), line

    @pytest.mark.parametrize("command", COMMANDS)
    def test_a_line_to_paste_is_whole_at_80_columns(
        self, command: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shown = help_of(command, 80, monkeypatch).splitlines()

        description = parser_of(command).description or ""
        for line in description.splitlines():
            assert not line.startswith(" ") or line in shown

    @pytest.mark.parametrize("command", CALLING)
    def test_required_parameters_come_first_and_options_without_effect_last(
        self, command: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = help_of(command, 80, monkeypatch)

        assert [title for title in titles(text) if title.endswith(("parameters", "options"))] == [
            "required parameters",
            "parameters",
            "options",
            "global options",
        ]
        assert titles(text)[-1] == "options without effect"
        assert text.index("\n  --identity-pool-id ") < text.index("\n  --logins ")
        first = "--cli-input-json" if command in NAMING else "--identity-id"
        assert text.index("\n  --logins ") < text.index(f"\n  {first} ")

    @pytest.mark.parametrize(
        ("command", "has_effect"),
        [
            ("get-open-id-token-for-developer-identity", True),
            ("whois", True),
            ("erase", True),
            ("exec", False),
        ],
    )
    def test_the_format_of_the_response_has_an_effect_only_where_one_is_printed(
        self, command: str, has_effect: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, _, last = help_of(command, 80, monkeypatch).partition("options without effect:")

        assert "--no-cli-pager" in last
        for option in ("--output", "--query", "--color"):
            assert (f"\n  {option} " in last) is not has_effect

    @pytest.mark.parametrize("words", [[], ["cognito-identity"], ["--debug"], ["--"]])
    def test_without_a_command_the_help_is_an_error(
        self, words: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(words) == 252
        out, err = capsys.readouterr()
        with pytest.raises(SystemExit, match="0"):
            main(["help"])

        assert (out, err) == ("", capsys.readouterr().out)

    @pytest.mark.parametrize(
        ("words", "command"),
        [
            (["get-token", "--output", "x"], "get-open-id-token-for-developer-identity"),
            (["exec", "--output", "x"], "exec"),
        ],
    )
    def test_a_mistake_in_a_global_option_refers_to_the_help_of_the_command(
        self, words: list[str], command: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(words) == 252

        assert capsys.readouterr().err.endswith(f"See 'cognito-devtoken {command} --help'.\n")


class TestMistypedNames:
    @pytest.mark.parametrize(
        ("words", "meant"),
        [
            (["get-tokne"], "Did you mean get-token? "),
            (["gettoken"], "Did you mean get-token? "),
            (["cognito-identiy"], "Did you mean cognito-identity? "),
            (["cognito-identity", "emulatr"], "Did you mean emulator? "),
            (["xyz"], ""),
            (["get-token", "--identiy-pool-id", "x"], "Did you mean --identity-pool-id? "),
            (["get-token", "--identity_pool_id=x"], "Did you mean --identity-pool-id? "),
            (["get-token", "--pool-id=x"], "Did you mean --identity-pool-id? "),
            (["exec", "--regoin", "x", "--logns=y"], "Did you mean --region, --logins? "),
            (["emulator", "--prot", "1"], "Did you mean --port? "),
            (["inspect", "--qqqq"], ""),
            (["inspect", "a", "canary-login"], ""),
        ],
    )
    def test_the_likely_name_is_offered(
        self, words: list[str], meant: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(words) == 252

        hint = capsys.readouterr().err.splitlines()[-1]
        assert hint.startswith(f"{meant}See 'cognito-devtoken ")

    def test_what_nobody_could_mean_is_not_answered(self) -> None:
        assert did_you_mean(["zzz", "--qq"], ["--port"]) == ""
