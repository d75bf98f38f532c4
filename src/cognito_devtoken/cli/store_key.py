"""``cognito-devtoken store-key``: generate a key for a shared store."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..stores import StoreKeys
from ._errors import ParameterError
from ._input.parsing import Parser
from ._output.file import add_output_file, check_target, deliver


DESCRIPTION = """\
Generates a key for COGNITO_DEVTOKEN_STORE_KEYS, or for the file that this
variable points to. Anyone who has the key can read the tokens in the store, so
use --output-file rather than shell redirection, which might let other users
read the file. An existing file is not replaced."""


def add_arguments(parser: Parser) -> None:
    add_output_file(parser)


def run(arguments: argparse.Namespace) -> None:
    check_target(arguments.output_file)
    if arguments.output_file is not None and Path(arguments.output_file).exists():
        raise ParameterError(
            f"Bad value for --output-file: {arguments.output_file} exists, and may hold a key.",
            "Without that key, the tokens in the store cannot be read. To rotate keys, write the "
            "new key to another file, and add the new key after the old key on every host. To "
            "replace the file anyway, remove it first.",
        )
    deliver(f"{StoreKeys.generate()}\n", arguments.output_file)
