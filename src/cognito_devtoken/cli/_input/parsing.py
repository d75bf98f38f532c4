"""
Parse arguments into a namespace, the way the AWS CLI does it.

Global options are parsed first, wherever they are. They can be abbreviated as if there were no
other options: ``--p`` is ``--profile``, even if an option of the command begins with a p, too. The
command parses the rest. No message quotes a value that may be a login.
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from .._errors import PROG, ParameterError


# The end of a message of argparse, from the point where the message quotes a value.
_VALUE = re.compile(r"(invalid \w+ value|ignored explicit argument).*", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """Raises an error instead of exiting, and quotes no value."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=_Formatter, **options)

    def error(self, message: str) -> NoReturn:
        raise ParameterError(_without_values(message), f"See '{self.prog} --help'.")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        # Flush here, because a failure to write the help or the version cannot be reported later.
        print(end="", flush=True)
        super().exit(status, message)


class _Formatter(argparse.HelpFormatter):
    """Wraps at spaces only, so that an option, an id or a name is never broken."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, **options)
        # On a narrow terminal, the help of an option needs nearly the whole width.
        self._max_help_position = _HELP_COLUMN if self._width >= _WIDE else _NARROW_HELP_COLUMN

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _wrapped(text, width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Wrap the paragraphs of a description, and keep its indented lines."""
        lines: list[str] = []
        paragraph: list[str] = []
        for line in [*text.splitlines(), ""]:
            if line and not line[0].isspace():
                paragraph.append(line)
                continue
            lines += _wrapped(" ".join(paragraph), width)
            paragraph.clear()
            margin = " " * (len(line) - len(line.lstrip()))
            lines += _wrapped(line, width, margin) if len(line) > width else [line]
        return "\n".join(lines[:-1])

    def _format_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[Any],
        prefix: str | None,
    ) -> str:
        if usage is None:
            names = [_positional(action) for action in actions if not action.option_strings]
            usage = " ".join([self._prog, "[options]", *names])
        lines = _wrapped(f"usage: {usage}", self._width, " " * len("usage: "))
        return "\n".join(lines).lstrip() + "\n\n"


def _positional(action: argparse.Action) -> str:
    return f"[{action.metavar}]" if action.nargs == "?" else str(action.metavar)


_WIDE, _HELP_COLUMN, _NARROW_HELP_COLUMN = 76, 30, 6


def _wrapped(text: str, width: int, margin: str = "") -> list[str]:
    return textwrap.wrap(
        text.strip(),
        width,
        initial_indent=margin,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )


# The order of the groups in the help of a command; all other groups come first.
REQUIRED, PARAMETERS, OPTIONS, GLOBALS, WITHOUT_EFFECT = _ORDER = (
    "required parameters",
    "parameters",
    "options",
    "global options",
    "options without effect",
)


class CommandParser(Parser):
    """
    The parser of one command.

    Args:
        name: The name of the command.

        description: What the command does, in full.

        globals_: The parser of the global options; None for a command without them.
    """

    def __init__(self, name: str, description: str, globals_: Parser | None = None) -> None:
        super().__init__(
            prog=f"{PROG} {name}",
            description=description,
            parents=[globals_] if globals_ else [],
        )
        self._globals = globals_
        if globals_:
            globals_.prog = self.prog

    def format_help(self) -> str:
        self._action_groups.sort(key=_rank)
        return super().format_help()

    @property
    def options(self) -> list[str]:
        """Every spelling of every option."""
        return [flag for action in self._actions for flag in action.option_strings]

    def read(self, arguments: Sequence[str], namespace: argparse.Namespace) -> None:
        """
        Read the arguments into the namespace.

        Raises:
            ParameterError: If the command does not have such an argument.
        """
        rest = list(arguments)
        if self._globals:
            _, rest = self._globals.parse_known_args(rest, namespace)
        if rest == ["help"]:
            rest = ["--help"]
        _, unknown = self.parse_known_args(rest, namespace)
        if unknown:
            raise ParameterError(
                f"Unknown options: {_names(unknown)}",
                f"{did_you_mean(_flags(unknown), self.options)}See '{self.prog} --help'.",
            )


def _rank(group: Any) -> int:
    return _ORDER.index(group.title) if group.title in _ORDER else -1


def did_you_mean(words: Iterable[str], known: Iterable[str]) -> str:
    """Return a question that names what was probably meant; empty if no known name is similar."""
    from difflib import get_close_matches

    known = list(known)
    close = [match for word in words for match in get_close_matches(word, known, 1)]
    return f"Did you mean {', '.join(dict.fromkeys(close))}? " if close else ""


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
    options = _flags(unknown)
    if others := len(unknown) - len(options):
        options.append(f"{others} argument{'s' * (others > 1)}")
    return ", ".join(options)


def _flags(unknown: Sequence[str]) -> list[str]:
    """Return the words that look like options, without their values."""
    found = [re.match(r"(--[A-Za-z_-]+)(?:=|$)", text) for text in unknown]
    return [match[1] for match in found if match]


def in_option_spelling(message: str, arguments: argparse.Namespace) -> str:
    """Return the message. If it begins with an argument's name, put the option in its place."""
    name, space, rest = message.partition(" ")
    option = f"--{name.replace('_', '-')}" if hasattr(arguments, name) else name
    return f"{option}{space}{rest}"


def _without_values(message: str) -> str:
    option, _, rest = message.partition("=")
    _, found, options = rest.rpartition(" could match")
    return _VALUE.sub(r"\1", f"{option}{found}{options}" if found else message)
