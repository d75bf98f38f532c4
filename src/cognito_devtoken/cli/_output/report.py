"""Errors as AWS CLI v2 reports them: text of the same form, and the same exit codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

import attrs

from ..._values.secret import HIDDEN
from ...exceptions import (
    ConfigurationError,
    DevTokenError,
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


# Their shape in the API model has a member "message", which the AWS CLI shows beside "Message".
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
# Of botocore: what AWS CLI v2 has an exit code of its own for, and its name there.
_CONFIGURATION = {
    "NoRegionError": (
        "NoRegion",
        "{}",
        "Give --region, set AWS_REGION, or use a pool id that begins with a region.",
    ),
    "NoCredentialsError": ("NoCredentials", "{}.", None),
}


_ENTRY = re.compile(r"""\[(?P<quote>['"])(?P<name>.*)(?P=quote)\]""", re.DOTALL)
# A provider's name, or its ARN: else no colon.
_NAME = re.compile(r"(arn:[\w-]+:iam::\d*:)?[\w.#/-]+", re.ASCII)


@attrs.frozen
class Report:
    """
    What is told of an error.

    Attributes:
        exit_code: Of the process.

        text: The whole message.

        fields: What a structured format shows; empty for what is only ever told as text.

        hint: What to do about it; empty if there is nothing to be said.
    """

    exit_code: int
    text: str
    fields: Mapping[str, str]
    hint: str

    @classmethod
    def of(cls, error: Exception) -> Report:
        """The report of one of :data:`ERRORS`."""
        hint = " ".join(getattr(error, "__notes__", ()))
        if isinstance(error, ServiceError):
            # botocore's own words, made anew of what is no secret.
            said: Any = error.__cause__
            message = str(said.response["Error"]["Message"])
            fields = {"Message": message, "Code": error.code}
            if error.code in _MODELED:
                fields["message"] = message
            return cls(SERVICE_ERROR, str(error.__cause__), fields, hint)
        if isinstance(error, InvalidRequestError):
            lines = "\n".join(map(told, error.violations))
            return _named(PARAMETER_ERROR, "ParamValidation", f"{_REFUSED}\n{lines}", hint)
        if isinstance(error, ParameterError):
            return _named(PARAMETER_ERROR, "ParamValidation", str(error), hint)
        cause = error.__cause__ if isinstance(error, DevTokenError) else None
        if isinstance(error, ConfigurationError):
            if cause is None:
                return _named(CONFIGURATION_ERROR, "Configuration", str(error), hint)
            if known := _CONFIGURATION.get(type(cause).__name__):
                code, form, own_hint = known
                return _named(CONFIGURATION_ERROR, code, form.format(cause), own_hint or hint)
        return cls(GENERAL_ERROR, str(cause or error), {}, hint)

    def write(self, stream: IO[str], style: str) -> None:
        """
        Tell it.

        Args:
            stream: Where to.

            style: One of :data:`FORMATS`.
        """
        if self.fields and style not in ("enhanced", "legacy"):
            shown = dict(self.fields) | ({"Hint": self.hint} if self.hint else {})
            # Without PyYAML there is no YAML, and an error that must be told nevertheless.
            with suppress(ConfigurationError):
                stream.write(rendered("error", shown, style))
                return
        text = self.fields["Message"] if self.fields and style == "legacy" else self.text
        if self.exit_code == SERVICE_ERROR:
            text = self.text
        stream.write(f"\n{PROG}: [ERROR]: {text}\n")
        if self.hint:
            stream.write(f"{self.hint}\n")


def told(violation: Violation) -> str:
    """
    A broken limit, with the names of logins and tags that are nothing else.

    In YAML, a space that is missing makes one name of a name and a login.
    """
    return _ENTRY.sub(
        lambda entry: entry[0] if _NAME.fullmatch(entry["name"]) else f"[{HIDDEN}]",
        str(violation),
        count=1,
    )


_REFUSED = "Parameter validation failed:"


def _named(exit_code: int, code: str, message: str, hint: str) -> Report:
    text = f"An error occurred ({code}): {message}"
    return Report(exit_code, text, {"Code": code, "Message": message}, hint)
