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
    Inside ``with our_call:``, marks everything that this thread does as part of one of our calls.

    Attributes:
        unfiltered: The names of loggers that are not filtered, because they log no secret.
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
    While a thread is in one of our calls, passes only botocore's warnings, without their arguments.

    These warnings report, for example, that AWS credentials cannot be refreshed. urllib3's warnings
    are dropped, because they quote the headers of a response.
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

    Each of them needs it, because a logger's filter does not see what its children log. Call this
    function after importing botocore's modules, because the import creates their loggers.
    """
    for name, logger in list(logging.Logger.manager.loggerDict.items()):
        if name.partition(".")[0] in ("botocore", "urllib3") and isinstance(logger, logging.Logger):
            logger.addFilter(_FILTER)  # adding it again does nothing
