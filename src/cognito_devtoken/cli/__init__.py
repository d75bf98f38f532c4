"""The command line: ``cognito-devtoken``."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from importlib.metadata import version
from io import TextIOWrapper
from typing import NoReturn

from ..exceptions import (
    ConfigurationError,
    DevTokenError,
    InvalidRequestError,
    ServiceError,
)
from . import demo, emulator, get_token, store_key


PROG = "cognito-devtoken"

_COMMANDS = (
    ("demo", demo, ()),
    ("emulator", emulator, ()),
    ("get-open-id-token-for-developer-identity", get_token, ("get-token",)),
    ("store-key", store_key, ()),
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
_STDOUT = 1


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # What stands behind "=" may be a login.
        message = re.sub(r"(--[\w-]+)=.*(?= could match)", r"\1", message, flags=re.DOTALL)
        message = re.sub(r": '[^']*=.*'(?= \(choose)", "", message, flags=re.DOTALL)
        self.exit(PARAMETER_ERROR, _error_line(message))


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
    arguments = _parse(argv)
    try:
        arguments.run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read has enough. Python would flush, and complain, once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)
        return 0
    except tuple(cls for cls, _ in _EXIT_CODES) as error:
        message = str(error)
        for note in getattr(error, "__notes__", ()):
            message = f"{message.removesuffix('.')}. {note}"
        if sys.stderr is not None:
            sys.stderr.write(_error_line(message))
        return next(code for cls, code in _EXIT_CODES if isinstance(error, cls))
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
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
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        # argparse itself would repeat them, and one may be a login.
        options = [text.partition("=")[0] for text in unknown if re.match(r"--[a-z-]+(=|$)", text)]
        count = len(unknown) - len(options)
        parser.error(
            "unrecognized: " + ", ".join(options + ([f"{count} argument(s)"] if count else []))
        )
    return arguments


def _error_line(message: str) -> str:
    return f"{PROG}: [ERROR]: {' '.join(message.split())}\n"
