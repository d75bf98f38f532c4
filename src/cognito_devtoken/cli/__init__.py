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

from ._errors import ERRORS, INTERRUPTED, PARAMETER_ERROR, PROG, ParameterError
from ._input.options import error_format, global_parser
from ._input.parsing import CommandParser, Parser, did_you_mean
from ._output.report import Report


class Command(NamedTuple):
    """
    A command. Its module is imported only when the command is used.

    Attributes:
        module: The module in this package, with ``DESCRIPTION``, ``add_arguments()`` and ``run()``.

        summary: What the command does, in one line.

        calls_aws: Whether the command takes the global options of the AWS CLI.

        prints_response: Whether the command prints the response of AWS, so that the global options
            for its format have an effect.
    """

    module: str
    summary: str
    calls_aws: bool = False
    prints_response: bool = False


COMMANDS = {
    "demo": Command("demo", "show a token being issued, verified and used, on this machine"),
    "emulator": Command("emulator", "run a local Cognito for tests and front ends"),
    "get-open-id-token-for-developer-identity": Command(
        "get_token",
        "get a token from Cognito, as the AWS CLI does",
        calls_aws=True,
        prints_response=True,
    ),
    "credentials": Command(
        "credentials",
        "print a user's AWS credentials, for a profile's credential_process",
        calls_aws=True,
    ),
    "exec": Command("exec", "run a command with a token in its environment", calls_aws=True),
    "inspect": Command(
        "inspect", "show the claims of a token, and verify its signature", calls_aws=True
    ),
    "plan": Command("plan", "calculate how many users the quota supports, and what would help"),
    "whois": Command(
        "whois",
        "print the identity of a user, without creating one",
        calls_aws=True,
        prints_response=True,
    ),
    "erase": Command(
        "erase",
        "delete the identity of a user, and unlink every user id from it",
        calls_aws=True,
        prints_response=True,
    ),
    "completion": Command("completion", "print a completion script for bash, zsh or fish"),
    "store-key": Command("store_key", "generate a key that encrypts tokens in a shared store"),
}
ALIASES = {"get-token": "get-open-id-token-for-developer-identity"}
# Accepted so that a script with "aws cognito-identity get-…" only has to replace "aws".
SERVICE = "cognito-identity"
# What follows the separator is the program that exec runs.
_SEPARATOR, _RUNS_PROGRAM = "--", "exec"
_STDOUT = 1


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    Args:
        argv: The arguments; None uses those of the process.

    Returns:
        The exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        # Escape what the stream cannot encode. A closed stream is None.
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
        # The reader has closed the pipe. At exit, Python would flush again and report an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)
        return 0
    except ERRORS as error:
        report = Report.of(error)
        if sys.stderr is not None:
            # If stderr is closed, the exit code still reports the error.
            with suppress(OSError):
                report.write(sys.stderr, error_format(arguments))
        return report.exit_code
    finally:
        if collects:
            gc.enable()
    return status


def script() -> NoReturn:
    """
    Run :func:`main` and exit at once. This function is the installed command.

    A normal exit would free all objects that botocore has made, which takes a sixth of a run.
    """
    code = main()
    # If text is left in the buffer, main() could not write it, and has reported that.
    with suppress(OSError):
        print(end="", flush=True)
    os._exit(code)


def _run(argv: Sequence[str], arguments: argparse.Namespace) -> int:
    # What follows "--" belongs to another program. It is split off here, because how
    # argparse handles "--" depends on the version of Python.
    end = list(argv).index(_SEPARATOR) if _SEPARATOR in argv else len(argv)
    arguments.program = list(argv[end + 1 :])
    name, rest = _find_command(argv[:end])
    if name is None:
        print(main_parser().format_help(), end="", file=sys.stderr)
        return PARAMETER_ERROR
    if COMMANDS[name].calls_aws:
        # In a process that runs for half a second, garbage collection takes a tenth of the time and
        # frees little.
        gc.disable()
    parser_of(name).read(rest, arguments)
    # Like the AWS CLI, accept a separator with nothing after it.
    if arguments.program and name != _RUNS_PROGRAM:
        raise ParameterError(f"Unknown options: {_SEPARATOR}", f"See '{PROG} {name} --help'.")
    # Two commands may return an exit code: exec, if the program cannot be run; and plan, if a
    # quota is exceeded.
    return import_module(f".{COMMANDS[name].module}", __package__).run(arguments) or 0


def _find_command(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the name of the command, if there is one, and the remaining words."""
    words = ["--help"] if list(words) == ["help"] else list(words)
    found, _ = main_parser().parse_known_args(words)
    if not found.words:
        return None, words
    name: str = found.words[0]
    rest = words[: len(words) - len(found.words)] + found.words[1:]
    if name == SERVICE:
        return _find_command(rest)
    name = ALIASES.get(name, name)
    if name not in COMMANDS:
        # If the command was forgotten, this word may be a login or a token.
        shown = f" {name!r}" if re.fullmatch(r"[a-z-]{1,32}", name) else ""
        meant = did_you_mean([name], [*COMMANDS, *ALIASES, SERVICE])
        raise ParameterError(
            f"argument COMMAND: Found invalid choice{shown}", f"{meant}See '{PROG} --help'."
        )
    return name, rest


def main_parser() -> Parser:
    """Return the parser that finds the command."""
    lines = ["Amazon Cognito identities and OpenID tokens for your own users.", "", "commands:"]
    for name, command in COMMANDS.items():
        short = "".join(f" ({alias})" for alias, other in ALIASES.items() if other == name)
        # The summary goes on its own line, where argparse puts it for a long name.
        lines += [f"  {name}{short}", f"      {command.summary}"]
    parser = Parser(
        prog=PROG,
        usage=f"{PROG} [global options] COMMAND [options]",
        description="\n".join(lines),
        epilog=f"Run '{PROG} COMMAND --help' for the options of a command.",
        parents=[global_parser()],
    )
    # The command and what follows it.
    parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def parser_of(name: str) -> CommandParser:
    """Return the parser of one of :data:`COMMANDS`."""
    command = COMMANDS[name]
    module = import_module(f".{command.module}", __package__)
    globals_ = global_parser(prints_response=command.prints_response) if command.calls_aws else None
    parser = CommandParser(name, module.DESCRIPTION, globals_)
    module.add_arguments(parser)
    return parser
