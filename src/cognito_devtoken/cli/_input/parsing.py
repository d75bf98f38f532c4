"""
Parse arguments into a namespace, the way the AWS CLI does it.

Global options are parsed first, wherever they are, and can be abbreviated as if there were
no others: ``--p`` is ``--profile``, whatever else begins with a p. The command parses the
rest. No message quotes a value that may be a login.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from .._errors import PROG, ParameterError


# Where argparse quotes a value, to the end of the message.
_VALUE = re.compile(r"(invalid \w+ value|ignored explicit argument).*", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """Raises an error instead of exiting, and quotes no value."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=_Formatter, **options)

    def error(self, message: str) -> NoReturn:
        raise ParameterError(_without_values(message), f"See '{self.prog} --help'.")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        # Flush here: a failure to write the help or the version could not be reported later.
        print(end="", flush=True)
        super().exit(status, message)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of a description as they are, and leaves room for long options."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, **{"max_help_position": 30, **options})


class CommandParser(Parser):
    """
    The parser of one command.

    Args:
        name: The name of the command.

        summary: What the command does, in one line.

        description: What the command does, in full.

        globals_: The parser of the global options; None for a command without them.
    """

    def __init__(
        self, name: str, summary: str, description: str, globals_: Parser | None = None
    ) -> None:
        super().__init__(
            prog=f"{PROG} {name}",
            description=description,
            parents=[globals_] if globals_ else [],
        )
        self.summary = summary
        self._globals = globals_

    def read(self, arguments: Sequence[str], namespace: argparse.Namespace) -> None:
        """
        Read the arguments into the namespace.

        Raises:
            ParameterError: If an argument is not one of the command's.
        """
        rest = list(arguments)
        if self._globals:
            _, rest = self._globals.parse_known_args(rest, namespace)
        if rest == ["help"]:
            rest = ["--help"]
        _, unknown = self.parse_known_args(rest, namespace)
        if unknown:
            raise ParameterError(
                f"Unknown options: {_names(unknown)}", f"See '{self.prog} --help'."
            )


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a type for argparse that accepts only these words."""

    def choose(text: str) -> str:
        if text not in choices:
            found = f" {text!r}" if re.fullmatch(r"[\w-]{1,32}", text) else ""
            raise argparse.ArgumentTypeError(
                f"Found invalid choice{found}, expected one of {', '.join(choices)}"
            )
        return text

    return choose


def _names(unknown: Sequence[str]) -> str:
    """List the options by name, and count the other arguments, which may be logins."""
    options = [text.partition("=")[0] for text in unknown if re.match(r"--[a-z-]+(=|$)", text)]
    if others := len(unknown) - len(options):
        options.append(f"{others} argument{'s' * (others > 1)}")
    return ", ".join(options)


def _without_values(message: str) -> str:
    option, _, rest = message.partition("=")
    _, found, options = rest.rpartition(" could match")
    return _VALUE.sub(r"\1", f"{option}{found}{options}" if found else message)
