"""``cognito-devtoken store-key``."""

from __future__ import annotations

import argparse

from ..stores import StoreKeys


DESCRIPTION = """\
Prints a new key for COGNITO_DEVTOKEN_STORE_KEYS, or for a file that it names.
Whoever has it can read the tokens in the store: mind where the output goes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    pass


def run(arguments: argparse.Namespace) -> None:
    print(StoreKeys.generate())
