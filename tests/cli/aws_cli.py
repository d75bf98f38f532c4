"""Run the AWS CLI (version 1, from PyPI) and ours, side by side in this process."""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import botocore.hooks
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


def theirs(arguments: Sequence[str], service: str = "cognito-identity") -> Outcome:
    clidriver = module("awscli.clidriver")

    def run() -> int:
        # A new driver for each run, because a driver keeps the options of earlier runs.
        code: int = clidriver.create_clidriver().main([service, *arguments])
        return code

    with quietly():
        return _outcome(run)


def quietly() -> contextlib.AbstractContextManager[object]:
    """Ignore the AWS CLI's warnings, which are not ours to fix."""
    return warnings.catch_warnings(action="ignore")


def module(name: str) -> Any:
    """Import a module of the AWS CLI, or skip the test with a reason."""
    with quietly():
        return pytest.importorskip(
            name, reason="the AWS CLI cannot be installed beside this botocore"
        )


@contextlib.contextmanager
def quick() -> Iterator[None]:
    """Have botocore read each file and inspect each handler only once, and disable logging."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", _create_loader)
        # The AWS CLI registers the same 370 functions for each run.
        patch.setattr(_hooks, "accepts_kwargs", _accepts_kwargs)
        patch.setattr(_hooks.EventAliaser, "_alias_event_name", _alias_event_name)
        logging.disable()
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


_create_loader = cache(botocore.loaders.create_loader)
_hooks: Any = botocore.hooks
_accepts_kwargs = lru_cache(1024)(_hooks.accepts_kwargs)
_alias = _hooks.EventAliaser._alias_event_name
_aliases: dict[str, str] = {}


def _alias_event_name(self: Any, event_name: str) -> str:
    if event_name not in _aliases:
        _aliases[event_name] = _alias(self, event_name)
    return _aliases[event_name]


def _outcome(run: Callable[[], int]) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = run()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())
