"""``cognito-devtoken completion``: print a shell's completion script."""

from __future__ import annotations

import argparse
from importlib import import_module

from .._errors import PROG
from .._input.parsing import Parser, one_of
from .grammar import grammar_of


_SHELLS = ("bash", "zsh", "fish")
DESCRIPTION = f"""\
Prints a script that completes commands, options and their values. To load it,
add one of these lines to your shell's startup file:

  # ~/.bashrc
  source <({PROG} completion bash)
  # ~/.zshrc, after compinit
  source <({PROG} completion zsh)
  # ~/.config/fish/config.fish
  {PROG} completion fish | source"""


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "shell",
        type=one_of(*_SHELLS),
        choices=_SHELLS,
        metavar="SHELL",
        help="the shell: bash, zsh or fish",
    )


def run(arguments: argparse.Namespace) -> None:
    from .. import ALIASES, COMMANDS, SERVICE, main_parser, parser_of

    grammar = grammar_of(
        main_parser(),
        {name: parser_of(name) for name in COMMANDS},
        {name: command.summary for name, command in COMMANDS.items()},
        aliases=ALIASES,
        service=SERVICE,
    )
    shell = import_module(f".{arguments.shell}", __package__)
    print(shell.script(PROG, grammar), end="")
