"""Report errors as AWS CLI v2 does: text of the same form, and the same exit codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

import attrs

from ..._values.secret import HIDDEN
from ..._values.text import printable
from ...exceptions import (
    ConfigurationError,
    DevTokenError,
    IncompleteEraseError,
    InvalidRequestError,
    ServiceError,
    Violation,
)
from .._errors import (
    CONFIGURATION_ERROR,
    GENERAL_ERROR,
    PARAMETER_ERROR,
    PROG,
    SERVICE_ERROR,
    ParameterError,
)
from .formats import rendered


# The API model gives these errors a member "message", which the AWS CLI shows beside "Message".
_MODELED = frozenset(
    f"{name}Exception"
    for name in (
        "DeveloperUserAlreadyRegistered",
        "InternalError",
        "InvalidParameter",
        "NotAuthorized",
        "ResourceConflict",
        "ResourceNotFound",
        "TooManyRequests",
    )
)
# The errors of botocore that have an exit code of their own in AWS CLI v2. For each: its name in
# the AWS CLI, its text, and our hint.
_CONFIGURATION = {
    "NoRegionError": (
        "NoRegion",
        "{}",
        "Give --region, set AWS_REGION, or use a pool id that begins with a region.",
    ),
    "NoCredentialsError": ("NoCredentials", "{}.", None),
}


# A provider's name, which has no colon, or its ARN.
_NAME = re.compile(r"(arn:[\w-]+:iam::\d*:)?[\w.#/-]+", re.ASCII)


def _lines(text: str) -> str:
    return printable(text, keep="\n")


def _printable_fields(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: _lines(text) for name, text in fields.items()}


@attrs.frozen
class Report:
    """
    The report of an error. Control characters are escaped, because an error may quote a file or a
    response.

    Attributes:
        exit_code: The exit code of the process.

        text: The whole message.

        fields: What a structured format shows; empty if the error is always shown as text.

        hint: What to do about the error; empty if there is no hint.
    """

    exit_code: int
    text: str = attrs.field(converter=_lines)
    fields: Mapping[str, str] = attrs.field(converter=_printable_fields)
    hint: str = attrs.field(converter=_lines)

    @classmethod
    def of(cls, error: Exception) -> Report:
        """Return the report of one of :data:`ERRORS`."""
        hint = " ".join(getattr(error, "__notes__", ()))
        if isinstance(error, ServiceError):
            # botocore's own message, rebuilt without secrets.
            said: Any = error.__cause__
            message = str(said.response["Error"]["Message"])
            fields = {"Message": message, "Code": error.code}
            if error.code in _MODELED:
                fields["message"] = message
            return cls(SERVICE_ERROR, str(error.__cause__), fields, hint)
        if isinstance(error, InvalidRequestError):
            lines = "\n".join(map(redacted, error.violations))
            return _named(PARAMETER_ERROR, "ParamValidation", f"{_REFUSED}\n{lines}", hint)
        if isinstance(error, ParameterError):
            return _named(PARAMETER_ERROR, "ParamValidation", str(error), hint)
        cause = error.__cause__ if isinstance(error, DevTokenError) else None
        if isinstance(error, IncompleteEraseError):
            # Without a cause, the service did respond, and listed what it has not deleted.
            refused = cause is None or isinstance(cause, ServiceError)
            return cls(SERVICE_ERROR if refused else GENERAL_ERROR, str(error), {}, hint)
        if isinstance(error, ConfigurationError):
            if cause is None:
                return _named(CONFIGURATION_ERROR, "Configuration", str(error), hint)
            if known := _CONFIGURATION.get(type(cause).__name__):
                code, form, own_hint = known
                return _named(CONFIGURATION_ERROR, code, form.format(cause), own_hint or hint)
        return cls(GENERAL_ERROR, str(cause or error), {}, hint)

    def write(self, stream: IO[str], style: str) -> None:
        """
        Write the report.

        Args:
            stream: Where to write it.

            style: One of :data:`FORMATS`.
        """
        if self.fields and style not in ("enhanced", "legacy"):
            shown = dict(self.fields) | ({"Hint": self.hint} if self.hint else {})
            # Without ruamel.yaml, the error is written as text instead.
            with suppress(ConfigurationError):
                stream.write(rendered("error", shown, style))
                return
        text = self.fields["Message"] if self.fields and style == "legacy" else self.text
        if self.exit_code == SERVICE_ERROR:
            text = self.text
        stream.write(f"\n{PROG}: [ERROR]: {text}\n")
        if self.hint:
            stream.write(f"{self.hint}\n")


def redacted(violation: Violation) -> str:
    """
    Format a violation, and hide the name of a login or tag if the name may contain a value.

    In YAML, if the space after a colon is missing, a name and its login become one name.
    """
    head, _, rest = violation.member.partition("[")
    if rest and not _NAME.fullmatch(rest[1:-2]):  # without the quotes and the bracket
        violation = attrs.evolve(violation, member=f"{head}[{HIDDEN}]")
    return str(violation)


_REFUSED = "Parameter validation failed:"


def _named(exit_code: int, code: str, message: str, hint: str) -> Report:
    text = f"An error occurred ({code}): {message}"
    return Report(exit_code, text, {"Code": code, "Message": message}, hint)
