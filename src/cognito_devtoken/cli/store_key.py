"""``cognito-devtoken store-key``."""

from __future__ import annotations

import argparse

from ..stores import StoreKeys
from ._input.parsing import Parser
from ._output.file import add_output_file, check_target, deliver


DESCRIPTION = """\
Prints a new key for COGNITO_DEVTOKEN_STORE_KEYS, or for a file that it names.
Whoever has it can read the tokens in the store: --output-file keeps it from
the other users of the machine, and a redirection to a file may not."""


def add_arguments(parser: Parser) -> None:
    add_output_file(parser)


def run(arguments: argparse.Namespace) -> None:
    check_target(arguments.output_file)
    deliver(f"{StoreKeys.generate()}\n", arguments.output_file)
