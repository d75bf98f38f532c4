"""
Keep session tokens out of the debug log of botocore.

At DEBUG, botocore logs what it signs and sends, including the user's session token and the secrets
of S3 Express sessions. This library drops the debug lines of its own calls. But the calls of users'
clients are the application's, so their log lines are kept, and only the secrets are masked.
"""

from __future__ import annotations

import logging
import re

from .._values.secret import HIDDEN


_LIBRARIES = ("aioboto3", "aiobotocore", "boto3", "botocore", "s3transfer")
# Secrets in a header, in the repr of a header, in a URL, in a URL inside a URL, and in the XML of a
# response.
_SECRET = re.compile(
    r"""
    ( (?:security|s3session)-token (?: %(?:25)?3D | '? [:=] [ ]? b? '? )
    | < (?:SecretAccessKey|SessionToken) >
    )
    (?: [\w+/=.~-] | % (?!(?:25)?26) [0-9A-F]{2} )+
    """,
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)


class _TokenFilter(logging.Filter):
    """Masks secrets in debug messages."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno <= logging.DEBUG:
            try:
                text = record.getMessage()
            except Exception as error:  # noqa: BLE001  # the application's call must not fail
                # Without the arguments: a handler would print them, and they may hold a secret.
                record.msg = f"A debug message could not be formatted: {type(error).__name__}."
                record.args = None
                return True
            masked = _SECRET.sub(rf"\1{HIDDEN}", text)
            if masked != text:
                record.msg, record.args = masked, None
        return True


_FILTER = _TokenFilter()


def hide_session_tokens() -> None:
    """Add the filter to every logger of botocore, and of the libraries built on it."""
    for name, logger in list(logging.Logger.manager.loggerDict.items()):
        if name.partition(".")[0] in _LIBRARIES and isinstance(logger, logging.Logger):
            logger.addFilter(_FILTER)  # adding it again does nothing
