"""
Say what is wrong with AWS credentials, and where they come from, without showing them.

The errors that this module returns occur before anything is sent. Their cause is on this host, so
trying again does not help.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from .._values.text import one_line, printable
from ..exceptions import ConfigurationError
from .frames import client_of, credentials_of, method_of, profile_of, provider_of


if TYPE_CHECKING:
    from botocore.session import Session


CREDENTIALS_HINT = (
    "Check that your AWS credentials (from the environment, a profile or a role) are valid and "
    "not expired, and that the system clock is correct. Test them with "
    "'aws sts get-caller-identity'."
)
_RENEWED_HINT = "Set the value again, with nothing before or after it."

_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_PARTS = ("The access key id", "The secret access key", "The session token")
# For each source, by botocore's name: what it calls the parts of the credentials, and where they
# are.
_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_NAMES: Mapping[str, tuple[tuple[str, str, str], str]] = {
    "explicit": (_PARTS, ""),
    "shared-credentials-file": (_KEYS, " in the AWS credentials file"),
    "config-file": (_KEYS, " in the AWS config file"),
}
_PROCESS = "custom-process"
_CONTAINER = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
_CONTAINER_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"


def flaw_in(credentials: Any) -> str | None:
    """Return what is wrong with AWS credentials, and where; None if they may be valid."""
    method = str(getattr(credentials, "method", None))
    names, where = _NAMES.get(method, (_PARTS, f" from {printable(method)}"))
    held: dict[str, Any] = getattr(credentials, "__dict__", {})
    attributes = ("access_key", "secret_key", "token")
    for name, variable, attribute in zip(names, _VARIABLES, attributes, strict=True):
        # Read "_token" before "token", which may be a property that renews the credentials.
        value = held.get("_" + attribute, held.get(attribute))
        if isinstance(value, str) and (flaw := _flaw(value)):
            # Look at the environment variable, too: if botocore uses it to assume a role, the
            # method of the credentials does not say so.
            return f"{variable if os.environ.get(variable) == value else name + where} {flaw}"
    return None


def _flaw(value: str) -> str | None:
    for end, what in (("\n", "a line end"), ("\r", "a line end"), (" ", "a space")):
        if value.endswith(end):
            return f"ends with {what}"
        if end in value:
            return f"contains {what}"
    if not (value.isascii() and value.isprintable()):
        return "contains a character that is not printable ASCII"
    return "is in quotes" if value[:1] in ("'", '"') and value[:1] == value[-1:] else None


def unsendable(error: BaseException) -> ConfigurationError | None:
    """Return the error for AWS credentials that no request can be signed with."""
    flaw = flaw_in(credentials_of(client_of(error)))
    return ConfigurationError(f"{flaw}.", hint=_RENEWED_HINT) if flaw else None


def unusable(error: Exception) -> ConfigurationError | None:
    """Return the error for a source of AWS credentials that failed; None if none did."""
    provider = provider_of(error)
    if provider is None:
        return None
    method = method_of(provider)
    if isinstance(error, RuntimeError):  # botocore raises this with a constant text
        return ConfigurationError(
            f"The AWS credentials from {printable(method)} have expired, and no newer ones are "
            "available.",
            hint=CREDENTIALS_HINT,
        )
    if method == _PROCESS:
        profile = printable(profile_of(provider) or "")
        return ConfigurationError(
            f"The credential_process of the profile {profile} {_process_flaw(error)}.",
            hint="Run the credential_process by hand: it must print AWS credentials as JSON.",
        )
    if method == "container-role":
        return _container_error(error)
    path = getattr(provider, "_web_identity_token_path", None)
    if isinstance(path, str) and isinstance(error, UnicodeError):
        return ConfigurationError(
            one_line(f"The web identity token file {path} is not text."),
            hint="Check AWS_WEB_IDENTITY_TOKEN_FILE, or web_identity_token_file of the profile.",
        )
    return ConfigurationError(
        f"The AWS credentials cannot be read from their source {printable(method)} "
        f"({type(error).__name__}).",
        hint=CREDENTIALS_HINT,
    )


def unreadable(error: OSError) -> ConfigurationError:
    """Return the error for a credentials file or program that the system cannot read or run."""
    provider = provider_of(error)
    found = f"{type(error).__name__}: {error.strerror}: {error.filename}"
    if method_of(provider) == _PROCESS:
        found += f" (credential_process of the profile {profile_of(provider)})"
    return ConfigurationError(one_line(f"{found}."), hint=CREDENTIALS_HINT)


def _process_flaw(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return "printed something other than JSON"
    if isinstance(error, IndexError):
        return "is empty"
    if str(error) == "No closing quotation":
        return "has a quote that is not closed"
    return f"printed something that cannot be used ({type(error).__name__})"


def _container_error(error: Exception) -> ConfigurationError:
    path = os.environ.get(f"{_CONTAINER}_FILE")
    name = one_line(f"The file {path} of {_CONTAINER}_FILE") if path else _CONTAINER
    if isinstance(error, UnicodeDecodeError):
        return ConfigurationError(f"{name} is not text.", hint=_RENEWED_HINT)
    if "header value" in str(error):
        return ConfigurationError(
            f"{name} contains a line end.",
            hint="Write the token without a line end, for example with: printf %s TOKEN",
        )
    uri = one_line(os.environ.get(_CONTAINER_URI, ""))
    return ConfigurationError(
        f"The AWS credentials cannot be read from {_CONTAINER_URI}={uri} ({type(error).__name__}).",
        hint=f"Set {_CONTAINER_URI} to an https:// URL, or to a loopback, ECS or EKS address.",
    )


def log_in_hint(error: Exception, session: Session | None) -> str | None:
    """Return how to log in, for an error of a profile that needs a log-in; else None."""
    # Compared by name, because an older botocore lacks some of these classes.
    members: tuple[str, ...]
    kinds = {cls.__name__ for cls in type(error).__mro__}
    if kinds & {"SSOError", "TokenRetrievalError"}:
        command, members = "aws sso login", ("sso_session", "sso_start_url")
    elif "LoginError" in kinds:
        command, members = "aws login", ("login_session",)
    else:
        return None
    profile = _source_profile(session, members)
    return f"Log in: {command}" + (f" --profile {printable(profile)}" if profile else "")


def _source_profile(session: Session | None, members: tuple[str, ...]) -> str | None:
    """Follow source_profile from the session's profile to one that has one of these members."""
    if session is None:
        return None
    config = cast("Mapping[str, Any]", session.full_config)
    name: str | None = session.profile or "default"
    seen: set[str] = set()
    while name and name not in seen:
        seen.add(name)
        profile: Mapping[str, Any] = config.get("profiles", {}).get(name, {})
        if any(member in profile for member in members):
            return name
        name = profile.get("source_profile")
    return session.profile
