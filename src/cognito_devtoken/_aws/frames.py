"""
Find out from a traceback what botocore was doing.

botocore's errors do not say which client, profile or file they are about, but the objects in their
frames do. This module reads private attributes of these objects, but only to explain an error. If a
version of botocore lacks an attribute, the explanation is less detailed.
"""

from __future__ import annotations

from traceback import walk_tb
from typing import Any


def client_of(error: BaseException) -> Any:
    """Return the botocore client whose call failed; None if no call did."""
    return _innermost(error, "_request_signer", "botocore.client")


def provider_of(error: BaseException) -> Any:
    """Return the source of AWS credentials that failed; None if none did."""
    kinds = (
        ("_web_identity_token_path", "botocore.utils"),  # an object that reads a provider's file
        ("METHOD", "botocore.credentials"),  # a provider
        ("method", "botocore.credentials"),  # credentials that renew themselves
    )
    found = (_innermost(error, attribute, module) for attribute, module in kinds)
    return next((each for each in found if each is not None), None)


def credentials_of(client: Any) -> Any:
    """Return the AWS credentials that a client signs with; None if it has none."""
    return getattr(getattr(client, "_request_signer", None), "_credentials", None)


def method_of(provider: Any) -> str:
    """Return botocore's name for a source of AWS credentials; "" if it is not known."""
    return str(getattr(provider, "METHOD", None) or getattr(provider, "method", ""))


def profile_of(provider: Any) -> str | None:
    """Return the profile that a source of AWS credentials reads."""
    name = getattr(provider, "_profile_name", None)
    return name if isinstance(name, str) else None


def local_of(error: BaseException, function: str, name: str) -> Any:
    """Return a local variable of the innermost frame of a function; None if there is none."""
    found = None
    for frame, _ in walk_tb(error.__traceback__):
        if frame.f_code.co_name == function:
            found = frame.f_locals.get(name, found)
    return found


def _innermost(error: BaseException, attribute: str, module: str) -> Any:
    """Return the innermost ``self`` that has *attribute*, in the frames of *module*; else None."""
    found = None
    for frame, _ in walk_tb(error.__traceback__):
        if frame.f_globals.get("__name__") == module:
            each = frame.f_locals.get("self")
            found = each if hasattr(each, attribute) else found
    return found
