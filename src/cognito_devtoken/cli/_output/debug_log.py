"""``--debug``: log what happens, without secrets."""

from __future__ import annotations

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager

from ..._aws.log_filter import guard_loggers, our_call


LOG = logging.getLogger("cognito_devtoken.cli")
# These log names, addresses and decisions. botocore's other loggers log requests, signatures
# and responses.
_TELLING = (
    "cognito_devtoken.cli",
    "botocore.credentials",
    "botocore.retries",
    "urllib3.connectionpool",
)
_LINE = "%(asctime)s - %(threadName)s - %(name)s - %(levelname)s - %(message)s"


@contextmanager
def logging_of(*, debug: bool) -> Generator[None]:
    """
    Keep secrets out of the log inside the block, as :meth:`.DevTokenClient.fetch` does.

    With *debug*, also write what is harmless to standard error.
    """
    guard_loggers()
    with our_call:
        if not debug:
            yield
            return
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter(_LINE))
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
