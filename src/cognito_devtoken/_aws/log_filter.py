"""
Keep the secrets of our calls out of botocore's debug log.

At DEBUG, botocore logs the parameters of a call, the signed headers with the session token of
the AWS credentials, and the body of the response with the OpenID token.
"""

from __future__ import annotations

import logging
import threading


class _OurCall(threading.local):
    """
    Marks what this thread does inside ``with our_call:`` as one of our calls.

    Attributes:
        unfiltered: The names of loggers that are not filtered, as they log no secret.
    """

    depth = 0
    unfiltered: tuple[str, ...] = ()

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *exc_info: object) -> None:
        self.depth -= 1


our_call = _OurCall()


class _SecretFilter(logging.Filter):
    """
    Passes only botocore's warnings in a thread that is in one of our calls.

    They report AWS credentials that cannot be refreshed, and lose their arguments. Urllib3's
    warnings are dropped: they quote the headers of a response.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if not our_call.depth:
            return True
        record.exc_info = record.exc_text = None
        if record.name.startswith(our_call.unfiltered) and record.levelno < logging.WARNING:
            return True
        record.args = None
        return record.levelno >= logging.WARNING and record.name.startswith("botocore")


_FILTER = _SecretFilter()


def guard_loggers() -> None:
    """
    Put the filter on every logger of botocore and urllib3.

    On each of them, because a logger's filter does not see what its children log. Call it after
    importing botocore's modules, which creates their loggers.
    """
    for name, logger in list(logging.Logger.manager.loggerDict.items()):
        if name.partition(".")[0] in ("botocore", "urllib3") and isinstance(logger, logging.Logger):
            logger.addFilter(_FILTER)  # adding it again does nothing
