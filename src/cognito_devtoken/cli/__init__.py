"""The command line: ``cognito-devtoken``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import NoReturn

from ..exceptions import (
    ConfigurationError,
    DevTokenError,
    InvalidRequestError,
    ServiceError,
)
from . import demo, emulator, get_token


PROG = "cognito-devtoken"

_COMMANDS = (
    ("demo", demo, ()),
    ("emulator", emulator, ()),
    ("get-open-id-token-for-developer-identity", get_token, ("get-token",)),
)

# The exit codes of AWS CLI v2.
PARAMETER_ERROR = 252
_EXIT_CODES: Sequence[tuple[type[Exception], int]] = (
    (argparse.ArgumentError, PARAMETER_ERROR),
    (InvalidRequestError, PARAMETER_ERROR),
    (ConfigurationError, 253),
    (ServiceError, 254),
    (DevTokenError, 255),
    (OSError, 255),
)
_INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(PARAMETER_ERROR, f"{PROG}: [ERROR]: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    Args:
        argv: The arguments; None takes those of the process.

    Returns:
        The exit code.
    """
    parser = _Parser(
        prog=PROG,
        description="Amazon Cognito identities and OpenID tokens for your own users.",
    )
    parser.add_argument("--version", action="version", version=f"{PROG} {version(PROG)}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command, aliases in _COMMANDS:
        subparser = commands.add_parser(
            name, aliases=aliases, help=command.SUMMARY, description=command.DESCRIPTION
        )
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read has enough. Python would flush, and complain, once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except tuple(cls for cls, _ in _EXIT_CODES) as error:
        print(f"{PROG}: [ERROR]: {_one_line(error)}", file=sys.stderr)
        return next(code for cls, code in _EXIT_CODES if isinstance(error, cls))
    return 0


def _one_line(error: Exception) -> str:
    return " ".join([str(error), *getattr(error, "__notes__", ())])
