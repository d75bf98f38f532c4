"""docs/command-line.md documents every command and option, and no others."""

import argparse
import re
from pathlib import Path

import pytest

from cognito_devtoken.cli import COMMANDS, parser_of
from cognito_devtoken.cli._input.options import global_parser


TEXT = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
ASKING = "get-open-id-token-for-developer-identity"
ROLE = "Choose a role"
# The page documents the shared parameters once, and says which of them these commands lack.
SHARED = {
    "exec": {"--generate-cli-skeleton [KIND]", "--output-file PATH"},
    "credentials": {"--generate-cli-skeleton [KIND]"},
}


def documented(title: str) -> set[str]:
    """Return the options and arguments in a section's tables, as written there."""
    level = "###" if title in {"Global options", ROLE} else "##"
    _, _, section = TEXT.partition(f"\n{level} {title}\n")
    section = re.split(r"\n##+ (?!#)", section)[0]
    cells = re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)
    found = {cell.replace("\\|", "|") for cell in cells}
    return {cell for cell in found if re.fullmatch(r"--.*|[A-Z]+", cell)}


def written(parser: argparse.ArgumentParser) -> set[str]:
    """Return a parser's options and arguments, as its help writes them."""
    found = set()
    for action in parser._actions:
        if "--help" in action.option_strings:
            continue
        name = action.option_strings[-1] if action.option_strings else ""
        value = "" if action.nargs == 0 else action.metavar or action.dest.upper()
        if name and action.nargs == "?":
            value = f"[{value}]"
        if action.nargs == "*":
            value = f"[{value} ...]"
        found.add(f"{name} {value}".strip())
    return found


GLOBAL = written(global_parser())


def test_the_global_options_are_documented() -> None:
    assert documented("Global options") == GLOBAL


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_of_a_command_are_documented(name: str) -> None:
    wanted = written(parser_of(name)) - (GLOBAL if COMMANDS[name].calls_aws else set())
    if name in SHARED:
        shared = documented(ASKING) - SHARED[name] | documented(ROLE)
        assert documented(name) | shared == wanted
    else:
        assert documented(name) == wanted


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert sorted(re.findall(r"^## (.*)$", TEXT, re.MULTILINE)) == sorted(COMMANDS)
