"""``--debug``: log what happens, without secrets."""

from __future__ import annotations

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager

from ..._aws.log_filter import guard_loggers, our_call
from ..._values.text import printable


LOG = logging.getLogger("cognito_devtoken.cli")
# These loggers log only names, addresses and decisions. botocore's other loggers log requests,
# signatures and responses.
_TELLING = (
    "cognito_devtoken.cli",
    "botocore.credentials",
    "botocore.retries",
    "urllib3.connectionpool",
)


class _Formatter(logging.Formatter):
    """Escapes control characters, which a response may contain."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record), keep="\n")


_LINE = "%(asctime)s - %(threadName)s - %(name)s - %(levelname)s - %(message)s"


@contextmanager
def logging_of(*, debug: bool) -> Generator[None]:
    """
    Keep secrets out of the log inside the block, as :meth:`.DevTokenClient.fetch` does.

    With *debug*, also write records to standard error, but only from loggers that log no secrets.
    If one block is inside another, each record is written once.
    """
    guard_loggers()
    with our_call:
        if not debug or our_call.unfiltered:
            yield
            return
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Formatter(_LINE))
        loggers = [logging.getLogger(name) for name in _TELLING]
        before = [logger.level for logger in loggers]
        our_call.unfiltered = _TELLING
        for logger in loggers:
            logger.addHandler(handler)
            logger.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            our_call.unfiltered = ()
            for logger, level in zip(loggers, before, strict=True):
                logger.removeHandler(handler)
                logger.setLevel(level)
