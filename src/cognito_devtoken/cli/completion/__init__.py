"""``cognito-devtoken completion``: print a shell's completion script."""

from __future__ import annotations

import argparse

from ._errors import PROG
from ._input.parsing import Parser, one_of


_SHELLS = ("bash", "zsh")
DESCRIPTION = f"""\
Prints a script that completes commands, options and their values. To load it,
add one of these lines to your shell's startup file:

  source <({PROG} completion bash)  # in ~/.bashrc
  source <({PROG} completion zsh)   # in ~/.zshrc, after compinit"""

_SCRIPT = """\
# Completion for {prog}, in bash and, with bashcompinit, in zsh.
_{function}() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command= place
    COMPREPLY=()
    for ((place = 1; place < COMP_CWORD; place++)); do
        case ${{COMP_WORDS[place]}} in
            {commands}) command=${{COMP_WORDS[place]}}; break;;
        esac
    done
    case $command,$before in
{values}
    esac
    case $command in
{options}
        *) COMPREPLY=($(compgen -W "{words}" -- "$word"));;
    esac
}}
complete -o default -F _{function} {prog}
"""
_FOR_ZSH = "autoload -U +X bashcompinit && bashcompinit\n"


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "shell",
        type=one_of(*_SHELLS),
        choices=_SHELLS,
        metavar="SHELL",
        help="the shell: bash or zsh",
    )


def run(arguments: argparse.Namespace) -> None:
    from . import ALIASES, COMMANDS, parser_of

    names = {name: name for name in COMMANDS} | ALIASES
    values: list[str] = []
    options: list[str] = []
    for spelling, name in names.items():
        actions = parser_of(name)._actions
        flags = " ".join(flag for action in actions for flag in action.option_strings)
        options.append(f'        {spelling}) COMPREPLY=($(compgen -W "{flags}" -- "$word"));;')
        values += [
            f"        {spelling},{flag}) "
            f'COMPREPLY=($(compgen -W "{" ".join(action.choices)}" -- "$word")); return;;'
            for action in actions
            if action.choices
            for flag in action.option_strings or [spelling]
        ]
    script = _SCRIPT.format(
        prog=PROG,
        function=PROG.replace("-", "_"),
        commands="|".join(names),
        words=" ".join([*names, "--help", "--version"]),
        values="\n".join(values),
        options="\n".join(options),
    )
    print((_FOR_ZSH if arguments.shell == "zsh" else "") + script, end="")
