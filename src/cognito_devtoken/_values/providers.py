"""Login providers: their names, and the user id that a request has for the developer provider."""

from __future__ import annotations

import re

from ..exceptions import InvalidRequestError, Violation
from .request import TokenRequest, text_violations
from .secret import Secret


# The providers that an identity pool lists by name. The names of all other public providers contain
# a slash: these are OpenID Connect and SAML providers in IAM, and user pools.
NAMED_PROVIDERS = frozenset(
    {
        "accounts.google.com",
        "api.twitter.com",
        "appleid.apple.com",
        "graph.facebook.com",
        "www.amazon.com",
        "www.digits.com",
    }
)
# From the API model (DeveloperProviderName), which allows 128 characters. ASCII, as in ID_PATTERN.
DEVELOPER_PROVIDER = re.compile(r"[\w._-]{1,128}", re.ASCII)
# The longest user id in the operations on identities. In Logins, 50,000 characters are allowed.
MAX_USER_ID = 1024
_NOT_DEVELOPERS = "must name the developer provider, not a public one"


def may_be_developers(provider: str) -> bool:
    """Return whether a provider may be the developer provider of a pool."""
    return provider not in NAMED_PROVIDERS and bool(DEVELOPER_PROVIDER.fullmatch(provider))


def developer_user(request: TokenRequest, developer_provider: str) -> Secret:
    """
    Return the user id in a request.

    Raises:
        InvalidRequestError: If the request has no user id, or one of more than 1024 characters, or
            if the provider cannot be the developer provider of a pool.

        TypeError: If *request* is not a TokenRequest.
    """
    if not isinstance(request, TokenRequest):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may be untyped
        kind = type(request).__name__
        del request  # it may be a user id in the wrong place
        raise TypeError(f"request must be a TokenRequest, not {kind}.")
    user_id = Secret(request.logins.get(developer_provider, ""))
    if developer_provider not in request.logins:
        raise InvalidRequestError([Violation("logins", "must name the developer provider")])
    # AWS looks up a user by the user id alone. So the id of a Google user would find the developer
    # provider's user with the same id.
    if not may_be_developers(developer_provider):
        raise InvalidRequestError([Violation("logins", _NOT_DEVELOPERS)])
    if violations := text_violations("user_id", user_id.reveal(), MAX_USER_ID):
        raise InvalidRequestError(violations)
    return user_id
