"""The command line: ``cognito-devtoken``."""

from __future__ import annotations

import argparse
import gc
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import NamedTuple, NoReturn

from ._errors import ERRORS, INTERRUPTED, PROG, ParameterError
from ._input.options import error_format, global_parser
from ._input.parsing import CommandParser, Parser
from ._output.report import Report


class Command(NamedTuple):
    """
    One command, whose module is imported when it is wanted.

    Attributes:
        module: Of this package, with ``DESCRIPTION``, ``add_arguments()`` and ``run()``.

        summary: What it does, in a line.

        calls_aws: Whether it has the global options of the AWS CLI.
    """

    module: str
    summary: str
    calls_aws: bool = False


COMMANDS = {
    "demo": Command("demo", "see a token made, verified and used, on this machine"),
    "emulator": Command("emulator", "run a local Cognito for tests and front ends"),
    "get-open-id-token-for-developer-identity": Command(
        "get_token", "ask Cognito for a token, as the AWS CLI does", calls_aws=True
    ),
    "credentials": Command(
        "credentials",
        "AWS credentials of a user, for a profile's credential_process",
        calls_aws=True,
    ),
    "exec": Command("exec", "run a command with a token in its environment", calls_aws=True),
    "inspect": Command("inspect", "tell what a token says, and whether it is genuine"),
    "completion": Command("completion", "print the completion script of bash or zsh"),
    "store-key": Command("store_key", "make a key that seals tokens in a shared store"),
}
ALIASES = {"get-token": "get-open-id-token-for-developer-identity"}
# A script that says "aws cognito-identity get-…" need change one word only.
_SERVICE = "cognito-identity"
# Behind it stands the program that this command runs.
_END, _RUNS_ANOTHER = "--", "exec"
_STDOUT = 1


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    Args:
        argv: The arguments; None takes those of the process.

    Returns:
        The exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows its number. A closed one is None.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = argparse.Namespace()
    collects = gc.isenabled()
    try:
        status = _run(sys.argv[1:] if argv is None else list(argv), arguments)
        print(end="", flush=True)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read has enough. Python would flush, and complain, once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)
        return 0
    except ERRORS as error:
        report = Report.of(error)
        if sys.stderr is not None:
            # Where nobody reads, the exit code still tells.
            with suppress(OSError):
                report.write(sys.stderr, error_format(arguments))
        return report.exit_code
    finally:
        if collects:
            gc.enable()
    return status


def script() -> NoReturn:
    """
    The installed command: :func:`main`, and out of the process.

    Without taking apart what botocore has built, which takes a sixth of the time of a run.
    """
    code = main()
    # What is left here could not be written before, and main() has told so.
    with suppress(OSError):
        print(end="", flush=True)
    os._exit(code)


def _run(argv: Sequence[str], arguments: argparse.Namespace) -> int:
    # What stands behind it is another program's, and argparse's ways with it have changed often.
    end = list(argv).index(_END) if _END in argv else len(argv)
    arguments.program = list(argv[end + 1 :])
    name, rest = _find_command(argv[:end])
    if COMMANDS[name].calls_aws:
        # A process that ends in half a second frees nothing worth a tenth of it.
        gc.disable()
    parser_of(name).read(rest, arguments)
    if end < len(argv) and name != _RUNS_ANOTHER:
        raise ParameterError(f"Unknown options: {_END}", f"See '{PROG} {name} --help'.")
    # A command has an exit code of its own only if it runs another.
    return import_module(f".{COMMANDS[name].module}", __package__).run(arguments) or 0


def _find_command(words: Sequence[str]) -> tuple[str, list[str]]:
    """The name of the command, and all the other words."""
    words = ["--help"] if list(words) == ["help"] else list(words)
    found, _ = main_parser().parse_known_args(words)
    name: str = found.command
    rest = words[: len(words) - len(found.rest) - 1] + found.rest
    if name == _SERVICE:
        name, rest = _find_command(rest)
    name = ALIASES.get(name, name)
    if name not in COMMANDS:
        # Without a command its place may be that of a login or a token.
        shown = f" {name!r}" if re.fullmatch(r"[a-z-]{1,32}", name) else ""
        raise ParameterError(
            f"argument COMMAND: Found invalid choice{shown}", f"See '{PROG} --help'."
        )
    return name, rest


def main_parser() -> Parser:
    """The parser that finds the command."""
    lines = ["Amazon Cognito identities and OpenID tokens for your own users.", "", "commands:"]
    for name, command in COMMANDS.items():
        short = "".join(f" ({alias})" for alias, other in ALIASES.items() if other == name)
        # The longest name has a line of its own, as argparse would have it.
        lines += [f"  {name}{short}", f"      {command.summary}"]
    parser = Parser(
        prog=PROG,
        usage=f"{PROG} [global options] COMMAND [options]",
        description="\n".join(lines),
        epilog=f"'{PROG} COMMAND --help' tells the options of a command.",
        parents=[global_parser()],
    )
    parser.add_argument("command", metavar="COMMAND", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def parser_of(name: str) -> CommandParser:
    """The parser of one of :data:`COMMANDS`."""
    command = COMMANDS[name]
    module = import_module(f".{command.module}", __package__)
    parser = CommandParser(
        name, command.summary, module.DESCRIPTION, global_parser() if command.calls_aws else None
    )
    module.add_arguments(parser)
    return parser
