"""The exceptions of the commands, and the exit codes of AWS CLI v2."""

from __future__ import annotations

from ..exceptions import DevTokenError


PROG = "cognito-devtoken"

PARAMETER_ERROR = 252
CONFIGURATION_ERROR = 253
SERVICE_ERROR = 254
GENERAL_ERROR = 255
INTERRUPTED = 130

FORMATS = ("legacy", "json", "yaml", "text", "table", "enhanced")


class _CommandError(Exception):
    """
    An error with a hint.

    Args:
        message: What is wrong. It must not contain the value of a login.

        hint: What to do about it.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        if hint:
            self.add_note(hint)


class ParameterError(_CommandError):
    """An invalid argument."""


class OutputError(_CommandError):
    """The command cannot produce the requested output."""


ERRORS = (ParameterError, OutputError, DevTokenError, OSError)
