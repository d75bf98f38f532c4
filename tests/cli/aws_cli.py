"""The AWS CLI (version 1, the one of the package index) and ours, side by side in this process."""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import botocore.loaders
import botocore.session
import pytest

from cognito_devtoken.cli import main


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


def ours(arguments: Sequence[str]) -> Outcome:
    return _outcome(lambda: main(["cognito-identity", *arguments]))


def theirs(arguments: Sequence[str]) -> Outcome:
    clidriver = module("awscli.clidriver")

    def run() -> int:
        # Each run has a driver of its own: one keeps the options that it has been given.
        code: int = clidriver.create_clidriver().main(["cognito-identity", *arguments])
        return code

    with quietly():
        return _outcome(run)


def quietly() -> contextlib.AbstractContextManager[object]:
    """What the AWS CLI warns of is not ours to mend."""
    return warnings.catch_warnings(action="ignore")


def module(name: str) -> Any:
    """A module of the AWS CLI, or a test that is skipped for all to see."""
    with quietly():
        return pytest.importorskip(
            name, reason="the AWS CLI cannot be installed beside this botocore"
        )


@contextlib.contextmanager
def quick() -> Iterator[None]:
    """Botocore reads each file of its data once, and nobody listens to what the AWS CLI logs."""
    before = botocore.session.create_loader
    botocore.session.create_loader = _create_loader
    logging.disable()
    try:
        yield
    finally:
        botocore.session.create_loader = before
        logging.disable(logging.NOTSET)


_create_loader = cache(botocore.loaders.create_loader)


def _outcome(run: Callable[[], int]) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = run()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())
