"""What the commands raise, and the exit codes of AWS CLI v2."""

from __future__ import annotations

from ..exceptions import DevTokenError


PROG = "cognito-devtoken"

PARAMETER_ERROR = 252
CONFIGURATION_ERROR = 253
SERVICE_ERROR = 254
GENERAL_ERROR = 255
INTERRUPTED = 130

FORMATS = ("legacy", "json", "yaml", "text", "table", "enhanced")


class ParameterError(Exception):
    """
    An argument that cannot be used.

    Args:
        message: What is wrong, without the value of a login.

        hint: What to do about it.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        if hint:
            self.add_note(hint)


class OutputError(Exception):
    """The answer cannot be shown as it is to be."""


ERRORS = (ParameterError, OutputError, DevTokenError, OSError)
