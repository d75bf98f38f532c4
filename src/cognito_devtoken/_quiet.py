"""
Keep botocore's debug log from showing what passes through our calls.

At DEBUG, botocore logs the parameters of a call, the signed headers with the session
token of the AWS credentials, and the body of the answer with the OpenID token.
"""

from __future__ import annotations

import logging
import threading


class _Quiet(threading.local):
    """``with quiet:``: what this thread does inside is one of our calls."""

    now = False

    def __enter__(self) -> None:
        self.now = True

    def __exit__(self, *exc_info: object) -> None:
        self.now = False


quiet = _Quiet()


class _OurCalls(logging.Filter):
    """Passes no record below WARNING of a thread that is in a call of ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or not quiet.now


_FILTER = _OurCalls()


def guard_loggers() -> None:
    """
    Put the filter on every logger of botocore and urllib3.

    On each of them, because a filter of a logger does not see what its children log. To
    be called when botocore has made a client: by then, its modules have their loggers.
    """
    for name, logger in list(logging.Logger.manager.loggerDict.items()):
        if name.partition(".")[0] in ("botocore", "urllib3") and isinstance(logger, logging.Logger):
            logger.addFilter(_FILTER)  # which does nothing the second time
