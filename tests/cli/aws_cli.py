"""The AWS CLI (version 1, the one of the package index) and ours, side by side in this process."""

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
    """Botocore reads each file and looks at each handler once; nobody listens to the log."""
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
