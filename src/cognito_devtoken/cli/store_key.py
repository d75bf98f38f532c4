"""``cognito-devtoken store-key``: generate a key for a shared store."""

from __future__ import annotations

import argparse

from ..stores import StoreKeys
from ._input.parsing import Parser
from ._output.file import add_output_file, check_target, deliver


DESCRIPTION = """\
Generates a key for COGNITO_DEVTOKEN_STORE_KEYS, or for the file that this
variable points to. Anyone who has the key can read the tokens in the store: use
--output-file rather than shell redirection, which might let other users read
the file."""


def add_arguments(parser: Parser) -> None:
    add_output_file(parser)


def run(arguments: argparse.Namespace) -> None:
    check_target(arguments.output_file)
    deliver(f"{StoreKeys.generate()}\n", arguments.output_file)
