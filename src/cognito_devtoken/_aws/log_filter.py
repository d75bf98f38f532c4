"""
Keep botocore's debug log from showing what passes through our calls.

At DEBUG, botocore logs the parameters of a call, the signed headers with the session
token of the AWS credentials, and the body of the answer with the OpenID token.
"""

from __future__ import annotations

import logging
import threading


class _Quiet(threading.local):
    """
    ``with quiet:``: what this thread does inside is one of our calls.

    Attributes:
        telling: The names of loggers that pass all the same, as they tell no secret.
    """

    depth = 0
    telling: tuple[str, ...] = ()

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *exc_info: object) -> None:
        self.depth -= 1


quiet = _Quiet()


class _OurCalls(logging.Filter):
    """
    In a thread that is in a call of ours, passes warnings of botocore and nothing else.

    They tell of AWS credentials that cannot be refreshed, and pass without what they
    quote. urllib3's quote the headers of an answer.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if not quiet.depth:
            return True
        record.exc_info = record.exc_text = None
        if record.name.startswith(quiet.telling) and record.levelno < logging.WARNING:
            return True
        record.args = None
        return record.levelno >= logging.WARNING and record.name.startswith("botocore")


_FILTER = _OurCalls()


def guard_loggers() -> None:
    """
    Put the filter on every logger of botocore and urllib3.

    On each of them, because a filter of a logger does not see what its children log. To
    be called when botocore's modules have been imported, and have their loggers.
    """
    for name, logger in list(logging.Logger.manager.loggerDict.items()):
        if name.partition(".")[0] in ("botocore", "urllib3") and isinstance(logger, logging.Logger):
            logger.addFilter(_FILTER)  # which does nothing the second time
